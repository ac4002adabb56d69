use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_contract::Schema;
use sinew_mapping::{Expression, Mapping};

use crate::{ConnectorId, OperationId, WebhookHabit};

/// The operations of one kind of system in one version, and its habits.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Name and version.
    pub id: ConnectorId,
    /// What the system is, for people.
    pub description: Arc<str>,
    /// What can be called.
    pub operations: BTreeMap<OperationId, Arc<Operation>>,
    /// How the system words its errors.
    pub errors: ErrorShape,
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
    /// How a call becomes an HTTP request.
    pub http: HttpBinding,
    /// What the input must look like; also what callers are told about it.
    pub input: Option<Schema>,
    /// What the answer must look like. Departing from it is drift.
    pub output: Option<Schema>,
    /// How a long answer is cut into pages.
    pub pagination: Option<Pagination>,
    /// Overrides the connection's total deadline for slow operations.
    pub deadline: Option<Duration>,
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
    /// It recognises a key in this header and answers as the first time.
    Key {
        /// The header, usually `Idempotency-Key`.
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

/// How a call becomes an HTTP request. Input fields that are no parameter go into the body.
#[derive(Clone, Debug)]
pub struct HttpBinding {
    /// Upper-case method.
    pub method: Arc<str>,
    /// Path below the base URL with `{name}` for path parameters.
    pub path: Arc<str>,
    /// Path, query and header parameters, each taken from the input field of its name.
    pub parameters: Vec<Parameter>,
    /// How the rest of the input is sent.
    pub body: BodyKind,
}

/// An input field that does not go into the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The input field.
    pub field: Arc<str>,
    /// Its name on the wire.
    pub name: Arc<str>,
    /// Where it goes.
    pub location: ParameterLocation,
    /// Whether a call without it is refused.
    pub required: bool,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterLocation {
    /// Into the path, percent-encoded.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
}

/// How a body is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// No body.
    None,
    /// A JSON object of the remaining input fields.
    Json,
    /// `application/x-www-form-urlencoded` of the remaining input fields.
    Form,
    /// The text of one input field, under this media type (CSV, plain text).
    Text {
        /// The input field.
        field: Arc<str>,
        /// The `Content-Type`.
        media_type: Arc<str>,
    },
}

/// How a long answer is cut into pages. Expressions stand over the answer's body.
#[derive(Clone, Debug)]
pub enum Pagination {
    /// The answer holds a cursor that is sent with the next call.
    Cursor {
        /// The items of a page.
        items: Expression,
        /// The next cursor; nothing, null or an empty string ends.
        next: Expression,
        /// The input field that carries it.
        field: Arc<str>,
    },
    /// Pages are numbered; an empty page (or one shorter than `size`) ends.
    Page {
        /// The items of a page.
        items: Expression,
        /// The input field that carries the number.
        field: Arc<str>,
        /// The first number.
        first: u64,
    },
    /// The call says how many items to leave out; an empty page ends.
    Offset {
        /// The items of a page.
        items: Expression,
        /// The input field that carries the offset.
        field: Arc<str>,
    },
    /// `Link: <url>; rel="next"` (RFC 8288).
    Link {
        /// The items of a page.
        items: Expression,
    },
}

impl Pagination {
    /// The expression that gives a page's items.
    pub fn items(&self) -> &Expression {
        match self {
            Self::Cursor { items, .. }
            | Self::Page { items, .. }
            | Self::Offset { items, .. }
            | Self::Link { items } => items,
        }
    }
}

/// How a system words its errors: expressions over an error answer's body.
#[derive(Clone, Debug, Default)]
pub struct ErrorShape {
    /// The vendor's code.
    pub code: Option<Expression>,
    /// The vendor's words.
    pub message: Option<Expression>,
}
