//! The durable state machine: a run's records folded into state, and the actions that are due.
//!
//! Pure. Names no runtime, socket, file, database or clock: every record carries its own time, expressions take time and
//! seed from the record that made their step ready, so that a pure step computed again gives the same value. Whoever
//! holds a [`Machine`] performs its [`Action`]s, makes what came of them durable, and feeds it back with
//! [`Machine::apply`].

mod action;
mod arrival;
mod codec;
mod env;
mod failure;
mod form;
mod key;
mod machine;
mod progress;
mod record;
mod rest;
mod undo;
mod walk;

pub use action::{Action, CallAction, EachInput, EachScope};
pub use arrival::{Arrival, at_flow};
pub use codec::{DecodeError, decode, encode};
pub use env::Env;
pub use key::idempotency_key;
pub use machine::{Illegal, Machine, RunState};
pub use progress::EachProgress;
pub use record::{Decision, Entry, ItemScope, Outcome, ParkedFor, Record, Signal};
pub use walk::has_each;
