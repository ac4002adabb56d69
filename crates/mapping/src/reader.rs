//! JSON text to engine values, of what is read only.

use std::rc::Rc;

use indexmap::IndexMap;
use jsonata_core::value::{JArray, JMap, JValue};

use crate::Reads;
use crate::digits::{Digits, Lent, Number, read as read_number};

/// How deep a value may nest. [`sinew_stdx::Json`] from outside is limited far below; this guards the stack.
pub(crate) const DEPTH_MAX: u32 = 512;

/// The value nests deeper than [`DEPTH_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooDeep;

/// Reads the fields that `reads` names, and counts the values it makes of them. The text is well-formed JSON; of anything else, something is made.
pub(crate) fn value(
    text: &str,
    reads: &Reads,
    digits: &mut Digits,
    values: &mut u64,
) -> Result<JValue, TooDeep> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, digits, values };
    reader.value(reads, 0)
}

/// Puts the lent doubles where their marks are.
pub(crate) fn settle(value: &mut JValue, lent: &Lent) {
    match value {
        JValue::Number(n) => *n = lent.resolve(*n),
        JValue::Array(items) => items.make_mut().iter_mut().for_each(|item| settle(item, lent)),
        JValue::Object(_) => {
            if let Some(fields) = value.as_object_mut() {
                fields.values_mut().for_each(|field| settle(field, lent));
            }
        }
        _ => {}
    }
}

struct Reader<'a, 'd> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    digits: &'d mut Digits,
    values: &'d mut u64,
}

impl<'a> Reader<'a, '_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or("")
    }

    fn value(&mut self, reads: &Reads, depth: u32) -> Result<JValue, TooDeep> {
        if depth > DEPTH_MAX {
            return Err(TooDeep);
        }
        *self.values += 1;
        self.space();
        Ok(match self.peek() {
            b'"' => {
                let text: Rc<str> = self.string(|plain| Rc::from(plain), Rc::from);
                if (16..64).contains(&text.len()) && is_long_number(&text) {
                    self.digits.saw_long_text();
                }
                // A long text costs more to look at; it counts as the values it takes the place of.
                *self.values += text.len() as u64 / 64;
                JValue::String(text)
            }
            b'{' => return self.object(reads, depth),
            b'[' => return self.array(reads, depth),
            b't' => self.word(4, JValue::Bool(true)),
            b'f' => self.word(5, JValue::Bool(false)),
            b'n' => self.word(4, JValue::Null),
            _ => self.number(),
        })
    }

    fn word(&mut self, length: usize, value: JValue) -> JValue {
        self.at += length;
        value
    }

    fn object(&mut self, reads: &Reads, depth: u32) -> Result<JValue, TooDeep> {
        let mut fields: IndexMap<String, JValue> = IndexMap::with_capacity(match reads {
            Reads::Everything => 8,
            Reads::Fields(tree) => tree.len().min(16),
        });
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b'"' => {}
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => break,
            }
            match reads {
                Reads::Everything => {
                    let name = self.string(str::to_owned, |s| s);
                    self.colon();
                    let value = self.value(reads, depth + 1)?;
                    fields.insert(name, value);
                }
                Reads::Fields(tree) => {
                    let (plain, escaped) = self.name();
                    let name = escaped.as_deref().unwrap_or(plain);
                    let known = tree.get(name);
                    self.colon();
                    match known {
                        Some(reads) => {
                            let value = self.value(reads, depth + 1)?;
                            fields.insert(name.to_owned(), value);
                        }
                        None => self.at = skip(self.bytes, self.at),
                    }
                }
            }
        }
        self.at += 1;
        Ok(JValue::Object(Rc::new(JMap::from(fields))))
    }

    fn array(&mut self, reads: &Reads, depth: u32) -> Result<JValue, TooDeep> {
        let mut items = Vec::with_capacity(4);
        let mut flat = true;
        self.at += 1;
        loop {
            self.space();
            match self.peek() {
                b']' | 0 => break,
                b',' => self.at += 1,
                _ => {
                    let before = self.at;
                    let item = self.value(reads, depth + 1)?;
                    flat &= !item.is_array();
                    items.push(item);
                    if self.at == before {
                        break;
                    }
                }
            }
        }
        self.at += 1;
        Ok(JValue::Array(JArray::new_flat(items, flat)))
    }

    fn colon(&mut self) {
        self.space();
        if self.peek() == b':' {
            self.at += 1;
        }
    }

    /// A name, borrowed if it is written without escapes.
    fn name(&mut self) -> (&'a str, Option<String>) {
        let start = self.at + 1;
        let mut end = start;
        while self.bytes.get(end).is_some_and(|b| !matches!(b, b'"' | b'\\')) {
            end += 1;
        }
        if self.bytes.get(end) == Some(&b'\\') {
            end = string_end(self.bytes, end);
            self.at = end + 1;
            return ("", Some(unescape(self.slice(start, end))));
        }
        self.at = end + 1;
        (self.slice(start, end), None)
    }

    fn string<T>(&mut self, plain: impl FnOnce(&str) -> T, escaped: impl FnOnce(String) -> T) -> T {
        match self.name() {
            (_, Some(text)) => escaped(text),
            (text, None) => plain(text),
        }
    }

    fn number(&mut self) -> JValue {
        let start = self.at;
        let negative = self.peek() == b'-';
        let mut at = start + usize::from(negative);
        let first = at;
        let mut whole = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(at).copied() {
            whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            at += 1;
        }
        let mut places = 0;
        let whole_end = at;
        if self.bytes.get(at) == Some(&b'.') {
            at += 1;
            while let Some(digit @ b'0'..=b'9') = self.bytes.get(at).copied() {
                whole = whole.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                at += 1;
            }
            places = at - whole_end - 1;
        }
        let plain = !matches!(self.bytes.get(at), Some(b'e' | b'E'));
        // Fifteen digits and a power of ten up to 10^22 are both exact doubles, so one division rounds correctly
        // (Clinger 1990).
        if plain && at - first <= 16 && places <= 15 && whole < 1_000_000_000_000_000 {
            self.at = at;
            let magnitude = match POWERS_OF_TEN.get(places) {
                Some(power) if places > 0 => whole as f64 / power,
                _ => whole as f64,
            };
            return JValue::Number(if negative { -magnitude } else { magnitude });
        }
        while matches!(self.bytes.get(at), Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
            at += 1;
        }
        self.at = at;
        let text = self.slice(start, at);
        match read_number(text) {
            Number::Exact { double, long } => {
                if long {
                    self.digits.keep(double);
                }
                JValue::Number(double)
            }
            // No digit at all: not JSON.
            Number::Inexact if text.is_empty() => JValue::Null,
            Number::Inexact => JValue::Number(self.digits.queue(text)),
        }
    }
}

/// True for a text that is a number which no double prints as.
fn is_long_number(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        && read_number(text) == Number::Inexact
}

const POWERS_OF_TEN: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The index of the quote that ends a string whose first character is at `at`.
pub(crate) fn string_end(bytes: &[u8], mut at: usize) -> usize {
    loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        match rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
            Some(found) if rest.get(found) == Some(&b'\\') => at += found + 2,
            Some(found) => return at + found,
            None => return bytes.len(),
        }
    }
}

/// The index behind the value that starts at `at`, white space before it included.
pub(crate) fn skip(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// A string's content without its escapes (RFC 8259, section 7). Half a surrogate pair becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find('\\') {
        out.push_str(rest.get(..found).unwrap_or(""));
        let escape = rest.as_bytes().get(found + 1).copied().unwrap_or(b'\\');
        rest = rest.get(found + 2..).unwrap_or("");
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let (character, used) = unicode(rest);
                out.push(character);
                rest = rest.get(used..).unwrap_or("");
            }
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    out
}

/// The character of the hexadecimal digits behind `\u`, and how many bytes of the text they take.
fn unicode(rest: &str) -> (char, usize) {
    let unit = |text: &str, from: usize| {
        text.get(from..from + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok())
    };
    let Some(first) = unit(rest, 0) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if let Some(character) = char::from_u32(first) {
        return (character, 4);
    }
    let second = rest.get(4..6).filter(|mark| *mark == "\\u").and_then(|_| unit(rest, 6));
    match second {
        Some(second @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10)
        }
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let ours = value(text, &Reads::Everything, &mut Digits::default(), &mut 0).unwrap();
        assert_eq!(ours, JValue::from_json_str(text).unwrap(), "{text}");
    }

    #[test]
    fn reads_what_any_json_reader_reads() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0.5",
            "12.75",
            "1e3",
            "-2.5E-3",
            "0.1",
            "19.99",
            "123456789012345",
            r#""""#,
            r#""a\"b\\c\/\b\f\n\r\t""#,
            r#""\u00e9\ud83d\ude00""#,
            "[]",
            "{}",
            "[1,[2,[3]],{}]",
            r#" { "a" : [ 1 , 2 ] , "b" : { "c" : null } } "#,
            r#"{"a":1,"a":2}"#,
            r#"{"\u0061":1}"#,
            r#"{"x":"}]","y":[",{"]}"#,
            "0.123456789012345",
            "1234567.89012345",
        ] {
            check(text);
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        let read = value(r#""a\ud800b""#, &Reads::Everything, &mut Digits::default(), &mut 0).unwrap();
        assert_eq!(read.as_str(), Some("a\u{fffd}b"));
    }

    #[test]
    fn fields_that_are_not_read_are_skipped() {
        let reads = Reads::path(["a", "b"]).union(Reads::path(["d"]));
        let text = r#"{"x":[{"y":"}"}],"a":[{"b":1,"c":2},{"c":"\""},7],"d":{"e":[1]},"z":null}"#;
        let read = value(text, &reads, &mut Digits::default(), &mut 0).unwrap();
        assert_eq!(read.to_json_string().unwrap(), r#"{"a":[{"b":1},{},7],"d":{"e":[1]}}"#);
    }

    #[test]
    fn broken_text_gives_something_and_never_panics() {
        for text in
            ["", "{", "[", "{\"a\"", "{\"a\":", "[1,", "\"", "\"\\", "nul", "-", "{]", "[}", "\"\\u12", "é"]
        {
            let _ = value(text, &Reads::Everything, &mut Digits::default(), &mut 0);
            let _ = value(text, &Reads::nothing(), &mut Digits::default(), &mut 0);
        }
    }

    #[test]
    fn nesting_is_limited() {
        let text = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(value(&text, &Reads::Everything, &mut Digits::default(), &mut 0), Err(TooDeep));
        assert!(value(&text, &Reads::nothing(), &mut Digits::default(), &mut 0).is_err());
    }
}
