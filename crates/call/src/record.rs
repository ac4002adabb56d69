use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sinew_model::{ConnectionName, Failure, OperationId, Principal, SecretRef, Trace};
use sinew_stdx::Timestamp;

/// The one seam that every outbound call passes, whichever way it ends. Called on the calling task: be quick.
pub trait CallRecorder: Send + Sync {
    /// Takes note of one thing that happened.
    fn record(&self, record: CallRecord);
}

/// A recorder that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingRecorded;

impl CallRecorder for NothingRecorded {
    fn record(&self, _record: CallRecord) {}
}

/// What happened.
#[derive(Clone, Debug)]
pub enum CallRecord {
    /// An attempt at an operation ended.
    Attempted(AttemptRecord),
    /// A token was asked for.
    TokenAsked(TokenRecord),
    /// A connection's circuit breaker opened: calls fail at once until `until`.
    BreakerOpened {
        /// The connection.
        connection: ConnectionName,
        /// When.
        at: Timestamp,
        /// When the first call is let through again.
        until: Timestamp,
        /// The failure that opened it.
        failure: Failure,
    },
    /// The breaker closed: the system answers again.
    BreakerClosed {
        /// The connection.
        connection: ConnectionName,
        /// When.
        at: Timestamp,
    },
    /// A connection's credential is missing or was refused. Said once until it works again.
    CredentialFailed {
        /// The connection.
        connection: ConnectionName,
        /// When.
        at: Timestamp,
        /// What the attempt failed with.
        failure: Failure,
    },
    /// The credential works again.
    CredentialRecovered {
        /// The connection.
        connection: ConnectionName,
        /// When.
        at: Timestamp,
    },
}

/// One attempt: who called what, with which credential, and what came of it.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// When it began.
    pub at: Timestamp,
    /// How long it took in all.
    pub took: Duration,
    /// How much of that was waiting for budget and concurrency.
    pub waited: Duration,
    /// Who called.
    pub principal: Principal,
    /// The trace, under the span that was sent to the system.
    pub trace: Trace,
    /// The connection.
    pub connection: ConnectionName,
    /// The operation.
    pub operation: OperationId,
    /// The credential, by name.
    pub credential: CredentialId,
    /// What the call was for.
    pub purpose: Arc<str>,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The failure; `None` if it succeeded.
    pub failure: Option<Failure>,
    /// How the answer departs from its contract, if it was used nevertheless.
    pub drift: Option<Arc<str>>,
}

/// A request to a token endpoint.
#[derive(Clone, Debug)]
pub struct TokenRecord {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The connection.
    pub connection: ConnectionName,
    /// The client's secret, by name.
    pub credential: CredentialId,
    /// The failure; `None` if a token was issued.
    pub failure: Option<Failure>,
}

/// Which credential was used: the name of its secret, never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialId {
    /// None.
    Anonymous,
    /// The secret of this name (for OAuth, the client's).
    Secret(SecretRef),
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("none"),
            Self::Secret(name) => fmt::Display::fmt(name, f),
        }
    }
}
