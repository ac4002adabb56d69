//! API descriptions by Swagger 2.0 and OpenAPI 3.0, 3.1 and 3.2 as operations.
//!
//! A description is read, never written out: schemas keep their references, so that recursive and huge documents stay as
//! they are, and what an operation says of its input and output is made when somebody asks ([`Api::input`]).
//!
//! Vendors make mistakes. What can be understood nevertheless is, with a [`Warning`] that says where.

mod body;
mod effect;
mod event;
mod input;
mod names;
mod operation;
mod parameter;
mod reader;
mod schema;
mod security;
mod server;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use body::{Body, Content};
pub use effect::Effect;
pub(crate) use effect::removes;
pub use event::Event;
pub(crate) use input::REQUIRED_IN_BODY;
pub use input::{BodyForm, Input, InputBody};
pub(crate) use names::{Ids, Origin};
pub use operation::{Operation, Response};
pub use parameter::{Location, Parameter, Style};
pub use security::{Grant, OAuthFlow, SchemeKind, SecurityScheme};
pub use server::Server;

use reader::Reader;

/// Why a document is no description of an API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApi {
    /// It is a list, text or number.
    #[error("the document is no map with `openapi` or `swagger` in it")]
    NotAMap,
    /// It is a map, of something else.
    #[error("the document has neither `openapi` nor `swagger`; it looks like {0}")]
    SomethingElse(&'static str),
    /// A version that is not read.
    #[error("`{0}` is no version that is read: those are Swagger 2.0 and OpenAPI 3.0, 3.1 and 3.2")]
    Version(String),
    /// It describes nothing.
    #[error("the document has no `paths`")]
    NoPaths,
}

/// By which version of the specification a description is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0.
    OpenApi30,
    /// OpenAPI 3.1 and 3.2, whose schemas are JSON Schema 2020-12.
    OpenApi31,
}

/// A mistake of the description's author that was understood nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// JSON Pointer to what is wrong.
    pub pointer: String,
    /// What is wrong, and what was made of it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// A description of an API.
#[derive(Clone, Debug)]
pub struct Api {
    /// What it is called.
    pub title: String,
    /// Its version, as its author writes versions.
    pub version: String,
    /// What it is, for people.
    pub description: String,
    /// By which specification it is written.
    pub edition: Edition,
    /// Where it is served.
    pub servers: Vec<Server>,
    /// What can be called, in the order of the document. Ids are unique.
    pub operations: Vec<Operation>,
    /// How its callers show who they are.
    pub security_schemes: Vec<SecurityScheme>,
    /// What it sends to its callers: webhooks and callbacks.
    pub events: Vec<Event>,
    /// What was understood although it is wrong.
    pub warnings: Vec<Warning>,
    document: Arc<Value>,
}

impl Api {
    /// Reads a description (see [`crate::document`] for how to come to its tree).
    pub fn read(document: Value) -> Result<Self, NotAnApi> {
        let edition = edition(&document)?;
        let document = Arc::new(document);
        let mut reader = Reader::new(&document, edition);
        if ["paths", "webhooks", "x-webhooks"].iter().all(|field| document.get(field).is_none()) {
            return Err(NotAnApi::NoPaths);
        }
        let info = |name: &str| document.pointer(&format!("/info/{name}")).map(text).unwrap_or_default();
        let servers = server::read(&document, edition);
        let security_schemes = security::read(&mut reader);
        let mut events = event::webhooks(&mut reader);
        let operations = operation::read_all(&mut reader, &mut events);
        Ok(Self {
            title: info("title"),
            version: info("version"),
            description: info("description"),
            edition,
            servers,
            operations,
            security_schemes,
            events,
            warnings: reader.warnings,
            document: Arc::clone(&document),
        })
    }

    /// What an operation takes, as one object: a schema that stands by itself, and where its fields go.
    pub fn input(&self, operation: &Operation) -> Input {
        input::of(&self.document, self.edition, operation)
    }

    /// What comes with an event: a schema that stands by itself. None if that is not said.
    pub fn payload(&self, event: &Event) -> Option<Value> {
        let schema = event.schema.as_ref()?;
        Some(schema::standing_alone(&self.document, self.edition, schema::Direction::Output, schema))
    }

    /// What an operation answers when it succeeds: a schema that stands by itself. None if that is not said, or not JSON.
    pub fn output(&self, operation: &Operation) -> Option<Value> {
        let content =
            operation.success().and_then(|response| response.content.iter().find(|c| c.is_json()))?;
        Some(schema::standing_alone(
            &self.document,
            self.edition,
            schema::Direction::Output,
            content.schema.as_ref()?,
        ))
    }
}

fn edition(document: &Value) -> Result<Edition, NotAnApi> {
    let Value::Object(fields) = document else { return Err(NotAnApi::NotAMap) };
    let Some(version) = fields.get("openapi").or_else(|| fields.get("swagger")) else {
        return Err(NotAnApi::SomethingElse(something_else(document)));
    };
    let version = text(version);
    let mut numbers = version.split('.');
    match (numbers.next(), numbers.next()) {
        (Some("2"), Some("0") | None) => Ok(Edition::Swagger2),
        (Some("3"), Some("0") | None) => Ok(Edition::OpenApi30),
        (Some("3"), Some("1" | "2")) => Ok(Edition::OpenApi31),
        _ => Err(NotAnApi::Version(version)),
    }
}

/// What people take for a description of an API by mistake.
fn something_else(document: &Value) -> &'static str {
    let has = |name: &str| document.get(name).is_some();
    if has("asyncapi") {
        "an AsyncAPI document"
    } else if has("arazzo") {
        "an Arazzo document"
    } else if has("swaggerVersion") {
        "Swagger 1, which predates 2014; its vendor will have a newer one"
    } else if document.pointer("/info/_postman_id").is_some() || has("item") {
        "a Postman collection; Postman can export it as OpenAPI"
    } else if document.pointer("/data/__schema").is_some() || has("__schema") {
        "a GraphQL schema; import it with `sinew import graphql`"
    } else if has("kind") && has("name") {
        "a resource of Sinew"
    } else if has("discoveryVersion") {
        "a Google discovery document"
    } else {
        "something else"
    }
}

/// A text, also if its author forgot the quotes (`version: 1.0`).
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}
