use std::sync::Arc;

use sinew_stdx::Timestamp;

/// An alert as it stands in the store. One is open per key at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRecord {
    /// What it is about, such as `dead_letter:lead-intake`; repetitions have the same key.
    pub key: Arc<str>,
    /// The kind's word.
    pub kind: Arc<str>,
    /// The flow or connection.
    pub subject: Arc<str>,
    /// What happened, for people.
    pub message: Arc<str>,
    /// Where it stands.
    pub state: AlertState,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it last happened.
    pub last_at: Timestamp,
    /// How often.
    pub count: u64,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
}

/// Where an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertState {
    /// It holds.
    Open,
    /// It is over.
    Closed,
}

/// What to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended before this instant, with everything that belongs to them. Open dead letters are kept.
    pub ended_before: Timestamp,
    /// At most so many runs in one go; the store stays usable between two goes.
    pub batch_max: u32,
}

/// The store at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes on disk.
    pub bytes: u64,
    /// Transactions so far.
    pub commits: u64,
    /// Writes so far; divided by commits it shows how well they are grouped.
    pub writes: u64,
    /// Runs that are not in a final state.
    pub active: u64,
}
