//! The server: what it is wired of, in the order in which it starts and stops.

mod beats;
mod credentials;
mod gateway;
mod logging;
mod signals;
mod told;
mod welcome;
mod wiring;

pub use signals::asked_to_stop;
pub use wiring::{Mode, run};

use std::hash::{BuildHasher, Hasher, RandomState};

/// Chance from the machine, for seeds; not for keys or tokens.
pub fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}
