//! What every room uses and none owns: JSON text, instants, units, seeded randomness, backoff, content codings.
//!
//! Knows no domain word of Sinew, does no I/O and reads no clock.

mod backoff;
mod coding;
mod json;
mod random;
mod time;
mod units;

pub use backoff::Backoff;
pub use coding::{Coding, Decoding, InvalidCoding};
pub use json::{InvalidJson, Json, JsonLimits};
pub use random::Random;
pub use time::Timestamp;
pub use units::{ByteSize, InvalidUnit, Rate, Span, parse_duration, show_duration};
