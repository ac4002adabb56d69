//! The engine against a system that answers as each test says: what is sent, when it is not, and what is sent again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod each;
mod emits;
mod system;
mod world;
