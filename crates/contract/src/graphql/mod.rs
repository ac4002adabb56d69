//! APIs by GraphQL schemas (schema definition language, or the answer to introspection) as operations.
//!
//! Each field of the query and mutation types is an operation: it takes its arguments, and answers its value. What of that
//! value is asked for follows from what is read of it ([`Api::request`]), which is GraphQL's own idea.
//!
//! Mistakes of a schema's author that can be understood are, with a [`Warning`] that says where.

mod authored;
mod input;
mod introspection;
mod lexer;
mod operation;
mod output;
mod pages;
mod print;
mod request;
mod schema;
mod sdl;
mod selection;
mod syntax;
mod whole;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use authored::NotASelection;
pub use introspection::{INTROSPECTION, INTROSPECTION_OF_OLD};
pub use operation::{Operation, Root};
pub use output::Restore;
pub use pages::Pages;
pub use request::Request;
pub use selection::{Missing, Wanted};

use crate::document::{self, Unreadable, limits};
use schema::Types;

/// Why a document is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotASchema {
    /// It cannot be read at all.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The answer of a server that does not tell its schema.
    #[error("the server did not tell its schema: {0}")]
    Refused(String),
    /// JSON of something else.
    #[error("the document has no `__schema`; it looks like {0}")]
    SomethingElse(&'static str),
    /// An answer without types.
    #[error("`__schema` has no `types`; ask the server with the whole introspection query")]
    NoTypes,
    /// There is nothing to call.
    #[error(
        "the schema has neither a query nor a mutation type with fields, so that there is nothing to call"
    )]
    NoOperations,
}

/// A mistake of the schema's author that was understood nevertheless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong, as GraphQL's schema coordinates say it: `Product.variants(first:)`.
    pub at: String,
    /// What is wrong with it, and what was made of it.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// A GraphQL API.
#[derive(Clone, Debug)]
pub struct Api {
    /// What can be called, queries first, in the order of the document. Ids are unique.
    pub operations: Vec<Operation>,
    /// What was understood although it is wrong.
    pub warnings: Vec<Warning>,
    types: Arc<Types>,
}

impl Api {
    /// Reads a schema, whichever way it was published.
    pub fn read(bytes: &[u8]) -> Result<Self, NotASchema> {
        if bytes.len() > limits::BYTES_MAX {
            return Err(Unreadable::TooLong(bytes.len()).into());
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte));
        let is_json = matches!(first, Some(b'[')) || (matches!(first, Some(b'{')) && !is_query(bytes));
        let mut warnings = Vec::new();
        let types = if is_json {
            introspection::read(&document::parse(bytes)?, &mut warnings)?
        } else {
            let text =
                std::str::from_utf8(bytes).map_err(|error| Unreadable::NotText(error.valid_up_to()))?;
            if first.is_none() {
                return Err(Unreadable::Empty.into());
            }
            sdl::read(text, &mut warnings)?
        };
        let operations = operation::all(&types, &mut warnings);
        if operations.is_empty() {
            return Err(NotASchema::NoOperations);
        }
        Ok(Self { operations, warnings, types: Arc::new(types) })
    }

    /// What an operation takes: a schema that stands by itself.
    pub fn input(&self, operation: &Operation) -> Value {
        let arguments = operation::field(&self.types, operation).map_or(&[][..], |field| &field.arguments);
        input::of(&self.types, arguments)
    }

    /// How an operation is asked for what is wanted of its value.
    pub fn request(&self, operation: &Operation, wanted: &Wanted) -> Request {
        request::derived(&self.types, operation, wanted)
    }

    /// How an operation is asked for what its author selects: `id variants(first: 10) { nodes { sku } }`. Variables in it
    /// are further fields of the input.
    pub fn request_of(&self, operation: &Operation, select: &str) -> Result<Request, NotASelection> {
        request::authored(&self.types, operation, select)
    }

    /// The schema as text in the schema definition language.
    pub fn to_sdl(&self) -> String {
        print::schema(&self.types)
    }
}

/// `{ field }` is a query in its short form, which is no JSON: that has a quote or an end there.
fn is_query(bytes: &[u8]) -> bool {
    let mut inside = bytes.iter().skip_while(|byte| **byte != b'{').skip(1);
    inside
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
}
