use std::sync::Arc;

use sinew_contract::soap::Codec;
use sinew_contract::wire::{FieldManner, Manner};

use crate::GraphQlBody;

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

impl HttpBinding {
    /// Whether an input field of this name goes anywhere.
    pub fn takes(&self, field: &str) -> bool {
        self.body != BodyKind::None || self.parameters.iter().any(|parameter| &*parameter.field == field)
    }
}
