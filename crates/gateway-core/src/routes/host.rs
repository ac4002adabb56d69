//! Hosts of rules, and which of them a request's host finds.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use thiserror::Error;

use super::hash::digest;

/// The most bytes of a host's name (RFC 1035, 2.3.4). A longer one is no name, and only rules for any host take it.
const HOST_BYTES_MAX: usize = 255;

/// A host that a rule takes requests for. Without a port, and in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// `api.example.com`.
    Exact(Box<str>),
    /// `*.example.com`, of which this is `example.com`: one or more labels before it.
    Wildcard(Box<str>),
    /// `*`: whatever the host, also none.
    Any,
}

/// What is wrong with a host, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    /// There is nothing, or nothing between two dots.
    #[error("a label is empty; write a name such as `api.example.com`")]
    Empty,
    /// More than names can have.
    #[error("it has {bytes} bytes, and a name has at most {HOST_BYTES_MAX}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// A wildcard that is not the whole first label.
    #[error("`*` stands only for what is before the first dot, as in `*.example.com`")]
    Wildcard,
    /// A port.
    #[error("`:{port}` is a port; leave it out, for routes do not differ by port")]
    Port {
        /// Which.
        port: String,
    },
    /// A character that names do not have.
    #[error(
        "`{character}` cannot be in a name; write names of other scripts as they are in DNS, as `xn--...`"
    )]
    Character {
        /// Which.
        character: char,
    },
}

impl Host {
    /// Reads `api.example.com`, `*.example.com`, an address such as `10.0.0.1` or `[::1]`, or `*` for any.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.len() > HOST_BYTES_MAX {
            return Err(HostError::TooLong { bytes: text.len() });
        }
        let (name, kind): (_, fn(Box<str>) -> Self) = match text.strip_prefix("*.") {
            Some(name) => (name, Self::Wildcard),
            None => (text, Self::Exact),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        check(name)?;
        Ok(kind(name.to_ascii_lowercase().into()))
    }

    /// Whether it takes requests whose `Host` is this.
    pub(super) fn takes(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(own) => with_name(host, |name| name == own.as_bytes()),
            Self::Wildcard(own) => {
                with_name(host, |name| suffixes(name).any(|suffix| suffix == own.as_bytes()))
            }
            Self::Any => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Wildcard(name) => write!(f, "*.{name}"),
            Self::Any => write!(f, "*"),
        }
    }
}

fn check(name: &str) -> Result<(), HostError> {
    if name.contains('*') {
        return Err(HostError::Wildcard);
    }
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        let wrong =
            address.chars().find(|character| !character.is_ascii_hexdigit() && !":.".contains(*character));
        return wrong.map_or(Ok(()), |character| Err(HostError::Character { character }));
    }
    if let Some((_, port)) = name.rsplit_once(':')
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(HostError::Port { port: port.to_owned() });
    }
    let known = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if let Some(character) = name.chars().find(|character| !known(*character)) {
        return Err(HostError::Character { character });
    }
    if name.split('.').any(str::is_empty) { Err(HostError::Empty) } else { Ok(()) }
}

/// Which place of a trie each host begins at.
#[derive(Default)]
pub(super) struct Hosts {
    exact: Names,
    wildcard: Names,
    /// The longest name of `wildcard`, in bytes: longer suffixes are not looked for.
    wildcard_longest: usize,
    any: Option<u32>,
}

type Names = HashMap<Box<[u8]>, u32, BuildHasherDefault<Digest>>;

impl Hosts {
    pub(super) fn put(&mut self, host: &Host, root: u32) {
        match host {
            Host::Exact(name) => {
                self.exact.insert(name.as_bytes().into(), root);
            }
            Host::Wildcard(name) => {
                self.wildcard_longest = self.wildcard_longest.max(name.len());
                self.wildcard.insert(name.as_bytes().into(), root);
            }
            Host::Any => self.any = Some(root),
        }
    }

    /// Tries the places that a request's host finds, the best first, until one satisfies.
    pub(super) fn any(&self, host: &[u8], mut satisfies: impl FnMut(u32) -> bool) -> bool {
        let named = !(self.exact.is_empty() && self.wildcard.is_empty());
        named && with_name(host, |name| self.named(name, &mut satisfies)) || self.any.is_some_and(satisfies)
    }

    fn named(&self, name: &[u8], mut satisfies: impl FnMut(u32) -> bool) -> bool {
        if self.exact.get(name).is_some_and(|root| satisfies(*root)) {
            return true;
        }
        let wildcards = || suffixes(name).filter(|suffix| suffix.len() <= self.wildcard_longest);
        !self.wildcard.is_empty()
            && wildcards().any(|name| self.wildcard.get(name).is_some_and(|root| satisfies(*root)))
    }
}

/// What a wildcard's name is compared with: all after each dot that has something before it, the longest first.
fn suffixes(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'.', host).filter(|dot| *dot > 0).filter_map(|dot| host.get(dot + 1..))
}

/// Asks of a request's host as rules write it: without port and final dot, in lower case. What is too long for a name
/// satisfies nobody.
fn with_name(host: &[u8], satisfies: impl FnOnce(&[u8]) -> bool) -> bool {
    let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = host.get(..host.len() - digits).unwrap_or_default();
    let name = before.strip_suffix(b":").unwrap_or(host);
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.len() > HOST_BYTES_MAX {
        return false;
    }
    // Most come in lower case.
    if !name.iter().any(u8::is_ascii_uppercase) {
        return satisfies(name);
    }
    let mut lowered = [0; HOST_BYTES_MAX];
    let Some(lowered) = lowered.get_mut(..name.len()) else { return false };
    lowered.copy_from_slice(name);
    lowered.make_ascii_lowercase();
    satisfies(lowered)
}

/// Hashes names of hosts. Nobody but the author of the rules decides which are in a map, so no key is needed.
#[derive(Default)]
struct Digest(u64);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = digest(self.0, bytes);
    }

    /// The length of what follows, which its digest has already.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
