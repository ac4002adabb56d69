//! Contracts: JSON Schemas of operations, and values checked against them.
//!
//! Fetches nothing: references outside a document are errors. Knows no operation and no connection.

mod schema;

pub use schema::{InvalidSchema, Schema, Violation};
