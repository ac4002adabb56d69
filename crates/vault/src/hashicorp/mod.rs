//! HashiCorp Vault over its HTTP API: secrets in KV version 2, and master keys in transit.
//!
//! Forms requests and reads answers; an [`Exchange`](crate::exchange::Exchange) carries them. See the API documentation of KV v2, Transit, AppRole and
//! Token.

mod client;
mod kv;
mod transit;

pub use client::{Client, ClientOptions, Login, ServiceError};
pub use kv::KvSecrets;
pub use transit::{TransitKey, TransitKeys};
