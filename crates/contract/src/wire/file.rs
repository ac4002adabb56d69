//! Files within JSON: a text stands for itself; what is no text is written in base64.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sinew_stdx::Json;

use super::style;

/// The content of a file, as it goes to the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its name, if it has one.
    pub filename: Option<String>,
    /// Its media type, if that is said.
    pub media_type: Option<String>,
}

/// A value that is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Neither a text nor an object with `base64`.
    #[error("a file is a text, or an object with `base64` and, if wanted, `filename` and `media_type`")]
    Shape,
    /// `base64` holds something else.
    #[error("`base64` is not base64 (RFC 4648, section 4)")]
    Base64,
}

#[derive(Deserialize)]
struct Written {
    base64: Option<String>,
    text: Option<String>,
    filename: Option<String>,
    media_type: Option<String>,
}

impl File {
    /// Reads a file as flows write it.
    pub fn of(value: &RawValue) -> Result<Self, FileError> {
        let text = value.get();
        if !text.starts_with('{') {
            let bytes = style::text(value).into_owned().into_bytes();
            return Ok(Self { bytes, filename: None, media_type: None });
        }
        let written: Written = serde_json::from_str(text).map_err(|_| FileError::Shape)?;
        let bytes = match (written.base64, written.text) {
            (Some(base64), None) => {
                let packed: String = base64.split_ascii_whitespace().collect();
                BASE64_STANDARD.decode(packed).map_err(|_| FileError::Base64)?
            }
            (None, Some(text)) => text.into_bytes(),
            _ => return Err(FileError::Shape),
        };
        Ok(Self { bytes, filename: written.filename, media_type: written.media_type })
    }

    /// The file as a value, as [`File::of`] reads it again.
    pub fn to_json(bytes: &[u8], media_type: Option<&str>) -> Json {
        let base64 = BASE64_STANDARD.encode(bytes);
        match media_type {
            Some(media_type) => Json::of(&json!({"base64": base64, "media_type": media_type})),
            None => Json::of(&json!({"base64": base64})),
        }
    }
}

/// The JSON Schema of a file, as callers write it.
pub fn file_schema(description: Option<&Value>) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let object = |field: &str, of: Value| {
        json!({
            "type": "object",
            "properties": { field: of, "filename": text("Its name."), "media_type": text("Its media type.") },
            "required": [field],
            "additionalProperties": false,
        })
    };
    let base64 =
        json!({"type": "string", "contentEncoding": "base64", "description": "Its bytes in base64."});
    let mut schema = json!({
        "anyOf": [text("A text, as it stands."), object("base64", base64), object("text", text("Its text."))],
    });
    if let (Some(description), Value::Object(fields)) = (description, &mut schema) {
        fields.insert("description".to_owned(), description.clone());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<String, FileError> {
        let value = RawValue::from_string(json.to_owned()).unwrap();
        File::of(&value).map(|file| {
            let named = file.filename.map(|name| format!("{name}: ")).unwrap_or_default();
            format!("{named}{}", String::from_utf8_lossy(&file.bytes))
        })
    }

    #[test]
    fn a_file_is_a_text_or_base64_with_a_name() {
        assert_eq!(check(r#""a\nb""#).unwrap(), "a\nb");
        assert_eq!(check(r#"{"base64":"aGk=","filename":"x.txt"}"#).unwrap(), "x.txt: hi");
        assert_eq!(check(r#"{"text":"hi"}"#).unwrap(), "hi");
        assert_eq!(check(r#"{"base64":"%%"}"#), Err(FileError::Base64));
        assert_eq!(check(r#"{"bytes":[1]}"#), Err(FileError::Shape));
    }

    #[test]
    fn what_was_received_can_be_sent_again() {
        let json = File::to_json(b"\x89PNG", Some("image/png"));
        let raw = RawValue::from_string(json.to_string()).unwrap();
        let file = File::of(&raw).unwrap();
        assert_eq!((file.bytes.as_slice(), file.media_type.as_deref()), (&b"\x89PNG"[..], Some("image/png")));
    }
}
