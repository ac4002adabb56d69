use std::sync::Arc;
use std::time::Duration;

use sinew_mapping::Expression;
use sinew_stdx::Rate;

/// How a system limits how often it is called, and how it says so. What all systems have in common (429, `Retry-After`,
/// `RateLimit`, the `X-RateLimit` family) is understood without it.
#[derive(Clone, Debug, Default)]
pub struct LimitHabit {
    /// What it documents: the budget of connections that have none of their own.
    pub rate: Option<Rate>,
    /// Limits whose state it tells in headers of its own.
    pub told: Vec<ToldLimit>,
    /// Statuses besides 429 by which it says "too often", whatever else they may mean.
    pub statuses: Vec<u16>,
    /// Whether an error, of whatever status, says "too often": over its body.
    pub when: Option<Expression>,
    /// Where it says how long to wait, if not in `Retry-After`.
    pub wait: Option<ToldWait>,
    /// How long to wait if it does not say.
    pub pause: Option<Duration>,
}

/// A limit whose state is told in headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldLimit {
    /// How much is left.
    pub left: Left,
    /// When it is filled again.
    pub reset: Option<(Arc<str>, Clock)>,
    /// How long it takes to be filled again, if no header tells.
    pub window: Option<Duration>,
}

/// How a header tells what is left of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// This header counts down.
    Remaining(Arc<str>),
    /// This header counts up, towards what the other says; or it says both itself, like `39/40`.
    Used(Arc<str>, Option<Arc<str>>),
}

/// Where a system says how long to wait.
#[derive(Clone, Debug)]
pub struct ToldWait {
    /// The header or field.
    pub source: WaitSource,
    /// What it counts.
    pub clock: Clock,
}

/// A header, or an expression over the body.
#[derive(Clone, Debug)]
pub enum WaitSource {
    /// A header.
    Header(Arc<str>),
    /// Over the body.
    Body(Expression),
}

/// What a point in time or a wait is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Seconds from now, or a Unix time in seconds or milliseconds, by their size.
    Auto,
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Seconds since 1970.
    Epoch,
    /// Milliseconds since 1970.
    EpochMillis,
    /// A date as HTTP writes it (RFC 9110, section 5.6.7).
    HttpDate,
    /// A timestamp (RFC 3339).
    Timestamp,
    /// A span like `1m30.5s` or `120ms`.
    Span,
}
