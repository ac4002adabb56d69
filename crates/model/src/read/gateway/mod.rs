//! What the gateway exposes.

pub(super) mod api;
pub(super) mod consumer;
pub(super) mod plan;
mod target;
pub(super) mod upstream;
