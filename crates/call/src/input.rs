use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sinew_stdx::Json;

/// The fields of an input object, borrowed: names are copied only if they hold escapes, values never, so that numbers
/// keep their digits.
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of an object; none for null; `None` if it is neither.
    pub(crate) fn of(input: &'a Json) -> Option<Self> {
        if input.is_null() {
            return Some(Self::none());
        }
        serde_json::from_str(input.as_str()).ok()
    }

    /// No fields.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// The value of a field. Of two with one name the last counts, as in most readers.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| *value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

/// A field's name, borrowed unless it holds escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Collect).map(Fields)
    }
}

/// The input with one field set, the rest as it was, digit for digit.
pub(crate) fn with_field(input: &Json, name: &str, value: &Json) -> Option<Json> {
    let fields = Fields::of(input)?;
    let mut text = String::with_capacity(input.as_str().len() + name.len() + value.as_str().len() + 8);
    for (field, kept) in fields.iter().filter(|(field, _)| *field != name) {
        push_field(&mut text, field, kept.get());
    }
    push_field(&mut text, name, value.as_str());
    text.push('}');
    Some(Json::from_printed(text))
}

/// Adds `"name":value` to the text of an object that is not closed yet.
pub(crate) fn push_field(text: &mut String, name: &str, value: &str) {
    text.push(if text.is_empty() { '{' } else { ',' });
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        text.push('"');
        text.push_str(name);
        text.push('"');
    } else {
        text.push_str(Json::string(name).as_str());
    }
    text.push(':');
    text.push_str(value);
}

/// What a value looks like outside JSON.
pub(crate) enum Plain<'a> {
    /// Null: as if it were not there.
    Absent,
    /// A text, number or boolean.
    One(Cow<'a, str>),
    /// Several of them.
    Many(Vec<Cow<'a, str>>),
    /// An object, or a list that holds one.
    Structure,
}

impl<'a> Plain<'a> {
    pub(crate) fn of(value: &'a RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') => Self::Absent,
            Some(b'{') | None => Self::Structure,
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(items) => Self::many(&items),
                Err(_) => Self::Structure,
            },
            _ => scalar(value).map_or(Self::Structure, Self::One),
        }
    }

    fn many(items: &[&'a RawValue]) -> Self {
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match scalar(item) {
                Some(text) => texts.push(text),
                None => return Self::Structure,
            }
        }
        Self::Many(texts)
    }
}

fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<Name<'_>>(text).ok().map(|Name(text)| text),
        b'[' | b'{' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_set_and_the_rest_keeps_its_digits() {
        let input = Json::parse(br#"{"id":9007199254740993, "cursor":"a", "n\"":0.10}"#).unwrap();
        let set = with_field(&input, "cursor", &Json::string("b")).unwrap();
        assert_eq!(set.as_str(), r#"{"id":9007199254740993,"n\"":0.10,"cursor":"b"}"#);
        assert_eq!(with_field(&Json::null(), "page", &Json::of(&1)).unwrap().as_str(), r#"{"page":1}"#);
        assert!(with_field(&Json::string("x"), "page", &Json::of(&1)).is_none());
    }
}
