use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinew_diag::Place;
use sinew_mapping::{Mapping, Reads};

use crate::{Block, ChannelName, FlowName, Owner, Trigger};

/// The durable integration itself: trigger, steps and error policy.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: FlowName,
    /// Which text of it this is. A run keeps the version that it started with.
    pub version: FlowVersion,
    /// What it is for.
    pub description: Arc<str>,
    /// Who answers for it.
    pub owner: Owner,
    /// Where it stands.
    pub place: Place,
    /// What starts it.
    pub trigger: Trigger,
    /// What it does.
    pub block: Block,
    /// What it answers, over all steps' values; null unless said.
    pub result: Option<Mapping>,
    /// What happens when a step fails for good and nothing catches it.
    pub on_failure: OnFailure,
    /// Whether a dead letter blocks the runs behind it that have the same key.
    pub on_dead_key: KeyPolicy,
    /// The channels its alerts go to; all of the project's if empty.
    pub alerts: Vec<ChannelName>,
    /// Who goes first when there is not enough for all.
    pub priority: Priority,
    /// Its bounds.
    pub limits: FlowLimits,
    /// Alert when it was not triggered for so long.
    pub silence: Option<Duration>,
    /// What its expressions read of the trigger's payload; the rest is dropped before anything is stored.
    pub keep_trigger: Reads,
    /// The document's text, from which this version is read again for runs that keep it.
    pub source: Arc<str>,
}

/// The version of a flow: a BLAKE3 hash (first 16 hex digits) of its document.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FlowVersion(pub Arc<str>);

impl FlowVersion {
    /// The version of a document.
    pub fn of(source: &str) -> Self {
        let hash = blake3::hash(source.as_bytes()).to_hex();
        Self(Arc::from(&hash.as_str()[..16]))
    }
}

impl fmt::Display for FlowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FlowVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happens when a step fails for good and nothing catches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The work is kept whole as a dead letter.
    #[default]
    DeadLetter,
    /// Steps done so far are undone in reverse order. If an undo fails too, a dead letter is kept.
    Undo,
}

/// Whether a dead letter blocks the runs behind it that have the same ordering key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyPolicy {
    /// They wait until it is replayed or discarded.
    #[default]
    Block,
    /// They go on.
    Pass,
}

/// Who goes first when there is not enough for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it.
    #[default]
    Interactive,
    /// It may take its time.
    Batch,
}

/// The bounds of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowLimits {
    /// Runs under way at once on a node; more wait in the store.
    pub in_flight_max: NonZeroU32,
    /// Accepted runs that wait; beyond that senders get 429.
    pub backlog_max: u64,
    /// Alert when a run takes longer.
    pub time_budget: Option<Duration>,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self { in_flight_max: NonZeroU32::MIN.saturating_add(511), backlog_max: 1_000_000, time_budget: None }
    }
}
