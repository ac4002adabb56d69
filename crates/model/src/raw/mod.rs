//! Phase one: YAML text becomes trees whose every node knows its place. Knows no resource.

mod build;
mod document;
mod literal;
mod node;
mod position;
mod syntax;
mod variables;

pub(crate) use document::{Document, documents};
pub(crate) use literal::Literal;
pub(crate) use node::{Entry, Node, Scalar, Value};
pub(crate) use variables::{Variables, with_prologue};

/// What a project's files may be at most. Beyond any of these a file is refused, never cut.
pub(crate) mod limits {
    /// Bytes of one file.
    pub(crate) const FILE_BYTES_MAX: usize = 1 << 20;
    /// Nodes of one file, aliases counted as what they stand for.
    pub(crate) const NODES_MAX: usize = 100_000;
    /// Nodes of one document that are copied for anchors and aliases.
    pub(crate) const COPIES_MAX: usize = 10_000;
    /// Lists and maps inside one another.
    pub(crate) const DEPTH_MAX: usize = 64;
    /// Bytes of one file that come from variables.
    pub(crate) const SUBSTITUTED_BYTES_MAX: usize = 1 << 20;
}
