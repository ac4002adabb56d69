//! The outbound call: five stages from a principal's wish to a settled outcome, over `vault` and `connect`.
//!
//! [`Caller::attempt`] is one attempt; whether another follows is [`decide`]'s, which is pure. Every attempt, however
//! it ends, passes [`CallRecorder::record`]. Knows no flow and no route, stores nothing, and never sleeps between
//! attempts: waiting belongs to whoever owns the work.

// The five stages, in order, and the path through them.
mod ask;
mod authenticate;
mod pipeline;
mod recover;
mod request;
mod respond;
mod send;
mod session;

// What they stand on.
mod breaker;
mod caller;
mod challenge;
mod clock;
mod gate;
mod graphql;
mod health;
mod kept;
mod limits;
mod listen;
mod login;
mod mask;
mod pace;
mod pages;
mod plan;
mod preview;
mod probe;
mod provider;
mod record;
mod seen;
mod state;
mod told;

pub use caller::{Attempted, CallRequest, Caller, CallerOptions};
pub use clock::{Clock, SystemClock};
pub use health::{BreakerState, ConnectionHealth};
pub use listen::{ListenRequest, Listening};
pub use login::{LoginBegun, LoginError};
pub use pages::{Page, Pages};
pub use preview::{Preview, preview};
pub use probe::ProbeResult;
pub use record::{AttemptRecord, CallRecord, CallRecorder, CredentialId, NothingRecorded, TokenRecord};
pub use recover::{Decision, decide};
pub use sinew_connect::{Trust, source};
