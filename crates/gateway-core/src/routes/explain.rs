//! Why a request finds what it finds, for people.

use std::cmp::Reverse;
use std::fmt;

use super::captures::Captures;
use super::condition::Wanted;
use super::difference::{self, PathDifference, Unlike, shown};
use super::host::Host;
use super::method::{MethodSet, Ways};
use super::rank::{Precedence, Rank};
use super::table::{Found, Query, Rule, Table};

/// The most rules that an explanation tells of.
const CONSIDERED_MAX: usize = 10;

/// Why a request finds what it finds. Prints as a table for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The request, as `GET api.example.com/accounts/7`.
    pub request: String,
    /// What it finds.
    pub found: Found,
    /// The rules nearest to it: those that match by host and path, in the order in which they are tried; then those of
    /// other hosts; then those of other paths, the longer alike the nearer.
    pub considered: Vec<Considered>,
    /// How many rules are further off, and not told of.
    pub left_off: usize,
}

/// A rule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Considered {
    /// Its number.
    pub rule: u32,
    /// What people call it.
    pub label: String,
    /// What it takes, as `GET api.example.com/accounts/{id}`.
    pub pattern: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// Why a rule takes a request, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Taken {
        /// Its parameters with their values, as they were sent.
        parameters: Vec<(String, String)>,
    },
    /// It would take it, if not for a better one.
    Outranked {
        /// The label of the better one.
        by: String,
        /// By what that one is better.
        precedence: Precedence,
    },
    /// It takes other methods.
    Method {
        /// These.
        wanted: MethodSet,
    },
    /// It asks for another header.
    Header {
        /// Its name.
        name: String,
        /// The value that was sent first, if it was sent.
        is: Option<String>,
        /// What would do.
        wanted: Wanted,
    },
    /// It asks for another query parameter.
    Query {
        /// Its name.
        name: String,
        /// The value that was sent first, if it was sent.
        is: Option<String>,
        /// What would do.
        wanted: Wanted,
    },
    /// It is for other hosts.
    Host {
        /// These.
        wanted: Vec<Host>,
        /// Where the path differs, too, if it does.
        path: Option<PathDifference>,
    },
    /// It is for other paths.
    Path(PathDifference),
}

/// How near a rule is to a request, the nearest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    Matches(Rank),
    OtherHost,
    OtherPath { segment: Reverse<usize>, alike: Reverse<usize> },
    OtherHostAndPath { segment: Reverse<usize>, alike: Reverse<usize> },
}

impl Table {
    /// Says of the rules nearest to a request what became of them, and why. Looks at all rules: not for the hot path.
    pub fn explain(&self, query: &Query<'_>) -> Explanation {
        let mut captures = Captures::new();
        let found = self.find(query, &mut captures);
        let mut explanation = Explanation {
            request: request(query),
            found,
            considered: Vec::new(),
            left_off: self.rules().len(),
        };
        let Some((b'/', path)) = query.path.split_first() else { return explanation };
        let path: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let taken = match found {
            Found::Route(number) => self.rule(number).map(|rule| Taken { number, rule, captures: &captures }),
            _ => None,
        };
        for (near, number) in self.nearest(query, &path, taken.as_ref()) {
            let Some(rule) = self.rule(number) else { continue };
            let Some(verdict) = verdict(rule, near, query, &path, taken.as_ref()) else { continue };
            let (label, pattern) = (rule.label.clone(), pattern(rule));
            explanation.considered.push(Considered { rule: number, label, pattern, verdict });
        }
        explanation.left_off -= explanation.considered.len();
        explanation
    }

    /// The rules to tell of; that which takes the request among them, however many are tried before.
    fn nearest(&self, query: &Query<'_>, path: &[&[u8]], taken: Option<&Taken<'_>>) -> Vec<(Near, u32)> {
        let rules = self.rules().iter().zip(0..);
        let mut nearest: Vec<_> =
            rules.map(|(rule, number)| (near(rule, number, query, path), number)).collect();
        nearest.sort_unstable();
        let taken = taken.and_then(|taken| nearest.iter().position(|(_, number)| *number == taken.number));
        if let Some(at) = taken.filter(|at| *at >= CONSIDERED_MAX) {
            nearest.swap(at, CONSIDERED_MAX - 1);
        }
        nearest.truncate(CONSIDERED_MAX);
        nearest
    }
}

/// The rule that takes the request.
struct Taken<'a> {
    number: u32,
    rule: &'a Rule,
    captures: &'a Captures,
}

fn verdict(
    rule: &Rule,
    near: Near,
    query: &Query<'_>,
    path: &[&[u8]],
    taken: Option<&Taken<'_>>,
) -> Option<Verdict> {
    match near {
        Near::Matches(rank) => {
            if let Some(unmet) = unmet(rule, query) {
                return Some(unmet);
            }
            let taken = taken?;
            let best = Rank::of(taken.rule, taken.number, query)?;
            if best == rank {
                return Some(Verdict::Taken { parameters: parameters(rule, query.path, taken.captures) });
            }
            Some(Verdict::Outranked { by: taken.rule.label.clone(), precedence: best.before(&rank) })
        }
        Near::OtherHost | Near::OtherHostAndPath { .. } => {
            let path = difference::of_path(&rule.template, path).map(|(path, _)| path);
            Some(Verdict::Host { wanted: rule.hosts.clone(), path })
        }
        Near::OtherPath { .. } => {
            difference::of_path(&rule.template, path).map(|(path, _)| Verdict::Path(path))
        }
    }
}

fn near(rule: &Rule, number: u32, query: &Query<'_>, path: &[&[u8]]) -> Near {
    let rank = Rank::of(rule, number, query);
    match (difference::of_path(&rule.template, path), rank) {
        (None, Some(rank)) => Near::Matches(rank),
        (None, None) => Near::OtherHost,
        (Some((PathDifference { segment, .. }, alike)), rank) => {
            let (segment, alike) = (Reverse(segment), Reverse(alike));
            match rank {
                Some(_) => Near::OtherPath { segment, alike },
                None => Near::OtherHostAndPath { segment, alike },
            }
        }
    }
}

/// What a rule asks that a request of its host and path does not meet.
fn unmet(rule: &Rule, query: &Query<'_>) -> Option<Verdict> {
    if Ways::of(query.method).taken_by(rule.methods).is_none() {
        return Some(Verdict::Method { wanted: rule.methods });
    }
    let header = difference::of_headers(rule, query);
    let header = header.map(|Unlike { name, is, wanted }| Verdict::Header { name, is, wanted });
    let parameter = || difference::of_query(rule, query);
    header.or_else(|| parameter().map(|Unlike { name, is, wanted }| Verdict::Query { name, is, wanted }))
}

fn parameters(rule: &Rule, path: &[u8], captures: &Captures) -> Vec<(String, String)> {
    let values = (0..captures.len()).filter_map(|at| path.get(captures.get(at)?));
    rule.template.parameters().map(str::to_owned).zip(values.map(shown)).collect()
}

fn request(query: &Query<'_>) -> String {
    let (method, host, path) = (shown(query.method), shown(query.host), shown(query.path));
    let mark = if query.query.is_empty() { "" } else { "?" };
    format!("{method} {host}{path}{mark}{}", shown(query.query))
}

fn pattern(rule: &Rule) -> String {
    let methods = if rule.methods.is_empty() { "any".to_owned() } else { rule.methods.to_string() };
    let host = match rule.hosts.as_slice() {
        [] | [Host::Any] => String::new(),
        [host] => host.to_string(),
        [host, more @ ..] => format!("{host} (+{})", more.len()),
    };
    format!("{methods} {host}{}", rule.template)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match self.found {
            Found::Route(number) => {
                let taken = self.considered.iter().find(|considered| considered.rule == number);
                writeln!(f, "{} takes it", taken.map_or("a rule", |taken| &taken.label))?;
            }
            Found::MethodNotAllowed(methods) => writeln!(f, "405, as only {methods} would do")?,
            Found::NotFound => writeln!(f, "404, as no rule takes it")?,
        }
        let widest = |text: fn(&Considered) -> &str| {
            self.considered
                .iter()
                .map(|considered| text(considered).chars().count())
                .max()
                .unwrap_or_default()
        };
        let (label, pattern) =
            (widest(|considered| &considered.label), widest(|considered| &considered.pattern));
        for considered in &self.considered {
            let Considered { label: own, pattern: takes, verdict, .. } = considered;
            write!(f, "\n  {own:label$}  {takes:pattern$}  {verdict}")?;
        }
        match self.left_off {
            0 => Ok(()),
            1 => write!(f, "\n  and 1 rule further off"),
            more => write!(f, "\n  and {more} rules further off"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { parameters } => {
                write!(f, "takes it")?;
                parameters.iter().enumerate().try_for_each(|(at, (name, value))| {
                    let before = if at == 0 { ":" } else { "," };
                    write!(f, "{before} {name} is `{value}`")
                })
            }
            Self::Outranked { by, precedence } => write!(f, "would take it, but {by} {precedence}"),
            Self::Method { wanted } => write!(f, "takes only {wanted}"),
            Self::Header { name, is, wanted } => unlike(f, "header", name, is.as_deref(), wanted),
            Self::Query { name, is, wanted } => unlike(f, "query parameter", name, is.as_deref(), wanted),
            Self::Host { wanted, path } => {
                wanted.iter().enumerate().try_for_each(|(at, host)| {
                    let before = if at == 0 { "is for" } else { " or" };
                    write!(f, "{before} {host}")
                })?;
                path.iter().try_for_each(|path| write!(f, "; {path}"))
            }
            Self::Path(path) => write!(f, "{path}"),
        }
    }
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => write!(f, "has a host that is more exact"),
            Self::Path { segment } => write!(f, "is more exact at segment {segment}"),
            Self::Method => write!(f, "names the method"),
            Self::Headers => write!(f, "asks for more headers"),
            Self::Query => write!(f, "asks for more query parameters"),
            Self::Declared => write!(f, "is declared first"),
        }
    }
}

fn unlike(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    name: &str,
    is: Option<&str>,
    wanted: &Wanted,
) -> fmt::Result {
    match is {
        Some(is) => write!(f, "{kind} {name} is `{is}`, wanted {wanted}"),
        None => write!(f, "{kind} {name} is not there, wanted {wanted}"),
    }
}
