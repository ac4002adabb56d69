//! Which route a request takes, and why.
//!
//! A [`Table`] is built once from [`Rule`]s and then only read. Of all rules that match a request whole - host, path,
//! method and conditions - the best one takes it:
//!
//! 1. **Host**: an exact one before a wildcard, the longer wildcard before the shorter, any host last.
//! 2. **Path**, segment by segment from the left: text, then text around a parameter (the more the better; of as much,
//!    the more before the parameter), then a parameter alone, then the rest. A rule that ends where the path ends goes
//!    before one whose rest is empty there.
//! 3. **Method**: one that is named, then `GET` for a `HEAD` request, then any.
//! 4. The more **header** conditions, then the more **query** conditions.
//! 5. What was **declared** first.
//!
//! "Match whole" comes first: a rule that is better by host or path and fails by method or a condition hides nothing.
//! If rules fail only by their method, the answer is which methods there are.
//!
//! The order is that of the Kubernetes Gateway API (`HTTPRoute`), with templates in place of exact and prefix paths.
//!
//! Paths come normalised: dot segments removed, unreserved characters decoded, escapes in upper case. They are compared
//! as bytes, so `%2F` never parts segments, and `/x/` is not `/x`.

mod captures;
mod condition;
mod conflict;
mod difference;
mod explain;
mod hash;
mod host;
mod method;
mod rank;
mod segments;
mod sprout;
mod table;
mod template;
mod trie;

#[cfg(test)]
mod tests;

pub use captures::Captures;
pub use condition::{Condition, Lookup, Wanted};
pub use conflict::{Conflict, Shadowed};
pub use difference::PathDifference;
pub use explain::{Considered, Explanation, Verdict};
pub use host::{Host, HostError};
pub use method::{MethodSet, UnknownMethod};
pub use rank::Precedence;
pub use table::{Found, Query, Rule, Table};
pub use template::{Template, TemplateError, TemplateMistake};

/// The most segments of a template. Paths may have more, which a rest takes.
pub const SEGMENTS_MAX: usize = 64;

/// The most parameters of a template, a rest among them.
pub const PARAMETERS_MAX: usize = 16;

/// The most bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 2_048;

/// The most steps that one request may take through a table, whatever its path: see [`Table::steps_max`].
pub const STEPS_MAX: u64 = 4_096;
