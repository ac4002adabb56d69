use std::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;
use sinew_stdx::Json;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type};

use crate::transport::{TransportError, TransportErrorKind};

/// A value in text format, as the server's own literals are written; `None` is null.
#[derive(Debug)]
pub(super) struct Value(Option<String>);

impl Value {
    /// The value of an input field for a parameter of this type.
    pub(super) fn of(field: &str, value: &Json, kind: &Type) -> Result<Self, TransportError> {
        let unfit = |why: String| {
            let words = format!("`:{field}` does not fit, it is of the type `{}`: {why}", kind.name());
            TransportError::new(TransportErrorKind::Unfit, words)
        };
        text(value, kind).map(Self).map_err(unfit)
    }
}

/// The text of a value. Numbers keep the digits that they are written with.
fn text(value: &Json, kind: &Type) -> Result<Option<String>, String> {
    let printed = value.as_str();
    let first = printed.as_bytes().first().copied().unwrap_or_default();
    Ok(Some(match (kind.kind(), first) {
        (_, b'n') => return Ok(None),
        (Kind::Domain(of), _) => return text(value, of),
        _ if *kind == Type::JSON || *kind == Type::JSONB => printed.to_owned(),
        _ if *kind == Type::BYTEA => bytes(value)?,
        (Kind::Array(of), b'[') => array(value, of)?,
        (_, b'"') => value.to::<String>().map_err(|e| e.to_string())?,
        (_, b'{' | b'[') => {
            return Err("it is an object or a list; `::jsonb` behind it takes any value".to_owned());
        }
        _ if is_whole(kind) => whole(printed),
        _ => printed.to_owned(),
    }))
}

fn is_whole(kind: &Type) -> bool {
    [Type::INT2, Type::INT4, Type::INT8, Type::OID].contains(kind)
}

/// A whole number that is written with a fraction or an exponent, as arithmetic leaves it, in digits.
fn whole(number: &str) -> String {
    /// Up to here a double holds every whole number.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match number.parse::<f64>() {
        Ok(value) if number.contains(['.', 'e', 'E']) && value.fract() == 0.0 && value.abs() <= EXACT_MAX => {
            format!("{value:.0}")
        }
        _ => number.to_owned(),
    }
}

/// Bytes are given as Base64, alone or as a file (`{ base64: ... }`).
fn bytes(value: &Json) -> Result<String, String> {
    #[derive(Deserialize)]
    struct File {
        base64: String,
    }
    let text = value.to::<String>().or_else(|_| value.to::<File>().map(|file| file.base64));
    let bytes = text.ok().and_then(|text| STANDARD.decode(text).ok());
    let bytes = bytes.ok_or_else(|| "bytes are given as Base64".to_owned())?;
    let hex = bytes.iter().flat_map(|byte| {
        [byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or_default())
    });
    Ok("\\x".chars().chain(hex).collect())
}

/// `{"a","b",NULL}`, lists within one another too.
fn array(list: &Json, of: &Type) -> Result<String, String> {
    let items: Vec<Json> = list.to().map_err(|e| e.to_string())?;
    let mut written = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            written.push(',');
        }
        if item.as_str().starts_with('[') && *of != Type::JSON && *of != Type::JSONB {
            written.push_str(&array(item, of)?);
            continue;
        }
        match text(item, of)? {
            None => written.push_str("NULL"),
            Some(text) => {
                written.push('"');
                for c in text.chars() {
                    if matches!(c, '"' | '\\') {
                        written.push('\\');
                    }
                    written.push(c);
                }
                written.push('"');
            }
        }
    }
    written.push('}');
    Ok(written)
}

impl ToSql for Value {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(match &self.0 {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, kind: &Type) -> String {
        match Value::of("x", &Json::parse(value.as_bytes()).unwrap(), kind) {
            Ok(Value(Some(text))) => text,
            Ok(Value(None)) => "null".to_owned(),
            Err(error) => error.words,
        }
    }

    #[test]
    fn values_are_written_as_the_server_reads_them() {
        for (value, kind, written) in [
            ("null", Type::INT4, "null"),
            ("9007199254740993", Type::INT8, "9007199254740993"),
            ("3.0", Type::INT4, "3"),
            ("1e3", Type::INT4, "1000"),
            ("3.5", Type::INT4, "3.5"),
            ("0.10", Type::NUMERIC, "0.10"),
            ("12345678901234567890.123456789", Type::NUMERIC, "12345678901234567890.123456789"),
            ("true", Type::BOOL, "true"),
            ("\"2026-11-21T08:00:00Z\"", Type::TIMESTAMPTZ, "2026-11-21T08:00:00Z"),
            ("5", Type::TEXT, "5"),
            ("{\"a\":0.10}", Type::JSONB, "{\"a\":0.10}"),
            ("\"x\"", Type::JSONB, "\"x\""),
            ("[1,null,3]", Type::INT8_ARRAY, "{\"1\",NULL,\"3\"}"),
            ("[[\"a\\\"b\"],[\"c\\\\d\"]]", Type::TEXT_ARRAY, "{{\"a\\\"b\"},{\"c\\\\d\"}}"),
            ("\"AP8=\"", Type::BYTEA, "\\x00ff"),
            ("{\"base64\":\"AP8=\"}", Type::BYTEA, "\\x00ff"),
        ] {
            assert_eq!(check(value, &kind), written, "{value} as {kind}");
        }
        assert!(check("{}", &Type::TEXT).contains("`::jsonb`"));
        assert!(check("\"???\"", &Type::BYTEA).contains("Base64"));
    }
}
