//! The gateway: the organisation's APIs behind one door.
//!
//! One thread a core, each with its own listener, pools and buffers ([`worker`]); a request's way through the policies is
//! one list ([`way`]). What may be decided without a socket is decided in `sinew-gateway-core`. Knows no flow: routes that
//! lead to one meet it by a handle.

mod answer;
mod client;
mod compile;
mod door;
mod forward;
mod guard;
mod heads;
mod log;
mod pool;
mod record;
mod relay;
mod stream;
mod table;
mod transfer;
mod way;
mod worker;

pub use compile::{Secrets, check, compile, paths};
pub use door::{Door, DoorOptions, NotOpened};
pub use log::AccessLog;
pub use record::{AccessRecord, AccessSink, Batch, Verdict};
pub use sinew_gateway_core::http1::normal_path;
pub use sinew_gateway_core::keys::Pepper;
pub use sinew_gateway_core::routes::{Found, Lookup, Query};
pub use table::{Registry, Table};
