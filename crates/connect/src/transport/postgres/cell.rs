//! Rows as JSON. Numbers keep all their digits; what JSON has no form for becomes text as PostgreSQL or ISO 8601 writes
//! it; bytes become Base64.

use std::error::Error;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Span, ToSpan as _};
use sinew_stdx::Json;
use tokio_postgres::Column;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::transport::{TransportError, TransportErrorKind};

type Wrong = Box<dyn Error + Sync + Send>;

/// How deep arrays and composites are read into one another.
const DEPTH_MAX: usize = 16;
/// PostgreSQL counts from here.
const EPOCH: Date = jiff::civil::date(2000, 1, 1);

/// Checks that all columns can be read and told apart, before anything is executed.
pub(super) fn check(columns: &[Column]) -> Result<(), TransportError> {
    for (index, column) in columns.iter().enumerate() {
        let name = column.name();
        if columns[..index].iter().any(|before| before.name() == name) {
            let words = format!("two columns of the answer are called `{name}`; name them apart with `as`");
            return Err(TransportError::new(TransportErrorKind::Refused, words));
        }
        if !is_read(column.type_(), 0) {
            let kind = column.type_().name();
            let words = format!(
                "the column `{name}` is of the type `{kind}`, which is not read; write `{name}::text`"
            );
            return Err(TransportError::new(TransportErrorKind::Refused, words));
        }
    }
    Ok(())
}

/// A row of an answer.
pub(super) struct Row<'a>(pub(super) &'a tokio_postgres::Row);

impl Row<'_> {
    /// The row as an object, columns in their order.
    pub(super) fn to_json(&self) -> Result<Json, TransportError> {
        let mut text = String::from("{");
        for (index, column) in self.0.columns().iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(Json::string(column.name()).as_str());
            text.push(':');
            let cell: Option<Cell> = self.0.try_get(index).map_err(|error| {
                let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                let words = format!("the column `{}` cannot be read: {why}", column.name());
                TransportError::new(TransportErrorKind::Unusable, words)
            })?;
            text.push_str(cell.as_ref().map_or("null", |cell| &cell.0));
        }
        text.push('}');
        Ok(Json::from_printed(text))
    }
}

/// A value as JSON text.
struct Cell(String);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Wrong> {
        let mut out = String::new();
        write(kind, &mut Bytes(raw), &mut out)?;
        Ok(Self(out))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// What is left of a value's bytes.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        Ok(self.take(N)?.try_into()?)
    }

    fn i16(&mut self) -> Result<i16, Wrong> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, Wrong> {
        self.array().map(i32::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Wrong> {
        self.array().map(u32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, Wrong> {
        self.array().map(i64::from_be_bytes)
    }

    fn text(&mut self) -> Result<&'a str, Wrong> {
        Ok(std::str::from_utf8(self.take(self.0.len())?)?)
    }

    /// A value behind its length; `None` is null.
    fn inner(&mut self) -> Result<Option<Bytes<'a>>, Wrong> {
        match usize::try_from(self.i32()?) {
            Ok(length) => Ok(Some(Bytes(self.take(length)?))),
            Err(_) => Ok(None),
        }
    }
}

/// Whether values of a type are read.
fn is_read(kind: &Type, depth: usize) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match kind.kind() {
        Kind::Simple => is_text(kind) || is_plain(kind),
        Kind::Enum(_) => true,
        Kind::Pseudo => *kind == Type::VOID,
        Kind::Array(of) | Kind::Domain(of) => is_read(of, depth + 1),
        Kind::Composite(fields) => fields.iter().all(|field| is_read(field.type_(), depth + 1)),
        _ => false,
    }
}

/// Types whose binary form is their text.
fn is_text(kind: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::XML].contains(kind)
        || matches!(kind.name(), "citext")
}

fn is_plain(kind: &Type) -> bool {
    const PLAIN: [Type; 25] = [
        Type::BOOL,
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::OID,
        Type::FLOAT4,
        Type::FLOAT8,
        Type::NUMERIC,
        Type::BYTEA,
        Type::CHAR,
        Type::JSON,
        Type::JSONB,
        Type::UUID,
        Type::DATE,
        Type::TIME,
        Type::TIMETZ,
        Type::TIMESTAMP,
        Type::TIMESTAMPTZ,
        Type::INTERVAL,
        Type::INET,
        Type::CIDR,
        Type::MACADDR,
        Type::BIT,
        Type::VARBIT,
        Type::VOID,
    ];
    PLAIN.contains(kind) || kind.name() == "hstore"
}

/// Writes a value as JSON.
fn write(kind: &Type, raw: &mut Bytes<'_>, out: &mut String) -> Result<(), Wrong> {
    match kind.kind() {
        Kind::Domain(of) => return write(of, raw, out),
        Kind::Array(of) => return array(of, raw, out),
        Kind::Composite(fields) => {
            raw.i32()?;
            out.push('{');
            for (index, field) in fields.iter().enumerate() {
                let joint = if index > 0 { "," } else { "" };
                write!(out, "{joint}{}:", Json::string(field.name()))?;
                raw.u32()?;
                match raw.inner()? {
                    Some(mut inner) => write(field.type_(), &mut inner, out)?,
                    None => out.push_str("null"),
                }
            }
            out.push('}');
            return Ok(());
        }
        Kind::Enum(_) => return string(raw.text()?, out),
        _ if is_text(kind) => return string(raw.text()?, out),
        _ => {}
    }
    match *kind {
        Type::VOID => out.push_str("null"),
        Type::BOOL => out.push_str(if raw.array::<1>()? == [0] { "false" } else { "true" }),
        Type::INT2 => write!(out, "{}", raw.i16()?)?,
        Type::INT4 => write!(out, "{}", raw.i32()?)?,
        Type::INT8 => write!(out, "{}", raw.i64()?)?,
        Type::OID => write!(out, "{}", raw.u32()?)?,
        Type::FLOAT4 => float(f32::from_be_bytes(raw.array()?), out)?,
        Type::FLOAT8 => float(f64::from_be_bytes(raw.array()?), out)?,
        Type::NUMERIC => numeric(raw, out)?,
        Type::BYTEA => string(&STANDARD.encode(raw.0), out)?,
        Type::CHAR => string(&char::from(raw.array::<1>()?[0]).to_string(), out)?,
        Type::JSON => json(raw.0, out)?,
        Type::JSONB => {
            raw.take(1)?;
            json(raw.0, out)?;
        }
        Type::UUID => uuid(u128::from_be_bytes(raw.array()?), out)?,
        Type::DATE => string(&date(raw.i32()?)?, out)?,
        Type::TIME => string(&time(raw.i64()?)?, out)?,
        Type::TIMETZ => {
            let time = time(raw.i64()?)?;
            let behind_utc = raw.i32()?;
            string(&format!("{time}{}", offset(-behind_utc)), out)?;
        }
        Type::TIMESTAMP => string(&timestamp(raw.i64()?, "")?, out)?,
        Type::TIMESTAMPTZ => string(&timestamp(raw.i64()?, "Z")?, out)?,
        Type::INTERVAL => {
            let (micros, days, months) = (raw.i64()?, raw.i32()?, raw.i32()?);
            string(&interval(months, days, micros)?, out)?;
        }
        Type::INET | Type::CIDR => string(&network(raw)?, out)?,
        Type::MACADDR => {
            let parts = raw.array::<6>()?.map(|byte| format!("{byte:02x}"));
            string(&parts.join(":"), out)?;
        }
        Type::BIT | Type::VARBIT => {
            let count = usize::try_from(raw.i32()?)?;
            let bits = raw.0.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
            let text: String = bits.take(count).map(|bit| if bit == 1 { '1' } else { '0' }).collect();
            string(&text, out)?;
        }
        _ if kind.name() == "hstore" => hstore(raw, out)?,
        _ => return Err(format!("the type `{}` is not read", kind.name()).into()),
    }
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among others that may fail")]
fn string(text: &str, out: &mut String) -> Result<(), Wrong> {
    out.push_str(Json::string(text).as_str());
    Ok(())
}

fn json(raw: &[u8], out: &mut String) -> Result<(), Wrong> {
    out.push_str(Json::parse(raw)?.as_str());
    Ok(())
}

/// JSON has no form for infinities and what is no number; they become text.
fn float(value: impl Into<f64> + std::fmt::Display + Copy, out: &mut String) -> Result<(), Wrong> {
    let wide: f64 = value.into();
    if wide.is_finite() {
        write!(out, "{value}")?;
    } else if wide.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if wide > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
    Ok(())
}

/// Digits to the base of 10,000, of which `weight` says how many stand before the point beside the first.
fn numeric(raw: &mut Bytes<'_>, out: &mut String) -> Result<(), Wrong> {
    let (count, weight) = (usize::try_from(raw.i16()?)?, i32::from(raw.i16()?));
    let (sign, scale) = (raw.array::<2>()?, usize::try_from(raw.i16()?)?);
    match sign {
        [0xc0, 0] => return string("NaN", out),
        [0xd0, 0] => return string("Infinity", out),
        [0xf0, 0] => return string("-Infinity", out),
        [0x40, 0] => out.push('-'),
        _ => {}
    }
    let digits: Vec<i16> = (0..count).map(|_| raw.i16()).collect::<Result<_, _>>()?;
    let digit = |place: i32| usize::try_from(place).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    if weight < 0 {
        out.push('0');
    }
    for place in 0..=weight {
        if place == 0 {
            write!(out, "{}", digit(place))?;
        } else {
            write!(out, "{:04}", digit(place))?;
        }
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut place = weight + 1;
        while fraction.len() < scale {
            write!(fraction, "{:04}", if place < 0 { 0 } else { digit(place) })?;
            place += 1;
        }
        write!(out, ".{}", &fraction[..scale])?;
    }
    Ok(())
}

fn uuid(value: u128, out: &mut String) -> Result<(), Wrong> {
    let hex = format!("{value:032x}");
    write!(out, "\"{}-{}-{}-{}-{}\"", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])?;
    Ok(())
}

fn date(days: i32) -> Result<String, Wrong> {
    Ok(match days {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        _ => EPOCH.checked_add(days.days())?.to_string(),
    })
}

fn time(micros: i64) -> Result<String, Wrong> {
    // PostgreSQL has an hour 24, which ends a day.
    if micros == 86_400_000_000 {
        return Ok("24:00:00".to_owned());
    }
    Ok(Time::midnight().checked_add(SignedDuration::from_micros(micros))?.to_string())
}

fn timestamp(micros: i64, zone: &str) -> Result<String, Wrong> {
    Ok(match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let epoch: DateTime = EPOCH.to_datetime(Time::midnight());
            format!("{}{zone}", epoch.checked_add(SignedDuration::from_micros(micros))?)
        }
    })
}

fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    format!("{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// As ISO 8601 writes it: `P1M2DT3H4.5S`.
fn interval(months: i32, days: i32, micros: i64) -> Result<String, Wrong> {
    let alike = |a: i64, b: i64| a >= 0 && b >= 0;
    if alike(months.into(), days.into()) && alike(days.into(), micros) {
        let span = Span::new().try_months(months)?.try_days(days)?.try_microseconds(micros)?;
        let (hours, rest) = (micros / 3_600_000_000, micros % 3_600_000_000);
        let span = span.try_microseconds(0)?.try_hours(hours)?.try_minutes(rest / 60_000_000)?;
        let span = span.try_microseconds(rest % 60_000_000)?;
        return Ok(span.to_string());
    }
    // Parts of different signs, which ISO 8601 does not know, as PostgreSQL itself writes them.
    let (sign, rest) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let (whole, parts) = (rest / 1_000_000, rest % 1_000_000);
    let seconds = if parts == 0 { whole.to_string() } else { format!("{whole}.{parts:06}") };
    Ok(format!("P{months}M{days}DT{sign}{seconds}S"))
}

/// Family, bits, whether it is a network, length, address.
fn network(raw: &mut Bytes<'_>) -> Result<String, Wrong> {
    let [_, bits, is_network, length] = raw.array::<4>()?;
    let (address, full) = if length == 4 {
        (Ipv4Addr::from(raw.array::<4>()?).to_string(), 32)
    } else {
        (Ipv6Addr::from(raw.array::<16>()?).to_string(), 128)
    };
    Ok(if is_network == 0 && bits == full { address } else { format!("{address}/{bits}") })
}

fn hstore(raw: &mut Bytes<'_>, out: &mut String) -> Result<(), Wrong> {
    out.push('{');
    for index in 0..raw.i32()? {
        let mut key = raw.inner()?.ok_or("a key is null")?;
        let joint = if index > 0 { "," } else { "" };
        write!(out, "{joint}{}:", Json::string(key.text()?))?;
        match raw.inner()? {
            Some(mut value) => string(value.text()?, out)?,
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Ok(())
}

/// Dimensions, whether there are nulls, the items' type; then each dimension's length and first index; then the items.
fn array(of: &Type, raw: &mut Bytes<'_>, out: &mut String) -> Result<(), Wrong> {
    let dimensions = usize::try_from(raw.i32()?)?;
    raw.take(8)?;
    if dimensions > DEPTH_MAX {
        return Err("its arrays are nested too deep".into());
    }
    let lengths: Vec<i32> = (0..dimensions)
        .map(|_| {
            let length = raw.i32();
            raw.i32()?;
            length
        })
        .collect::<Result<_, Wrong>>()?;
    if lengths.is_empty() {
        out.push_str("[]");
        return Ok(());
    }
    items(of, &lengths, raw, out)
}

fn items(of: &Type, lengths: &[i32], raw: &mut Bytes<'_>, out: &mut String) -> Result<(), Wrong> {
    let Some((length, within)) = lengths.split_first() else {
        if let Some(mut inner) = raw.inner()? {
            return write(of, &mut inner, out);
        }
        out.push_str("null");
        return Ok(());
    };
    out.push('[');
    for index in 0..*length {
        if index > 0 {
            out.push(',');
        }
        items(of, within, raw, out)?;
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &Type, raw: &[u8]) -> String {
        match Cell::from_sql(kind, raw) {
            Ok(cell) => cell.0,
            Err(error) => format!("! {error}"),
        }
    }

    fn numeric(weight: i16, sign: u16, scale: i16, digits: &[i16]) -> Vec<u8> {
        let head = [digits.len() as i16, weight, sign as i16, scale];
        head.iter().chain(digits).flat_map(|part| part.to_be_bytes()).collect()
    }

    #[test]
    fn a_number_keeps_all_its_digits() {
        for (raw, text) in [
            (numeric(0, 0, 0, &[]), "0"),
            (numeric(0, 0, 2, &[12, 5000]), "12.50"),
            (numeric(0, 0x4000, 4, &[0, 1]), "-0.0001"),
            (numeric(-2, 0, 8, &[12]), "0.00000012"),
            (numeric(2, 0, 0, &[1]), "100000000"),
            (numeric(4, 0, 3, &[1234, 5678, 9012, 3456, 7890, 1230]), "12345678901234567890.123"),
            (numeric(0, 0xc000, 0, &[]), "\"NaN\""),
        ] {
            assert_eq!(check(&Type::NUMERIC, &raw), text);
        }
        assert_eq!(check(&Type::INT8, &i64::MAX.to_be_bytes()), "9223372036854775807");
        assert_eq!(check(&Type::FLOAT8, &f64::NAN.to_be_bytes()), "\"NaN\"");
        assert_eq!(check(&Type::FLOAT4, &0.1_f32.to_be_bytes()), "0.1");
    }

    #[test]
    fn times_are_written_as_iso_8601_does() {
        for (kind, raw, text) in [
            (Type::DATE, 9821_i32.to_be_bytes().to_vec(), "\"2026-11-21\""),
            (Type::DATE, i32::MAX.to_be_bytes().to_vec(), "\"infinity\""),
            (Type::TIME, 3_723_500_000_i64.to_be_bytes().to_vec(), "\"01:02:03.5\""),
            (Type::TIMESTAMP, 1_i64.to_be_bytes().to_vec(), "\"2000-01-01T00:00:00.000001\""),
            (Type::TIMESTAMPTZ, (-1_000_000_i64).to_be_bytes().to_vec(), "\"1999-12-31T23:59:59Z\""),
            (
                Type::INTERVAL,
                [&10_861_500_000_i64.to_be_bytes()[..], &2_i32.to_be_bytes(), &14_i32.to_be_bytes()].concat(),
                "\"P14M2DT3H1M1.5S\"",
            ),
        ] {
            assert_eq!(check(&kind, &raw), text, "{kind}");
        }
    }

    #[test]
    fn what_is_cut_off_is_no_value() {
        let array: Vec<u8> =
            [1_i32, 0, 23, 2, 1, 4, 7, 4, 8].iter().flat_map(|part| part.to_be_bytes()).collect();
        assert_eq!(check(&Type::INT4_ARRAY, &array), "[7,8]");
        for length in 0..array.len() {
            assert!(check(&Type::INT4_ARRAY, &array[..length]).starts_with('!'), "{length}");
        }
        assert_eq!(check(&Type::UUID, &[0x11; 16]), "\"11111111-1111-1111-1111-111111111111\"");
        assert_eq!(check(&Type::JSONB, b"\x01{\"a\": 1.10}"), "{\"a\": 1.10}");
    }
}
