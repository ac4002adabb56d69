use std::time::Duration;

use sinew_model::Failure;
use sinew_stdx::{Rate, Timestamp};

/// How a connection is, as far as its calls tell.
#[derive(Clone, Debug)]
pub struct ConnectionHealth {
    /// Its circuit breaker.
    pub breaker: BreakerState,
    /// The last attempt that succeeded.
    pub last_success: Option<Timestamp>,
    /// The last attempt that failed, and how.
    pub last_failure: Option<(Timestamp, Failure)>,
    /// Whether the credential was refused or missing when it was last used.
    pub credential_failed: bool,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls that wait for budget or for one under way to end.
    pub waiting: u32,
    /// The budget.
    pub budget: Option<Rate>,
    /// For how long the system asked us to stay away, from now.
    pub paused_for: Option<Duration>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// Calls fail at once, for so long from now.
    Open {
        /// How long until the first call is let through.
        remaining: Duration,
    },
    /// One call is let through to see whether the system is back.
    HalfOpen,
}
