//! What is kept of a session. Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;
use sinew_store::custody::Kept;
use zeroize::Zeroizing;

use crate::Secret;
use crate::seal::{Context, Envelope, Purpose};
use crate::vault::VaultError;

/// The layout of a record.
const LAYOUT: u32 = 1;

/// Whether a session can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// It can.
    Connected,
    /// Somebody has to log in again.
    NeedsReconnecting,
}

/// Why somebody has to log in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The vendor does not take the refresh token.
    Refused {
        /// What it said, without secrets.
        said: String,
    },
    /// Whoever renewed it was not heard of again: it may have been renewed, and the new tokens lost.
    HolderLost {
        /// Who that was.
        by: String,
    },
    /// The vendor's answer did not arrive: it may have been renewed, and the new tokens lost.
    AnswerLost {
        /// What happened.
        said: String,
    },
    /// It has ended, and there is no refresh token.
    Ended,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LOST: &str = "the new tokens may be lost";
        match self {
            Self::Refused { said } => write!(f, "the vendor refused to renew it: {said}"),
            Self::HolderLost { by } => {
                write!(f, "{by} was renewing it and was not heard of again, so that {LOST}")
            }
            Self::AnswerLost { said } => {
                write!(f, "the vendor's answer to a renewal did not arrive ({said}), so that {LOST}")
            }
            Self::Ended => f.write_str("it has ended, and the vendor gave no refresh token"),
        }
    }
}

/// Who is renewing a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// When it is given up for lost.
    pub until: Timestamp,
}

/// A session as it is kept: all but the tokens in clear.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// How often new tokens were put in; tells tokens apart without looking at them.
    pub generation: u64,
    /// Whether it can be used.
    pub state: SessionState,
    /// Why not.
    pub why: Option<Why>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// For which account of which vendor it is: a session made for another client is none.
    pub account: String,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What was granted, if the vendor said so.
    pub granted: Option<Vec<String>>,
    /// Whether there is a refresh token.
    pub renewable: bool,
    /// Whether the vendor gives a new refresh token at each renewal, if that has been seen.
    pub rotates: Option<bool>,
    /// Who is renewing it; kept in a verdict that blames a lost lease, so that its holder can answer.
    pub lease: Option<Lease>,
    /// The tokens.
    pub(crate) sealed: Envelope,
}

/// A session without its tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionView {
    /// The connection.
    pub connection: String,
    /// Everything but the tokens.
    pub record: SessionRecord,
}

/// The two tokens.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
}

/// Borrowed on the way out and moved on the way in, so that no copy of a token stays behind.
#[derive(Serialize)]
struct TokensOut<'a> {
    access: &'a str,
    refresh: Option<&'a str>,
}

#[derive(Deserialize)]
struct TokensIn {
    access: String,
    refresh: Option<String>,
}

impl Tokens {
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let out =
            TokensOut { access: self.access.expose(), refresh: self.refresh.as_ref().map(Secret::expose) };
        Zeroizing::new(serde_json::to_vec(&out).unwrap_or_default())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let TokensIn { access, refresh } = serde_json::from_slice(bytes).ok()?;
        Some(Self { access: Secret::new(access), refresh: refresh.map(Secret::new) })
    }
}

/// Where a session's tokens belong.
pub(crate) fn context(connection: &str, generation: u64) -> Context<'_> {
    Context { purpose: Purpose::Session, name: connection, version: generation }
}

pub(crate) fn read(kept: &Kept) -> Result<SessionRecord, VaultError> {
    SessionRecord::from_bytes(&kept.bytes)
        .ok_or_else(|| VaultError::Damaged(format!("the session of `{}`", kept.name)))
}

#[derive(Serialize, Deserialize)]
struct Wire {
    layout: u32,
    generation: u64,
    state: SessionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    since: Timestamp,
    account: String,
    expires_at: Timestamp,
    issued_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<Vec<String>>,
    renewable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotates: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    sealed: String,
}

impl SessionRecord {
    /// As it is kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let own = self.clone();
        let wire = Wire {
            layout: LAYOUT,
            generation: own.generation,
            state: own.state,
            why: own.why,
            since: own.since,
            account: own.account,
            expires_at: own.expires_at,
            issued_at: own.issued_at,
            granted: own.granted,
            renewable: own.renewable,
            rotates: own.rotates,
            lease: own.lease,
            sealed: STANDARD.encode(own.sealed.to_bytes()),
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// As it was kept; `None` if that is no session.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        let sealed = Envelope::from_bytes(&STANDARD.decode(wire.sealed).ok()?)?;
        (wire.layout == LAYOUT).then_some(Self {
            generation: wire.generation,
            state: wire.state,
            why: wire.why,
            since: wire.since,
            account: wire.account,
            expires_at: wire.expires_at,
            issued_at: wire.issued_at,
            granted: wire.granted,
            renewable: wire.renewable,
            rotates: wire.rotates,
            lease: wire.lease,
            sealed,
        })
    }
}
