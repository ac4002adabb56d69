//! What can be asked: one file a kind of thing. Knows no HTTP beyond the status of a fault.

pub(crate) mod approvals;
pub(crate) mod dead;
pub(crate) mod dead_bulk;
pub(crate) mod looks;
pub(crate) mod project;
pub(crate) mod runs;
pub(crate) mod scopes;
pub(crate) mod sessions;
pub(crate) mod subscribers;
mod words;
