//! How a request is not what a rule asks for, in the words of the first thing that differs.

use std::fmt;

use super::condition::{Condition, Wanted, decoded, parameters};
use super::table::{Query, Rule};
use super::template::{Segment, Template};

/// The most characters of a request that are shown at one place.
const SHOWN_CHARS_MAX: usize = 60;

/// Headers whose values are not shown.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// Where a path first leaves a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathDifference {
    /// The segment, counted from 1.
    pub segment: usize,
    /// What it is, if the path has it.
    pub is: Option<String>,
    /// What would do, if the template has it.
    pub wanted: Option<String>,
}

/// Where a path first leaves a template, if it does, and how many segments are alike, there and after.
pub(super) fn of_path(template: &Template, path: &[&[u8]]) -> Option<(PathDifference, usize)> {
    let (mut first, mut alike) = (None, 0);
    for (at, segment) in template.segments().iter().enumerate() {
        if matches!(segment, Segment::Rest { .. }) {
            return first.map(|first| (first, alike));
        }
        let is = path.get(at).copied();
        if is.is_some_and(|is| takes(segment, is)) {
            alike += 1;
        } else if first.is_none() {
            let (is, wanted) = (is.map(shown), Some(segment.to_string()));
            first = Some(PathDifference { segment: at + 1, is, wanted });
        }
    }
    let length = template.segments().len();
    let longer = || {
        path.get(length).map(|is| PathDifference { segment: length + 1, is: Some(shown(is)), wanted: None })
    };
    first.or_else(longer).map(|first| (first, alike))
}

impl fmt::Display for PathDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segment = self.segment;
        match (self.is.as_deref(), self.wanted.as_deref()) {
            (Some(""), None) => write!(f, "the path goes on with `/`, this does not"),
            (None, Some("")) => write!(f, "this goes on with `/`, the path does not"),
            (Some(""), Some(wanted)) => write!(f, "segment {segment} is empty, wanted `{wanted}`"),
            (Some(is), Some("")) => write!(f, "segment {segment} is `{is}`, wanted an empty one"),
            (Some(is), Some(wanted)) => write!(f, "segment {segment} is `{is}`, wanted `{wanted}`"),
            (Some(is), None) => write!(f, "this ends before segment {segment}, which is `{is}`"),
            (None, wanted) => {
                write!(f, "the path ends before segment {segment}, wanted `{}`", wanted.unwrap_or_default())
            }
        }
    }
}

fn takes(segment: &Segment, is: &[u8]) -> bool {
    match segment {
        Segment::Text(text) => is == text.as_bytes(),
        Segment::Parameter { before, after, .. } => {
            is.len() > before.len() + after.len()
                && is.starts_with(before.as_bytes())
                && is.ends_with(after.as_bytes())
        }
        Segment::Rest { .. } => true,
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text}"),
            Self::Parameter { before, name, after } => write!(f, "{before}{{{name}}}{after}"),
            Self::Rest { name } => write!(f, "{{{name}*}}"),
        }
    }
}

/// A value that is not as a rule asks: its name, what it is, and what was wanted.
pub(super) struct Unlike {
    pub(super) name: String,
    pub(super) is: Option<String>,
    pub(super) wanted: Wanted,
}

/// The first header that is not as a rule asks.
pub(super) fn of_headers(rule: &Rule, query: &Query<'_>) -> Option<Unlike> {
    let failed = rule.headers.iter().find(|condition| !condition.holds_of_headers(query.headers))?;
    let mut is = None;
    query.headers.any(&failed.name, &mut |value| {
        let secret = SECRET_HEADERS.contains(&&*failed.name);
        is = Some(if secret { "(not shown)".to_owned() } else { shown(value) });
        true
    });
    Some(unlike(failed, is))
}

/// The first query parameter that is not as a rule asks.
pub(super) fn of_query(rule: &Rule, query: &Query<'_>) -> Option<Unlike> {
    let failed = rule.query.iter().find(|condition| !condition.holds_of_query(query.query))?;
    let is =
        parameters(query.query, &failed.name).next().map(|value| shown(&decoded(value).collect::<Vec<_>>()));
    Some(unlike(failed, is))
}

fn unlike(condition: &Condition, is: Option<String>) -> Unlike {
    Unlike { name: (*condition.name).to_owned(), is, wanted: condition.wanted.clone() }
}

/// What a stranger sent, as it may be shown in a terminal.
pub(super) fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN_CHARS_MAX {
            shown.push_str("...");
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}
