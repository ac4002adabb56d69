//! The vault over its real records: secrets, master keys, sessions, and services that hold them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod desk;
mod hashicorp;
mod kms;
mod rotating;
mod secrets;
mod sessions;
