//! Secrets by reference, sealed under envelope encryption, and the life of OAuth tokens.
//!
//! Knows no vendor, no database and no transport: whoever asks for a token hands in how to fetch one, what is kept is kept by a
//! `Custody`, and services are reached by an [`exchange::Exchange`]. Nothing that leaves this room prints a secret; who
//! needs its text says [`Secret::expose`].
//!
//! `seal` is envelopes, `keys` where master keys come from, `vault` and `secrets` what is sealed and kept, `rotate` how a
//! master key is retired, `session` how sessions stay alive. References are resolved by a chain of [`SecretSource`]s.

mod blocking;
mod code;
mod environment;
pub mod exchange;
mod file;
pub mod hashicorp;
mod keys;
pub mod kms;
mod rotate;
mod seal;
mod secret;
mod secrets;
pub mod session;
mod source;
mod token;
mod vault;
mod vault_source;
mod versions;

pub use environment::EnvironmentSecrets;
pub use file::FileSecrets;
pub use keys::{ChainedKeys, KeyFile, KeySource, TextKeys};
pub use rotate::{Rotated, VaultStatus};
pub use seal::{Context, DataKey, Envelope, KeyError, KeyId, LocalKey, MasterKey, Purpose};
pub use secret::Secret;
pub use secrets::{SecretView, VersionView};
pub use source::{ChainedSecrets, SecretError, SecretSource};
pub use token::{Lent, Token, TokenCache};
pub use vault::{Now, Vault, VaultError};
pub use vault_source::VaultSecrets;
pub use versions::{VersionError, VersionState};
