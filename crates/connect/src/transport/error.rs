use std::fmt;

use crate::DialError;

/// Why a system did not do what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What kind of failure it is.
    pub kind: TransportErrorKind,
    /// Whether what was asked may have taken effect nevertheless.
    pub may_have_taken_effect: bool,
    /// The system's own code, such as an SQLSTATE.
    pub code: Option<String>,
    /// The system's own words, or what was found.
    pub words: String,
}

/// Kinds of failure, as far as they decide what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// There is no client for it.
    NotOpened,
    /// No connection was made.
    Dial(Box<DialError>),
    /// The system does not offer TLS, and the connection wants it.
    NoTls,
    /// The system is not known by the key that it shows.
    HostKey,
    /// The system does not know whoever logs in.
    Login,
    /// Whoever logged in may not do this.
    Forbidden,
    /// A value does not fit where it goes; nothing was sent.
    Unfit,
    /// What an earlier piece said to read on from is nothing that this reads on from.
    Token,
    /// As much as may be under way here is under way; nothing was asked.
    NoTurn,
    /// There is no such thing.
    NotThere,
    /// It is at odds with what is there.
    Conflict,
    /// It was refused.
    Refused,
    /// Not now: locked, out of room, starting, another was first.
    Busy,
    /// Too often.
    RateLimited,
    /// Something broke on the system's side.
    Broken,
    /// The connection ended.
    Lost,
    /// Time ran out.
    Deadline,
    /// The answer cannot be used.
    Unusable,
    /// What was read is not what it was said to be.
    Departs,
    /// The answer is larger than allowed.
    TooLarge,
}

/// The most characters of a system's own code.
const CODE_MAX: usize = 64;

impl TransportError {
    /// A failure of this kind, which left no effect.
    pub fn new(kind: TransportErrorKind, words: impl Into<String>) -> Self {
        Self { kind, may_have_taken_effect: false, code: None, words: words.into() }
    }

    /// It was asked for what only another transport does.
    pub(super) fn foreign() -> Self {
        Self::new(TransportErrorKind::Unfit, "this is nothing that the system understands")
    }

    /// The same, under the system's own code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        let code: String = code.into();
        self.code = Some(code.chars().filter(|c| !c.is_control()).take(CODE_MAX).collect());
        self
    }

    /// The same, but it may have taken effect.
    pub fn in_doubt(mut self) -> Self {
        self.may_have_taken_effect = true;
        self
    }

    /// Time ran out; `sent` tells whether that was after it was asked.
    pub fn deadline(sent: bool) -> Self {
        let words = if sent { "no answer in time" } else { "time ran out before it was asked" };
        Self { may_have_taken_effect: sent, ..Self::new(TransportErrorKind::Deadline, words) }
    }
}

impl From<DialError> for TransportError {
    fn from(error: DialError) -> Self {
        let words = error.to_string();
        Self::new(TransportErrorKind::Dial(Box::new(error)), words)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl std::error::Error for TransportError {}
