//! Secrets by reference, and the life of OAuth tokens.
//!
//! Knows no vendor and sends nothing: whoever asks for a token hands in how to fetch one. Nothing that leaves this
//! room prints a secret; who needs its text says [`Secret::expose`].

mod environment;
mod file;
mod secret;
mod source;
mod token;

pub use environment::EnvironmentSecrets;
pub use file::FileSecrets;
pub use secret::Secret;
pub use source::{ChainedSecrets, SecretError, SecretSource};
pub use token::{Lent, Token, TokenCache};
