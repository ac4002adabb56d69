use std::path::PathBuf;
use std::sync::Arc;

use sinew_stdx::{Json, Timestamp};

use crate::{
    Admitted, AlertRecord, CursorAdvance, DeadFilter, DeadId, DeadLetter, DeadStatus, Epoch, FlowCounts,
    NewRun, Outbox, Pending, Retention, RunFilter, RunId, RunProgress, RunSummary, RunWrite, StoreStats,
    StoredRun, Written,
};

/// Runs and their journals: what the engine lives on.
pub trait Journal: Send + Sync {
    /// Accepts runs and moves a cursor, in one transaction. Answers are in the order of the runs.
    ///
    /// Without a cursor each run is taken or refused by itself. With one, all are taken (or are duplicates) and the
    /// cursor moves; or, if a backlog that one of them would join was at its limit before, nothing happens and all are
    /// answered [`Admitted::BacklogFull`]. A page may so take a backlog beyond its limit: one that is larger than the
    /// limit would else never be taken.
    fn accept(&self, runs: Vec<NewRun>, cursor: Option<CursorAdvance>) -> Pending<Vec<Admitted>>;

    /// Writes more of a run that was accepted as started, or claimed, by this node; else [`crate::StoreError::NotClaimed`].
    fn write(&self, write: RunWrite) -> Pending<Written>;

    /// The whole of a run, or `None`.
    fn load(&self, run: RunId) -> Pending<Option<StoredRun>>;

    /// Takes up to `limit` runs from the backlog, and tells the flow of each: interactive before batch, then fair
    /// shares by flow, oldest first. Of a flow in `room` it takes no more than is said there (the least, if it is there
    /// more than once); of others as many as their share is. They are this node's to run from now on. What an earlier
    /// epoch left running goes before what has not begun; a run that waits for its ordering key is not given out.
    fn claim_queued(&self, limit: u32, room: Vec<(Arc<str>, u32)>) -> Pending<Vec<(RunId, Arc<str>)>>;

    /// Takes up to `limit` resting runs whose time has come, earliest first.
    fn claim_due(&self, now: Timestamp, limit: u32) -> Pending<Vec<RunId>>;

    /// Takes up to `limit` resting runs that wait for an event of this name with this key (or with no key), in the order
    /// of their ids. Only such as come `after` an id: whoever goes on behind the last one that was taken comes to each
    /// run once, also if it waits for the same event again by then.
    fn claim_event(
        &self,
        event: Arc<str>,
        key: Option<Arc<str>>,
        after: Option<RunId>,
        limit: u32,
    ) -> Pending<Vec<RunId>>;

    /// Takes one run that is resting or dead, to signal or revive it. False if it is not in such a state (it is queued,
    /// running, or final) or does not exist. A queued run is not taken: it is not its turn.
    ///
    /// A dead run with an ordering key is taken only while no other run with its key is under way (running, resting, or
    /// left running by an earlier epoch), and is answered false until then: both would run side by side. Once taken it
    /// goes before those with its key that have not begun.
    fn claim(&self, run: RunId) -> Pending<bool>;

    /// Takes one run that is resting, dead or queued, whoever holds its ordering key, to end it and not to run it. False
    /// if it is running or final, or does not exist.
    fn claim_to_cancel(&self, run: RunId) -> Pending<bool>;

    /// When the next resting run is due.
    fn next_due(&self) -> Pending<Option<Timestamp>>;

    /// The epoch that this store was opened under; runs of earlier epochs are in the backlog again.
    fn epoch(&self) -> Epoch;
}

/// Where polls and schedules stand.
pub trait Cursors: Send + Sync {
    /// Where a cursor stands, if it was ever set.
    fn cursor(&self, name: Arc<str>) -> Pending<Option<Arc<str>>>;

    /// Sets it without accepting anything.
    fn set_cursor(&self, advance: CursorAdvance) -> Pending<()>;
}

/// The texts of flows that runs still refer to.
pub trait FlowVersions: Send + Sync {
    /// Keeps a version; keeping it again is nothing.
    fn keep_version(&self, flow: Arc<str>, version: Arc<str>, source: Arc<str>) -> Pending<()>;

    /// The text of a version.
    fn version_source(&self, flow: Arc<str>, version: Arc<str>) -> Pending<Option<Arc<str>>>;
}

/// Work that gave up.
pub trait DeadLetters: Send + Sync {
    /// A page of them.
    fn dead_list(&self, filter: DeadFilter) -> Pending<Vec<DeadLetter>>;

    /// How many match.
    fn dead_count(&self, filter: DeadFilter) -> Pending<u64>;

    /// One of them.
    fn dead_show(&self, id: DeadId) -> Pending<Option<DeadLetter>>;

    /// Replaces the payload of an open one. False if it is not open.
    fn dead_edit(&self, id: DeadId, payload: Json) -> Pending<bool>;

    /// Moves an open one to another state. False if it was not open: of two who try, one succeeds.
    fn dead_settle(&self, id: DeadId, status: DeadStatus) -> Pending<bool>;
}

/// Looking at runs.
pub trait Archive: Send + Sync {
    /// A page of runs, newest first.
    fn runs(&self, filter: RunFilter) -> Pending<Vec<RunSummary>>;

    /// One run's line.
    fn run(&self, run: RunId) -> Pending<Option<RunSummary>>;

    /// How far one run has come, without reading its journal: for those who look again and again.
    fn run_progress(&self, run: RunId) -> Pending<Option<RunProgress>>;

    /// The run that holds the ordering key for which a queued run waits.
    fn run_ahead(&self, run: RunId) -> Pending<Option<RunSummary>>;

    /// Counts by flow.
    fn flow_counts(&self) -> Pending<Vec<FlowCounts>>;
}

/// Alerts that are open or were.
pub trait Alerts: Send + Sync {
    /// Writes an alert by its key, replacing an earlier state of the same opening.
    fn alert_save(&self, alert: AlertRecord) -> Pending<()>;

    /// The newest alerts.
    fn alert_list(&self, open_only: bool, limit: u32) -> Pending<Vec<AlertRecord>>;
}

/// Looking after the store itself.
pub trait Upkeep: Send + Sync {
    /// Deletes one batch; answers how many runs went. Call again until zero.
    fn retain(&self, retention: Retention) -> Pending<u32>;

    /// Copies the store, consistent as of one instant, while it is in use.
    fn backup(&self, to: PathBuf) -> Pending<()>;

    /// The store at a glance.
    fn stats(&self) -> Pending<StoreStats>;

    /// Writes a byte and removes it: whether the store takes writes now.
    fn probe(&self) -> Pending<()>;
}

/// Everything a backend offers.
pub trait Store: Journal + Cursors + FlowVersions + DeadLetters + Archive + Alerts + Outbox + Upkeep {}

impl<T: Journal + Cursors + FlowVersions + DeadLetters + Archive + Alerts + Outbox + Upkeep> Store for T {}
