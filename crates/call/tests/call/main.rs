//! The call pipeline over real sockets, against a server that does exactly what its script says.

mod credentials;
mod fixture;
mod limits;
mod outcomes;
mod paging;
mod requests;
mod secrets;
mod server;
