use std::sync::Arc;

use sinew_stdx::Timestamp;

use crate::{DeadId, DeadStatus, NewDeadLetter, RunId, RunStatus};

/// The BLAKE3 hash by which a large value is kept once.
pub type BlobHash = [u8; 32];

/// A large value that journal entries refer to by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its hash.
    pub hash: BlobHash,
    /// The value.
    pub bytes: Arc<[u8]>,
}

/// A run to be accepted. Once [`crate::Journal::accept`] completes it will be carried to a final state.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub run: RunId,
    /// Its flow.
    pub flow: Arc<str>,
    /// Its flow's version.
    pub version: Arc<str>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Batch work waits behind interactive work.
    pub batch: bool,
    /// Runs of a flow with the same key go one at a time, in order of acceptance.
    pub ordering_key: Option<Arc<str>>,
    /// A run of this flow with the same dedupe key is a duplicate, until then.
    pub dedupe: Option<(Arc<str>, Timestamp)>,
    /// The run and step that started it as a sub-flow.
    pub parent: Option<(RunId, Arc<str>)>,
    /// The correlation id.
    pub trace_id: u128,
    /// Journal entry 0.
    pub entry: Vec<u8>,
    /// Large values that the entry refers to.
    pub blobs: Vec<Blob>,
    /// Whether this node has room to run it at once; else it waits in the backlog.
    pub start: bool,
    /// Refuse if the flow has this many runs waiting.
    pub backlog_max: u64,
}

/// What became of a run that was to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// Durable, and this node runs it now.
    Started,
    /// Durable; waits in the backlog, or behind its key.
    Queued,
    /// Not taken: this earlier run has the same dedupe key.
    Duplicate(RunId),
    /// Not taken: the flow's backlog is full.
    BacklogFull,
}

/// A poll's or schedule's progress, moved in the same transaction as the runs that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorAdvance {
    /// Whose: `poll:<flow>`, `schedule:<flow>`.
    pub name: Arc<str>,
    /// Where it stands now, as its owner writes it.
    pub value: Arc<str>,
}

/// More of a run: entries, what it waits for or how it ended. All of it is durable, or none.
#[derive(Clone, Debug)]
pub struct RunWrite {
    /// The run.
    pub run: RunId,
    /// The sequence number of the first entry; the store refuses gaps and repetitions.
    pub first_seq: u32,
    /// Journal entries.
    pub entries: Vec<Vec<u8>>,
    /// Large values that they refer to.
    pub blobs: Vec<Blob>,
    /// Progress of `each` steps by step path; replaces what was kept under the path.
    pub checkpoints: Vec<(Arc<str>, Vec<u8>)>,
    /// What the run does next.
    pub phase: Phase,
    /// Work that gave up.
    pub dead: Vec<NewDeadLetter>,
    /// Dead letters that this write sees to; those that are not open stay as they are.
    pub settles: Vec<(DeadId, DeadStatus)>,
    /// When.
    pub at: Timestamp,
}

/// What a run does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It goes on, on this node.
    Running,
    /// It rests, in the store only, until the earliest of what it waits for.
    Waiting(WaitFor),
    /// It has come to its end, or to a dead letter.
    Ended {
        /// Dead, finished, undone, cancelled or discarded.
        status: RunStatus,
        /// Whether it still holds its ordering key (a dead run that blocks).
        holds_key: bool,
        /// The word for why, if it did not finish: a reason.
        reason: Option<Arc<str>>,
        /// The step that failed.
        step: Option<Arc<str>>,
    },
}

/// What a resting run waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitFor {
    /// The word for it, for people: `time`, `event`, `approval`, `flow`, `retry`.
    pub what: Arc<str>,
    /// The time at which it goes on by itself.
    pub due: Option<Timestamp>,
    /// Events that wake it: name and key.
    pub events: Vec<(Arc<str>, Option<Arc<str>>)>,
}

/// What a [`RunWrite`] led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The run behind it with the same ordering key, which is ready now.
    pub unblocked: Option<RunId>,
}

/// A run as it stands in the store.
#[derive(Clone, Debug)]
pub struct StoredRun {
    /// The run.
    pub run: RunId,
    /// Its flow.
    pub flow: Arc<str>,
    /// Its flow's version at the start.
    pub version: Arc<str>,
    /// Its state.
    pub status: RunStatus,
    /// The run and step that started it as a sub-flow.
    pub parent: Option<(RunId, Arc<str>)>,
    /// Its journal, from entry 0.
    pub entries: Vec<Vec<u8>>,
    /// The large values that the entries refer to.
    pub blobs: Vec<Blob>,
    /// Progress of `each` steps by step path.
    pub checkpoints: Vec<(Arc<str>, Vec<u8>)>,
}
