//! What a rule asks of headers and query parameters.

use std::fmt;
use std::slice;

/// What a rule asks of one header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its name: of a header in any case, of a query parameter as it is.
    pub name: Box<str>,
    /// What its value must be. If it is there more than once, one of the values will do.
    pub wanted: Wanted,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// There, whatever it is.
    Present,
    /// This one.
    Exact(Box<str>),
    /// One that starts like this.
    Prefix(Box<str>),
    /// One of these.
    OneOf(Vec<Box<str>>),
}

/// A request's headers, as far as routes ask for them.
pub trait Lookup {
    /// Whether a value of this header is as `holds` says. The name comes in lower case; names of headers know no case.
    fn any(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool;
}

impl Lookup for [(&str, &str); 0] {
    fn any(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        false
    }
}

impl Lookup for Vec<(String, String)> {
    fn any(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.iter().any(|(own, value)| own.eq_ignore_ascii_case(name) && holds(value.as_bytes()))
    }
}

impl Condition {
    /// Whether headers are as it asks.
    pub(super) fn holds_of_headers(&self, headers: &dyn Lookup) -> bool {
        headers.any(&self.name, &mut |value| self.wanted.holds(value.iter().copied()))
    }

    /// Whether a query is as it asks.
    pub(super) fn holds_of_query(&self, query: &[u8]) -> bool {
        parameters(query, &self.name).any(|value| self.wanted.holds(decoded(value)))
    }

    /// How many values it may be compared with.
    pub(super) fn comparisons(&self) -> usize {
        self.wanted.values().map_or(1, <[_]>::len).max(1)
    }

    /// Whether all that satisfies it satisfies the other, too.
    fn implies(&self, other: &Self) -> bool {
        self.name == other.name && self.wanted.implies(&other.wanted)
    }
}

/// Whether all that satisfies `strict` satisfies `loose`, too.
pub(super) fn imply(strict: &[Condition], loose: &[Condition]) -> bool {
    loose.iter().all(|loose| strict.iter().any(|strict| strict.implies(loose)))
}

impl Wanted {
    fn holds(&self, value: impl Iterator<Item = u8> + Clone) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(wanted) => value.eq(wanted.bytes()),
            Self::Prefix(wanted) => value.take(wanted.len()).eq(wanted.bytes()),
            Self::OneOf(wanted) => wanted.iter().any(|wanted| value.clone().eq(wanted.bytes())),
        }
    }

    fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Present) => true,
            (Self::Prefix(own), Self::Prefix(other)) => own.starts_with(&**other),
            (_, Self::Prefix(other)) => {
                self.values().is_some_and(|own| own.iter().all(|own| own.starts_with(&**other)))
            }
            _ => match (self.values(), other.values()) {
                (Some(own), Some(others)) => own.iter().all(|own| others.contains(own)),
                _ => false,
            },
        }
    }

    /// The values that it takes, if they are few.
    fn values(&self) -> Option<&[Box<str>]> {
        match self {
            Self::Exact(value) => Some(slice::from_ref(value)),
            Self::OneOf(values) => Some(values),
            Self::Present | Self::Prefix(_) => None,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => write!(f, "any value"),
            Self::Exact(value) => write!(f, "`{value}`"),
            Self::Prefix(start) => write!(f, "a value that starts with `{start}`"),
            Self::OneOf(values) => {
                for (at, value) in values.iter().enumerate() {
                    let before = if at == 0 { "" } else { " or " };
                    write!(f, "{before}`{value}`")?;
                }
                Ok(())
            }
        }
    }
}

/// The values of a query parameter, as they were sent.
pub(super) fn parameters<'a>(query: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    query.split(|byte| *byte == b'&').filter_map(move |pair| {
        let (own, value) = match memchr::memchr(b'=', pair).and_then(|at| pair.split_at_checked(at)) {
            Some((own, value)) => (own, value.get(1..).unwrap_or_default()),
            None => (pair, [].as_slice()),
        };
        (!pair.is_empty() && decoded(own).eq(name.bytes())).then_some(value)
    })
}

/// What is meant by a name or value of a query (`application/x-www-form-urlencoded`, WHATWG URL, 5.1). Read as the
/// upstream will read it: an escaped value must not slip past a condition.
pub(super) fn decoded(mut raw: &[u8]) -> impl Iterator<Item = u8> + Clone {
    std::iter::from_fn(move || {
        let (first, after) = raw.split_first()?;
        raw = after;
        match first {
            b'+' => Some(b' '),
            b'%' => {
                let escaped =
                    after.split_first_chunk::<2>().and_then(|(digits, after)| Some((hex(*digits)?, after)));
                let Some((byte, after)) = escaped else { return Some(b'%') };
                raw = after;
                Some(byte)
            }
            other => Some(*other),
        }
    })
}

fn hex([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(high)? * 16 + digit(low)?) as u8)
}
