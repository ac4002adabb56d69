use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::{Egress, Owner, SecretRef, SubscriberName};

/// Somebody outside who is told of events by webhooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Its name.
    pub name: SubscriberName,
    /// Who answers for it.
    pub owner: Owner,
    /// Where events are delivered.
    pub url: Arc<str>,
    /// Which events: names, or their beginnings with `*` behind.
    pub events: Vec<Arc<str>>,
    /// Whether events with the same key are delivered one at a time, in order.
    pub ordered: bool,
    /// What deliveries are signed with, all of it; empty if Sinew makes a secret of its own.
    pub secrets: Vec<SecretRef>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Attempts under way at once.
    pub concurrency: NonZeroU32,
    /// How long a delivery is tried before it is given up.
    pub retry_for: Duration,
    /// After how long without a single success nothing more is sent until somebody enables it again.
    pub disable_after: Duration,
    /// Which addresses may be reached besides public ones.
    pub egress: Egress,
}
