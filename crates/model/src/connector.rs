use std::sync::Arc;
use std::time::Duration;

use sinew_contract::Schema;
use sinew_contract::soap::Codec;
use sinew_contract::wire::{FieldManner, Manner};
use sinew_mapping::{Expression, Mapping};

use crate::{ConnectorId, GraphQlBody, LimitHabit, OperationId, Operations, WebhookHabit};

/// The operations of one kind of system in one version, and its habits.
#[derive(Clone, Debug)]
pub struct Connector {
    /// Name and version.
    pub id: ConnectorId,
    /// What the system is, for people.
    pub description: Arc<str>,
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
    /// Where it is served, if elsewhere than the rest: a URL, or a path on the same host. Only heeded if the connection is
    /// to one of the connector's published servers.
    pub server: Option<Arc<str>>,
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
    /// How its value is written; if nobody says, plain values and lists of them are taken, and nothing else.
    pub manner: Option<Manner>,
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
    /// Into a cookie.
    Cookie,
}

/// How a body is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// No body.
    None,
    /// As JSON.
    Json {
        /// Which part of the input.
        part: BodyPart,
        /// The `Content-Type`.
        media_type: Arc<str>,
    },
    /// As `application/x-www-form-urlencoded`.
    Form {
        /// Which part of the input.
        part: BodyPart,
        /// The fields that are not written the usual way; `None` refuses what has parts of its own.
        fields: Option<Arc<[FieldManner]>>,
    },
    /// As a form of parts (RFC 7578).
    Multipart {
        /// Which part of the input.
        part: BodyPart,
        /// The media type, without its boundary.
        media_type: Arc<str>,
        /// The fields that are not written the usual way.
        fields: Arc<[FieldManner]>,
    },
    /// The text of one input field, under this media type (CSV, plain text).
    Text {
        /// The input field.
        field: Arc<str>,
        /// The `Content-Type`.
        media_type: Arc<str>,
    },
    /// As a request of GraphQL, whose variables the input is.
    GraphQl(Arc<GraphQlBody>),
    /// The file in one input field ([`sinew_contract::wire::File`]).
    File {
        /// The input field.
        field: Arc<str>,
        /// The `Content-Type`, unless the file has one.
        media_type: Arc<str>,
    },
    /// As a SOAP message, made of the whole input; the answer is read as one.
    Soap(Arc<Codec>),
}

/// Which part of an input is the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// An object of all fields that are no parameters.
    Rest,
    /// The value of one field.
    Field(Arc<str>),
}

impl BodyKind {
    /// A JSON object of all input fields that are no parameters.
    pub fn json() -> Self {
        Self::Json { part: BodyPart::Rest, media_type: Arc::from("application/json") }
    }

    /// A form of all input fields that are no parameters.
    pub fn form() -> Self {
        Self::Form { part: BodyPart::Rest, fields: None }
    }
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
    /// The expression that gives a page's items.
    pub fn items(&self) -> &Expression {
        match self {
            Self::Cursor { items, .. }
            | Self::Page { items, .. }
            | Self::Offset { items, .. }
            | Self::Link { items }
            | Self::NextUrl { items, .. } => items,
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
