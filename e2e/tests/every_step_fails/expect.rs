//! What must come of a fault, from what the files say. The rules are those of the user guide ("When a call fails",
//! "Idempotency, and outcomes that are unknown"), written down once more on purpose.

use sinew_e2e::{CallStep, Idempotency, Operation};

use crate::fault::{Fault, Lasts};

/// How a run must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Finished, everything done.
    Finished,
    /// Finished another way: the failure was caught.
    Caught,
    /// Failed, and what was done is taken back.
    Undone,
    /// A dead letter with this reason.
    Dead(&'static str),
    /// Finished, with one item as a dead letter of its own.
    ItemDead(&'static str),
}

impl End {
    /// As status and reason.
    pub fn words(&self) -> String {
        match self {
            Self::Finished | Self::Caught => "finished".to_owned(),
            Self::Undone => "undone".to_owned(),
            Self::Dead(reason) => format!("dead {reason}"),
            Self::ItemDead(reason) => format!("finished {reason}"),
        }
    }
}

/// The end of a run whose call fails like this.
pub fn expected(fault: Fault, lasts: Lasts, call: &CallStep, operation: &Operation, undoing: bool) -> End {
    let Some(reason) = failure(fault, lasts, call, operation) else { return End::Finished };
    if call.caught.as_ref().is_some_and(|on| on.is_empty() || on.iter().any(|word| word == reason)) {
        return End::Caught;
    }
    // What may have happened cannot be taken back without knowing, and must not be passed over.
    let may_be_there = reason == "unknown" || (reason == "drift" && !operation.read);
    match (call.in_each, undoing && !may_be_there) {
        (true, _) => End::ItemDead(reason),
        (false, true) => End::Undone,
        (false, false) => End::Dead(reason),
    }
}

/// Why the call fails for good; `None` if it succeeds in the end.
fn failure(fault: Fault, lasts: Lasts, call: &CallStep, operation: &Operation) -> Option<&'static str> {
    let known_again = operation.idempotency != Idempotency::Nothing || call.at_least_once;
    // A read changes nothing: whatever went wrong, nothing was done.
    let unsure = !operation.read && !matches!(fault, Fault::Busy | Fault::Renamed | Fault::Refused);
    match fault {
        Fault::Renamed => Some("drift"),
        Fault::Refused => Some("rejected"),
        // Asked after the first attempt: the effect is there, or it is not and the call is made again.
        _ if unsure && !known_again && operation.probe => {
            (!fault.has_effect() && lasts == Lasts::Throughout).then_some("unavailable")
        }
        _ if unsure && !known_again => Some("unknown"),
        _ if lasts == Lasts::Once => None,
        // All attempts are used up, and there may still be somebody to ask.
        _ if unsure && operation.probe => (!fault.has_effect()).then_some("unavailable"),
        _ if unsure => Some("unknown"),
        _ => Some("unavailable"),
    }
}
