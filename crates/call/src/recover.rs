use std::time::Duration;

use sinew_model::{Failure, Operation, Retry};
use sinew_stdx::Random;

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this long.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Find out by [`crate::Caller::probe`] whether the effect took place. Not found: the call may be made again.
    Probe,
    /// This work cannot go on by itself.
    GiveUp,
}

/// Decides what follows a failed attempt. `attempts_made` counts the failed one.
pub fn decide(
    failure: &Failure,
    operation: &Operation,
    retry: &Retry,
    attempts_made: u32,
    at_least_once: bool,
    random: &mut Random,
) -> Decision {
    let _ = (failure, operation, retry, attempts_made, at_least_once, random);
    Decision::GiveUp
}
