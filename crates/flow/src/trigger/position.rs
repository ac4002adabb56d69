//! How far a poll has come: the greatest place seen, which items stand there, and the page it is at.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use sinew_stdx::Json;

/// Items that are remembered at the greatest place.
const SEEN_MAX: usize = 10_000;

/// What a poll's cursor in the store says.
///
/// The cursor that the call sees stays the same while the pages of one answer are read, whatever order its items come
/// in; after a crash the answer is read on where it was left. When its last page is accepted the cursor becomes the
/// greatest place seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What the call sees.
    pub(crate) cursor: Json,
    /// The greatest place seen.
    greatest: Option<Json>,
    /// Which items stand there: systems repeat those at the cursor.
    seen: Vec<String>,
    /// The page to read next, if an answer is half read.
    pub(crate) page: Option<Json>,
}

impl Position {
    /// Before anything was seen.
    pub(crate) fn at(start: &Json) -> Self {
        let greatest = (!start.is_null()).then(|| start.clone());
        Self { cursor: start.clone(), greatest, seen: Vec::new(), page: None }
    }

    /// Takes note of an item at a place; false if it was seen there before.
    pub(crate) fn note(&mut self, place: &Json, item: &str) -> Result<bool, String> {
        let order = match &self.greatest {
            Some(greatest) => compare(place, greatest)?,
            None => compare(place, place).map(|_| Ordering::Greater)?,
        };
        match order {
            Ordering::Less => return Ok(true),
            Ordering::Equal if self.seen.iter().any(|seen| seen == item) => return Ok(false),
            Ordering::Equal => {}
            Ordering::Greater => {
                self.greatest = Some(place.clone());
                self.seen.clear();
            }
        }
        if self.seen.len() < SEEN_MAX {
            self.seen.push(item.to_owned());
        }
        Ok(true)
    }

    /// A page was read; `next` is the one after it.
    pub(crate) fn turn(&mut self, next: Option<Json>) {
        if next.is_none() {
            self.cursor = self.greatest.clone().unwrap_or_else(|| self.cursor.clone());
        }
        self.page = next;
    }

    /// The half-read answer cannot be read on: it is asked for anew.
    pub(crate) fn start_over(&mut self) {
        self.page = None;
    }
}

/// Which of two places is the later: numbers by their value, digit for digit, texts letter by letter.
fn compare(a: &Json, b: &Json) -> Result<Ordering, String> {
    match (Place::of(a)?, Place::of(b)?) {
        (Place::Text(a), Place::Text(b)) => Ok(a.cmp(&b)),
        (Place::Number(a), Place::Number(b)) => Ok(a.cmp(&b)),
        _ => Err(format!(
            "the cursor is `{b}` so far, and an item has `{a}`: a text and a number have no order"
        )),
    }
}

enum Place {
    Text(String),
    Number(Decimal),
}

impl Place {
    fn of(json: &Json) -> Result<Self, String> {
        if let Ok(text) = json.to::<String>() {
            return Ok(Self::Text(text));
        }
        let number = Decimal::read(json.as_str()).map(Self::Number);
        number.ok_or_else(|| {
            format!("the cursor is neither a text nor a number: `{}`", shortened(json.as_str()))
        })
    }
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(100).map_or(text, |(at, _)| &text[..at])
}

/// A JSON number as it is written: `0.d1d2d3... x 10^exponent`, without zeros at either end.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    exponent: i64,
    digits: Vec<u8>,
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        if !text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            return None;
        }
        let (mantissa, power) = match text.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, exponent: i64::MIN, digits });
        }
        let exponent = i64::from(power) + whole.len() as i64 - zeros as i64;
        Some(Self { negative, exponent, digits })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |a: &Self, b: &Self| a.exponent.cmp(&b.exponent).then_with(|| a.digits.cmp(&b.digits));
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(self, other),
            (true, true) => size(other, self),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    /// Notes items (place, key) and gives which of them were new, and the cursor once the answer is read.
    fn check(start: &str, items: &[(&str, &str)]) -> (Vec<bool>, String) {
        let mut position = Position::at(&json(start));
        let new = items.iter().map(|(place, key)| position.note(&json(place), key).unwrap()).collect();
        position.turn(None);
        (new, position.cursor.to_string())
    }

    #[test]
    fn the_cursor_becomes_the_greatest_place_whatever_the_order() {
        assert_eq!(check("null", &[("1", "a"), ("3", "b"), ("2", "c")]), (vec![true; 3], "3".to_owned()));
        assert_eq!(check("5", &[]), (vec![], "5".to_owned()));
        let times = [(r#""2026-01-02""#, "a"), (r#""2026-01-01""#, "b")];
        assert_eq!(check(r#""2025""#, &times).1, r#""2026-01-02""#);
    }

    #[test]
    fn items_that_a_system_repeats_at_the_cursor_are_known() {
        let (new, _) = check("null", &[("7", "a"), ("7", "b"), ("7", "a"), ("8", "a"), ("8", "a")]);
        assert_eq!(new, [true, true, false, true, false]);
    }

    #[test]
    fn numbers_are_compared_digit_for_digit() {
        for (small, great) in [
            ("9", "10"),
            ("-10", "-9"),
            ("-1", "0"),
            ("0.09", "0.1"),
            ("9007199254740992", "9007199254740993"),
            ("1700000000.000000001", "1700000000.000000002"),
            ("9e3", "1e4"),
            ("99", "1e2"),
            ("1E-5", "0.0001"),
        ] {
            assert_eq!(compare(&json(small), &json(great)), Ok(Ordering::Less), "{small} {great}");
            assert_eq!(compare(&json(great), &json(small)), Ok(Ordering::Greater), "{great} {small}");
        }
        for (a, b) in [("1", "1.0"), ("100", "1e2"), ("0", "-0.00"), ("0.5", "5e-1")] {
            assert_eq!(compare(&json(a), &json(b)), Ok(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn what_has_no_order_is_an_error() {
        let mut position = Position::at(&json("1"));
        assert!(position.note(&json(r#""x""#), "a").unwrap_err().contains("no order"));
        for place in ["{}", "[1]", "true"] {
            assert!(Position::at(&Json::null()).note(&json(place), "a").is_err(), "{place}");
        }
    }

    #[test]
    fn the_cursor_stays_while_an_answer_is_half_read_and_survives_the_store() {
        let mut position = Position::at(&json("1"));
        position.note(&json("9"), "a").unwrap();
        position.turn(Some(json(r#""page-2""#)));
        let kept: Position = serde_json::from_str(&serde_json::to_string(&position).unwrap()).unwrap();
        assert_eq!(kept, position);
        assert_eq!((kept.cursor.as_str(), kept.page.as_ref().map(Json::as_str)), ("1", Some(r#""page-2""#)));
    }
}
