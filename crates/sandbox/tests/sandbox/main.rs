//! The sandbox from outside, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

mod billing;
mod client;
mod control;
mod crm;
mod enrich;
mod erp;
mod faults;
mod idp;
mod market;
mod orders;
mod people;
mod truth;
mod webhooks;
