//! The harness: the built `sinew` as a user runs it, beside the sandbox's vendors, with a truth log to count by.
//!
//! Used by the tests here, the demo and the benchmarks. Knows Sinew from outside only: its command line, its HTTP, its
//! exit codes, and SIGKILL.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a harness that cannot go on says where and stops, as a test does"
)]

mod account;
mod cli;
mod control;
pub mod demo;
mod flows;
mod http;
mod means;
mod peer;
pub mod refresh;
mod server;
pub mod service;
mod sign;
pub mod soak;
mod traffic;
mod truth;
mod variant;
mod wait;
mod world;

pub use account::{Account, Honours, Line};
pub use cli::{Said, sinew, sinew_with};
pub use control::is_final;
pub use flows::{CallStep, Idempotency, Operation, Project};
pub use http::{Answer, Http};
pub use means::may_mount;
pub use peer::Peer;
pub use server::{Server, ServerOptions, binary, free_port};
pub use sign::{hmac_hex, now_s, standard_webhook};
pub use traffic::{Door, Submission};
pub use truth::Truth;
pub use variant::{documents, fast, rewrite};
pub use wait::until;
pub use world::{World, examples, sandbox_secrets};
