use std::borrow::Cow;
use std::collections::BTreeMap;

use sinew_diag::{Diagnostic, Diagnostics, codes::config};

use super::position::Substitution;
use super::{Scalar, limits};

/// The values for `${NAME}`, and those that a document used.
pub(crate) struct Variables<'a> {
    given: Cow<'a, BTreeMap<String, String>>,
    used: BTreeMap<String, String>,
    bytes: usize,
}

const PROLOGUE: &str = "# sinew variables ";

/// A document's text with the variables that it used in a first line, so that it can be read again when they have
/// changed. A document that uses none is left as it is.
pub(crate) fn with_prologue(source: &str, used: &BTreeMap<String, String>) -> String {
    if used.is_empty() {
        return source.to_owned();
    }
    format!("{PROLOGUE}{}\n{source}", sinew_stdx::Json::of(used))
}

impl<'a> Variables<'a> {
    /// Takes the values.
    pub(crate) fn new(given: &'a BTreeMap<String, String>) -> Self {
        Self { given: Cow::Borrowed(given), used: BTreeMap::new(), bytes: 0 }
    }

    /// The values that [`with_prologue`] wrote into a text.
    pub(crate) fn from_prologue(source: &str) -> Variables<'static> {
        let given = source
            .strip_prefix(PROLOGUE)
            .and_then(|rest| rest.lines().next())
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_default();
        Variables { given: Cow::Owned(given), used: BTreeMap::new(), bytes: 0 }
    }

    /// The values used since the last time this was asked.
    pub(crate) fn take_used(&mut self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.used)
    }

    /// Puts the values into a scalar. References to secrets are left alone.
    pub(crate) fn substitute(&mut self, scalar: &mut Scalar, out: &mut Diagnostics) {
        if !scalar.text.contains("${") || scalar.text.starts_with("secret:") {
            return;
        }
        let original = std::mem::take(&mut scalar.text);
        let mut rest = original.as_str();
        let (mut text, mut chars, mut passed) = (String::new(), 0, 0);
        let mut substitutions = Vec::new();
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            let escaped = before.ends_with('$');
            let Some((name, default, written)) = reference_of(reference) else {
                push(&mut text, &mut chars, &mut passed, &rest[..at + 2]);
                rest = &rest[at + 2..];
                continue;
            };
            if escaped {
                // `$${NAME}` says `${NAME}`.
                push(&mut text, &mut chars, &mut passed, &before[..before.len() - 1]);
                substitutions.push(Substitution { start: chars, length: written, written: written + 1 });
                text.push_str(&reference[..written]);
                chars += written;
                passed += written + 1;
                rest = &reference[written..];
                continue;
            }
            push(&mut text, &mut chars, &mut passed, before);
            let value = self.given.get(name).map(String::as_str).filter(|v| !v.is_empty()).or(default);
            let length = reference[..written].chars().count();
            match value {
                Some(value) if self.bytes + value.len() <= limits::SUBSTITUTED_BYTES_MAX => {
                    self.bytes += value.len();
                    self.used.insert(name.to_owned(), value.to_owned());
                    let start = chars;
                    text.push_str(value);
                    chars += value.chars().count();
                    substitutions.push(Substitution { start, length: chars - start, written: length });
                }
                Some(_) => out.push(
                    Diagnostic::error(config::TOO_LARGE, "variables make this file larger than may be")
                        .at(scalar.place_at(passed, length)),
                ),
                None => {
                    scalar.text.clone_from(&original);
                    out.push(unset(name).at(scalar.place_at(passed, length)));
                    scalar.text.clear();
                    scalar.unset = true;
                }
            }
            passed += length;
            rest = &reference[written..];
        }
        text.push_str(rest);
        scalar.text = if scalar.unset { original } else { text };
        scalar.substitutions = substitutions;
    }
}

fn push(text: &mut String, chars: &mut usize, passed: &mut usize, part: &str) {
    let count = part.chars().count();
    text.push_str(part);
    *chars += count;
    *passed += count;
}

fn unset(name: &str) -> Diagnostic {
    Diagnostic::error(config::UNSET_VARIABLE, format!("the variable `{name}` is not set"))
        .help(format!(
            "set it in the environment or as a line `{name}=value` of an `--env-file`, or give a default: `${{{name}:-value}}`"
        ))
}

/// Reads `${NAME}` or `${NAME:-default}` at the start of a text: name, default, and how many bytes it takes.
/// Anything else (`${"a": b}` is an expression) is no reference.
fn reference_of(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let body = text.strip_prefix("${")?;
    let end = body.find('}')?;
    let (name, default) = match body[..end].split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (&body[..end], None),
    };
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word.then_some((name, default, "${".len() + end + 1))
}
