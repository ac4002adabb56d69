//! What happened, on its way from those who see it to the desk.

use std::sync::Arc;

use sinew_model::{ConnectionName, Failure};
use sinew_stdx::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    DeadLetter {
        flow: Arc<str>,
        step: Arc<str>,
        failure: Failure,
        at: Timestamp,
    },
    LetterSettled {
        flow: Arc<str>,
    },
    BreakerOpened {
        connection: ConnectionName,
        failure: Failure,
        at: Timestamp,
    },
    BreakerClosed {
        connection: ConnectionName,
        at: Timestamp,
    },
    CredentialFailed {
        connection: ConnectionName,
        failure: Failure,
        at: Timestamp,
    },
    CredentialRecovered {
        connection: ConnectionName,
        at: Timestamp,
    },
    Drifted {
        operation: Arc<str>,
        failure: Failure,
        at: Timestamp,
    },
    OverBudget {
        flow: Arc<str>,
        message: Arc<str>,
        at: Timestamp,
    },
    /// `by` is the trigger's word: a poll or a stream.
    IntakeFailed {
        flow: Arc<str>,
        by: &'static str,
        failure: Failure,
        at: Timestamp,
    },
    IntakeRecovered {
        flow: Arc<str>,
        by: &'static str,
        at: Timestamp,
    },
    SubscriptionFailed {
        flow: Arc<str>,
        failure: Failure,
        at: Timestamp,
    },
    SubscriptionRecovered {
        flow: Arc<str>,
        at: Timestamp,
    },
    DeliveryFailed {
        subscriber: Arc<str>,
        message: Arc<str>,
        at: Timestamp,
    },
    DeliveryRecovered {
        subscriber: Arc<str>,
        at: Timestamp,
    },
}
