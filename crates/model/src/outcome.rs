use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinew_stdx::{Json, Timestamp};

/// Why something failed, in the one word by which policies, alerts and people sort failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The system said that it is busy or down, or could not be reached, before the call took effect.
    Unavailable,
    /// The system said that we call too often.
    RateLimited,
    /// Our circuit breaker is open: the system has been failing.
    BreakerOpen,
    /// The credential is missing, expired or refused.
    Credential,
    /// Somebody has to log in (again) for the connection. Work waits for that.
    Disconnected,
    /// The system understood the call and refused it.
    Rejected,
    /// A write was sent and not answered; whether it took effect is not known.
    Unknown,
    /// The answer is not what the contract says.
    Drift,
    /// The call is not allowed by us: access, egress policy, size limits.
    Refused,
    /// An expression failed on this data, or the input does not fit the contract.
    Mapping,
    /// A person said no.
    Disapproved,
    /// A sub-flow failed.
    SubFlow,
    /// Taking back an earlier step failed.
    UndoFailed,
    /// Items of an `each` failed beyond what the step accepts.
    Items,
}

impl Reason {
    /// Whether the same attempt may succeed later by itself.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unavailable | Self::RateLimited | Self::BreakerOpen | Self::Disconnected)
    }

    /// The word, as in JSON: `rate_limited`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::BreakerOpen => "breaker_open",
            Self::Credential => "credential",
            Self::Disconnected => "disconnected",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Drift => "drift",
            Self::Refused => "refused",
            Self::Mapping => "mapping",
            Self::Disapproved => "disapproved",
            Self::SubFlow => "sub_flow",
            Self::UndoFailed => "undo_failed",
            Self::Items => "items",
        }
    }

    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Unavailable,
        Self::RateLimited,
        Self::BreakerOpen,
        Self::Credential,
        Self::Disconnected,
        Self::Rejected,
        Self::Unknown,
        Self::Drift,
        Self::Refused,
        Self::Mapping,
        Self::Disapproved,
        Self::SubFlow,
        Self::UndoFailed,
        Self::Items,
    ];
}

/// A failure as users see it. What operators see besides (causes, addresses) goes to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The word to sort by.
    pub reason: Reason,
    /// The stable code, `SNW-....`.
    pub code: Arc<str>,
    /// What happened, in one sentence. Never holds a secret.
    pub message: Arc<str>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<Arc<str>>,
    /// The HTTP status, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the system asked us to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
    /// What the system said of it, as data: of a SOAP fault `code`, `name`, `reason` and `detail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Json>,
}

impl Failure {
    /// A failure with reason, code and message.
    pub fn new(reason: Reason, code: sinew_diag::Code, message: impl Into<Arc<str>>) -> Self {
        Self {
            reason,
            code: Arc::from(code.as_str()),
            message: message.into(),
            help: None,
            status: None,
            retry_after: None,
            fault: None,
        }
    }

    /// The same, saying what to do about it.
    pub fn help(mut self, help: impl Into<Arc<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with the HTTP status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

/// One attempt at a call, as it will be shown: what was sent and what came back, secrets masked, bodies cut at a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// What was sent; `None` if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<SeenMessage>,
    /// What came back; `None` if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<SeenMessage>,
    /// The failure; `None` if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A request or response as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenMessage {
    /// `POST https://...` or `503 Service Unavailable`.
    pub line: Arc<str>,
    /// Headers, those that carry credentials masked.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The body as text, cut at a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Arc<str>>,
}

/// What came of work that was tried.
pub type Outcome = Result<Json, Failure>;
