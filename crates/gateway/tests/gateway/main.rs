//! The gateway from outside: bytes in, bytes out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bodies;
mod desk;
mod passing;
mod policies;
mod servers;
