//! Contracts: what vendors publish of their APIs as operations, and values checked against JSON Schemas.
//!
//! Fetches nothing: whoever reads a document of several files hands them in. Knows no connection and no call.

pub mod diff;
pub mod document;
mod example;
pub mod graphql;
pub mod openapi;
mod schema;
pub mod soap;
pub mod wire;
pub mod wsdl;
pub mod xml;
mod xsd;

pub use example::example_of;
pub use schema::{InvalidSchema, Schema, Violation};
