use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_contract::Schema;
use sinew_mapping::{Expression, Mapping};

use crate::{Binding, ConnectorId, LimitHabit, OperationId, Operations, Transport, WebhookHabit};

/// The operations of one kind of system in one version, and its habits.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Name and version.
    pub id: ConnectorId,
    /// What the system is, for people.
    pub description: Arc<str>,
    /// By what means it is reached.
    pub transport: Transport,
    /// What can be called.
    pub operations: Operations,
    /// Where the system is served, as its vendor publishes it; empty if nobody says.
    pub servers: Vec<Arc<str>>,
    /// What becomes of answers that depart from their contract.
    pub drift: DriftPolicy,
    /// How the system words its errors.
    pub errors: ErrorShape,
    /// How the system limits how often it is called.
    pub limits: LimitHabit,
    /// How the system sends webhooks.
    pub webhooks: Option<WebhookHabit>,
}

/// The unit of everything callable.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id within the connector.
    pub id: OperationId,
    /// What it does, for people.
    pub description: Arc<str>,
    /// What it does to the system.
    pub effect: Effect,
    /// What the system does when the same call arrives twice.
    pub idempotency: Idempotency,
    /// How to find out whether a call whose answer was lost took effect.
    pub probe: Option<Probe>,
    /// How a call becomes what its system understands.
    pub binding: Binding,
    /// What the input must look like; also what callers are told about it.
    pub input: Option<Schema>,
    /// What the answer must look like. Departing from it is drift.
    pub output: Option<Schema>,
    /// How a long answer is cut into pages.
    pub pagination: Option<Pagination>,
    /// Overrides the connection's total deadline for slow operations.
    pub deadline: Option<Duration>,
    /// What a credential must be allowed: any one of these sets of scopes. Empty if nobody says.
    pub scopes: Vec<Vec<Arc<str>>>,
}

/// What becomes of answers that depart from their contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftPolicy {
    /// The call fails.
    Refuse,
    /// The answer is used, and what departs is told.
    Report,
}

/// What an operation does to the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Removes, or cannot be taken back.
    Destructive,
}

/// What the system does when the same call arrives twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The second has no further effect, by the operation's nature (reads, most PUT and DELETE).
    Natural,
    /// It recognises a key and answers as the first time.
    Key {
        /// What carries it: over HTTP a header, usually `Idempotency-Key`; in a statement a value of this name.
        header: Arc<str>,
    },
    /// It acts twice.
    None,
}

/// How to find out whether a write took effect: call a read, and see whether it finds something.
#[derive(Clone, Debug)]
pub struct Probe {
    /// A `read` operation of the same connector.
    pub operation: OperationId,
    /// Its input, over `input` (the input of the call whose answer was lost).
    pub with: Mapping,
    /// Over the probe's answer: what the lost call would have answered, or nothing if it took no effect.
    pub found: Expression,
}

/// How a long answer is cut into pages. Expressions stand over the answer's body.
#[derive(Clone, Debug)]
pub enum Pagination {
    /// The answer holds a cursor that is sent with the next call.
    Cursor {
        /// The items of a page.
        items: Expression,
        /// The next cursor; nothing, null or an empty string ends.
        next: NextCursor,
        /// The input field that carries it.
        field: Arc<str>,
    },
    /// Pages are numbered; an empty page ends.
    Page {
        /// The items of a page.
        items: Expression,
        /// The input field that carries the number.
        field: Arc<str>,
        /// The first number.
        first: u64,
        /// Whether another page follows, if the answer tells.
        more: Option<Expression>,
    },
    /// The call says how many items to leave out; an empty page ends.
    Offset {
        /// The items of a page.
        items: Expression,
        /// The input field that carries the offset.
        field: Arc<str>,
        /// Where counting begins.
        first: u64,
        /// Whether another page follows, if the answer tells.
        more: Option<Expression>,
    },
    /// `Link: <url>; rel="next"` (RFC 8288).
    Link {
        /// The items of a page.
        items: Expression,
    },
    /// The answer's body holds the URL of the next page, whole or without its host.
    NextUrl {
        /// The items of a page.
        items: Expression,
        /// The URL; nothing, null or an empty string ends.
        next: Expression,
    },
    /// The system hands out the answer bit by bit, as rows of a table or records of a file; nothing is asked for twice.
    Streamed {
        /// The most items of a page.
        page: NonZeroU32,
    },
}

/// Where a cursor stands in an answer.
#[derive(Clone, Debug)]
pub enum NextCursor {
    /// In the body.
    Body(Expression),
    /// In this header.
    Header(Arc<str>),
}

impl Pagination {
    /// The expression that gives a page's items; `None` if they come by themselves.
    pub fn items(&self) -> Option<&Expression> {
        match self {
            Self::Cursor { items, .. }
            | Self::Page { items, .. }
            | Self::Offset { items, .. }
            | Self::Link { items }
            | Self::NextUrl { items, .. } => Some(items),
            Self::Streamed { .. } => None,
        }
    }
}

/// How a system words its errors: expressions over an answer's body.
#[derive(Clone, Debug, Default)]
pub struct ErrorShape {
    /// The vendor's code.
    pub code: Option<Expression>,
    /// The vendor's words.
    pub message: Option<Expression>,
    /// Whether an answer is an error although its status is a success.
    pub when: Option<Expression>,
    /// Whether an error says that the credential is not, or no longer, good.
    pub login: Option<Expression>,
}
