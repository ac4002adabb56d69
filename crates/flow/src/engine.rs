use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use sinew_call::{Caller, Clock};
use sinew_flow_core::{Decision, ItemScope, ParkedFor};
use sinew_model::{Failure, Flow, FlowVersion, Principal, Snapshot, Trace};
use sinew_stdx::{Json, Random, Timestamp};
use sinew_store::{DeadId, IdSource, NewDeadLetter, Pending, RunId, RunStatus, Store};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::admission::Admissions;
use crate::deliver::Outlet;
use crate::versions::Versions;
use crate::{Observer, Refusal, backlog, drive};

/// How an engine is set up.
pub struct EngineOptions {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// How other systems are called.
    pub caller: Caller,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Who is told what runs do.
    pub observer: Arc<dyn Observer>,
    /// The folders that `each` steps may read files from: the project's.
    pub files: Vec<PathBuf>,
    /// Runs under way at once.
    pub in_flight_max: usize,
    /// What ids and jitter start from.
    pub seed: u64,
}

/// The engine. Cloning gives another handle to it.
#[derive(Clone)]
pub struct Engine {
    pub(crate) core: Arc<Core>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// Its state.
    pub status: RunStatus,
    /// Its result, if it finished.
    pub result: Option<Json>,
    /// Why not, if it did not.
    pub failure: Option<Failure>,
}

/// What is told to a run that is in memory. The answer comes when it is durable.
pub(crate) enum Message {
    /// Something it waits for may have come: look again.
    Wake,
    /// An event.
    Event { event: HappenedEvent, ack: Ack },
    /// A person's decision on a step (the only one that waits for one, if none is named).
    Decide { step: Option<Arc<str>>, decision: Decision, ack: Ack },
    /// The end of a sub-flow.
    ChildEnded { step: Arc<str>, child: RunId, end: RunEnd, ack: Ack },
    /// Stop.
    Cancel { by: Principal, ack: Ack },
    /// Go on from a dead letter.
    Revive { revival: Box<Revival>, ack: Ack },
    /// Give the dead letter up.
    Discard { by: Principal, letter: DeadId, ack: Ack },
    /// Keep the progress of an `each`.
    Checkpoint { step: Arc<str>, progress: Vec<u8>, dead: Vec<(NewDeadLetter, Failure)>, ack: Ack },
}

/// How a dead run goes on.
pub(crate) struct Revival {
    pub(crate) by: Principal,
    pub(crate) letter: DeadId,
    pub(crate) input: Option<Json>,
    pub(crate) trigger: Option<Json>,
    pub(crate) flow: Option<(Arc<Flow>, FlowVersion)>,
}

pub(crate) type Ack = oneshot::Sender<Result<(), Refusal>>;

/// An event that happened; the last ones are kept for runs that were between store and memory when they came.
#[derive(Clone)]
pub(crate) struct HappenedEvent {
    /// The same however often the emission is repeated.
    pub(crate) id: Arc<str>,
    pub(crate) at: Timestamp,
    pub(crate) event: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) payload: Json,
}

/// Events remembered at most, and for how long.
const RECENT_MAX: usize = 1024;
const RECENT_FOR: Duration = Duration::from_secs(10);

pub(crate) struct Core {
    /// Where runs are driven. Whoever hands work in may live on a runtime of its own.
    pub(crate) runtime: Handle,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) caller: Caller,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) admissions: Arc<Admissions>,
    pub(crate) versions: Versions,
    /// Who is told of events outside.
    pub(crate) outlet: Outlet,
    pub(crate) backlog: Notify,
    /// Runs wait in the store that could be taken if there were room.
    pub(crate) has_backlog: watch::Sender<bool>,
    pub(crate) due: Notify,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) listening: Mutex<HashSet<RunId>>,
    /// Runs in memory that wait for a decision.
    asking: Mutex<HashSet<RunId>>,
    pub(crate) recent: Mutex<VecDeque<HappenedEvent>>,
    snapshot: RwLock<Arc<Snapshot>>,
    mailboxes: Mutex<HashMap<RunId, mpsc::UnboundedSender<Message>>>,
    waiters: Mutex<HashMap<RunId, Vec<oneshot::Sender<RunEnd>>>>,
    ids: Mutex<IdSource>,
    random: Mutex<Random>,
}

impl Engine {
    /// Runs in memory that wait for a decision beside something else; those at rest are in the store.
    pub fn asking(&self) -> Vec<RunId> {
        self.core.asking.lock().iter().copied().collect()
    }

    /// Starts an engine on a store: what an earlier life left unfinished goes on.
    pub async fn start(options: EngineOptions, snapshot: Arc<Snapshot>) -> Result<Self, Refusal> {
        let core = Arc::new(Core {
            runtime: Handle::current(),
            store: options.store,
            caller: options.caller,
            clock: options.clock,
            observer: options.observer,
            files: options.files,
            admissions: Admissions::new(options.in_flight_max),
            versions: Versions::default(),
            outlet: Outlet::default(),
            backlog: Notify::new(),
            has_backlog: watch::Sender::new(true),
            due: Notify::new(),
            stopping: watch::Sender::new(false),
            listening: Mutex::default(),
            asking: Mutex::default(),
            recent: Mutex::default(),
            snapshot: RwLock::new(Arc::default()),
            mailboxes: Mutex::default(),
            waiters: Mutex::default(),
            ids: Mutex::new(IdSource::seeded(options.seed)),
            random: Mutex::new(Random::seeded(options.seed.rotate_left(17) ^ 0x5EED)),
        });
        let engine = Self { core };
        engine.replace_snapshot(snapshot).await?;
        tokio::spawn(backlog::refill(Arc::clone(&engine.core)));
        tokio::spawn(backlog::wake_due(Arc::clone(&engine.core)));
        engine.core.backlog.notify_one();
        Ok(engine)
    }

    /// Puts another snapshot in force. Runs under way keep their flow's version.
    pub async fn replace_snapshot(&self, snapshot: Arc<Snapshot>) -> Result<(), Refusal> {
        // All handed in before any is waited for, so that they share a commit.
        let keeping: Vec<_> = snapshot
            .flows
            .values()
            .map(|flow| {
                let (name, version) = (flow.name.shared(), Arc::clone(&flow.version.0));
                self.core.store.keep_version(name, version, Arc::clone(&flow.source))
            })
            .collect();
        for kept in keeping {
            kept.await?;
        }
        self.core.outlet.follow(&self.core.store, &snapshot, self.core.now()).await?;
        self.core.caller.forget(&snapshot);
        self.core.versions.forget();
        *self.core.snapshot.write() = snapshot;
        Ok(())
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.core.snapshot()
    }

    /// The store, for looking.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.core.store
    }

    /// How other systems are called.
    pub fn caller(&self) -> &Caller {
        &self.core.caller
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.core.clock
    }

    /// How many runs are in memory.
    pub fn in_flight(&self) -> usize {
        self.core.admissions.taken()
    }

    /// Stops: accepts nothing more, lets what is being sent be answered for so long, and leaves the rest to the next
    /// start. True if everything came to rest.
    pub async fn stop(&self, patience: Duration) -> bool {
        self.core.stopping.send_replace(true);
        tokio::time::timeout(patience, self.core.admissions.at_rest()).await.is_ok()
    }
}

impl Core {
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn new_id(&self) -> RunId {
        let now = self.now();
        self.ids.lock().next(now)
    }

    pub(crate) fn chance(&self) -> u64 {
        self.random.lock().next_u64()
    }

    /// A fresh trace, for work that nobody else traces.
    pub(crate) fn new_trace(&self) -> Trace {
        let mut random = self.random.lock();
        let trace_id = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64().max(1));
        Trace { trace_id, span_id: random.next_u64().max(1), sampled: true }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Remembers an event for runs that are between store and memory.
    pub(crate) fn remember_event(&self, event: HappenedEvent) {
        let mut recent = self.recent.lock();
        let oldest = event.at.minus(RECENT_FOR);
        while recent.len() >= RECENT_MAX || recent.front().is_some_and(|first| first.at < oldest) {
            recent.pop_front();
        }
        recent.push_back(event);
    }

    /// A place in memory for a run that this node has just taken, its first message in it; `None` if it is there already
    /// (it gets the message then).
    pub(crate) fn enter(&self, run: RunId, first: Message) -> Option<mpsc::UnboundedReceiver<Message>> {
        let mut mailboxes = self.mailboxes.lock();
        let first = match mailboxes.get(&run) {
            Some(mailbox) => match mailbox.send(first) {
                Ok(()) => return None,
                Err(back) => back.0,
            },
            None => first,
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        // Nobody can have closed what was opened just now.
        let _ = sender.send(first);
        mailboxes.insert(run, sender);
        Some(receiver)
    }

    /// Leaves memory unless a message has come, which is given back.
    pub(crate) fn leave(
        &self,
        run: RunId,
        mailbox: &mut mpsc::UnboundedReceiver<Message>,
    ) -> Option<Message> {
        let mut mailboxes = self.mailboxes.lock();
        if let Ok(message) = mailbox.try_recv() {
            return Some(message);
        }
        mailboxes.remove(&run);
        drop(mailboxes);
        self.forget_waits(run);
        None
    }

    /// Leaves memory whatever comes; messages still in the mailbox are dropped, and their senders see that.
    pub(crate) fn abandon(&self, run: RunId) {
        self.mailboxes.lock().remove(&run);
        self.forget_waits(run);
    }

    /// Makes a run in memory findable by what it waits for.
    pub(crate) fn note_wait(&self, run: RunId, wait: &ParkedFor) {
        match wait {
            ParkedFor::Event { .. } => drop(self.listening.lock().insert(run)),
            ParkedFor::Approval { .. } => drop(self.asking.lock().insert(run)),
            ParkedFor::Until(_) | ParkedFor::Child { .. } => {}
        }
    }

    fn forget_waits(&self, run: RunId) {
        self.listening.lock().remove(&run);
        self.asking.lock().remove(&run);
    }

    /// Hands a message to a run that is in memory; gives it back if it is not.
    #[expect(
        clippy::result_large_err,
        reason = "the message is moved on at once, and boxed by none of its senders"
    )]
    pub(crate) fn post(&self, run: RunId, message: Message) -> Result<(), Message> {
        match self.mailboxes.lock().get(&run) {
            Some(mailbox) => mailbox.send(message).map_err(|e| e.0),
            None => Err(message),
        }
    }

    /// Brings a run that this node has just taken into memory. Its flow may not be known until it is read; until then it
    /// counts for the node only.
    pub(crate) fn activate(self: &Arc<Self>, run: RunId, flow: Option<&Arc<str>>, first: Message) {
        if let Some(mailbox) = self.enter(run, first) {
            let slot = self.admissions.take(flow.unwrap_or(&Arc::from("")));
            self.runtime.spawn(drive::load(Arc::clone(self), run, mailbox, slot));
        }
    }

    /// Tells a resting or dead run, or one in memory, something, and waits until that is durable.
    pub(crate) async fn tell(
        self: &Arc<Self>,
        run: RunId,
        message: impl FnOnce(Ack) -> Message,
    ) -> Result<(), Refusal> {
        let (ack, answer) = oneshot::channel();
        let message = message(ack);
        let core = Arc::clone(self);
        // In a task of its own: what was claimed is activated, whether or not the caller still waits.
        spawned(async move { core.hand_over(run, message, |store, run| store.claim(run)).await }).await?;
        told(run, answer).await
    }

    /// As [`Core::tell`], for what may be told to a run that has not begun, too.
    pub(crate) async fn tell_any(
        self: &Arc<Self>,
        run: RunId,
        message: impl FnOnce(Ack) -> Message,
    ) -> Result<(), Refusal> {
        let (ack, answer) = oneshot::channel();
        let message = message(ack);
        let core = Arc::clone(self);
        spawned(async move { core.hand_over(run, message, |store, run| store.claim_to_cancel(run)).await })
            .await?;
        told(run, answer).await
    }

    async fn hand_over(
        self: &Arc<Self>,
        run: RunId,
        message: Message,
        claim: fn(&dyn Store, RunId) -> Pending<bool>,
    ) -> Result<(), Refusal> {
        let Err(message) = self.post(run, message) else { return Ok(()) };
        if claim(&*self.store, run).await? {
            self.activate(run, None, message);
            return Ok(());
        }
        // Not ours to take: somebody else is just bringing it into memory, or it is over, or not at rest.
        if self.post(run, message).is_ok() {
            return Ok(());
        }
        if self.store.run_progress(run).await?.is_none() {
            return Err(Refusal::Missing(format!("run {run}")));
        }
        Err(Refusal::Conflict(format!(
            "run {run} cannot take that now: it is over, has not begun, or another run with its key is under way"
        )))
    }

    pub(crate) fn wait_for(&self, run: RunId) -> oneshot::Receiver<RunEnd> {
        let (sender, receiver) = oneshot::channel();
        self.waiters.lock().entry(run).or_default().push(sender);
        receiver
    }

    pub(crate) fn stop_waiting(&self, run: RunId) {
        let mut waiters = self.waiters.lock();
        if let Some(senders) = waiters.get_mut(&run) {
            senders.retain(|sender| !sender.is_closed());
            if senders.is_empty() {
                waiters.remove(&run);
            }
        }
    }

    pub(crate) fn answer_waiters(&self, run: RunId, end: &RunEnd) {
        let senders = self.waiters.lock().remove(&run).unwrap_or_default();
        for sender in senders {
            let _ = sender.send(end.clone());
        }
    }
}

async fn told(run: RunId, answer: oneshot::Receiver<Result<(), Refusal>>) -> Result<(), Refusal> {
    answer
        .await
        .unwrap_or_else(|_| Err(Refusal::Conflict(format!("run {run} could not take it; look at its state"))))
}

/// Work that is done to its end although the caller may go away in between.
pub(crate) async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work).await.unwrap_or(Err(Refusal::Stopping))
}

/// An item to be run by itself, shared between its machine and its dead letter.
pub(crate) type SharedItem = Arc<ItemScope>;
