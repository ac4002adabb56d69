use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_stdx::{ByteSize, Rate};

use crate::{Auth, ConnectionName, Connector, TlsOptions};

/// Who answers for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The team.
    pub team: Arc<str>,
    /// How to reach it: an e-mail address, a URL, a channel.
    pub contact: Arc<str>,
    /// Where it says what to do when this breaks: a file of the project or a URL.
    pub runbook: Arc<str>,
}

/// The name under which a secret is kept, written `secret:crm/client`; never the secret itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef(Arc<str>);

impl SecretRef {
    /// Reads `secret:path/name`; parts of letters, digits, `-`, `_` and `.`, none of them `.` or `..`.
    pub fn new(text: &str) -> Option<Self> {
        let path = text.strip_prefix("secret:")?;
        let part_ok = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        path.split('/').all(part_ok).then(|| Self(Arc::from(path)))
    }

    /// The path after `secret:`, such as `crm/client`.
    pub fn path(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret:{}", self.0)
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret:{}", self.0)
    }
}

/// A connector bound to an account.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its name, which steps call it by.
    pub name: ConnectionName,
    /// What kind of system it is.
    pub connector: Arc<Connector>,
    /// Who answers for it.
    pub owner: Owner,
    /// Where the system is, by a scheme of its transport, without a trailing slash.
    pub base_url: Arc<str>,
    /// How to log in.
    pub auth: Auth,
    /// How it proves itself by TLS, and whom it trusts.
    pub tls: TlsOptions,
    /// The fingerprints of the keys by which the system is known over SSH.
    pub host_keys: Vec<Arc<str>>,
    /// What may be done with it.
    pub access: Access,
    /// How many calls the account may make, shared by everything that uses this connection.
    pub budget: Option<Rate>,
    /// How many calls may be under way at once.
    pub concurrency_max: NonZeroU32,
    /// How long calls may take.
    pub deadlines: Deadlines,
    /// When to stop calling a system that is down.
    pub breaker: Breaker,
    /// Which addresses may be reached.
    pub egress: Egress,
    /// The largest response that is read.
    pub response_max: ByteSize,
    /// Headers sent with every call.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// What this system signs its webhooks with: one, or several while one replaces another.
    pub webhook_secret: Vec<SecretRef>,
    /// What this system knows when it asks whether a receiver is there.
    pub webhook_token: Option<SecretRef>,
}

/// What may be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only operations whose effect is `read`.
    Read,
    /// All operations.
    Write,
}

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// To connect, TLS included.
    pub connect: Duration,
    /// Between two pieces of the answer.
    pub read: Duration,
    /// One attempt, from first byte sent to last byte read.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(15),
            total: Duration::from_secs(30),
        }
    }
}

/// When to stop calling a system that is down: after so many failures in a row, for so long; then one probe is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row that open it.
    pub failures: NonZeroU32,
    /// How long it stays open before the first probe.
    pub open_for: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: NonZeroU32::MIN.saturating_add(9), open_for: Duration::from_secs(10) }
    }
}

/// Which addresses a connection may reach beyond public ones. Metadata services are never reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Kinds of address that are allowed although not public.
    pub allow: BTreeSet<AddressKind>,
}

/// Kinds of address that are refused unless allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressKind {
    /// 127.0.0.0/8, ::1
    Loopback,
    /// RFC 1918, RFC 6598 and RFC 4193 ranges.
    Private,
    /// 169.254.0.0/16, fe80::/10 (but never the metadata address).
    LinkLocal,
}
