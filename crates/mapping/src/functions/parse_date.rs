use jsonata_core::value::JValue;
use sinew_stdx::Timestamp;

use super::{Fault, FunctionDoc, HostFunction, argument, text, wrong};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "parseDate",
        signature: "$parseDate(value[, format])",
        doc: "A point in time as ISO 8601 in UTC with milliseconds. Without a format it takes what vendors send: ISO \
              8601 with or without zone, `YYYY-MM-DD HH:mm:ss`, RFC 2822 (`Tue, 3 Mar 2026 14:05:00 +0100`), \
              `DD.MM.YYYY`, `YYYYMMDD`, `/Date(ms)/`, and Unix time in seconds or milliseconds (as number or text). \
              Without a zone it is UTC. Whether `03/04/2026` is in March or April cannot be told, so dates with \
              slashes need a format, of `YYYY MM DD HH mm ss SSS MMM A Z` and the characters between them. Nothing \
              for nothing; an error for what it cannot read.",
        examples: &[
            ("$parseDate('2026-03-04T15:06:07+01:00')", "\"2026-03-04T14:06:07.000Z\""),
            ("$parseDate('2026-03-04 15:06:07')", "\"2026-03-04T15:06:07.000Z\""),
            ("$parseDate('Wed, 04 Mar 2026 15:06:07 GMT')", "\"2026-03-04T15:06:07.000Z\""),
            ("$parseDate('04.03.2026')", "\"2026-03-04T00:00:00.000Z\""),
            ("$parseDate(1772636767)", "\"2026-03-04T15:06:07.000Z\""),
            ("$parseDate('/Date(1772636767000)/')", "\"2026-03-04T15:06:07.000Z\""),
            ("$parseDate('03/04/2026', 'MM/DD/YYYY')", "\"2026-03-04T00:00:00.000Z\""),
            ("$parseDate('4 Mar 2026 3:06 PM', 'DD MMM YYYY HH:mm A')", "\"2026-03-04T15:06:00.000Z\""),
        ],
    },
    takes_context: true,
    call: |_, args| {
        let format = text("parseDate", args, 1)?;
        let instant = match argument(args, 0) {
            JValue::Undefined | JValue::Null => return Ok(JValue::Undefined),
            JValue::String(text) if text.trim().is_empty() => return Ok(JValue::Undefined),
            JValue::String(text) => match format {
                Some(format) => by_format(text.trim(), format),
                None => common(text.trim()),
            }
            .ok_or_else(|| unreadable(text, format))?,
            JValue::Number(n) => epoch(*n)
                .ok_or_else(|| Fault::Argument(format!("$parseDate cannot take {n} as Unix time")))?,
            other => return Err(wrong("parseDate", 0, "a text or a number", other)),
        };
        Ok(JValue::string(Timestamp::from_millis(instant).to_string()))
    },
};

fn unreadable(text: &str, format: Option<&str>) -> Fault {
    let shown: String = text.chars().take(60).collect();
    Fault::Argument(match format {
        Some(format) => format!("$parseDate cannot read `{shown}` as `{format}`"),
        None if text.contains('/') => {
            format!("$parseDate needs a format to read `{shown}`, such as 'MM/DD/YYYY' or 'DD/MM/YYYY'")
        }
        None => {
            format!("$parseDate cannot read `{shown}` as a date; name its format, such as 'YYYY-MM-DD HH:mm'")
        }
    })
}

/// Years 0001 to 9999, in milliseconds since the epoch.
const INSTANTS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// Unix time: below 10^11 in seconds (until the year 5138), else in milliseconds (from March 1973).
fn epoch(n: f64) -> Option<i64> {
    let ms = if n.abs() < 1e11 { n * 1000.0 } else { n };
    let ms = ms.round();
    (ms.abs() < 1e15).then_some(ms as i64).filter(|ms| INSTANTS.contains(ms))
}

/// Formats besides ISO 8601 and RFC 2822 that mean one thing only.
const FORMATS: [&str; 4] = ["YYYYMMDD", "DD.MM.YYYY HH:mm:ss", "DD.MM.YYYY HH:mm", "DD.MM.YYYY"];

fn common(text: &str) -> Option<i64> {
    if let Some(inner) = text.strip_prefix("/Date(").and_then(|t| t.strip_suffix(")/")) {
        // The offset that may follow only says how to show it.
        let end = inner
            .char_indices()
            .skip(1)
            .find(|(_, c)| matches!(c, '+' | '-'))
            .map_or(inner.len(), |(i, _)| i);
        return inner.get(..end)?.parse().ok().filter(|ms| INSTANTS.contains(ms));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.len() >= 9
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && let Ok(number) = text.parse()
    {
        return epoch(number);
    }
    iso(text).or_else(|| FORMATS.iter().find_map(|format| by_format(text, format))).or_else(|| rfc_2822(text))
}

/// What is known of an instant while it is read.
#[derive(Debug)]
struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
    afternoon: Option<bool>,
    offset_minutes: i64,
}

impl Parts {
    const fn new() -> Self {
        Self {
            year: 1970,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            ms: 0,
            afternoon: None,
            offset_minutes: 0,
        }
    }

    fn instant(&self) -> Option<i64> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let days_in_month = match self.month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            _ => 31,
        };
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        // A leap second is the second after it, as POSIX has it; 24:00 is the midnight that ends the day (ISO 8601).
        let midnight = hour == 24 && self.minute == 0 && self.second == 0 && self.ms == 0;
        let valid = (1..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in_month).contains(&self.day)
            && (hour < 24 || midnight)
            && self.minute < 60
            && self.second <= 60;
        let minutes = (days_from_civil(self.year, self.month, self.day) * 24 + hour) * 60 + self.minute;
        let ms = ((minutes - self.offset_minutes) * 60 + self.second) * 1000 + self.ms;
        (valid && INSTANTS.contains(&ms)).then_some(ms)
    }
}

/// Days from 1970-01-01 to a date, by Howard Hinnant's `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A text that is read from its start.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let length = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(length).filter(|_| length >= least)?;
        self.0 = rest;
        digits.parse().ok()
    }

    fn take(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn take_any(&mut self, expected: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn space(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn word(&mut self) -> &str {
        let length = self.0.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        word
    }

    /// The fraction of a second behind `.` or `,`, in milliseconds, if there is one.
    fn fraction(&mut self) -> i64 {
        let Some(digits) = self.0.strip_prefix(['.', ',']) else { return 0 };
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return 0;
        }
        let (fraction, rest) = digits.split_at(length);
        self.0 = rest;
        fraction.bytes().chain(*b"000").take(3).fold(0, |ms, digit| ms * 10 + i64::from(digit - b'0'))
    }

    fn month_name(&mut self) -> Option<i64> {
        const MONTHS: [&str; 12] = [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ];
        let word = self.word().to_ascii_lowercase();
        let found = MONTHS.iter().position(|name| word.len() >= 3 && name.starts_with(&word))?;
        Some(found as i64 + 1)
    }

    /// `Z`, `UTC`, `GMT`, `+01:00`, `+0100` or `+01`, in minutes east of Greenwich.
    fn offset(&mut self) -> Option<i64> {
        self.space();
        let sign = match self.0.chars().next()? {
            '+' => 1,
            '-' | '\u{2212}' => -1,
            _ => {
                return match self.word().to_ascii_uppercase().as_str() {
                    "Z" | "UTC" | "GMT" | "UT" => Some(0),
                    // The zones that RFC 2822, section 4.3, defines.
                    "EDT" => Some(-240),
                    "EST" | "CDT" => Some(-300),
                    "CST" | "MDT" => Some(-360),
                    "MST" | "PDT" => Some(-420),
                    "PST" => Some(-480),
                    _ => None,
                };
            }
        };
        self.take_any(&['+', '-', '\u{2212}'])?;
        let hours = self.number(2, 2)?;
        let colon = self.take(':').is_some();
        let minutes = match self.number(2, 2) {
            Some(minutes) => minutes,
            None if colon => return None,
            None => 0,
        };
        (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

/// ISO 8601: a date, and behind `T` or a space a time, and a zone.
fn iso(text: &str) -> Option<i64> {
    let mut cursor = Cursor(text);
    let mut parts = Parts::new();
    parts.year = cursor.number(4, 4)?;
    let dashes = cursor.take('-').is_some();
    parts.month = cursor.number(2, 2)?;
    if dashes {
        cursor.take('-')?;
    }
    parts.day = cursor.number(2, 2)?;
    if !cursor.0.is_empty() {
        cursor.take_any(&['T', 't', ' ', '_'])?;
        parts.hour = cursor.number(2, 2)?;
        let colons = cursor.take(':').is_some();
        parts.minute = cursor.number(2, 2)?;
        if !colons || cursor.take(':').is_some() {
            parts.second = cursor.number(2, 2).or(if colons { None } else { Some(0) })?;
            parts.ms = cursor.fraction();
        }
        if !cursor.0.is_empty() {
            parts.offset_minutes = cursor.offset()?;
        }
    }
    cursor.0.is_empty().then(|| parts.instant()).flatten()
}

/// RFC 2822, with or without the day of the week; also the order of `asctime` without it.
fn rfc_2822(text: &str) -> Option<i64> {
    let text = match text.split_once(',') {
        Some((weekday, rest)) if weekday.bytes().all(|b| b.is_ascii_alphabetic()) => rest,
        _ => text,
    };
    let mut cursor = Cursor(text.trim());
    let mut parts = Parts::new();
    parts.day = cursor.number(1, 2)?;
    cursor.take_any(&[' ', '-'])?;
    parts.month = cursor.month_name()?;
    cursor.take_any(&[' ', '-'])?;
    parts.year = cursor.number(4, 4)?;
    cursor.space();
    if !cursor.0.is_empty() {
        parts.hour = cursor.number(2, 2)?;
        cursor.take(':')?;
        parts.minute = cursor.number(2, 2)?;
        if cursor.take(':').is_some() {
            parts.second = cursor.number(2, 2)?;
            parts.ms = cursor.fraction();
        }
        if !cursor.0.trim().is_empty() {
            parts.offset_minutes = cursor.offset()?;
        }
    }
    cursor.0.is_empty().then(|| parts.instant()).flatten()
}

fn by_format(text: &str, format: &str) -> Option<i64> {
    let mut cursor = Cursor(text);
    let mut parts = Parts::new();
    let mut rest = format;
    while let Some(next) = rest.chars().next() {
        const TOKENS: [&str; 11] = ["YYYY", "MMM", "SSS", "YY", "MM", "DD", "HH", "hh", "mm", "ss", "A"];
        let token = TOKENS.iter().find(|token| rest.starts_with(**token));
        let length = token.map_or(next.len_utf8(), |token| token.len());
        rest = rest.get(length..)?;
        // Digits may be fewer only where something else ends them.
        let least =
            if rest.is_empty() || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) { 1 } else { 2 };
        match token.copied() {
            Some("YYYY") => parts.year = cursor.number(4, 4)?,
            Some("YY") => parts.year = 2000 + cursor.number(2, 2)?,
            Some("MMM") => parts.month = cursor.month_name()?,
            Some("MM") => parts.month = cursor.number(least, 2)?,
            Some("DD") => parts.day = cursor.number(least, 2)?,
            Some("HH" | "hh") => parts.hour = cursor.number(least, 2)?,
            Some("mm") => parts.minute = cursor.number(2, 2)?,
            Some("ss") => parts.second = cursor.number(2, 2)?,
            Some("SSS") => parts.ms = cursor.number(3, 3)?,
            Some(_) => {
                parts.afternoon = Some(match cursor.word().to_ascii_uppercase().as_str() {
                    "AM" => false,
                    "PM" => true,
                    _ => return None,
                });
            }
            None if next == 'Z' => parts.offset_minutes = cursor.offset()?,
            None => cursor.take(next)?,
        }
    }
    cursor.0.is_empty().then(|| parts.instant()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(instant: Option<i64>) -> String {
        instant.map_or_else(|| "unreadable".to_owned(), |ms| Timestamp::from_millis(ms).to_string())
    }

    #[test]
    fn what_vendors_send_is_read() {
        for (text, instant) in [
            ("2026-03-04", "2026-03-04T00:00:00.000Z"),
            ("20260304", "2026-03-04T00:00:00.000Z"),
            ("2026-03-04T15:06Z", "2026-03-04T15:06:00.000Z"),
            ("2026-03-04T15:06:07.1239-0330", "2026-03-04T18:36:07.123Z"),
            ("2026-03-04 15:06:07 UTC", "2026-03-04T15:06:07.000Z"),
            ("2026-03-04T15:06:07,5+02", "2026-03-04T13:06:07.500Z"),
            ("20260304T150607Z", "2026-03-04T15:06:07.000Z"),
            ("2026-12-31T24:00:00Z", "2027-01-01T00:00:00.000Z"),
            ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00.000Z"),
            ("4 Mar 2026 15:06:07 EST", "2026-03-04T20:06:07.000Z"),
            ("Wednesday, 04-Mar-2026 15:06:07 GMT", "2026-03-04T15:06:07.000Z"),
            ("4.3.2026 15:06", "2026-03-04T15:06:00.000Z"),
            ("1772636767", "2026-03-04T15:06:07.000Z"),
            ("1772636767123", "2026-03-04T15:06:07.123Z"),
            ("1772636767.25", "2026-03-04T15:06:07.250Z"),
            ("/Date(1772636767000+0100)/", "2026-03-04T15:06:07.000Z"),
            ("/Date(-1000)/", "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(show(common(text)), instant, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_guessed() {
        for text in [
            "03/04/2026",
            "2026-13-01",
            "2026-02-29",
            "2026-03-04T25:00Z",
            "2026-03-04T15:06:07+25:00",
            "soon",
            "32.1.2026",
            "2026-03-04T",
            "2026-03-04T15:06:07 somewhere",
            "0000-01-01",
            "/Date(x)/",
            "99999999999999999999",
            "é",
            "2026-03-04T15",
            "12",
        ] {
            assert_eq!(show(common(text)), "unreadable", "{text}");
        }
    }

    #[test]
    fn formats_say_what_is_where() {
        for (text, format, instant) in [
            ("3/4/26", "MM/DD/YY", "2026-03-04T00:00:00.000Z"),
            ("03.04.2026 12:05 AM", "DD.MM.YYYY hh:mm A", "2026-04-03T00:05:00.000Z"),
            ("20260304150607123", "YYYYMMDDHHmmssSSS", "2026-03-04T15:06:07.123Z"),
            ("March 4, 2026 15:06 +01:00", "MMM DD, YYYY HH:mm Z", "2026-03-04T14:06:00.000Z"),
            ("13/04/2026", "MM/DD/YYYY", "unreadable"),
            ("03/04/2026 x", "MM/DD/YYYY", "unreadable"),
            ("13:00 PM", "HH:mm A", "unreadable"),
        ] {
            assert_eq!(show(by_format(text, format)), instant, "{text}");
        }
    }
}
