//! Simple types: their texts in XML as values, and values as their texts.

use crate::xml::{Element, Prefixes};
use crate::xsd::{Kind, Simple, TypeId, TypeKind, Types, Variety, parse_name};

use super::tree::Tree;

/// Types inside one another at most.
const DEPTH_MAX: usize = 32;
/// Digits that a number is written out to at most.
const DIGITS_MAX: usize = 1000;

/// The value that a text stands for. `at`: where it stands, for the prefixes of names.
pub(super) fn read(types: &Types, of: TypeId, text: &str, at: &Element) -> Tree {
    read_within(types, of, text, at, 0).unwrap_or_else(|| Tree::Text(text.to_owned()))
}

/// The value, if the text is one of the type.
fn read_within(types: &Types, of: TypeId, text: &str, at: &Element, depth: usize) -> Option<Tree> {
    if depth > DEPTH_MAX {
        return None;
    }
    match &types.of(of).kind {
        TypeKind::Builtin(builtin) => of_kind(builtin.kind, text, at),
        TypeKind::Simple(Simple { variety, facets }) => match variety {
            Variety::Restriction(base) => {
                let value = read_within(types, *base, text, at, depth + 1)?;
                let listed = facets.enumeration.is_empty()
                    || facets.enumeration.iter().any(|of| of.trim() == text.trim());
                // Only where there are alternatives (depth > 0) does it matter whether it is a listed one.
                (listed || depth == 0 || matches!(value, Tree::List(_))).then_some(value)
            }
            Variety::List(item) => {
                let items = text.split_whitespace();
                Some(Tree::List(items.map(|word| read(types, *item, word, at)).collect()))
            }
            Variety::Union(members) => {
                members.iter().find_map(|member| read_within(types, *member, text, at, depth + 1))
            }
        },
        _ => Some(Tree::Text(text.to_owned())),
    }
}

fn of_kind(kind: Kind, text: &str, at: &Element) -> Option<Tree> {
    let trimmed = text.trim();
    if trimmed.is_empty() && matches!(kind, Kind::Boolean | Kind::Integer(..) | Kind::Decimal | Kind::Float) {
        return Some(Tree::Null);
    }
    Some(match kind {
        Kind::Text => Tree::Text(text.to_owned()),
        Kind::Token(_) | Kind::Hex => Tree::Text(trimmed.to_owned()),
        Kind::Base64 => Tree::Text(text.split_whitespace().collect()),
        Kind::Boolean => match trimmed {
            "true" | "1" => Tree::Bool(true),
            "false" | "0" => Tree::Bool(false),
            _ => return None,
        },
        Kind::Integer(..) | Kind::Decimal | Kind::Float => Tree::Number(number(trimmed)?),
        Kind::Name => match trimmed.split_once(':') {
            Some(_) => Tree::Text(at.qualified(trimmed).to_string()),
            None => Tree::Text(trimmed.to_owned()),
        },
        Kind::Words => {
            Tree::List(trimmed.split_whitespace().map(|word| Tree::Text(word.to_owned())).collect())
        }
    })
}

/// A number of XML as one of JSON, digit for digit: `+1`, `01`, `.5` and `5.` are written otherwise there.
pub(super) fn number(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
        None => (rest, ""),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.trim_start_matches(['+', '-']);
    let has_power = rest.len() > mantissa.len();
    let ok =
        digits(whole) && digits(fraction) && digits(power) && (!whole.is_empty() || !fraction.is_empty());
    if !ok || has_power && (power.is_empty() || exponent.len() > power.len() + 1) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let mut number = format!("{sign}{}", if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        number.push('.');
        number.push_str(fraction);
    }
    if has_power {
        number.push('e');
        number.push_str(exponent);
    }
    Some(number)
}

/// The text that a value is written as. None: it is none that can be.
pub(super) fn write(types: &Types, of: TypeId, value: &Tree, prefixes: &mut Prefixes) -> Option<String> {
    let kind = types.builtin(of).map(|builtin| builtin.kind);
    match value {
        Tree::Null => Some(String::new()),
        Tree::Bool(flag) => Some(flag.to_string()),
        Tree::Number(digits) => match kind {
            Some(Kind::Decimal | Kind::Integer(..)) => plain(digits, matches!(kind, Some(Kind::Integer(..)))),
            _ => Some(digits.clone()),
        },
        Tree::Text(text) => match kind {
            Some(Kind::Name) if text.starts_with('{') => {
                let name = parse_name(text);
                Some(prefixes.name(&name.namespace, &name.local))
            }
            _ => Some(text.clone()),
        },
        Tree::List(items) => {
            let item = types.list_item(of).unwrap_or(of);
            let is_list = types.list_item(of).is_some() || kind == Some(Kind::Words) || is_union(types, of);
            let words = items.iter().map(|value| match value {
                Tree::List(_) | Tree::Map(_) => None,
                value => write(types, item, value, prefixes),
            });
            let words: Vec<String> = words.collect::<Option<_>>()?;
            is_list.then(|| words.join(" "))
        }
        Tree::Map(_) => None,
    }
}

fn is_union(types: &Types, of: TypeId) -> bool {
    matches!(&types.of(of).kind, TypeKind::Simple(Simple { variety: Variety::Union(_), .. }))
}

/// A number without an exponent, which `xs:decimal` does not have. None if that would be longer than is sensible.
fn plain(digits: &str, whole: bool) -> Option<String> {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (digits.get(..at)?, digits.get(at + 1..)?.trim_start_matches('+').parse::<i64>().ok()?),
        None => (digits, 0),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if exponent == 0 {
        // `1.0` is an integer for JSON, and none for XML.
        let drop = whole && after.bytes().all(|byte| byte == b'0');
        return Some(format!("{sign}{}", if drop { before } else { mantissa }));
    }
    let point = before.len() as i64 + exponent;
    if point.unsigned_abs() as usize > DIGITS_MAX {
        return None;
    }
    let all = format!("{before}{after}");
    let (before, after) = if point <= 0 {
        ("0".to_owned(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)))
    } else if point as usize >= all.len() {
        (format!("{all}{}", "0".repeat(point as usize - all.len())), String::new())
    } else {
        let (before, after) = all.split_at(point as usize);
        (before.to_owned(), after.to_owned())
    };
    let before = before.trim_start_matches('0');
    let after = after.trim_end_matches('0');
    let before = if before.is_empty() { "0" } else { before };
    Some(if after.is_empty() { format!("{sign}{before}") } else { format!("{sign}{before}.{after}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let check = |text: &str, wanted: Option<&str>| assert_eq!(number(text).as_deref(), wanted, "{text}");
        check("12345678901234567890.123456789", Some("12345678901234567890.123456789"));
        check("+007", Some("7"));
        check("-.50", Some("-0.50"));
        check("5.", Some("5"));
        check("1.5E-3", Some("1.5e-3"));
        for none in ["", ".", "-", "1e", "1e+-2", "INF", "0x1", "1 2"] {
            check(none, None);
        }
    }

    #[test]
    fn decimals_are_written_without_exponents() {
        let check = |digits: &str, wanted: &str| {
            assert_eq!(plain(digits, false).as_deref(), Some(wanted), "{digits}");
        };
        check("1e3", "1000");
        check("1.25e1", "12.5");
        check("-2.5E-3", "-0.0025");
        check("0.10", "0.10");
        assert_eq!(plain("3.0", true).as_deref(), Some("3"));
        assert_eq!(plain("1e999999", false), None);
    }
}
