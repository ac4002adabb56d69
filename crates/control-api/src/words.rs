//! States and kinds as words: an enum here, a word in JSON, a list of words in the OpenAPI document.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Enums whose variants are words in JSON.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$said:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$said])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word, as in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one that this word means.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )+};
}

words! {
    /// Whether a session can be used.
    SessionState {
        /// It can.
        Connected = "connected",
        /// Nobody has logged in yet.
        NotConnected = "not_connected",
        /// Somebody has to log in again.
        NeedsReconnecting = "needs_reconnecting",
    }

    /// Where a run stands.
    RunStatus {
        /// Accepted; waits for room or for its key.
        Queued = "queued",
        /// Under way.
        Running = "running",
        /// Rests until a time, an event, a decision or a sub-flow.
        Waiting = "waiting",
        /// Gave up; its dead letter can be replayed.
        Dead = "dead",
        /// Done.
        Finished = "finished",
        /// Failed, and everything it had done was taken back.
        Undone = "undone",
        /// Stopped by somebody.
        Cancelled = "cancelled",
        /// Its dead letter was discarded by somebody.
        Discarded = "discarded",
    }

    /// What a step waits for.
    WaitKind {
        /// A time.
        Time = "time",
        /// An event.
        Event = "event",
        /// Somebody's decision.
        Approval = "approval",
        /// A sub-flow.
        Flow = "flow",
    }

    /// What happened to a run.
    EntryKind {
        /// It was accepted.
        Accepted = "accepted",
        /// A step is about to be sent that would act twice if it were sent twice.
        Intent = "intent",
        /// A step came to its end, well or not.
        Settled = "settled",
        /// A step is tried again later.
        Backoff = "backoff",
        /// A step waits.
        Parked = "parked",
        /// What a step waited for came.
        Signalled = "signalled",
        /// A step was taken back.
        Undone = "undone",
        /// It gave up.
        Dead = "dead",
        /// Somebody sent it on its way again.
        Revived = "revived",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// Somebody gave it up.
        Discarded = "discarded",
        /// It failed, and everything that was done was taken back.
        Compensated = "compensated",
        /// It finished.
        Finished = "finished",
    }

    /// Why something failed, in the word to sort by.
    Reason {
        /// The system could not be reached, or was busy or down, before the call took effect.
        Unavailable = "unavailable",
        /// We call too often.
        RateLimited = "rate_limited",
        /// The system has been failing; nothing is sent for a while.
        BreakerOpen = "breaker_open",
        /// The credential is missing, expired or refused.
        Credential = "credential",
        /// Somebody has to log in for the connection; runs wait for that.
        Disconnected = "disconnected",
        /// The system understood and refused.
        Rejected = "rejected",
        /// A write was sent and not answered.
        Unknown = "unknown",
        /// The answer is not what the contract says.
        Drift = "drift",
        /// We do not allow it: access, egress policy, size.
        Refused = "refused",
        /// An expression failed on this data, or the input does not fit.
        Mapping = "mapping",
        /// A person said no.
        Disapproved = "disapproved",
        /// A sub-flow failed.
        SubFlow = "sub_flow",
        /// Taking back an earlier step failed.
        UndoFailed = "undo_failed",
        /// Too many items of an `each` failed.
        Items = "items",
    }

    /// What became of a dead letter.
    DeadStatus {
        /// Waits for somebody.
        Open = "open",
        /// Sent on its way again.
        Replayed = "replayed",
        /// Given up by somebody.
        Discarded = "discarded",
    }

    /// What an alert is about.
    AlertKind {
        /// Work gave up.
        DeadLetter = "dead_letter",
        /// More of a flow's runs failed than usual.
        ErrorRate = "error_rate",
        /// A connection could not log in.
        Credential = "credential",
        /// A circuit breaker opened.
        BreakerOpen = "breaker_open",
        /// A trigger that should have fired by now has not.
        Silence = "silence",
        /// A run takes longer than its budget.
        TimeBudget = "time_budget",
        /// Answers depart from the contract.
        Drift = "drift",
        /// A subscriber does not take its deliveries.
        Delivery = "delivery",
        /// A system cannot be told where to send its webhooks.
        Subscription = "subscription",
    }

    /// How a subscriber to events stands.
    SubscriberState {
        /// Deliveries are taken, or none was tried yet.
        Active = "active",
        /// The last attempts failed.
        Failing = "failing",
        /// Nothing is sent until it is enabled.
        Disabled = "disabled",
    }

    /// Where the delivery of an event stands.
    EventDeliveryStatus {
        /// It is to be made, or tried again.
        Pending = "pending",
        /// It waits for an earlier one with its key.
        Blocked = "blocked",
        /// It was made.
        Delivered = "delivered",
        /// It was given up; a replay takes it up.
        GivenUp = "given_up",
    }

    /// What may be done with a connection.
    Access {
        /// Only operations that read.
        Read = "read",
        /// All operations.
        Write = "write",
    }

    /// Whether calls pass.
    BreakerState {
        /// Calls pass.
        Closed = "closed",
        /// Calls fail at once.
        Open = "open",
        /// One call is let through, to see.
        HalfOpen = "half_open",
    }

    /// How the server is.
    HealthStatus {
        /// Well.
        Ok = "ok",
        /// The store takes no writes now.
        Degraded = "degraded",
    }

    /// How bad a finding is.
    Severity {
        /// The project cannot be put in force.
        Error = "error",
        /// It can.
        Warning = "warning",
    }
}

impl RunStatus {
    /// Whether nothing will happen any more by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Serialize + Copy>(all: &[T], word: impl Fn(T) -> &'static str) {
        for one in all {
            assert_eq!(serde_json::to_string(one).unwrap(), format!("\"{}\"", word(*one)));
        }
    }

    #[test]
    fn a_word_is_the_same_in_json_and_in_text() {
        check(RunStatus::ALL, RunStatus::as_str);
        check(WaitKind::ALL, WaitKind::as_str);
        check(EntryKind::ALL, EntryKind::as_str);
        check(Reason::ALL, Reason::as_str);
        check(DeadStatus::ALL, DeadStatus::as_str);
        check(AlertKind::ALL, AlertKind::as_str);
        check(Access::ALL, Access::as_str);
        check(BreakerState::ALL, BreakerState::as_str);
        check(HealthStatus::ALL, HealthStatus::as_str);
        check(Severity::ALL, Severity::as_str);
    }
}
