//! Simulated vendors with the manners, and the bad manners, of real ones: CRM, billing, enrichment, shop, warehouse,
//! chat, HR, an identity provider, a market of GraphQL, an ERP of SOAP and a feed of events behind one HTTP listener, for
//! examples, tests and benchmarks.
//! `README.md` beside the sources describes every endpoint.
//!
//! Each vendor can be told to misbehave (seeded and counted), and every effect that was really done is written into a
//! truth log, so that a test can count what was lost and what was doubled.
//!
//! It must not know Sinew: no flows, runs, connections or connectors. It is what the outside world looks like.

mod body;
mod clock;
mod control;
mod document;
mod emission;
mod exchange;
mod faults;
mod generate;
mod idempotency;
mod live;
mod names;
mod oauth;
mod options;
mod rate;
mod records;
mod router;
mod server;
mod stats;
mod truth;
mod vendors;
mod webhooks;
mod world;

pub use generate::{Contact, generate_contacts, write_contacts_csv, write_contacts_ndjson};
pub use options::{SandboxOptions, TruthDetail, Tuning};
pub use server::{RunningSandbox, Sandbox, StartError};
pub use webhooks::{WebhookScheme, WebhookTarget};
