use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;

use crate::RunId;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted; waits for room or for its key.
    Queued,
    /// Under way.
    Running,
    /// Rests until a time, an event, a decision or a sub-flow.
    Waiting,
    /// Gave up; its dead letter can be replayed.
    Dead,
    /// Done.
    Finished,
    /// Failed, and everything it had done was taken back.
    Undone,
    /// Stopped by somebody.
    Cancelled,
    /// Its dead letter was discarded by somebody.
    Discarded,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Dead,
        Self::Finished,
        Self::Undone,
        Self::Cancelled,
        Self::Discarded,
    ];

    /// The word, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Dead => "dead",
            Self::Finished => "finished",
            Self::Undone => "undone",
            Self::Cancelled => "cancelled",
            Self::Discarded => "discarded",
        }
    }

    /// The status whose word this is.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing will happen any more by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }
}

/// A line of the run list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// Its flow.
    pub flow: Arc<str>,
    /// Its flow's version.
    pub version: Arc<str>,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it came to its final state.
    pub ended_at: Option<Timestamp>,
    /// Its ordering key.
    pub ordering_key: Option<Arc<str>>,
    /// What it waits for, or why it failed.
    pub reason: Option<Arc<str>>,
    /// The step that failed.
    pub step: Option<Arc<str>>,
    /// When it goes on by itself, if it waits for a time.
    pub due: Option<Timestamp>,
    /// The run that started it as a sub-flow.
    pub parent: Option<RunId>,
    /// The correlation id.
    pub trace_id: u128,
}

/// How far a run has come, in little: whether there is news of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunProgress {
    /// Where it stands.
    pub status: RunStatus,
    /// How many entries its journal has.
    pub entries: u32,
}

/// Which runs to list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this flow.
    pub flow: Option<Arc<str>>,
    /// In one of these states; any if empty.
    pub statuses: Vec<RunStatus>,
    /// With this ordering key.
    pub ordering_key: Option<Arc<str>>,
    /// Accepted at or after.
    pub since: Option<Timestamp>,
    /// Accepted before.
    pub until: Option<Timestamp>,
    /// Older than this run: where the previous page ended.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: u32,
}

/// How many runs of a flow there are in the states that matter at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// The flow.
    pub flow: Arc<str>,
    /// Accepted, waiting for room or their key.
    pub queued: u64,
    /// Under way.
    pub running: u64,
    /// Resting.
    pub waiting: u64,
    /// Open dead letters.
    pub dead: u64,
    /// When the newest run was accepted.
    pub last_accepted_at: Option<Timestamp>,
}
