//! The harness: the built `sinew` as a user runs it, beside the sandbox's vendors, with a truth log to count by.
//!
//! Used by the tests here, the demo and the benchmarks. Knows Sinew from outside only: its command line, its HTTP, its
//! exit codes, and SIGKILL.

mod http;
mod server;
mod truth;
mod wait;
mod world;

pub use http::{Answer, Http};
pub use server::{Server, ServerOptions, binary, free_port};
pub use truth::Truth;
pub use wait::until;
pub use world::{World, examples, sandbox_secrets};
