//! Phase two: checked trees become the types of the snapshot. One module a resource, each with the table of its fields
//! beside the code that reads them.

mod asks;
mod auth;
mod binding;
mod call;
mod challenge;
mod channel;
mod connection;
mod connector;
mod fields;
mod file;
mod flow;
mod gateway;
mod keep;
mod limits;
mod operation;
mod owner;
mod parameters;
mod profile;
mod project;
mod reader;
mod runbook;
mod source;
mod step;
mod step_shape;
mod stream;
mod subscriber;
mod subscription;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod transport;
mod trigger;
pub(crate) mod url;
mod vendors;
mod verify;

pub use profile::categories;
pub use project::{
    SourceFile, flow_from_source, json_schema, json_schema_of, kinds, load, load_with, reference,
};
pub use runbook::runbooks;

use crate::shape::Resource;

/// Every kind of resource, in the order of the reference. A new kind is one line here.
pub(crate) static RESOURCES: &[&Resource] = &[
    &connection::RESOURCE,
    &connector::RESOURCE,
    &flow::RESOURCE,
    &channel::RESOURCE,
    &subscriber::RESOURCE,
    &gateway::api::RESOURCE,
    &gateway::upstream::RESOURCE,
    &gateway::plan::RESOURCE,
    &gateway::consumer::RESOURCE,
    &profile::RESOURCE,
];
