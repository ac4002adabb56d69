//! The engine's own functions: their names, and those that the host has to replace.

use jsonata_core::functions::{numeric, string};
use jsonata_core::value::JValue;

use super::{Fault, FunctionDoc, HostFunction, argument, wrong};
use crate::digits::{Number, read};
use crate::guard;
use crate::session::Session;
use crate::text;

/// What JSONata has. `$eval` is left out on purpose: what it will read cannot be told before it runs.
pub(crate) const BUILT_IN: &[&str] = &[
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parseInteger",
    "power",
    "random",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "zip",
];

/// Replaced, or called by what the guard put into the tree.
pub(super) static REPLACED: &[HostFunction] = &[
    hidden("now", |session, _| Ok(JValue::string(session.now().to_string()))),
    hidden("millis", |session, _| Ok(JValue::Number(session.now().as_millis() as f64))),
    hidden("random", |session, _| Ok(JValue::Number(session.fraction()))),
    hidden("shuffle", |session, args| Ok(shuffle(session, args))),
    hidden(guard::CONCATENATE, concatenate),
    hidden(guard::STRING, show),
    hidden(guard::NUMBER, number),
    hidden(guard::LITERAL, |session, args| Ok(literal(session, args))),
    hidden(guard::FITS, fits),
    hidden(guard::AT_MOST, at_most),
];

const fn hidden(name: &'static str, call: fn(&Session, &[JValue]) -> Result<JValue, Fault>) -> HostFunction {
    HostFunction {
        doc: FunctionDoc { name, signature: "", doc: "", examples: &[] },
        takes_context: false,
        call,
    }
}

/// Fisher and Yates, with chance from the seed.
fn shuffle(session: &Session, args: &[JValue]) -> JValue {
    let mut items = match argument(args, 0) {
        JValue::Undefined => return JValue::Undefined,
        JValue::Array(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    for index in (1..items.len()).rev() {
        items.swap(index, session.below(index + 1));
    }
    JValue::array(items)
}

fn concatenate(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    let mut out = String::new();
    for index in 0..2 {
        let digits = session.digits.borrow();
        text::append(&mut out, argument(args, index), false, &digits, session.text_bytes_max())?;
    }
    Ok(JValue::string(out))
}

fn show(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    let value = argument(args, 0);
    if value.is_undefined() {
        return Ok(JValue::Undefined);
    }
    let pretty = argument(args, 1).as_bool().unwrap_or(false);
    let mut out = String::new();
    text::append(&mut out, value, pretty, &session.digits.borrow(), session.text_bytes_max())?;
    Ok(JValue::string(out))
}

fn number(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    match argument(args, 0) {
        JValue::Undefined => Ok(JValue::Undefined),
        value @ JValue::String(text) => {
            let value = numeric::number(value).map_err(|e| Fault::Engine(e.into()))?;
            // Other notations, such as hexadecimal, are the engine's alone.
            match plain_decimal(text).filter(|decimal| read(decimal) == Number::Inexact) {
                Some(decimal) => Ok(JValue::Number(session.digits.borrow_mut().lend_late(&decimal))),
                None => Ok(value),
            }
        }
        value => numeric::number(value).map_err(|e| Fault::Engine(e.into())),
    }
}

/// A decimal number as JSON writes it, from a text that may have zeros in front.
fn plain_decimal(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        || text.starts_with('+')
    {
        return None;
    }
    let (sign, magnitude) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let trimmed = magnitude.trim_start_matches('0');
    let zero = if trimmed.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    Some([sign, zero, trimmed].concat())
}

fn literal(session: &Session, args: &[JValue]) -> JValue {
    let text = argument(args, 0).as_str().unwrap_or("0");
    JValue::Number(session.digits.borrow_mut().lend_late(text))
}

fn bytes(value: &JValue) -> usize {
    match value {
        JValue::String(text) => text.len(),
        JValue::Array(items) => items.iter().map(|item| item.as_str().map_or(1, str::len)).sum(),
        _ => 0,
    }
}

fn fits(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    let (value, by) = (argument(args, 0), argument(args, 1));
    if bytes(value).saturating_add(1).saturating_mul(bytes(by).max(1)) > session.text_bytes_max() {
        return Err(Fault::TooLong);
    }
    Ok(value.clone())
}

fn at_most(session: &Session, args: &[JValue]) -> Result<JValue, Fault> {
    match argument(args, 0) {
        JValue::Number(n) if n.abs() > session.text_bytes_max() as f64 => Err(Fault::TooLong),
        JValue::String(_) => Err(wrong("pad", 1, "a number", argument(args, 0))),
        value => Ok(value.clone()),
    }
}

/// The engine's own conversion of a scalar to text.
pub(super) fn plain(value: &JValue) -> Option<String> {
    match string::string(value, None) {
        Ok(JValue::String(text)) => Some(text.to_string()),
        _ => None,
    }
}
