//! The call pipeline over real sockets, against a server that does exactly what its script says.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

mod credentials;
mod fixture;
mod habits;
mod limits;
mod outcomes;
mod paging;
mod providers;
mod requests;
mod schemes;
mod secrets;
mod server;
mod soap;
