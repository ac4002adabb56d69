//! Values as MySQL takes them, and rows as JSON. Numbers keep all their digits; bytes become Base64.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sinew_stdx::Json;

use super::wire::{Bytes, put_counted};
use crate::transport::{TransportError, TransportErrorKind};

/// What is no text has this charset.
const BINARY: u16 = 63;
const UNSIGNED: u16 = 0x20;

/// A column of an answer.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    kind: u8,
    charset: u16,
    flags: u16,
}

impl Column {
    /// Catalog, schema, table, its own name, the column's name, its own name, then what it is.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let mut bytes = Bytes::new(packet);
        for _ in 0..4 {
            bytes.counted();
        }
        let name = String::from_utf8_lossy(bytes.counted()).into_owned();
        bytes.counted();
        bytes.u8();
        let charset = bytes.u16();
        bytes.u32();
        let (kind, flags) = (bytes.u8(), bytes.u16());
        (!bytes.is_short()).then_some(Self { name, kind, charset, flags })
    }
}

/// Checks that all columns can be told apart, before anything is executed.
pub(super) fn check(columns: &[Column]) -> Result<(), TransportError> {
    for (index, column) in columns.iter().enumerate() {
        if columns[..index].iter().any(|before| before.name == column.name) {
            let name = &column.name;
            let words = format!("two columns of the answer are called `{name}`; name them apart with `as`");
            return Err(TransportError::new(TransportErrorKind::Refused, words));
        }
    }
    Ok(())
}

/// The command that executes a statement with values.
pub(super) fn execute(statement: u32, values: &[&Json]) -> Vec<u8> {
    let mut out = vec![0x17];
    out.extend_from_slice(&statement.to_le_bytes());
    out.extend_from_slice(&[0, 1, 0, 0, 0]);
    if values.is_empty() {
        return out;
    }
    let mut nulls = vec![0_u8; values.len().div_ceil(8)];
    let (mut kinds, mut bytes) = (Vec::new(), Vec::new());
    for (index, value) in values.iter().enumerate() {
        let text = value.as_str();
        match (text.as_bytes().first(), text.parse::<i64>(), text.parse::<u64>()) {
            (Some(b'n'), ..) => {
                nulls[index / 8] |= 1 << (index % 8);
                kinds.extend_from_slice(&[0x06, 0]);
            }
            (_, Ok(number), _) => {
                kinds.extend_from_slice(&[0x08, 0]);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            (_, _, Ok(number)) => {
                kinds.extend_from_slice(&[0x08, 0x80]);
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            (Some(b't' | b'f'), ..) => {
                kinds.extend_from_slice(&[0x08, 0]);
                bytes.extend_from_slice(&i64::from(text == "true").to_le_bytes());
            }
            (Some(b'-' | b'0'..=b'9'), ..) => {
                kinds.extend_from_slice(&[0xf6, 0]);
                put_counted(&mut bytes, text.as_bytes());
            }
            // A text as it is; an object or list as JSON.
            _ => {
                kinds.extend_from_slice(&[0xfd, 0]);
                let said = value.to::<String>();
                put_counted(&mut bytes, said.as_deref().unwrap_or(text).as_bytes());
            }
        }
    }
    out.extend_from_slice(&nulls);
    out.push(1);
    out.extend_from_slice(&kinds);
    out.extend_from_slice(&bytes);
    out
}

/// A row as an object, columns in their order; `None` if it is cut off or of no known type.
pub(super) fn row(columns: &[Column], packet: &[u8]) -> Option<Json> {
    let mut bytes = Bytes::new(packet.get(1..)?);
    let nulls = bytes.take((columns.len() + 9) / 8);
    let mut text = String::from("{");
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(Json::string(&column.name).as_str());
        text.push(':');
        let bit = index + 2;
        if nulls.get(bit / 8)? >> (bit % 8) & 1 == 1 {
            text.push_str("null");
        } else {
            cell(column, &mut bytes, &mut text)?;
        }
    }
    text.push('}');
    (!bytes.is_short()).then(|| Json::from_printed(text))
}

fn cell(column: &Column, bytes: &mut Bytes<'_>, out: &mut String) -> Option<()> {
    let unsigned = column.flags & UNSIGNED != 0;
    match (column.kind, unsigned) {
        (0x01, false) => write!(out, "{}", bytes.array::<1>()[0].cast_signed()).ok()?,
        (0x01, true) => write!(out, "{}", bytes.u8()).ok()?,
        (0x02, false) => write!(out, "{}", bytes.u16().cast_signed()).ok()?,
        (0x02 | 0x0d, _) => write!(out, "{}", bytes.u16()).ok()?,
        (0x03 | 0x09, false) => write!(out, "{}", bytes.u32().cast_signed()).ok()?,
        (0x03 | 0x09, true) => write!(out, "{}", bytes.u32()).ok()?,
        (0x08, false) => write!(out, "{}", i64::from_le_bytes(bytes.array())).ok()?,
        (0x08, true) => write!(out, "{}", u64::from_le_bytes(bytes.array())).ok()?,
        (0x04, _) => {
            let number = f32::from_le_bytes(bytes.array());
            out.push_str(number.is_finite().then(|| Json::of(&number))?.as_str());
        }
        (0x05, _) => {
            let number = f64::from_le_bytes(bytes.array());
            out.push_str(number.is_finite().then(|| Json::of(&number))?.as_str());
        }
        (0x06, _) => out.push_str("null"),
        (0x00 | 0xf6, _) => decimal(std::str::from_utf8(bytes.counted()).ok()?, out)?,
        (0x07, _) => text(&format!("{}Z", date_time(bytes, true)), out),
        (0x0c, _) => text(&date_time(bytes, true), out),
        (0x0a | 0x0e, _) => text(&date_time(bytes, false), out),
        (0x0b, _) => text(&time(bytes), out),
        (0xf5, _) => out.push_str(Json::parse(bytes.counted()).ok()?.as_str()),
        (0x10, _) => {
            let bits = bytes.counted().iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            write!(out, "{bits}").ok()?;
        }
        (0x0f | 0xf7 | 0xf8 | 0xfd | 0xfe | 0xf9..=0xfc, _) if column.charset != BINARY => {
            text(&String::from_utf8_lossy(bytes.counted()), out);
        }
        // Bytes, and what there is no JSON for: shapes on a map, vectors.
        (0x0f | 0xf2 | 0xf7 | 0xf8 | 0xfd | 0xfe | 0xff | 0xf9..=0xfc, _) => {
            text(&STANDARD.encode(bytes.counted()), out);
        }
        _ => return None,
    }
    Some(())
}

fn text(value: &str, out: &mut String) {
    out.push_str(Json::string(value).as_str());
}

/// MySQL writes `.5` for what JSON calls `0.5`, and `007` where a column is to be filled up. `None` if these are no digits.
fn decimal(digits: &str, out: &mut String) -> Option<()> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, f)| (whole, Some(f)));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction.unwrap_or_default()) || digits.is_empty() {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    out.push_str(sign);
    out.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction.filter(|fraction| !fraction.is_empty()) {
        out.push('.');
        out.push_str(fraction);
    }
    Some(())
}

/// Year, month, day; if not at midnight hour, minute, second; if not zero microseconds.
fn date_time(bytes: &mut Bytes<'_>, with_time: bool) -> String {
    let length = bytes.u8();
    if !matches!(length, 0 | 4 | 7 | 11) {
        bytes.spoil();
    }
    let (year, month, day) = if length >= 4 { (bytes.u16(), bytes.u8(), bytes.u8()) } else { (0, 0, 0) };
    let mut said = format!("{year:04}-{month:02}-{day:02}");
    if length >= 7 {
        let _ = write!(said, "T{:02}:{:02}:{:02}", bytes.u8(), bytes.u8(), bytes.u8());
    } else if with_time {
        said.push_str("T00:00:00");
    }
    if length >= 11 {
        let _ = write!(said, ".{:06}", bytes.u32());
    }
    said
}

/// Sign, days, hour, minute, second; if not zero microseconds.
fn time(bytes: &mut Bytes<'_>) -> String {
    let length = bytes.u8();
    if length == 0 {
        return "00:00:00".to_owned();
    }
    if !matches!(length, 8 | 12) {
        bytes.spoil();
    }
    let (negative, days, hour) = (bytes.u8() == 1, bytes.u32(), bytes.u8());
    let sign = if negative { "-" } else { "" };
    let hours = u64::from(days) * 24 + u64::from(hour);
    let mut said = format!("{sign}{hours:02}:{:02}:{:02}", bytes.u8(), bytes.u8());
    if length >= 12 {
        let _ = write!(said, ".{:06}", bytes.u32());
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: u8, flags: u16, raw: &[u8]) -> String {
        let column = Column { name: "c".to_owned(), kind, charset: 45, flags };
        let packet = [&[0, 0], raw].concat();
        row(&[column], &packet).map_or("none".to_owned(), |row| row.to_string())
    }

    #[test]
    fn values_become_json_with_all_their_digits() {
        for (kind, flags, raw, text) in [
            (0x08, UNSIGNED, &u64::MAX.to_le_bytes()[..], r#"{"c":18446744073709551615}"#),
            (0x08, 0, &(-5_i64).to_le_bytes(), r#"{"c":-5}"#),
            (0xf6, 0, b"\x1612345678901234567890.1", r#"{"c":12345678901234567890.1}"#),
            (0xf6, 0, b"\x03-.5", r#"{"c":-0.5}"#),
            (0xf6, 0, b"\x040.00", r#"{"c":0.00}"#),
            (0x0c, 0, &[4, 0xea, 7, 11, 21], r#"{"c":"2026-11-21T00:00:00"}"#),
            (0x07, 0, &[7, 0xea, 7, 11, 21, 8, 0, 5], r#"{"c":"2026-11-21T08:00:05Z"}"#),
            (0x0a, 0, &[0], r#"{"c":"0000-00-00"}"#),
            (0x0b, 0, &[8, 1, 1, 0, 0, 0, 2, 3, 4], r#"{"c":"-26:03:04"}"#),
            (0xfd, 0, b"\x02hi", r#"{"c":"hi"}"#),
            (0x00, 0, b"\x040070", r#"{"c":70}"#),
            (0x04, 0, &0.1_f32.to_le_bytes(), r#"{"c":0.1}"#),
            (0x10, 0, &[2, 1, 2], r#"{"c":258}"#),
            (0x08, 0, &[1, 2], "none"),
            (0xf6, 0, b"\x031,2", "none"),
            (0xf6, 0, b"\0", "none"),
            (0x05, 0, &f64::NAN.to_le_bytes(), "none"),
            (0x0c, 0, &[5, 0xea, 7, 11, 21, 0], "none"),
            (0x0b, 0, &[3, 0, 0, 0], "none"),
            (0xf5, 0, b"\x01{", "none"),
            (0xfd, 0, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffx", "none"),
            (0x99, 0, &[1], "none"),
        ] {
            assert_eq!(check(kind, flags, raw), text);
        }
        let bytes = Column { name: "c".to_owned(), kind: 0xfc, charset: BINARY, flags: 0 };
        assert_eq!(row(&[bytes], &[0, 0, 2, 0, 0xff]).unwrap().as_str(), r#"{"c":"AP8="}"#);
    }

    #[test]
    fn values_go_out_by_what_they_are() {
        let values = ["null", "5", "18446744073709551615", "0.10", "true", "\"a\"", "{\"n\":1}"];
        let values = values.map(|text| Json::parse(text.as_bytes()).unwrap());
        let out = execute(7, &values.iter().collect::<Vec<_>>());
        assert_eq!(out[..12], [0x17, 7, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1]);
        let kinds = [6, 0, 8, 0, 8, 0x80, 0xf6, 0, 8, 0, 0xfd, 0, 0xfd, 0];
        assert_eq!(out[12..26], kinds);
        assert!(out.ends_with(b"\x040.10\x01\0\0\0\0\0\0\0\x01a\x07{\"n\":1}"));
    }
}
