//! Numbers that a double cannot hold exactly, carried through an engine that computes in doubles.
//!
//! Each distinct value among them is lent a double of its own: the nearest one, or a neighbour if that is taken.
//! The double is what the engine sees; wherever it comes out again, the digits that came in are printed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Up to this many significant digits every decimal survives the way into a double and back (IEEE 754 binary64).
const DIGITS_ALWAYS_EXACT: usize = 15;

/// How many doubles are left free below the largest, for numbers beyond it.
const ROOM_AT_THE_TOP: u64 = 1 << 20;

/// How far a free double is looked for.
const SEARCH_MAX: u64 = 1 << 22;

/// Marks a number that waits for its double: a quiet NaN with this pattern above an index of 32 bits.
const WAITING: u64 = 0x7FFA_5E11_0000_0000;

/// A JSON number as the double it is, or as text if no double prints as the same value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// The double prints as the same value; `long` if only because its digits happen to fit.
    Exact { double: f64, long: bool },
    /// No double does.
    Inexact,
}

/// Reads the text of a JSON number.
pub(crate) fn read(text: &str) -> Number {
    let Ok(double) = text.parse::<f64>() else { return Number::Inexact };
    let digits = text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).filter(u8::is_ascii_digit).count();
    let plain = !text.bytes().any(|b| matches!(b, b'e' | b'E'));
    if digits <= DIGITS_ALWAYS_EXACT
        && (plain || (1e-290..1e290).contains(&double.abs()) || double == 0.0 && all_zero(text))
    {
        return Number::Exact { double, long: false };
    }
    if double.is_finite() && Decimal::of(text) == Decimal::of(&format!("{double:e}")) {
        return Number::Exact { double, long: true };
    }
    Number::Inexact
}

fn all_zero(text: &str) -> bool {
    text.bytes().take_while(|b| !matches!(b, b'e' | b'E')).all(|b| !(b'1'..=b'9').contains(&b))
}

/// The magnitude of a decimal in normal form: `0.DIGITS x 10^exponent`, no zero at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Decimal {
    exponent: i64,
    digits: Box<str>,
}

impl Decimal {
    /// Takes the text of a JSON number; its sign is left out.
    fn of(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let mantissa = mantissa.trim_start_matches('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: String = [whole, fraction].concat();
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0');
        if digits.is_empty() {
            return Self { exponent: 0, digits: Box::from("") };
        }
        // An exponent beyond 64 bits only ever comes from a text made to have one; it stays the largest or smallest.
        let written = exponent
            .trim_start_matches('+')
            .parse::<i64>()
            .unwrap_or_else(|_| if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 });
        let exponent = written.saturating_add(whole.len() as i64).saturating_sub(leading as i64);
        Self { exponent, digits: Box::from(digits) }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // With no zeros at the ends, the order of the digits as text is that of the fractions.
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The doubles lent during one evaluation, and the digits each stands for.
#[derive(Debug, Default)]
pub(crate) struct Digits {
    waiting: Vec<Box<str>>,
    taken: HashSet<u64>,
    texts: HashMap<u64, Box<str>>,
    by_value: HashMap<Decimal, u64>,
    /// By the double that was wanted, where to look for the next.
    next: HashMap<u64, u64>,
    /// A text was read that is a number of many digits, which `$number` may meet.
    long_texts: bool,
}

impl Digits {
    /// Forgets everything, for the next evaluation.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.taken.clear();
        self.texts.clear();
        self.by_value.clear();
        self.next.clear();
        self.long_texts = false;
    }

    /// Notes a text that `$number` could not turn into a double exactly.
    pub(crate) fn saw_long_text(&mut self) {
        self.long_texts = true;
    }

    /// True if such a text was read.
    pub(crate) fn long_texts(&self) -> bool {
        self.long_texts
    }

    /// The double for a number that only shows up during the evaluation: that of the same value if there is one.
    pub(crate) fn lend_late(&mut self, text: &str) -> f64 {
        let value = Decimal::of(text);
        let magnitude = text.trim_start_matches('-');
        let bits = self.by_value.get(&value).copied().unwrap_or_else(|| {
            let bits = self.free_double(magnitude.parse().unwrap_or(f64::MAX), 0);
            self.enter(bits, magnitude, value);
            bits
        });
        if text.starts_with('-') { -f64::from_bits(bits) } else { f64::from_bits(bits) }
    }

    fn enter(&mut self, bits: u64, magnitude: &str, value: Decimal) {
        self.taken.insert(bits);
        self.texts.insert(bits, Box::from(magnitude));
        self.by_value.insert(value, bits);
    }

    /// True while no number needed this.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.texts.is_empty()
    }

    /// Notes an exact number of many digits, so that its double is lent to nobody.
    pub(crate) fn keep(&mut self, double: f64) {
        self.taken.insert(double.abs().to_bits());
    }

    /// Puts an inexact number in the queue and gives the mark that stands for it until [`Digits::lend`].
    pub(crate) fn queue(&mut self, text: &str) -> f64 {
        let index = self.waiting.len() as u64;
        self.waiting.push(Box::from(text));
        f64::from_bits(WAITING | (index & 0xFFFF_FFFF))
    }

    /// Lends doubles to all in the queue, in order of their values so that the doubles sort as the numbers do, and
    /// gives them by mark.
    pub(crate) fn lend(&mut self) -> Lent {
        let mut by_value: BTreeMap<Decimal, Vec<usize>> = BTreeMap::new();
        for (index, text) in self.waiting.iter().enumerate() {
            by_value.entry(Decimal::of(text)).or_default().push(index);
        }
        let mut doubles = vec![0.0; self.waiting.len()];
        let mut last = 0_u64;
        for (value, indexes) in by_value {
            let Some(text) = indexes.first().and_then(|i| self.waiting.get(*i)).cloned() else { continue };
            let magnitude = text.trim_start_matches('-');
            let bits = self.free_double(magnitude.parse().unwrap_or(f64::MAX), last);
            last = bits;
            self.enter(bits, magnitude, value);
            for index in indexes {
                let negative = self.waiting.get(index).is_some_and(|t| t.starts_with('-'));
                if let Some(slot) = doubles.get_mut(index) {
                    *slot = if negative { -f64::from_bits(bits) } else { f64::from_bits(bits) };
                }
            }
        }
        self.waiting.clear();
        Lent { doubles }
    }

    /// A double near `wanted` and above `floor` that nobody has, and that no short decimal means: those are what
    /// arithmetic gives.
    fn free_double(&mut self, wanted: f64, floor: u64) -> u64 {
        // Beyond the doubles there is room left for those that are larger still.
        let start = if wanted.is_finite() { wanted.to_bits() } else { f64::MAX.to_bits() - ROOM_AT_THE_TOP };
        let free = |bits: &u64| {
            let double = f64::from_bits(*bits);
            double.is_finite() && !self.taken.contains(bits) && is_long(double)
        };
        // Where one was found before, the search goes on from there; otherwise many neighbours would walk the same
        // way again and again.
        let from = self.next.get(&start).copied().unwrap_or(start).max(floor + 1);
        let up = (from..from.saturating_add(SEARCH_MAX)).find(free);
        // Only at the very top is there no way up; there the order gives way before the digits do.
        let found =
            up.or_else(|| (start.saturating_sub(SEARCH_MAX)..start).rev().find(free)).unwrap_or(start);
        self.next.insert(start, found + 1);
        found
    }

    /// The digits that a double stands for, without their sign.
    pub(crate) fn text(&self, double: f64) -> Option<&str> {
        if self.texts.is_empty() {
            return None;
        }
        self.texts.get(&double.abs().to_bits()).map(|text| &**text)
    }
}

/// The doubles lent to marks.
#[derive(Debug)]
pub(crate) struct Lent {
    doubles: Vec<f64>,
}

impl Lent {
    /// The double for a mark; any other number is itself.
    pub(crate) fn resolve(&self, number: f64) -> f64 {
        let bits = number.to_bits();
        if bits & 0xFFFF_FFFF_0000_0000 != WAITING {
            return number;
        }
        self.doubles.get((bits & 0xFFFF_FFFF) as usize).copied().unwrap_or(number)
    }
}

fn is_long(double: f64) -> bool {
    let shown = format!("{double:e}");
    let digits = shown.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    digits > DIGITS_ALWAYS_EXACT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exact(text: &str) -> bool {
        matches!(read(text), Number::Exact { .. })
    }

    #[test]
    fn short_and_lucky_numbers_are_exact() {
        for text in [
            "0",
            "-0",
            "1.50",
            "1e3",
            "0.1",
            "123456789012345",
            "9007199254740992",
            "9007199254740994",
            "0e999",
            "0.30000000000000004",
            "1e-300",
            "100000000000000000000",
        ] {
            assert!(is_exact(text), "{text}");
        }
    }

    #[test]
    fn numbers_that_would_change_are_not() {
        for text in [
            "9007199254740993",
            "-9007199254740993",
            "820982911946154508",
            "9223372036854775807",
            "0.1000000000000000055511151231257827",
            "1e400",
            "-1e400",
            "1e-400",
            "12345678901234567890.12",
            "1e99999999999999999999",
        ] {
            assert!(!is_exact(text), "{text}");
        }
    }

    fn lend(texts: &[&str], exact: &[f64]) -> (Vec<f64>, Digits) {
        let mut digits = Digits::default();
        for double in exact {
            digits.keep(*double);
        }
        let marks: Vec<f64> = texts.iter().map(|t| digits.queue(t)).collect();
        let lent = digits.lend();
        (marks.into_iter().map(|m| lent.resolve(m)).collect(), digits)
    }

    #[test]
    fn neighbours_get_doubles_of_their_own_in_their_order() {
        let texts = ["9007199254740997", "9007199254740993", "9007199254740995", "9007199254740993"];
        let (doubles, digits) = lend(&texts, &[9_007_199_254_740_992.0, 9_007_199_254_740_994.0]);
        assert_eq!(doubles[1].to_bits(), doubles[3].to_bits());
        assert!(doubles[1] < doubles[2] && doubles[2] < doubles[0], "{doubles:?}");
        for (text, double) in texts.iter().zip(doubles) {
            assert_eq!(digits.text(double), Some(*text));
            assert_eq!(digits.text(-double), Some(*text));
        }
        assert_eq!(digits.text(9_007_199_254_740_992.0), None);
    }

    #[test]
    fn a_short_decimal_keeps_its_double() {
        let (doubles, digits) = lend(&["0.1000000000000000055511151231257827"], &[]);
        assert_ne!(doubles[0].to_bits(), 0.1_f64.to_bits());
        assert_eq!(digits.text(0.1), None);
    }

    #[test]
    fn numbers_beyond_the_doubles_are_lent_some_too() {
        let (doubles, digits) = lend(&["1e400", "-1e401", "1e-400"], &[]);
        assert!(doubles.iter().all(|d| d.is_finite()));
        assert_eq!(digits.text(doubles[1]), Some("1e401"));
        assert!(doubles[0] < -doubles[1] && doubles[2] < doubles[0]);
    }

    #[test]
    fn ten_thousand_adjacent_ids_stay_distinct() {
        let texts: Vec<String> = (0..10_000_u64).map(|i| (820_982_911_946_154_500 + i).to_string()).collect();
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (doubles, digits) = lend(&refs, &[]);
        for (text, double) in texts.iter().zip(doubles) {
            // Those that a double holds are not queued by a reader; here they are, and keep their digits all the same.
            assert_eq!(digits.text(double), Some(text.as_str()));
        }
    }
}
