use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_stdx::{Json, Timestamp};

use crate::RunId;

/// A dead letter's identity; ids ascend with time.
pub type DeadId = RunId;

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadStatus {
    /// Waits for somebody.
    Open,
    /// Sent on its way again.
    Replayed,
    /// Given up by somebody.
    Discarded,
}

impl DeadStatus {
    /// The word, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// The status whose word this is.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Replayed, Self::Discarded].into_iter().find(|s| s.as_str() == word)
    }
}

/// Work that gives up.
#[derive(Clone, Debug, PartialEq)]
pub struct NewDeadLetter {
    /// Its id.
    pub id: DeadId,
    /// The path of the step that failed.
    pub step: Arc<str>,
    /// The item's number, if it is an item of an `each`.
    pub item: Option<u64>,
    /// The word for why.
    pub reason: Arc<str>,
    /// The stable error code.
    pub code: Arc<str>,
    /// What happened, in one sentence.
    pub message: Arc<str>,
    /// What would be worked on again: the step's input, or the trigger's payload if there is none. Can be edited.
    pub payload: Json,
    /// Everything else: every attempt, the suggestion, what an item needs to be run again.
    pub detail: Json,
}

/// A dead letter as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its run.
    pub run: RunId,
    /// Its flow.
    pub flow: Arc<str>,
    /// When it gave up.
    pub at: Timestamp,
    /// What became of it.
    pub status: DeadStatus,
    /// Whether somebody edited the payload.
    pub edited: bool,
    /// The work.
    pub letter: NewDeadLetter,
}

/// Which dead letters, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Of this flow.
    pub flow: Option<Arc<str>>,
    /// Of this run.
    pub run: Option<RunId>,
    /// At this step.
    pub step: Option<Arc<str>>,
    /// For this reason.
    pub reason: Option<Arc<str>>,
    /// In this state.
    pub status: Option<DeadStatus>,
    /// Given up at or after.
    pub since: Option<Timestamp>,
    /// Given up before.
    pub until: Option<Timestamp>,
    /// Older than this one: where the previous page ended.
    pub before: Option<DeadId>,
    /// At most so many.
    pub limit: u32,
}
