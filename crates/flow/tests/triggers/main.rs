//! Triggers and alerts over real sockets and a real store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alerts;
mod catalog;
mod clocks;
mod deliveries;
mod http;
mod polls;
mod senders;
mod subscriptions;
mod webhooks;
mod world;
