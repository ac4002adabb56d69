//! Documents as vendors publish them: JSON or YAML text as one tree, within bounds.

mod bundle;
mod yaml;

use std::fmt;

use serde_json::Value;

pub(crate) use bundle::joined;
pub use bundle::{MissingFile, bundle};

/// What a document may be at most. Beyond any of these it is refused, never cut.
pub(crate) mod limits {
    /// Bytes of one file.
    pub(crate) const BYTES_MAX: usize = 64 << 20;
    /// Values of one file.
    pub(crate) const NODES_MAX: usize = 8_000_000;
    /// Values that aliases of a YAML file stand for.
    pub(crate) const COPIES_MAX: usize = 1_000_000;
    /// Lists and maps inside one another. (`serde_json` stops at 128.)
    pub(crate) const DEPTH_MAX: usize = 127;
}

/// A text that is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is larger than a document may be.
    #[error("the file has {0} bytes; at most {max} are read", max = limits::BYTES_MAX)]
    TooLong(usize),
    /// It is not UTF-8.
    #[error("the file is not text in UTF-8: byte {0} fits no character")]
    NotText(usize),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// It breaks the rules of its syntax, or a bound.
    #[error("{at}: {message}")]
    Syntax {
        /// Where.
        at: Position,
        /// What is wrong there.
        message: String,
    },
}

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Reads JSON or YAML, whichever it is: JSON begins with a bracket and is read as such first, since that is faster and
/// its numbers and errors are exact.
pub fn parse(bytes: &[u8]) -> Result<Value, Unreadable> {
    if bytes.len() > limits::BYTES_MAX {
        return Err(Unreadable::TooLong(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| Unreadable::NotText(error.valid_up_to()))?;
    match text.trim_start().bytes().next() {
        None => Err(Unreadable::Empty),
        Some(b'{' | b'[') => json(text),
        Some(_) => yaml::parse(text),
    }
}

/// What is no JSON although it begins so may be YAML in flow style; if it is neither, JSON's error is the one to tell.
fn json(text: &str) -> Result<Value, Unreadable> {
    serde_json::from_str(text).or_else(|error| {
        let at = Position { line: error.line(), column: error.column() };
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        if message == "recursion limit exceeded" {
            return Err(Unreadable::Syntax { at, message: yaml::too_deep() });
        }
        let told = Unreadable::Syntax { at, message: format!("not JSON: {message}") };
        if error.is_eof() { Err(told) } else { yaml::parse(text).map_err(|_| told) }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(text: &[u8]) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn json_and_yaml_are_the_same_document() {
        let wanted = json!({"openapi": "3.0.3", "paths": {"/a": {"get": {"responses": {"200": null}}}}, "n": [1, 1.5, true]});
        let yaml = "openapi: 3.0.3\npaths:\n  /a:\n    get: { responses: { 200: ~ } }\nn: [1, 1.5, true]\n";
        assert_eq!(parse(wanted.to_string().as_bytes()).unwrap(), wanted);
        assert_eq!(parse(yaml.as_bytes()).unwrap(), wanted);
        assert_eq!(parse(format!("\u{feff}{wanted}").as_bytes()).unwrap(), wanted);
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        assert_eq!(refused(b" \n"), "the file is empty");
        assert_eq!(refused(b"a: \xff"), "the file is not text in UTF-8: byte 3 fits no character");
        assert_eq!(refused(b"{\n \"a\": 1,\n \"b\" 2}"), "line 3, column 6: not JSON: expected `:`");
        assert!(refused(b"{\"a\": [1, 2").starts_with("line 1, column 11: not JSON: EOF"));
        assert!(refused(b"a: 'open\nb: 1").starts_with("line "));
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(refused(deep.as_bytes()).contains("deeper than 127"), "{}", refused(deep.as_bytes()));
        let deep: Vec<_> = (0..200).map(|n| format!("{}- ", " ".repeat(n))).collect();
        let deep = deep.join("\n");
        assert!(refused(deep.as_bytes()).contains("deeper than 127"), "{}", refused(deep.as_bytes()));
    }
}
