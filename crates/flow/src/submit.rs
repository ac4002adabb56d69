//! Accepting work: durable first, then answered, then run.

use std::sync::Arc;
use std::time::Duration;

use sinew_flow_core::{Arrival, Entry, ItemScope, Machine, Record, at_flow, encode};
use sinew_mapping::{FieldTree, Reads, project};
use sinew_model::{Failure, Flow, Principal, Priority, Trace, Trigger};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{Admitted, CursorAdvance, NewRun, RunId};

use crate::admission::Slot;
use crate::engine::{Core, HappenedEvent, Message, spawned};
use crate::{Engine, Refusal, RunEnd, drive};

/// Work for a flow.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The flow.
    pub flow: Arc<Flow>,
    /// The payload; what the flow does not read of it is dropped.
    pub payload: Json,
    /// The ordering key.
    pub ordering_key: Option<Arc<str>>,
    /// The dedupe key, and until when it is remembered.
    pub dedupe: Option<(Arc<str>, Timestamp)>,
    /// Who sends it.
    pub principal: Principal,
    /// The trace that it belongs to.
    pub trace: Trace,
    /// The run and step that start it.
    pub parent: Option<(RunId, Arc<str>)>,
    /// The id that its run must have.
    pub run: Option<RunId>,
    /// The item of an `each` that it repeats.
    pub item: Option<ItemScope>,
    /// Why its trigger could not read the payload: its run dies at once, and a person decides.
    pub unreadable: Option<Failure>,
    /// An accepted run has promised it: it is taken even if the flow's backlog is full.
    pub promised: bool,
}

/// What became of a submission. It is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Accepted under this id.
    Accepted(RunId),
    /// Accepted earlier, under this id.
    Duplicate(RunId),
    /// Not accepted: the flow has as much waiting as it may.
    BacklogFull,
}

/// How long effects inside Sinew (events, sub-flows) are recognised when they are repeated.
const EFFECT_DEDUPE_FOR: Duration = Duration::from_hours(30 * 24);

impl Submission {
    /// Plain work for a flow.
    pub fn new(flow: Arc<Flow>, payload: Json, principal: Principal, trace: Trace) -> Self {
        Self {
            flow,
            payload,
            ordering_key: None,
            dedupe: None,
            principal,
            trace,
            parent: None,
            run: None,
            item: None,
            unreadable: None,
            promised: false,
        }
    }

    /// Reads a payload as the flow's trigger says: `None` if the trigger's `when` does not want it.
    pub fn read(
        flow: &Arc<Flow>,
        payload: Json,
        principal: Principal,
        trace: Trace,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        let arrival = Arrival { flow, payload: &payload, now };
        if !arrival.is_wanted()? {
            return Ok(None);
        }
        let (ordering_key, dedupe) = (arrival.ordering_key()?, arrival.dedupe()?);
        Ok(Some(Self { ordering_key, dedupe, ..Self::new(Arc::clone(flow), payload, principal, trace) }))
    }

    /// As [`Submission::read`], where nobody is there to be told that the payload cannot be read: it is kept as a dead
    /// letter instead.
    pub(crate) fn read_or_keep(
        flow: &Arc<Flow>,
        payload: &Json,
        principal: Principal,
        trace: Trace,
        now: Timestamp,
    ) -> Option<Self> {
        Self::read(flow, payload.clone(), principal.clone(), trace, now).unwrap_or_else(|failure| {
            let kept = Self::new(Arc::clone(flow), payload.clone(), principal, trace);
            Some(Self { unreadable: Some(at_flow(flow, failure)), ..kept })
        })
    }

    /// What is stored of the payload. One that could not be read keeps what the trigger reads, too: it is read again when
    /// it was mended.
    fn kept_payload(&self) -> Json {
        let Flow { trigger, keep_trigger, .. } = &*self.flow;
        if self.unreadable.is_none() {
            return project(&self.payload, keep_trigger);
        }
        let read = [trigger.when(), trigger.key(), trigger.dedupe().map(|dedupe| &dedupe.key)];
        let read =
            read.into_iter().flatten().fold(Reads::nothing(), |all, one| all.union(one.reads().clone()));
        let read = if matches!(trigger, Trigger::Poll(poll) if poll.batch) {
            let mut items = FieldTree::default();
            items.insert("items", read);
            Reads::Fields(items)
        } else {
            read
        };
        project(&self.payload, &keep_trigger.clone().union(read))
    }
}

impl Engine {
    /// Accepts work, all of it in one transaction with the cursor. Answers, in order, when it is durable.
    pub async fn submit(
        &self,
        submissions: Vec<Submission>,
        cursor: Option<CursorAdvance>,
    ) -> Result<Vec<Admission>, Refusal> {
        self.core.submit(submissions, cursor).await
    }

    /// Accepts one piece of work and waits for its end for so long; the end is `None` if it takes longer.
    pub async fn submit_and_wait(
        &self,
        mut submission: Submission,
        patience: Duration,
    ) -> Result<(Admission, Option<RunEnd>), Refusal> {
        let run = submission.run.unwrap_or_else(|| self.core.new_id());
        submission.run = Some(run);
        let end = self.core.wait_for(run);
        let admission = self.submit(vec![submission], None).await.map(|all| all[0]);
        let end = if let Ok(Admission::Accepted(_)) = admission {
            tokio::time::timeout(patience, end).await.ok().and_then(Result::ok)
        } else {
            drop(end);
            None
        };
        self.core.stop_waiting(run);
        Ok((admission?, end))
    }

    /// Emits an event: starts the flows that it triggers and wakes the runs that wait for it.
    pub async fn emit(
        &self,
        event: Arc<str>,
        key: Option<Arc<str>>,
        payload: Json,
        principal: Principal,
    ) -> Result<Vec<Admission>, Refusal> {
        let trace = self.core.new_trace();
        self.core.emit(Emission { event, key, payload, dedupe: None, principal, trace }).await
    }

    /// A fresh trace, for work that arrives without one.
    pub fn new_trace(&self) -> Trace {
        self.core.new_trace()
    }
}

/// An event on its way.
pub(crate) struct Emission {
    pub(crate) event: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) payload: Json,
    pub(crate) dedupe: Option<Arc<str>>,
    pub(crate) principal: Principal,
    pub(crate) trace: Trace,
}

/// How long a newcomer waits for room before it goes to the backlog.
const ROOM_WAIT_MAX: Duration = Duration::from_millis(5);

/// Runs woken by one event at most in one go; the rest in the next.
const WAKE_MAX: u32 = 256;

impl Core {
    pub(crate) async fn submit(
        self: &Arc<Self>,
        submissions: Vec<Submission>,
        cursor: Option<CursorAdvance>,
    ) -> Result<Vec<Admission>, Refusal> {
        let core = Arc::clone(self);
        // In a task of its own: what was accepted is run, whether or not the sender still waits.
        spawned(async move { core.take_in(submissions, cursor).await }).await
    }

    async fn take_in(
        self: &Arc<Self>,
        submissions: Vec<Submission>,
        cursor: Option<CursorAdvance>,
    ) -> Result<Vec<Admission>, Refusal> {
        if self.is_stopping() {
            return Err(Refusal::Stopping);
        }
        if let [submission] = submissions.as_slice() {
            self.wait_for_room(&submission.flow).await;
        }
        let now = self.now();
        let mut prepared = Vec::with_capacity(submissions.len());
        let mut runs = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let (ready, run) = self.prepare(submission, now);
            prepared.push(ready);
            runs.push(run);
        }
        let admitted = self.store.accept(runs, cursor).await?;
        Ok(prepared.into_iter().zip(admitted).map(|(ready, admitted)| self.admit(ready, admitted)).collect())
    }

    /// Somebody waits for the answer, and room appears all the time: a short wait for it, and for those that came before,
    /// spares the work the way through the backlog, and keeps a burst from taking all the machine for accepting.
    async fn wait_for_room(&self, flow: &Flow) {
        let (name, in_flight_max) = (flow.name.shared(), flow.limits.in_flight_max.get() as usize);
        let has_room = || self.admissions.has_room(&name, in_flight_max);
        if flow.priority != Priority::Interactive || (!*self.has_backlog.borrow() && has_room()) {
            return;
        }
        let room = async {
            let mut has_backlog = self.has_backlog.subscribe();
            // It cannot be closed while this borrows its sender.
            let _ = has_backlog.wait_for(|has| !has).await;
            while !has_room() {
                self.admissions.gap.notified().await;
            }
        };
        let _ = tokio::time::timeout(ROOM_WAIT_MAX, room).await;
    }

    fn prepare(self: &Arc<Self>, submission: Submission, now: Timestamp) -> (Prepared, NewRun) {
        let trigger = submission.kept_payload();
        let Submission { flow, ordering_key, dedupe, principal, trace, parent, run, item, .. } = submission;
        let (unreadable, promised) = (submission.unreadable.map(Box::new), submission.promised);
        let run = run.unwrap_or_else(|| self.new_id());
        let entry = Entry {
            at: now,
            record: Record::Accepted {
                version: flow.version.clone(),
                trigger,
                principal,
                trace,
                seed: self.chance(),
                ordering_key: ordering_key.clone(),
                dedupe_key: dedupe.as_ref().map(|(key, _)| Arc::clone(key)),
                parent: parent.clone(),
                item: item.map(Box::new),
                unreadable,
            },
        };
        let name = flow.name.shared();
        // Nobody passes those that wait already.
        let slot = if *self.has_backlog.borrow() {
            None
        } else {
            self.admissions.try_take(&name, flow.limits.in_flight_max.get() as usize)
        };
        let mut blobs = Vec::new();
        let new = NewRun {
            run,
            flow: name,
            version: Arc::clone(&flow.version.0),
            accepted_at: now,
            batch: flow.priority == Priority::Batch,
            ordering_key,
            dedupe,
            parent,
            trace_id: trace.trace_id,
            entry: encode(entry.clone(), &mut blobs),
            blobs,
            start: slot.is_some(),
            backlog_max: if promised { u64::MAX } else { flow.limits.backlog_max },
        };
        (Prepared { run, flow, entry, slot }, new)
    }

    fn admit(self: &Arc<Self>, ready: Prepared, admitted: Admitted) -> Admission {
        let Prepared { run, flow, entry, slot } = ready;
        match admitted {
            Admitted::Started => {
                self.observer.accepted(&flow, run, entry.at);
                self.start(run, flow, &entry, slot);
                Admission::Accepted(run)
            }
            Admitted::Queued => {
                self.observer.accepted(&flow, run, entry.at);
                drop(slot);
                self.has_backlog.send_if_modified(|has| !std::mem::replace(has, true));
                self.backlog.notify_one();
                Admission::Accepted(run)
            }
            Admitted::Duplicate(earlier) => Admission::Duplicate(earlier),
            Admitted::BacklogFull => Admission::BacklogFull,
        }
    }

    /// Runs what was just accepted, without reading it back.
    fn start(self: &Arc<Self>, run: RunId, flow: Arc<Flow>, entry: &Entry, slot: Option<Slot>) {
        let Some(mailbox) = self.enter(run, Message::Wake) else { return };
        let slot = slot.unwrap_or_else(|| self.admissions.take(&flow.name.shared()));
        match Machine::accepted(run, flow, entry) {
            Ok(machine) => drive::spawn(Arc::clone(self), machine, 1, mailbox, slot),
            Err(illegal) => {
                tracing::error!(%run, %illegal, "an accepted run does not begin with its acceptance");
                self.abandon(run);
            }
        }
    }

    pub(crate) async fn emit(self: &Arc<Self>, emission: Emission) -> Result<Vec<Admission>, Refusal> {
        let core = Arc::clone(self);
        // In a task of its own: what was claimed is activated, whether or not the emitter still waits.
        spawned(async move { core.spread(emission).await }).await
    }

    async fn spread(self: &Arc<Self>, emission: Emission) -> Result<Vec<Admission>, Refusal> {
        let now = self.now();
        let id = emission.dedupe.clone().unwrap_or_else(|| self.new_id().to_string().into());
        self.outlet.accept(&*self.store, &emission, &id, now).await?;
        let started = self.start_triggered(&emission, now).await?;
        let Emission { event, key, payload, .. } = emission;
        let event = HappenedEvent { id, at: now, event, key, payload };
        self.remember_event(event.clone());
        // A run may be moving between store and memory: look in memory, in the store, and in memory again.
        self.tell_listeners(&event).await;
        let mut after = None;
        loop {
            let (name, key) = (Arc::clone(&event.event), event.key.clone());
            let woken = self.store.claim_event(name, key, after, WAKE_MAX).await?;
            let mut answers = Vec::with_capacity(woken.len());
            for run in &woken {
                let (ack, answer) = tokio::sync::oneshot::channel();
                self.activate(*run, None, Message::Event { event: event.clone(), ack });
                answers.push(answer);
            }
            for answer in answers {
                let _ = answer.await;
            }
            after = woken.last().copied();
            if woken.len() < WAKE_MAX as usize {
                break;
            }
        }
        self.tell_listeners(&event).await;
        Ok(started)
    }

    async fn tell_listeners(self: &Arc<Self>, event: &HappenedEvent) {
        let listening: Vec<RunId> = self.listening.lock().iter().copied().collect();
        for run in listening {
            let (ack, answer) = tokio::sync::oneshot::channel();
            if self.post(run, Message::Event { event: event.clone(), ack }).is_ok() {
                let _ = answer.await;
            }
        }
    }

    async fn start_triggered(
        self: &Arc<Self>,
        emission: &Emission,
        now: Timestamp,
    ) -> Result<Vec<Admission>, Refusal> {
        let snapshot = self.snapshot();
        let mut submissions = Vec::new();
        for flow in snapshot.flows.values() {
            let Trigger::Event(trigger) = &flow.trigger else { continue };
            if trigger.event.as_str() != &*emission.event {
                continue;
            }
            let Emission { payload, principal, trace, .. } = emission;
            // What one flow cannot read is no matter of the emitter's or of the other flows'.
            let read = Submission::read_or_keep(flow, payload, principal.clone(), *trace, now);
            let Some(mut submission) = read else { continue };
            if submission.dedupe.is_none() {
                submission.dedupe = emission.dedupe.clone().map(|key| (key, now.plus(EFFECT_DEDUPE_FOR)));
            }
            submission.promised = emission.dedupe.is_some();
            submissions.push(submission);
        }
        if submissions.is_empty() {
            return Ok(Vec::new());
        }
        self.submit(submissions, None).await
    }

    /// Starts a flow as a step of another run; starting it again is nothing.
    pub(crate) async fn start_child(
        self: &Arc<Self>,
        mut submission: Submission,
        dedupe: Arc<str>,
    ) -> Result<Admission, Refusal> {
        submission.dedupe = Some((dedupe, self.now().plus(EFFECT_DEDUPE_FOR)));
        submission.promised = true;
        let admissions = self.submit(vec![submission], None).await?;
        Ok(admissions.into_iter().next().unwrap_or(Admission::BacklogFull))
    }
}

struct Prepared {
    run: RunId,
    flow: Arc<Flow>,
    entry: Entry,
    slot: Option<Slot>,
}
