//! What `&` and `$string` make of a value, with the digits of numbers kept and a limit on the size.

use jsonata_core::functions::string::string as engine_string;
use jsonata_core::value::{JValue, with_stack};

use crate::digits::Digits;
use crate::functions::Fault;

/// Appends a value as `$string` shows it: texts as they are, everything else as JSON. Functions show as nothing.
pub(crate) fn append(
    out: &mut String,
    value: &JValue,
    pretty: bool,
    digits: &Digits,
    bytes_max: usize,
) -> Result<(), Fault> {
    let mut writer = Writer { out, pretty, digits, bytes_max };
    match value {
        JValue::String(text) => writer.push(text),
        JValue::Undefined => Ok(()),
        function if function.is_function() => Ok(()),
        other => writer.nested(other, 0),
    }
}

struct Writer<'a> {
    out: &'a mut String,
    pretty: bool,
    digits: &'a Digits,
    bytes_max: usize,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) -> Result<(), Fault> {
        if self.out.len().saturating_add(text.len()) > self.bytes_max {
            return Err(Fault::TooLong);
        }
        self.out.push_str(text);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Fault> {
        if self.pretty { self.push(&format!("\n{}", "  ".repeat(depth))) } else { Ok(()) }
    }

    fn nested(&mut self, value: &JValue, depth: usize) -> Result<(), Fault> {
        match value {
            JValue::Number(n) => match self.digits.text(*n) {
                Some(text) => {
                    let sign = if *n < 0.0 { "-" } else { "" };
                    self.push(&format!("{sign}{text}"))
                }
                None => self.engine(value),
            },
            JValue::String(text) => self.push(&serde_json::Value::from(&**text).to_string()),
            JValue::Array(items) if items.is_empty() => self.push("[]"),
            JValue::Array(items) => {
                self.push("[")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.push(",")?;
                    }
                    self.line(depth + 1)?;
                    with_stack(|| self.nested(item, depth + 1))?;
                }
                self.line(depth)?;
                self.push("]")
            }
            JValue::Object(fields) if fields.is_empty() => self.push("{}"),
            JValue::Object(fields) => {
                self.push("{")?;
                for (index, (name, field)) in fields.iter().enumerate() {
                    if index > 0 {
                        self.push(",")?;
                    }
                    self.line(depth + 1)?;
                    self.push(&serde_json::Value::from(name.as_str()).to_string())?;
                    self.push(if self.pretty { ": " } else { ":" })?;
                    with_stack(|| self.nested(field, depth + 1))?;
                }
                self.line(depth)?;
                self.push("}")
            }
            JValue::Null | JValue::Undefined => self.push("null"),
            JValue::Bool(b) => self.push(if *b { "true" } else { "false" }),
            _ => self.push("\"\""),
        }
    }

    /// Scalars as the engine shows them, so that both ways agree.
    fn engine(&mut self, value: &JValue) -> Result<(), Fault> {
        match engine_string(value, None) {
            Ok(JValue::String(text)) => self.push(&text),
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Engine(error.into())),
        }
    }
}
