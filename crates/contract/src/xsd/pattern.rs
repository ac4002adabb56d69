//! Patterns of XML Schema (Part 2, appendix F) as patterns of JSON Schema.

use std::fmt::Write as _;

/// The pattern that all of the alternatives together are. None if any of them cannot be said in the other's language:
/// a contract that says less is better than one that says something else.
pub(super) fn translated(alternatives: &[String]) -> Option<String> {
    let all: Option<Vec<String>> = alternatives.iter().map(|pattern| one(pattern)).collect();
    let pattern = format!("^(?:{})$", all.filter(|all| !all.is_empty())?.join("|"));
    regex_syntax::ParserBuilder::new().nest_limit(100).build().parse(&pattern).ok()?;
    Some(pattern)
}

fn one(pattern: &str) -> Option<String> {
    /// Characters of a pattern at most.
    const LENGTH_MAX: usize = 2000;
    // `^` and `$` are plain characters there; authors who write them around a pattern mean the ends all the same.
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(pattern);
    if pattern.len() > LENGTH_MAX || too_large(pattern) {
        return None;
    }
    let mut out = String::new();
    let mut in_class = false;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                'i' | 'I' | 'c' | 'C' if in_class => return None,
                'i' => out.push_str(r"[\p{L}_:]"),
                'c' => out.push_str(r"[\p{L}\p{N}._:\-]"),
                'I' | 'C' => return None,
                kind @ ('p' | 'P') => {
                    let rest: String = characters.by_ref().take_while(|c| *c != '}').collect();
                    let name = rest.strip_prefix('{').filter(|name| name.len() <= 2)?;
                    let _ = write!(out, "\\{kind}{{{name}}}");
                }
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            // A class without those of another, which the other language does not know.
            '[' if in_class && out.ends_with('-') => return None,
            '[' if in_class => out.push_str(r"\["),
            '[' => {
                in_class = true;
                out.push('[');
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '^' | '$' if !in_class => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// Whether a pattern repeats something so often that checking it would cost much.
fn too_large(pattern: &str) -> bool {
    const REPEATED_MAX: u32 = 1000;
    let bounds = pattern.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let mut numbers =
        bounds.flat_map(|bound| bound.split(',')).filter_map(|number| number.parse::<u64>().ok());
    let product = numbers.try_fold(1_u64, |product, number| product.checked_mul(number.max(1)));
    product.is_none_or(|product| product > u64::from(REPEATED_MAX) * 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_the_same_or_are_left_out() {
        let check = |pattern: &str, wanted: Option<&str>| {
            assert_eq!(translated(&[pattern.to_owned()]).as_deref(), wanted, "{pattern}");
        };
        check("[A-Z]{3}", Some("^(?:[A-Z]{3})$"));
        check("^[A-Z]+$", Some("^(?:[A-Z]+)$"));
        check("a^b$c", Some(r"^(?:a\^b\$c)$"));
        check(r"\i\c*", Some(r"^(?:[\p{L}_:][\p{L}\p{N}._:\-]*)$"));
        check(r"\p{Lu}x", Some(r"^(?:\p{Lu}x)$"));
        check(r"\p{IsBasicLatin}", None);
        check("[a-z-[aeiou]]", None);
        check("C-[0-9]{4}", Some("^(?:C-[0-9]{4})$"));
        check("(((a{1000}){1000}){1000})", None);
        check("(", None);
        assert_eq!(translated(&["a".to_owned(), "b".to_owned()]).as_deref(), Some("^(?:a|b)$"));
    }
}
