use std::collections::BTreeMap;
use std::fmt::Write as _;

use sinew_contract::diff::Severity;

use super::diff::{Altered, Changed};
use crate::output::{Output, Tint, counted};

/// Operations that are named where many have changed alike, and where it is they that came or went.
const NAMED: usize = 3;
const NAMED_WHOLE: usize = 12;

/// A change that operations have in common: how bad it is, of which value, what.
type Alike<'a> = (Severity, String, &'a str);

/// What changed, for people: once what many operations have in common, then each operation by itself.
pub(super) fn told(all: &[Changed], counts: [usize; 3], output: &Output) -> String {
    let mut groups: BTreeMap<Alike<'_>, Vec<&Changed>> = BTreeMap::new();
    for of in all {
        for altered in &of.changes {
            let group = groups.entry(alike(altered)).or_default();
            // An operation may use a definition at several places.
            if group.last().is_none_or(|last| last.operation != of.operation) {
                group.push(of);
            }
        }
    }
    let mut text = in_common(&groups, output);
    for of in all {
        let own: Vec<_> = of
            .changes
            .iter()
            .filter(|altered| groups.get(&alike(altered)).is_none_or(|of| of.len() < 2))
            .collect();
        if own.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{}{}", output.tint(&of.operation, Tint::Strong), callers(of));
        for altered in own {
            line(&mut text, altered.change.severity, &altered.at(), &altered.change.message, output);
            text.push('\n');
        }
    }
    let [breaking, doubtful, harmless] = counts;
    let changes = counted(counts.iter().sum(), "change");
    let _ = write!(text, "{changes}: {breaking} breaking, {doubtful} doubtful, {harmless} harmless");
    let broken = all.iter().filter(|of| {
        !of.called_by.is_empty() && of.changes.iter().any(|one| one.change.severity == Severity::Breaking)
    });
    let broken: Vec<String> = broken.map(|of| format!("{}{}", of.operation, callers(of))).collect();
    if !broken.is_empty() {
        let _ = write!(text, "\nof what flows of the project call, this breaks: {}", broken.join(", "));
    }
    text
}

fn alike(altered: &Altered) -> Alike<'_> {
    let at = match (altered.part, &altered.change.shared) {
        (Some(part), Some(shared)) => format!("{part}: {shared}"),
        _ => altered.at(),
    };
    (altered.change.severity, at, &altered.change.message)
}

/// What several operations have in common, the worst first, and of that what flows call.
fn in_common(groups: &BTreeMap<Alike<'_>, Vec<&Changed>>, output: &Output) -> String {
    let mut common: Vec<_> = groups.iter().filter(|(_, of)| of.len() > 1).collect();
    let called = |of: &[&Changed]| of.iter().filter(|of| !of.called_by.is_empty()).count();
    common.sort_by_key(|((severity, ..), of)| std::cmp::Reverse((*severity, called(of), of.len())));
    let mut text = String::new();
    if !common.is_empty() {
        let _ = writeln!(text, "{}", output.tint("in several operations", Tint::Strong));
    }
    for ((severity, at, message), of) in common {
        line(&mut text, *severity, at, message, output);
        let named = if at.is_empty() { NAMED_WHOLE } else { NAMED };
        let _ = writeln!(text, " ({}: {})", counted(of.len(), "operation"), names(of, named));
    }
    text
}

/// Some of these operations, those that flows call first.
fn names(of: &[&Changed], named: usize) -> String {
    let mut sorted = of.to_vec();
    sorted.sort_by_key(|of| of.called_by.is_empty());
    let shown: Vec<String> =
        sorted.iter().take(named).map(|of| format!("{}{}", of.operation, callers(of))).collect();
    match of.len().checked_sub(named) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// ` (flow lead-intake)`, if flows call it.
fn callers(of: &Changed) -> String {
    if of.called_by.is_empty() { String::new() } else { format!(" ({})", of.called_by.join(", ")) }
}

fn line(text: &mut String, severity: Severity, at: &str, message: &str, output: &Output) {
    let tint = match severity {
        Severity::Breaking => Tint::Bad,
        Severity::Doubtful => Tint::Odd,
        Severity::Harmless => Tint::Faint,
    };
    let gap = if at.is_empty() { "" } else { " " };
    let _ = write!(text, "  {}  {at}{gap}{message}", output.tint(severity.as_str(), tint));
}
