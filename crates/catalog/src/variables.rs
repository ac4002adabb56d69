//! Variables in a text: `${NAME:-example}` in profiles, `${NAME}` in projects, where an example would hide that nobody has
//! set them.

use std::collections::BTreeMap;

/// Each variable of a text with its example, in the order in which they come.
pub(crate) fn named(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split("${").skip(1).filter_map(|rest| {
        let (inside, _) = rest.split_once('}')?;
        Some(match inside.split_once(":-") {
            Some((name, example)) => (name, Some(example)),
            None => (inside, None),
        })
    })
}

/// The examples that a text has for its variables.
pub(crate) fn examples(text: &str) -> BTreeMap<String, String> {
    named(text).filter_map(|(name, example)| Some((name.to_owned(), example?.to_owned()))).collect()
}

/// The text with `${NAME}` where it has `${NAME:-example}`.
pub(crate) fn without_examples(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("${");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str("${");
        match part.split_once('}') {
            Some((inside, rest)) => {
                let name = inside.split_once(":-").map_or(inside, |(name, _)| name);
                out.push_str(name);
                out.push('}');
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// The text without comments that stand on a line of their own.
pub(crate) fn said(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .fold(String::new(), |all, line| all + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_taken_out_of_a_text() {
        let text = "a: https://${HOST:-acme.test}/x/${ID}\n# b: ${KEY:-k}\nc: $5 ${open\n";
        assert_eq!(without_examples(text), "a: https://${HOST}/x/${ID}\n# b: ${KEY}\nc: $5 ${open\n");
        assert_eq!(
            named(text).collect::<Vec<_>>(),
            [("HOST", Some("acme.test")), ("ID", None), ("KEY", Some("k"))]
        );
        assert_eq!(examples(text).len(), 2);
        assert_eq!(named(&said(text)).count(), 2);
    }
}
