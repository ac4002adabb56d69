use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A JSON object whose values stay the text that they came as, so that numbers survive digit for digit.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Document(BTreeMap<String, Box<RawValue>>);

impl Document {
    /// Reads an object; the error says what is wrong in words for the caller.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|e| format!("the body is not a JSON object: {e}"))
    }

    /// The text of a string or number field; `None` if it is absent, null, blank or of another kind.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let raw = self.0.get(name)?.get();
        let text = match raw.as_bytes().first()? {
            b'"' => serde_json::from_str(raw).ok()?,
            b'-' | b'0'..=b'9' => raw.to_owned(),
            _ => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }

    /// The JSON text of a field.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// Sets a field; a value that JSON cannot hold is left out.
    pub(crate) fn set(&mut self, name: &str, value: impl Serialize) {
        if let Ok(raw) = serde_json::value::to_raw_value(&value) {
            self.0.insert(name.to_owned(), raw);
        }
    }

    /// Sets a field unless it is there.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Serialize) {
        if !self.0.contains_key(name) {
            self.set(name, value);
        }
    }

    /// Takes over every field of `changes`.
    pub(crate) fn merge(&mut self, changes: Self) {
        self.0.extend(changes.0);
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).map(Bytes::from).unwrap_or_default()
    }

    /// The business reference that a create operation accepts: the first of these that is there.
    pub(crate) fn business_ref(&self) -> Option<String> {
        ["external_key", "external_ref", "order_id"].iter().find_map(|name| self.text(name))
    }
}

/// Joins JSON texts into `{"<name>":[..]<tail>}`, where `tail` is more members with their leading comma.
pub(crate) fn list(name: &str, items: &[Bytes], tail: &str) -> Bytes {
    let size = items.iter().map(|item| item.len() + 1).sum::<usize>();
    let mut body = Vec::with_capacity(size + name.len() + tail.len() + 8);
    body.extend_from_slice(b"{\"");
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(b"\":[");
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(item);
    }
    body.push(b']');
    body.extend_from_slice(tail.as_bytes());
    body.push(b'}');
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_digit_for_digit() {
        let mut document =
            Document::parse(br#"{"total":12345678901234567890.10,"id":9007199254740993}"#).unwrap();
        document.set("status", "open");
        assert_eq!(
            document.to_bytes(),
            r#"{"id":9007199254740993,"status":"open","total":12345678901234567890.10}"#
        );
    }

    #[test]
    fn a_blank_reference_is_no_reference() {
        let document = Document::parse(br#"{"external_key":" ","external_ref":null,"order_id":17}"#).unwrap();
        assert_eq!(document.business_ref().as_deref(), Some("17"));
    }
}
