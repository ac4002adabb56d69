//! The order of precedence, written out: the trie has it in its shape, and explanations compare by it.

use std::cmp::Reverse;

use super::condition::Condition;
use super::host::Host;
use super::method::Ways;
use super::table::{Query, Rule};
use super::template::{Segment, Template};

/// By what a rule goes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// Its host is more exact.
    Host,
    /// Its template is more exact.
    Path {
        /// The first segment at which it is, counted from 1.
        segment: usize,
    },
    /// It names the method.
    Method,
    /// It asks for more headers.
    Headers,
    /// It asks for more query parameters.
    Query,
    /// It is declared first.
    Declared,
}

/// How much text stands around a parameter. The more, the better; of the same amount, the more before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) before: u16,
    pub(super) after: u16,
}

impl Shape {
    /// No text.
    pub(super) const BARE: Self = Self { before: 0, after: 0 };

    pub(super) fn of(before: &str, after: &str) -> Self {
        Self { before: before.len() as u16, after: after.len() as u16 }
    }

    fn order(self) -> impl Ord {
        Reverse((self.before + self.after, self.before))
    }
}

impl Ord for Shape {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Shape {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How exactly a template says what a segment is, the most exact first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exactness {
    Text,
    Around(Shape),
    Rest,
}

/// Where a rule stands among those that match a request's host and path, the best first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    host: (u8, Reverse<usize>),
    path: Vec<Exactness>,
    method: usize,
    headers: Reverse<usize>,
    query: Reverse<usize>,
    declared: u32,
}

impl Rank {
    /// Of a rule whose template matches the request; nothing if none of its hosts does.
    pub(super) fn of(rule: &Rule, declared: u32, query: &Query<'_>) -> Option<Self> {
        let count = |conditions: &[Condition]| Reverse(conditions.len());
        Some(Self {
            host: host(&rule.hosts, query.host)?,
            path: path(&rule.template),
            method: Ways::of(query.method).taken_by(rule.methods).unwrap_or(usize::MAX),
            headers: count(&rule.headers),
            query: count(&rule.query),
            declared,
        })
    }

    /// By what this one goes before the other.
    pub(super) fn before(&self, other: &Self) -> Precedence {
        if self.host != other.host {
            Precedence::Host
        } else if self.path != other.path {
            let same = self.path.iter().zip(&other.path).take_while(|(own, other)| own == other).count();
            Precedence::Path { segment: same + 1 }
        } else if self.method != other.method {
            Precedence::Method
        } else if self.headers != other.headers {
            Precedence::Headers
        } else if self.query != other.query {
            Precedence::Query
        } else {
            Precedence::Declared
        }
    }
}

fn host(hosts: &[Host], asked: &[u8]) -> Option<(u8, Reverse<usize>)> {
    let rank = |host: &Host| match host {
        Host::Exact(_) => (0, Reverse(0)),
        Host::Wildcard(name) => (1, Reverse(name.len())),
        Host::Any => (2, Reverse(0)),
    };
    if hosts.is_empty() {
        return Some(rank(&Host::Any));
    }
    hosts.iter().filter(|host| host.takes(asked)).map(rank).min()
}

fn path(template: &Template) -> Vec<Exactness> {
    let exactness = |segment: &Segment| match segment {
        Segment::Text(_) => Exactness::Text,
        Segment::Parameter { before, after, .. } => Exactness::Around(Shape::of(before, after)),
        Segment::Rest { .. } => Exactness::Rest,
    };
    template.segments().iter().map(exactness).collect()
}
