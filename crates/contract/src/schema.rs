use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde_json::Value;
use sinew_stdx::Json;

/// A document that is not a JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Schema: {0}")]
pub struct InvalidSchema(pub String);

/// One way in which a value departs from its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON Pointer to the value.
    pub path: String,
    /// What is wrong with it, without repeating the value (it may be a secret).
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the value" } else { &self.path };
        write!(f, "{path}: {}", self.message)
    }
}

/// A compiled JSON Schema (2020-12 unless it says otherwise). Cloning shares it.
#[derive(Clone)]
pub struct Schema {
    source: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

/// At most this many violations are reported for one value.
const VIOLATIONS_MAX: usize = 20;

impl Schema {
    /// Compiles a schema; references outside it are refused, never fetched.
    pub fn compile(source: Value) -> Result<Self, InvalidSchema> {
        let validator = jsonschema::validator_for(&source).map_err(|e| InvalidSchema(e.to_string()))?;
        Ok(Self { source: Arc::new(source), validator: Arc::new(validator) })
    }

    /// The schema as it was written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether a value that is at hand as a tree fits.
    pub fn fits(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// Everything (up to a bound) in which a value departs from the schema.
    pub fn violations(&self, json: &Json) -> Vec<Violation> {
        // Nothing is said of what cannot be judged (it nests too deep): that is no departure.
        let Some(value) = readable(json) else { return Vec::new() };
        if self.validator.is_valid(&value) {
            return Vec::new();
        }
        self.validator
            .iter_errors(&value)
            .take(VIOLATIONS_MAX)
            .map(|error| Violation {
                path: error.instance_path().to_string(),
                message: error.masked_with("the value").to_string(),
            })
            .collect()
    }
}

/// The value as the validator takes it. Numbers beyond a double's range are judged as the largest double.
fn readable(json: &Json) -> Option<Value> {
    json.to().or_else(|_| serde_json::from_str(&within_range(json.as_str()))).ok()
}

/// The same text with such numbers replaced.
fn within_range(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => rest.find(|c| !is_number(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match token.parse::<f64>() {
            Ok(number) if number.is_infinite() && first != '"' => {
                let _ = write!(out, "{:e}", f64::MAX.copysign(number));
            }
            _ => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// The length of the JSON string that the text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().enumerate().skip(1).find(|&(_, byte)| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(schema: &str, value: &str) -> Vec<String> {
        let schema = Schema::compile(serde_json::from_str(schema).unwrap()).unwrap();
        schema.violations(&Json::parse(value.as_bytes()).unwrap()).iter().map(ToString::to_string).collect()
    }

    const PERSON: &str = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"pin":{"type":"string"}}}"#;

    #[test]
    fn a_value_that_fits_has_no_violations() {
        assert!(violations(PERSON, r#"{"id":1,"pin":"x"}"#).is_empty());
    }

    #[test]
    fn violations_say_where_and_never_repeat_the_value() {
        let found = violations(PERSON, r#"{"pin":424242}"#);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found.iter().any(|v| v.contains("/pin")) && found.iter().all(|v| !v.contains("424242")),
            "{found:?}"
        );
    }

    #[test]
    fn numbers_beyond_a_double_are_judged_as_numbers() {
        let amount = r#"{"type":"object","properties":{"amount":{"type":"number","minimum":0},"text":{"type":"string"}}}"#;
        assert!(violations(amount, r#"{"amount":1e400,"text":"1e400 \\\" 1e400"}"#).is_empty());
        assert_eq!(violations(amount, r#"{"amount":-1e400}"#).len(), 1);
        assert_eq!(violations(amount, r#"{"amount":1e400,"text":1e400}"#).len(), 1);
    }

    #[test]
    fn references_outside_the_document_are_refused() {
        assert!(Schema::compile(serde_json::json!({"$ref": "http://127.0.0.1:1/x.json"})).is_err());
    }
}
