//! Transports and auth schemes: how bytes get to another system and back.
//!
//! Knows no operation, no retry and no budget. Reaches no address that the connection's egress policy does not allow,
//! and says of every failure whether the request may have been sent: only so can a lost answer be told from a call
//! that never happened.

pub mod auth;
mod certificate;
mod client;
mod dial;
mod egress;
mod redirect;
pub mod source;
mod stream;
pub mod transport;
mod trust;
mod verify;

pub use client::{Answer, BodyError, ClientOptions, HttpClient, Limits, SendError};
pub use dial::DialError;
pub use egress::{Refusal, check_address};
pub use redirect::{RedirectError, follow, same_origin};
pub use trust::{OwnSource, OwnTls, Tls, Trust};
pub use verify::TlsProblem;
