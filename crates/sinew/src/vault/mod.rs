//! The vault of an installation: where it lies, which master keys it is given, and the services that hold secrets.

mod exchange;
mod hashicorp;
#[cfg(feature = "aws-kms")]
mod kms;
mod place;

pub use place::Place;
