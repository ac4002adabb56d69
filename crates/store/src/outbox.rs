//! Events for subscribers, and what became of delivering them.

use std::sync::Arc;

use sinew_stdx::Timestamp;

use crate::Pending;

/// What subscribers are told, kept until everybody has it or it is too old.
///
/// An event that was accepted is delivered at least once to each subscriber that it was accepted for. Deliveries of one
/// subscriber with the same key are given out one at a time, in the order of acceptance.
pub trait Outbox: Send + Sync {
    /// Keeps what is known of a subscriber, in its owner's format; replaces what was kept under its name.
    fn subscriber_save(&self, subscriber: SubscriberRow) -> Pending<()>;

    /// Forgets a subscriber with its deliveries, of which one batch goes; true when it is all gone. Call again until then.
    fn subscriber_remove(&self, name: Arc<str>) -> Pending<bool>;

    /// All subscribers, by name.
    fn subscribers(&self) -> Pending<Vec<SubscriberRow>>;

    /// Accepts an event for these subscribers; those that are not known are left out. False if an event of this id was
    /// accepted before: nothing happens then.
    fn event_accept(&self, event: NewEvent) -> Pending<bool>;

    /// Up to `limit` deliveries of a subscriber that are due and not behind others with their key, the longest due first.
    fn deliveries_due(&self, subscriber: Arc<str>, now: Timestamp, limit: u32) -> Pending<Vec<DueDelivery>>;

    /// When a subscriber's next delivery is due; nothing if it has none to come.
    fn delivery_next_due(&self, subscriber: Arc<str>) -> Pending<Option<Timestamp>>;

    /// Notes an attempt and what follows from it. One that is over already, or gone, stays as it is.
    fn delivery_settle(&self, settled: Settled) -> Pending<()>;

    /// A page of deliveries, newest first.
    fn deliveries(&self, filter: DeliveryFilter) -> Pending<Vec<DeliveryRow>>;

    /// The attempts at a delivery that are kept, oldest first.
    fn delivery_attempts(&self, delivery: DeliveryId) -> Pending<Vec<Attempt>>;

    /// How many deliveries of a subscriber wait, were made and were given up.
    fn delivery_counts(&self, subscriber: Arc<str>) -> Pending<DeliveryCounts>;

    /// Delivers one batch of a subscriber's past events again.
    fn deliveries_replay(&self, replay: Replay) -> Pending<Replayed>;

    /// Deletes one batch of events that were accepted before, with their deliveries; those that wait to be delivered stay
    /// unless `also_waiting`. Answers how many events went.
    fn events_prune(&self, before: Timestamp, also_waiting: bool, limit: u32) -> Pending<u32>;
}

/// The attempts that are kept of one delivery; older ones go.
pub const ATTEMPTS_KEPT: u32 = 50;

/// A subscriber, as its owner writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberRow {
    /// Its name.
    pub name: Arc<str>,
    /// What is known of it.
    pub record: Arc<str>,
}

/// An event on its way to subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The same however often its emission is repeated, and in every delivery.
    pub id: Arc<str>,
    /// Its name.
    pub event: Arc<str>,
    /// Its key.
    pub key: Option<Arc<str>>,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as it is sent.
    pub payload: Arc<[u8]>,
    /// Who gets it, and whether in order among those with the same key.
    pub to: Vec<(Arc<str>, bool)>,
}

/// A delivery's id within its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

/// A delivery that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDelivery {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The event's id.
    pub id: Arc<str>,
    /// Its name.
    pub event: Arc<str>,
    /// When it happened.
    pub at: Timestamp,
    /// What is sent.
    pub payload: Arc<[u8]>,
    /// Attempts so far, since it was accepted or replayed.
    pub attempts: u32,
    /// Since when it is to be delivered: accepted or replayed.
    pub since: Timestamp,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// The status answered, if one was.
    pub status: Option<u16>,
    /// The beginning of what was answered, or why nothing was.
    pub excerpt: Arc<str>,
}

/// An attempt and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows.
    pub then: Then,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is delivered.
    Delivered,
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up; a replay takes it up.
    GivenUp,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// It is to be made, or tried again.
    Pending,
    /// It waits for an earlier one with its key.
    Blocked,
    /// It was made.
    Delivered,
    /// It was given up.
    GivenUp,
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Whose.
    pub subscriber: Arc<str>,
    /// Only those that stand so.
    pub status: Option<DeliveryStatus>,
    /// Only those before this one, for the next page.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The event's id.
    pub id: Arc<str>,
    /// Its name.
    pub event: Arc<str>,
    /// Its key.
    pub key: Option<Arc<str>>,
    /// When it happened.
    pub at: Timestamp,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    pub due: Option<Timestamp>,
    /// The last attempt.
    pub last: Option<Attempt>,
}

/// Deliveries by where they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// To be made, those behind others with their key included.
    pub waiting: u64,
    /// Made.
    pub delivered: u64,
    /// Given up.
    pub given_up: u64,
}

/// Which past events are delivered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// To whom.
    pub subscriber: Arc<str>,
    /// The names of events it wants; `order.*` means all that begin so, `*` all.
    pub events: Vec<Arc<str>>,
    /// Whether in order among those with the same key.
    pub ordered: bool,
    /// Events that happened from then.
    pub from: Timestamp,
    /// And before then.
    pub until: Timestamp,
    /// Behind this place of an earlier batch.
    pub after: i64,
    /// At most so many events are looked at.
    pub limit: u32,
    /// The time.
    pub now: Timestamp,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Deliveries that will be made again.
    pub count: u32,
    /// Where the next batch begins; nothing if this was the last.
    pub next: Option<i64>,
}

/// Whether a pattern means an event: its name, its beginning with `*` behind, or `*` for all.
pub fn event_matches(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => event.starts_with(beginning),
        None => pattern == event,
    }
}
