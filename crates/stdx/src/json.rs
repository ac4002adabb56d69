use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Why a text is not acceptable JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidJson {
    /// What is wrong, with line and column.
    pub message: String,
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidJson {}

/// What a JSON text from outside may be at most.
#[derive(Clone, Copy, Debug)]
pub struct JsonLimits {
    /// Nesting of arrays and objects.
    pub depth_max: u32,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth_max: 100 }
    }
}

/// A JSON value kept as the text it came as, digit for digit; cloning shares it.
///
/// Numbers are therefore never rounded by passing through, and a value that nobody reads is never parsed.
/// The text is always one well-formed value (RFC 8259) in UTF-8 without surrounding white space.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// The value `null`.
    pub fn null() -> Self {
        Self(Arc::from("null"))
    }

    /// Takes a text from outside: checks UTF-8, syntax and depth.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidJson> {
        Self::parse_within(bytes, JsonLimits::default())
    }

    /// As [`Json::parse`], with limits of the caller's.
    pub fn parse_within(bytes: &[u8], limits: JsonLimits) -> Result<Self, InvalidJson> {
        let text = std::str::from_utf8(bytes).map_err(|e| InvalidJson {
            message: format!("not UTF-8: the byte at offset {} is not valid there", e.valid_up_to()),
        })?;
        // A text with few brackets cannot nest deep; counting them costs next to nothing.
        let brackets = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
        let depth = if brackets > limits.depth_max as usize { depth(text) } else { 0 };
        if depth > limits.depth_max {
            return Err(InvalidJson {
                message: format!("nested {depth} levels deep; at most {} are accepted", limits.depth_max),
            });
        }
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        serde_json::from_str::<&RawValue>(text).map_err(|e| InvalidJson { message: e.to_string() })?;
        Ok(Self(Arc::from(text)))
    }

    /// Wraps a text that this process has just printed as JSON itself.
    pub fn from_printed(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Prints any serialisable value. Values that JSON cannot hold become `null`.
    pub fn of(value: &impl Serialize) -> Self {
        serde_json::to_string(value).map_or_else(|_| Self::null(), |text| Self(Arc::from(text)))
    }

    /// A JSON string.
    pub fn string(text: &str) -> Self {
        Self::of(&text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Reads it into a type; numbers become what that type holds.
    pub fn to<'a, T: Deserialize<'a>>(&'a self) -> Result<T, InvalidJson> {
        serde_json::from_str(&self.0).map_err(|e| InvalidJson { message: e.to_string() })
    }

    /// Reads it into a tree, for looking at or showing; `null` if it nests deeper than the reader goes.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or(serde_json::Value::Null)
    }

    /// Whether the other text says the same, white space between its tokens aside.
    pub fn says_the_same(&self, other: &Self) -> bool {
        significant(&self.0).eq(significant(&other.0))
    }

    /// True for `null`.
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Builds an object from names and values, in order.
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let mut text = String::from("{");
        for (name, value) in fields {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(Json::string(name).as_str());
            text.push(':');
            text.push_str(value.as_str());
        }
        text.push('}');
        Self(Arc::from(text))
    }

    /// Builds an array.
    pub fn array<'a>(items: impl IntoIterator<Item = &'a Json>) -> Self {
        let mut text = String::from("[");
        for item in items {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(item.as_str());
        }
        text.push(']');
        Self(Arc::from(text))
    }
}

/// The bytes of a JSON text without the white space between its tokens.
fn significant(text: &str) -> impl Iterator<Item = u8> {
    let (mut in_string, mut escaped) = (false, false);
    text.bytes().filter(move |byte| {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            return true;
        }
        in_string = *byte == b'"';
        !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
    })
}

/// The deepest nesting of `[` and `{` outside strings; counts brackets only, so it is safe on hostile input.
fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u32, 0_u32, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Borrowed raw text is written as it stands by serde_json, and checked once more on the way.
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(Self(Arc::from(Box::<str>::from(raw))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_digit_for_digit() {
        let text = r#"{"id":9007199254740993,"price":0.1000000000000000055511151231257827}"#;
        let json = Json::parse(format!(" {text}\n").as_bytes()).unwrap();
        assert_eq!(json.as_str(), text);
        assert_eq!(serde_json::to_string(&json).unwrap(), text);
        assert_eq!(serde_json::from_str::<Json>(text).unwrap(), json);
    }

    #[test]
    fn hostile_texts_are_refused_with_a_reason() {
        let deep = "[".repeat(1_000_000);
        for (bytes, says) in [
            (&b"\xff\xfe"[..], "not UTF-8"),
            (b"{\"a\":", "EOF"),
            (b"{} {}", "trailing"),
            (deep.as_bytes(), "nested 1000000 levels deep"),
        ] {
            let message = Json::parse(bytes).unwrap_err().message;
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn white_space_between_tokens_says_nothing() {
        let json = |text: &str| Json::parse(text.as_bytes()).unwrap();
        let plain = json(r#"{"a b":[1,"x \" y"]}"#);
        assert!(plain.says_the_same(&json("{\n  \"a b\": [ 1, \"x \\\" y\" ]\n}")));
        for other in [r#"{"a b":[1,"x \"y"]}"#, r#"{"a b":[1.0,"x \" y"]}"#, r#"{"ab":[1,"x \" y"]}"#] {
            assert!(!plain.says_the_same(&json(other)), "{other}");
        }
    }

    #[test]
    fn brackets_in_strings_do_not_count_as_depth() {
        assert_eq!(depth(r#"["[[[\"[["]"#), 1);
    }

    #[test]
    fn objects_and_arrays_are_built_from_parts() {
        let one = Json::of(&1);
        assert_eq!(Json::object([("a", &one), ("b\"", &Json::null())]).as_str(), r#"{"a":1,"b\"":null}"#);
        assert_eq!(Json::array([&one, &one]).as_str(), "[1,1]");
    }
}
