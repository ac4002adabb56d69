//! Methods as a set of bits.

use std::fmt;

use thiserror::Error;

/// The methods that a rule may name, in order: those of the IANA registry that a request can have, and those by which
/// caches are purged and events of UPnP ordered.
const NAMES: [&str; 43] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

const DELETE: u64 = 1 << 7;
const GET: u64 = 1 << 8;
const HEAD: u64 = 1 << 9;
const PATCH: u64 = 1 << 23;
const POST: u64 = 1 << 24;
const PUT: u64 = 1 << 28;

/// Any method, also one that has no name here.
const ANY: u64 = 1 << 63;

/// Some methods; prints as a value of `Allow`, in order: `GET, HEAD, POST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodSet(u64);

/// A method that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is no method that a rule can name; {mend}")]
pub struct UnknownMethod {
    name: String,
    mend: String,
}

impl MethodSet {
    /// The methods of these names, in upper case as on the wire.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownMethod> {
        names.into_iter().try_fold(Self::default(), |set, name| match bit(name.as_bytes()) {
            0 => Err(unknown(name)),
            bit => Ok(Self(set.0 | bit)),
        })
    }

    /// Whether it has this method.
    pub fn contains(self, method: &[u8]) -> bool {
        self.0 & bit(method) != 0
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names, in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| *name)
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// With `HEAD` wherever there is `GET`: who answers the one answers the other.
    pub(super) fn with_head(self) -> Self {
        if self.0 & GET == 0 { self } else { Self(self.0 | HEAD) }
    }

    /// What a rule without names takes, as a set: all there are, also those without a name.
    pub(super) fn or_any(self) -> Self {
        if self.0 == 0 { Self(ANY) } else { self }
    }
}

impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.names().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

/// What the methods of a rule can have in common with that of a request, the best first.
#[derive(Clone, Copy)]
pub(super) struct Ways([MethodSet; 3]);

impl Ways {
    /// A method's own name, `GET` for `HEAD`, and any.
    pub(super) fn of(method: &[u8]) -> Self {
        let own = bit(method);
        Self([MethodSet(own), MethodSet(if own == HEAD { GET } else { 0 }), MethodSet(ANY)])
    }

    pub(super) fn iter(self) -> impl Iterator<Item = MethodSet> {
        self.0.into_iter()
    }

    /// Which of them a rule's methods take, if one.
    pub(super) fn taken_by(self, methods: MethodSet) -> Option<usize> {
        self.0.iter().position(|way| way.overlaps(methods.or_any()))
    }
}

fn bit(method: &[u8]) -> u64 {
    match method {
        b"GET" => GET,
        b"POST" => POST,
        b"PUT" => PUT,
        b"PATCH" => PATCH,
        b"DELETE" => DELETE,
        b"HEAD" => HEAD,
        _ => NAMES.binary_search_by(|name| name.as_bytes().cmp(method)).map_or(0, |at| 1 << at),
    }
}

fn unknown(name: &str) -> UnknownMethod {
    let upper = name.to_uppercase();
    let mend = match bit(upper.as_bytes()) {
        0 => "name none to take any".to_owned(),
        _ => format!("write `{upper}`"),
    };
    UnknownMethod { name: name.to_owned(), mend }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], printed: &str) {
        let said = MethodSet::of(names.iter().copied())
            .map_or_else(|error| error.to_string(), |set| set.to_string());
        assert_eq!(said, printed);
    }

    #[test]
    fn sets_print_in_order() {
        check(&["POST", "GET", "DELETE", "GET"], "DELETE, GET, POST");
        check(&[], "");
        check(&NAMES, &NAMES.join(", "));
    }

    #[test]
    fn a_name_that_is_not_known_says_what_to_write() {
        check(&["get"], "`get` is no method that a rule can name; write `GET`");
        check(&["FETCH"], "`FETCH` is no method that a rule can name; name none to take any");
    }

    #[test]
    fn each_name_has_its_place() {
        assert!(NAMES.is_sorted());
        for (at, name) in NAMES.iter().enumerate() {
            assert_eq!(bit(name.as_bytes()), 1 << at, "{name}");
        }
    }
}
