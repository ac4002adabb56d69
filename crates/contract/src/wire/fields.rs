use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sinew_stdx::Json;

/// The fields of an input object, borrowed: names are copied only if they hold escapes, values never, so that numbers
/// keep their digits.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields of an object; none for null; `None` if it is neither.
    pub fn of(input: &'a Json) -> Option<Self> {
        Self::of_text(input.as_str())
    }

    /// The same, of a value within a value.
    pub fn of_raw(value: &'a RawValue) -> Option<Self> {
        Self::of_text(value.get())
    }

    fn of_text(text: &'a str) -> Option<Self> {
        if text == "null" { Some(Self::none()) } else { serde_json::from_str(text).ok() }
    }

    /// No fields.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The value of a field. Of two with one name the last counts, as in most readers.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(field, _)| field == name).map(|(_, value)| *value)
    }

    /// Every field with its value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

impl<'a> FromIterator<(&'a str, &'a RawValue)> for Fields<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a RawValue)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect())
    }
}

/// A field's name, borrowed unless it holds escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

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
pub fn with_field(input: &Json, name: &str, value: &Json) -> Option<Json> {
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
pub fn push_field(text: &mut String, name: &str, value: &str) {
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
