//! HTTP/1 messages as bytes (RFC 9110, RFC 9112).
//!
//! Heads are read in place, in the buffer into which the connection reads: what is found in them are [`Span`]s of that
//! buffer, and what goes on is copied from there. A head is used again for the next message and then allocates nothing.
//!
//! Strict wherever two readers could come to different ends of a message, for that is how requests are smuggled: what
//! the RFCs allow to mend is refused. What is accepted has one meaning, and is written again in one form.

mod authority;
mod chunks;
mod connection;
mod error;
mod fields;
mod framing;
mod grammar;
mod head;
mod known;
mod path;
mod request;
mod response;
mod span;
mod target;

#[cfg(test)]
mod tests;

pub use authority::Authority;
pub use chunks::{
    CHUNK_END, ChunkError, ChunkLimits, Chunks, LAST_CHUNK, Step, StepKind, write_chunk_head, write_trailers,
};
pub use error::HeadError;
pub use fields::Field;
pub use framing::Framing;
pub use head::{HeadLimits, Method, Progress, Version};
pub use known::Known;
pub use path::{PathError, normal_path};
pub use request::RequestHead;
pub use response::ResponseHead;
pub use span::Span;
pub use target::{Scheme, Target};
