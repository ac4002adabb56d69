//! What the gateway decides: how HTTP/1 messages are read and written, which route a request takes, who it comes from, and
//! how much of what it may have.
//!
//! Pure. Names no runtime, socket, file or clock: bytes and instants come as arguments, decisions go back as data.

pub mod http1;
pub mod keys;
pub mod pace;
pub mod routes;
pub mod scopes;
