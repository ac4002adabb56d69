//! Benchmarks, one program each: `cargo xtask bench NAME`. Each prints a table for people and, as its last line, one JSON
//! object `{"bench": NAME, "metrics": {...}}`.
//!
//! They drive the built binary from outside where they can, on loopback, bounded in count and time.

mod load;
mod report;

pub use load::{Load, LoadResult};
pub use report::{Report, median, percentile};
