//! JSON whose numbers are their digits.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sinew_stdx::Json;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    /// Its digits.
    Number(String),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// Lists and maps inside one another at most. (`serde_json` itself stops at 128.)
pub(super) const DEPTH_MAX: usize = 120;

impl Tree {
    /// Takes a value apart. None if it nests too deep.
    pub(super) fn of(json: &Json) -> Option<Self> {
        Self::parse(json.as_str(), 0)
    }

    fn parse(text: &str, depth: usize) -> Option<Self> {
        if depth > DEPTH_MAX {
            return None;
        }
        let text = text.trim();
        match text.bytes().next()? {
            b'n' => Some(Self::Null),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                items
                    .into_iter()
                    .map(|item| Self::parse(item.get(), depth + 1))
                    .collect::<Option<_>>()
                    .map(Self::List)
            }
            b'{' => {
                let Fields(fields) = serde_json::from_str(text).ok()?;
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| Some((name.into_owned(), Self::parse(value.get(), depth + 1)?)));
                fields.collect::<Option<_>>().map(Self::Map)
            }
            _ => Some(Self::Number(text.to_owned())),
        }
    }

    /// The value as text.
    pub(super) fn json(&self) -> Json {
        let mut text = String::new();
        self.print(&mut text);
        Json::from_printed(text)
    }

    fn print(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.print(out);
                }
                out.push(']');
            }
            Self::Map(fields) => {
                out.push('{');
                for (at, (name, value)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push_str(&quoted(name));
                    out.push(':');
                    value.print(out);
                }
                out.push('}');
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Tree> {
        match self {
            Self::Map(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// An object's fields in their order.
struct Fields<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((Cow::Owned(name), value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_order_survive() {
        let text = r#"{"b":1.10,"a":[12345678901234567890.5,true,null,"x\ny"],"c":{"d":-0}}"#;
        let json = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(Tree::of(&json).unwrap().json().as_str(), text);
    }
}
