//! Transports and auth schemes: how bytes get to another system and back.
//!
//! Knows no operation and no policy beyond the egress rules; retries nothing that may have been sent.

mod trust;

pub use trust::Trust;
