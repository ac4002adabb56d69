//! Benchmarks, one program each: `cargo xtask bench NAME`. Each prints a table for people and, as its last line, one JSON
//! object `{"bench": NAME, "metrics": {...}}`.
//!
//! They drive the built binary from outside where they can, on loopback, bounded in count and time.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

mod load;
mod report;

pub use load::{Load, LoadResult};
pub use report::{Report, median, percentile};
