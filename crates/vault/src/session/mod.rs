//! Sessions of connections that people log in for: tokens that are renewed once, wherever they are used.

mod keeper;
mod next;
mod record;

pub use keeper::{
    Issued, Obtained, RefreshFailure, RefreshGrant, Refreshing, SessionError, SessionKeeper, SessionProfile,
    Want,
};
pub use record::{Lease, SessionRecord, SessionState, SessionView, Why};
pub(crate) use record::{context, read};
