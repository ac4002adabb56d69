//! Webhooks out: events for those who subscribe to them.
//!
//! An event that a flow emits is durable for each subscriber before its emission settles. From there on each subscriber
//! has a task of its own that holds a few deliveries at a time; the rest waits in the store, however much it is. Decides
//! by [`plan`], sends by [`send`], and tells the monitor when an endpoint fails and when it is well again.

mod desk;
mod endpoint;
mod outlet;
mod plan;
mod record;
mod secret;
mod send;

pub use desk::{Deliveries, DeliveryOptions, SubscriberDetail};
pub(crate) use outlet::Outlet;
pub use secret::RootKey;
