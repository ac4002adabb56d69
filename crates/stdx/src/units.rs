use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A text that is not a quantity of the expected kind; the message says what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidUnit(pub String);

impl fmt::Display for InvalidUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidUnit {}

/// A duration as its author wrote it: `250ms`, `10s`, `5m`, `2h`, `1d`, or a sum such as `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = InvalidUnit;
    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        parse_duration(text).map(Self)
    }
}

/// Reads `250ms`, `10s`, `5m`, `2h`, `1d`, `1h30m`. A bare number is refused: it has no unit.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidUnit> {
    let wrong = || {
        InvalidUnit(format!(
            "`{text}` is not a duration; write it like `250ms`, `10s`, `5m`, `2h` or `1h30m`"
        ))
    };
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let amount: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit_ms = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        rest = &rest[letters..];
        total_ms = amount.checked_mul(unit_ms).and_then(|ms| total_ms.checked_add(ms)).ok_or_else(wrong)?;
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration the way [`parse_duration`] reads it, largest units first, at most two of them.
pub fn show_duration(span: Duration) -> String {
    let mut ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0ms".to_owned();
    }
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if ms >= size && parts.len() < 2 {
            parts.push(format!("{}{unit}", ms / size));
            ms %= size;
        }
    }
    parts.concat()
}

/// A size in bytes: `512`, `64KB`, `10MB`, `1GB` (powers of 1,000) or `64KiB`, `10MiB`, `1GiB` (powers of 1,024).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl std::str::FromStr for ByteSize {
    type Err = InvalidUnit;
    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let wrong = || InvalidUnit(format!("`{text}` is not a size; write it like `64KB`, `10MB` or `1GiB`"));
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let amount: u64 = text[..digits].parse().map_err(|_| wrong())?;
        let unit = match text[digits..].trim() {
            "" | "B" => 1,
            "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        amount.checked_mul(unit).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000)] {
            if self.0 >= size {
                return write!(f, "{:.1}{unit}", self.0 as f64 / size as f64);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// So many per so long: `100/10s`, `1000/s`, `5/m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

impl std::str::FromStr for Rate {
    type Err = InvalidUnit;
    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let wrong =
            || InvalidUnit(format!("`{text}` is not a rate; write it like `100/10s`, `1000/s` or `5/m`"));
        let (count, per) = text.trim().split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().map_err(|_| wrong())?;
        let per = per.trim();
        let per = if per.starts_with(|c: char| c.is_ascii_digit()) {
            parse_duration(per).map_err(|_| wrong())?
        } else {
            parse_duration(&format!("1{per}")).map_err(|_| wrong())?
        };
        if count == 0 || per.is_zero() {
            return Err(wrong());
        }
        Ok(Self { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, show_duration(self.per))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_alike() {
        for text in ["250ms", "10s", "5m", "2h", "1d", "1h30m", "0ms"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
        for text in ["", "10", "s", "10 s", "1x", "-5s", "99999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_and_sizes_read() {
        assert_eq!("100/10s".parse(), Ok(Rate { count: 100, per: Duration::from_secs(10) }));
        assert_eq!("1000/s".parse(), Ok(Rate { count: 1000, per: Duration::from_secs(1) }));
        assert!("0/s".parse::<Rate>().is_err() && "5".parse::<Rate>().is_err());
        assert_eq!("10MB".parse(), Ok(ByteSize(10_000_000)));
        assert_eq!("1KiB".parse(), Ok(ByteSize(1024)));
        assert!("ten".parse::<ByteSize>().is_err());
    }
}
