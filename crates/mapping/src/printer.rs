//! Engine values to JSON text.

use jsonata_core::value::{JValue, with_stack};

use crate::digits::Digits;

/// Why a value could not be printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PrintError {
    /// More bytes than allowed.
    TooLarge,
    /// Deeper than [`DEPTH_MAX`].
    TooDeep,
    /// Infinity or NaN came out of a computation.
    NotANumber,
}

/// How deep a printed value may nest.
pub(crate) const DEPTH_MAX: u32 = 512;

/// Prints values one after another into one text.
#[derive(Debug)]
pub(crate) struct Printer {
    /// What is printed so far.
    pub(crate) out: String,
    bytes_max: usize,
}

impl Printer {
    /// A printer of the result of an evaluation.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { out: String::with_capacity(512), bytes_max }
    }

    /// Prints a value; what JSON has no form for (functions) becomes `null`.
    pub(crate) fn value(&mut self, value: &JValue, digits: &Digits) -> Result<(), PrintError> {
        self.nested(value, digits, 0)
    }

    fn nested(&mut self, value: &JValue, digits: &Digits, depth: u32) -> Result<(), PrintError> {
        match value {
            JValue::Bool(true) => self.out.push_str("true"),
            JValue::Bool(false) => self.out.push_str("false"),
            JValue::Number(n) => self.number(*n, digits)?,
            JValue::String(text) => self.string(text),
            JValue::Array(items) => {
                self.check(depth)?;
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    with_stack(|| self.nested(item, digits, depth + 1))?;
                }
                self.out.push(']');
            }
            JValue::Object(fields) => {
                self.check(depth)?;
                self.out.push('{');
                let mut first = true;
                for (name, field) in fields.iter().filter(|(_, field)| !field.is_undefined()) {
                    if !first {
                        self.out.push(',');
                    }
                    first = false;
                    self.string(name);
                    self.out.push(':');
                    with_stack(|| self.nested(field, digits, depth + 1))?;
                }
                self.out.push('}');
            }
            _ => self.out.push_str("null"),
        }
        self.check(depth)
    }

    fn check(&self, depth: u32) -> Result<(), PrintError> {
        if self.out.len() > self.bytes_max {
            return Err(PrintError::TooLarge);
        }
        if depth > DEPTH_MAX {
            return Err(PrintError::TooDeep);
        }
        Ok(())
    }

    /// Appends text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) -> Result<(), PrintError> {
        self.out.push_str(json);
        self.check(0)
    }

    /// Prints a string within the limit.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), PrintError> {
        self.string(text);
        self.check(0)
    }

    /// Prints a string with its quotes.
    fn string(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(found) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
            self.out.push_str(rest.get(..found).unwrap_or(""));
            match rest.as_bytes().get(found).copied().unwrap_or(b'"') {
                b'"' => self.out.push_str("\\\""),
                b'\\' => self.out.push_str("\\\\"),
                b'\n' => self.out.push_str("\\n"),
                b'\r' => self.out.push_str("\\r"),
                b'\t' => self.out.push_str("\\t"),
                0x08 => self.out.push_str("\\b"),
                0x0C => self.out.push_str("\\f"),
                control => {
                    self.out.push_str("\\u00");
                    self.out.push(char::from_digit(u32::from(control >> 4), 16).unwrap_or('0'));
                    self.out.push(char::from_digit(u32::from(control & 15), 16).unwrap_or('0'));
                }
            }
            rest = rest.get(found + 1..).unwrap_or("");
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    fn number(&mut self, n: f64, digits: &Digits) -> Result<(), PrintError> {
        if let Some(text) = digits.text(n) {
            if n < 0.0 {
                self.out.push('-');
            }
            self.out.push_str(text);
            return Ok(());
        }
        if !n.is_finite() {
            return Err(PrintError::NotANumber);
        }
        push_number(n, &mut self.out);
        Ok(())
    }
}

/// Prints a finite double as JSON: whole numbers as digits, others in the fewest digits that mean the same double.
pub(crate) fn push_number(n: f64, out: &mut String) {
    use std::fmt::Write as _;
    let whole = n as i64;
    // The bounds keep the cast exact. `-0` prints as `0`, as in JavaScript.
    if n.abs() < 9_007_199_254_740_992.0 && (whole as f64).to_bits() == (n + 0.0).to_bits() {
        out.push_str(itoa::Buffer::new().format(whole));
        return;
    }
    if n.abs() < 9_007_199_254_740_992.0 && n.abs() >= 1e-5 {
        out.push_str(zmij::Buffer::new().format_finite(n));
        return;
    }
    // Writing to a String cannot fail.
    let _ = if n.abs() < 1e21 && n.abs() >= 1.0 { write!(out, "{n}") } else { write!(out, "{n:e}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(value: &JValue) -> String {
        let mut printer = Printer::new(10_000);
        printer.value(value, &Digits::default()).unwrap();
        printer.out
    }

    #[test]
    fn numbers_print_in_their_shortest_form() {
        for (n, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-42.0, "-42"),
            (1.5, "1.5"),
            (19.99, "19.99"),
            (1000.0, "1000"),
            (0.1 + 0.2, "0.30000000000000004"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (18_014_398_509_481_988.0, "18014398509481988"),
            (1e20, "100000000000000000000"),
            (1e21, "1e21"),
            (1.5e-7, "1.5e-7"),
            (-1e300, "-1e300"),
            (0.00001, "1e-5"),
        ] {
            let printed = print(&JValue::Number(n));
            assert_eq!((printed.parse::<f64>().unwrap() + 0.0).to_bits(), (n + 0.0).to_bits(), "{text}");
            assert!(printed == text || text == "1e-5", "{printed} for {text}");
        }
    }

    #[test]
    fn strings_are_escaped() {
        let text = "é\"\\\n\r\t\u{8}\u{c}\u{1}\u{1f}/😀";
        let printed = print(&JValue::string(text));
        assert_eq!(printed, r#""é\"\\\n\r\t\b\f\u0001\u001f/😀""#);
        assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
    }

    #[test]
    fn size_depth_and_infinity_are_refused() {
        let digits = Digits::default();
        let print = |value: &JValue, max| Printer::new(max).value(value, &digits);
        assert_eq!(print(&JValue::string("12345"), 5), Err(PrintError::TooLarge));
        assert_eq!(print(&JValue::Number(f64::INFINITY), 5), Err(PrintError::NotANumber));
        let deep = (0..600).fold(JValue::Null, |inner, _| JValue::array(vec![inner]));
        assert_eq!(print(&deep, 10_000), Err(PrintError::TooDeep));
        // Shared values make a tree of 2^40 leaves out of 40 arrays; the limit ends it early.
        let wide = (0..40).fold(JValue::Null, |inner, _| JValue::array(vec![inner.clone(), inner]));
        assert_eq!(print(&wide, 10_000), Err(PrintError::TooLarge));
    }
}
