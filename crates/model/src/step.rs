use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_diag::Place;
use sinew_mapping::{Expression, Mapping, Reads};
use sinew_stdx::{Backoff, Json};

use crate::{Asked, ConnectionName, EventName, FileFormat, FlowName, OperationId, StepName};

/// Steps one after another. The block's value is the value of its last step.
///
/// Expressions see `trigger`, every earlier step of the block and of the blocks around it by name.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, by which later steps refer to its value. Unique in the flow.
    pub name: StepName,
    /// Where it stands.
    pub place: Place,
    /// What it does.
    pub kind: StepKind,
    /// Left out (its value is null) unless this is true.
    pub when: Option<Expression>,
    /// What to do when it fails for good.
    pub catch: Option<Catch>,
    /// How to take it back when a later step fails and the flow says `undo`.
    pub undo: Option<Call>,
    /// What later expressions read of its value; the rest is dropped before anything is stored.
    pub keep: Reads,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// Calls an operation; the value is its answer.
    Call(Call),
    /// Computes a value.
    Map(Mapping),
    /// Takes the first arm whose condition is true; the value is that arm's, or null.
    Branch(Branch),
    /// Runs its arms at the same time; the value is an object with each arm's value.
    Parallel(Parallel),
    /// Runs a block for every item.
    Each(Box<Each>),
    /// Waits.
    Wait(Wait),
    /// Waits for a person's decision; the value is `{approved, by, note, at}`.
    Approve(Approve),
    /// Emits an event: starts flows that it triggers and wakes runs that wait for it.
    Emit(Emit),
    /// Starts another flow; the value is its result, or `{run}` if not waited for.
    SubFlow(SubFlow),
}

impl StepKind {
    /// The word for it, as in YAML.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Map(_) => "map",
            Self::Branch(_) => "branch",
            Self::Parallel(_) => "parallel",
            Self::Each(_) => "each",
            Self::Wait(_) => "wait",
            Self::Approve(_) => "approve",
            Self::Emit(_) => "emit",
            Self::SubFlow(_) => "flow",
        }
    }
}

/// A call of an operation. Connection and operation are known to exist; they are looked up at call time, so that a
/// mended connection serves runs that are under way.
#[derive(Clone, Debug)]
pub struct Call {
    /// The connection.
    pub connection: ConnectionName,
    /// The operation of its connector.
    pub operation: OperationId,
    /// The input.
    pub with: Mapping,
    /// How often to try.
    pub retry: Retry,
    /// Overrides the operation's and connection's total deadline.
    pub deadline: Option<Duration>,
    /// Read all pages, up to so many; the value is then the array of all items.
    pub pages_max: Option<NonZeroU32>,
    /// Send again when the outcome is unknown, although the destination may act twice.
    pub at_least_once: bool,
    /// What is asked for, where that follows from what is read of the answer.
    pub asks: Option<Arc<Asked>>,
}

/// How often to try. Only what may succeed later is retried (see the outcomes of the call pipeline).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: NonZeroU32,
    /// The waits between them.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(4),
            backoff: Backoff { base: Duration::from_millis(500), max: Duration::from_mins(1) },
        }
    }
}

/// What to do when a step fails for good: its steps see `error` (`{code, message, reason, step, status}`), and their value
/// becomes the step's.
#[derive(Clone, Debug)]
pub struct Catch {
    /// Only failures with these codes or reasons; all if empty.
    pub on: Vec<Arc<str>>,
    /// The steps.
    pub block: Block,
}

/// The arms of a branch, tried in order.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The arms.
    pub arms: Vec<Arm>,
}

/// One arm of a branch.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Taken if true; `None` is `else`.
    pub when: Option<Expression>,
    /// The steps.
    pub block: Block,
}

/// Arms that run at the same time. If one fails the others are finished first, then the step fails.
#[derive(Clone, Debug)]
pub struct Parallel {
    /// The arms by name.
    pub arms: Vec<(StepName, Block)>,
}

/// A block for every item of a stream. The value is `{total, ok, failed}` and, if asked for, `reduced` or `results`.
#[derive(Clone, Debug)]
pub struct Each {
    /// Where the items come from.
    pub source: EachSource,
    /// The name by which the block refers to the item (`item` unless said otherwise). With `batch` it is an array.
    pub item: StepName,
    /// Items under way at the same time.
    pub concurrency: NonZeroU32,
    /// Items per iteration, if more than one.
    pub batch: Option<NonZeroU32>,
    /// The steps. No waits, approvals, undos, further `each` or awaited sub-flows inside.
    pub block: Block,
    /// Folds the items' values as they arrive, in any order.
    pub reduce: Option<Reduce>,
    /// Keep every item's value (bounded; refused beyond 1,000 items).
    pub collect: bool,
    /// The step fails when more items than this failed; by default it never does (each is its own dead letter).
    pub failures_max: Option<u64>,
    /// What the block's expressions read of the scope around it.
    pub reads: Reads,
}

/// Where the items of an `each` come from.
#[derive(Clone, Debug)]
pub enum EachSource {
    /// An array.
    Items(Expression),
    /// The items of a paginated read, page by page.
    Pages(Call),
    /// The records of a file of the project.
    File {
        /// The path, relative to the project's folder.
        path: Expression,
        /// How it is written.
        format: FileFormat,
    },
}

/// Folds values in any order: `with` stands over `acc`, the item and the block's value as `result`.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// The first `acc`.
    pub start: Json,
    /// The next `acc`.
    pub with: Mapping,
}

/// What a run waits for.
#[derive(Clone, Debug)]
pub enum Wait {
    /// A time.
    For(Duration),
    /// An instant: RFC 3339 text or milliseconds since the Unix epoch.
    Until(Expression),
    /// An event; the value is its payload, or null after the timeout.
    Event {
        /// Its name.
        event: EventName,
        /// It must carry this key.
        key: Option<Expression>,
        /// How long at most.
        timeout: Option<Duration>,
    },
}

/// A person's decision.
#[derive(Clone, Debug)]
pub struct Approve {
    /// What is asked, for the person.
    pub message: Expression,
    /// Who may decide (names of people or groups); anyone with access if empty.
    pub by: Vec<Arc<str>>,
    /// After this time it counts as rejected.
    pub timeout: Option<Duration>,
    /// Go on with `approved: false` after a rejection instead of failing.
    pub continue_rejected: bool,
}

/// An event to emit.
#[derive(Clone, Debug)]
pub struct Emit {
    /// Its name.
    pub event: EventName,
    /// Its payload.
    pub with: Mapping,
    /// The key that waiting runs are matched by.
    pub key: Option<Expression>,
}

/// Another flow.
#[derive(Clone, Debug)]
pub struct SubFlow {
    /// Its name.
    pub flow: FlowName,
    /// Its trigger's payload.
    pub with: Mapping,
    /// Whether to wait for its result.
    pub wait: bool,
}
