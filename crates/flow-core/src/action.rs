use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_model::{Asked, ConnectionName, Failure, FileFormat, OperationId, Retry};
use sinew_stdx::{Json, Timestamp};
use sinew_store::RunId;

use crate::ParkedFor;

/// Something to be done by whoever holds the machine. A closed set.
#[derive(Clone, Debug)]
pub enum Action {
    /// Call an operation; answer with `Settled`, `Backoff` (or `Undone` for an undo).
    Call(CallAction),
    /// Run a block for every item; answer with `Settled`.
    Each {
        /// The step.
        step: Arc<str>,
        /// The items.
        input: EachInput,
        /// What the items have around them.
        scope: EachScope,
    },
    /// Make the wait durable: answer with `Parked`.
    Park {
        /// The step.
        step: Arc<str>,
        /// What it waits for.
        wait: ParkedFor,
    },
    /// The time that a step waited for has come: answer with `Signalled`.
    Elapse {
        /// The step.
        step: Arc<str>,
    },
    /// Emit an event; answer with `Settled`.
    Emit {
        /// The step.
        step: Arc<str>,
        /// The event.
        event: Arc<str>,
        /// Its key.
        key: Option<Arc<str>>,
        /// Its payload.
        payload: Json,
        /// The event's own dedupe key: an event emitted again after a crash is the same event.
        dedupe: Arc<str>,
    },
    /// Name the run of a sub-flow and make the wait for it durable: answer with `Parked` for that child.
    ParkForChild {
        /// The step.
        step: Arc<str>,
    },
    /// Start another flow. If it is not waited for, answer with `Settled` with its run; else its end is the signal.
    StartFlow {
        /// The step.
        step: Arc<str>,
        /// The flow.
        flow: Arc<str>,
        /// Its trigger's payload.
        payload: Json,
        /// The run's id, if it is waited for. It may exist already.
        child: Option<RunId>,
        /// A run started again after a crash is the same run.
        dedupe: Arc<str>,
    },
    /// Everything is done: answer with `Finished`.
    Finish {
        /// The flow's result.
        result: Json,
    },
    /// Nothing more can be done: keep the work as a dead letter, answer with `Dead`.
    Die {
        /// The step that failed.
        step: Arc<str>,
        /// Why.
        failure: Failure,
        /// The step's input, if it came so far.
        input: Option<Json>,
    },
    /// It failed, and all is taken back: answer with `Compensated`.
    Compensate {
        /// The step that failed.
        step: Arc<str>,
        /// Why.
        failure: Failure,
    },
}

/// A call to be made.
#[derive(Clone, Debug)]
pub struct CallAction {
    /// The step; `name~undo` when it takes one back.
    pub step: Arc<str>,
    /// The connection.
    pub connection: ConnectionName,
    /// The operation.
    pub operation: OperationId,
    /// The input.
    pub input: Json,
    /// How often to try.
    pub retry: Retry,
    /// The total deadline of an attempt, if the step says one.
    pub deadline: Option<Duration>,
    /// Read all pages, up to so many.
    pub pages_max: Option<NonZeroU32>,
    /// Send again when the outcome is unknown.
    pub at_least_once: bool,
    /// What is asked for, where that follows from what is read of the answer.
    pub asks: Option<Arc<Asked>>,
    /// The key under which the destination recognises a repetition.
    pub idempotency_key: Arc<str>,
    /// Attempts made before.
    pub attempts_made: u32,
    /// There is an intent without an answer: it may have been sent, and must not simply be sent again.
    pub uncertain: bool,
    /// An earlier attempt may have taken effect: a destination that can be asked is asked before it is sent again, and
    /// if it fails for good nobody knows whether the effect is there.
    pub doubtful: bool,
}

/// What all items of an `each` have around them.
#[derive(Clone, Debug)]
pub struct EachScope {
    /// What the block reads of the names outside it.
    pub names: Vec<(Arc<str>, Json)>,
    /// When the step became ready: the items' expressions take their time from it.
    pub at: Timestamp,
}

/// The items of an `each`.
#[derive(Clone, Debug)]
pub enum EachInput {
    /// An array (or a single value, which counts as one).
    Array(Json),
    /// The items of a paginated read.
    Pages(Box<CallAction>),
    /// The records of a file.
    File {
        /// Its path, relative to the project.
        path: Arc<str>,
        /// How it is written.
        format: FileFormat,
    },
}
