//! One run, from where its journal stands to its end or its next long wait.
//!
//! The loop: ask the machine what is due, perform it, fold what came of it, and keep it. What must be durable before
//! what is said in [`Driver::take`]; everything else shares the next write.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sinew_diag::codes::engine as code;
use sinew_flow_core::{
    Action, Entry, Machine, Outcome, ParkedFor, Record, RunState, Signal, decode, encode,
};
use sinew_model::{Effect, Failure, KeyPolicy, Principal, PrincipalKind, Reason};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{NewDeadLetter, Phase, RunId, RunStatus, RunWrite, StoreError, StoredRun, WaitFor, Written};
use tokio::sync::mpsc;

use crate::admission::Slot;
use crate::engine::{Ack, Core, Message, Revival, RunEnd};
use crate::letters;
use crate::perform::{self, Performer};
use crate::Refusal;

/// How long to wait before a write that the store refused is tried again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Reads a run that this node has taken, and drives it.
pub(crate) async fn load(core: Arc<Core>, run: RunId, mailbox: mpsc::UnboundedReceiver<Message>, mut slot: Slot) {
    match read(&core, run).await {
        Ok((machine, seq, checkpoints)) => {
            slot.assign(&machine.flow().name.shared());
            let mut driver = Driver::new(core, machine, seq, mailbox, slot);
            driver.performer.checkpoints = checkpoints;
            driver.drive().await;
        }
        Err(refusal) => {
            tracing::error!(%run, code = %refusal.code(), %refusal, "a run cannot be read; it stays in the store");
            core.abandon(run);
        }
    }
}

/// Drives a run that was just accepted.
pub(crate) fn spawn(
    core: Arc<Core>,
    machine: Machine,
    seq: u32,
    mailbox: mpsc::UnboundedReceiver<Message>,
    slot: Slot,
) {
    tokio::spawn(async move { Driver::new(core, machine, seq, mailbox, slot).drive().await });
}

type Checkpoints = Vec<(Arc<str>, Vec<u8>)>;

async fn read(core: &Arc<Core>, run: RunId) -> Result<(Machine, u32, Checkpoints), Refusal> {
    let stored = core.store.load(run).await?.ok_or_else(|| Refusal::Missing(format!("run {run}")))?;
    let (machine, entries) = fold(core, &stored).await?;
    Ok((machine, entries, stored.checkpoints))
}

/// A stored run's machine, and how many entries its journal has.
pub(crate) async fn fold(core: &Core, stored: &StoredRun) -> Result<(Machine, u32), Refusal> {
    let conflict = |message: String| Refusal::Conflict(message);
    let entries = decode(&stored.entries, &stored.blobs).map_err(|e| conflict(e.to_string()))?;
    let version = Machine::version_of(&entries).ok_or_else(|| conflict(format!("run {} has no beginning", stored.run)))?;
    let flow = core.versions.find(&*core.store, &core.snapshot(), &stored.flow, &version).await?;
    let machine = Machine::fold(stored.run, flow, &entries).map_err(|e| conflict(e.to_string()))?;
    Ok((machine, u32::try_from(entries.len()).unwrap_or(u32::MAX)))
}

/// What a performed action gives back.
pub(crate) type Performed = Vec<Record>;

struct Driver {
    core: Arc<Core>,
    machine: Machine,
    mailbox: mpsc::UnboundedReceiver<Message>,
    performer: Performer,
    doing: FuturesUnordered<BoxFuture<'static, Performed>>,
    seq: u32,
    unsaved: Vec<Entry>,
    /// Told once `unsaved` is durable.
    acks: Vec<Ack>,
    cancelled: Option<(Principal, Vec<Ack>)>,
    _slot: Slot,
}

/// Whether the run is still here.
#[derive(PartialEq, Eq)]
enum Here {
    Yes,
    Gone,
}

impl Driver {
    fn new(
        core: Arc<Core>,
        machine: Machine,
        seq: u32,
        mailbox: mpsc::UnboundedReceiver<Message>,
        slot: Slot,
    ) -> Self {
        let performer = Performer::new(&core, &machine);
        Self {
            core,
            machine,
            mailbox,
            performer,
            doing: FuturesUnordered::new(),
            seq,
            unsaved: Vec::new(),
            acks: Vec::new(),
            cancelled: None,
            _slot: slot,
        }
    }

    async fn drive(mut self) {
        let run = self.machine.run();
        self.catch_up_on_events();
        if let Err(error) = self.go().await {
            // Fenced or closed: another node has the run, or will after a restart.
            tracing::warn!(%run, %error, "the run is left where the store has it");
            self.core.abandon(run);
        }
    }

    async fn go(&mut self) -> Result<(), StoreError> {
        loop {
            while let Ok(message) = self.mailbox.try_recv() {
                self.hear(message).await?;
            }
            if self.act().await? == Here::Gone {
                return Ok(());
            }
            if self.doing.is_empty() {
                if self.settle_down().await? == Here::Gone {
                    return Ok(());
                }
                continue;
            }
            tokio::select! {
                Some(records) = self.doing.next() => self.fold(records),
                Some(message) = self.mailbox.recv() => self.hear(message).await?,
            }
        }
    }

    /// Hands out what is due until nothing more is.
    async fn act(&mut self) -> Result<Here, StoreError> {
        loop {
            if self.cancelled.is_some() || self.core.is_stopping() {
                break;
            }
            let actions = self.machine.actions(self.core.now());
            if actions.is_empty() {
                break;
            }
            for action in actions {
                if self.take(action).await? == Here::Gone {
                    return Ok(Here::Gone);
                }
            }
        }
        if !self.acks.is_empty() && !self.doing.is_empty() {
            self.save(Phase::Running, Vec::new()).await?;
        }
        Ok(Here::Yes)
    }

    /// Performs one action. Results that a later effect builds on are durable before the effect is sent; reads need not
    /// wait, they may be read again.
    async fn take(&mut self, action: Action) -> Result<Here, StoreError> {
        match action {
            Action::Call(call) => {
                let target = perform::target(&self.core.snapshot(), &call);
                let (connection, operation) = match target {
                    Ok(target) => target,
                    Err(failure) => {
                        let outcome = Outcome::Failed(failure);
                        self.fold(vec![Record::Settled { step: call.step, outcome, attempts: Vec::new() }]);
                        return Ok(Here::Yes);
                    }
                };
                if operation.effect != Effect::Read {
                    if perform::needs_intent(&operation, &call) && !call.uncertain {
                        self.fold(vec![Record::Intent { step: Arc::clone(&call.step) }]);
                    }
                    self.save(Phase::Running, Vec::new()).await?;
                }
                self.doing.push(Box::pin(perform::call(self.performer.clone(), call, connection, operation)));
            }
            Action::Each { step, input, scope } => {
                self.save(Phase::Running, Vec::new()).await?;
                let machine = self.machine.clone();
                self.doing.push(Box::pin(perform::each(self.performer.clone(), machine, step, input, scope)));
            }
            Action::Emit { step, event, key, payload, dedupe } => {
                self.save(Phase::Running, Vec::new()).await?;
                let emitted = perform::emit(self.performer.clone(), step, event, key, payload, dedupe);
                self.doing.push(Box::pin(emitted));
            }
            Action::StartFlow { step, flow, payload, child, dedupe } => {
                self.save(Phase::Running, Vec::new()).await?;
                let started = perform::start_flow(self.performer.clone(), step, flow, payload, child, dedupe);
                self.doing.push(Box::pin(started));
            }
            Action::Park { step, wait } => {
                if matches!(wait, ParkedFor::Event { .. }) {
                    self.core.listening.lock().insert(self.machine.run());
                }
                self.fold(vec![Record::Parked { step, wait }]);
            }
            Action::ParkForChild { step } => {
                let wait = ParkedFor::Child { run: self.core.new_id() };
                self.fold(vec![Record::Parked { step, wait }]);
            }
            Action::Elapse { step } => self.fold(vec![Record::Signalled { step, signal: Signal::Elapsed }]),
            Action::Finish { result } => return self.finish(result).await,
            Action::Die { step, failure, input } => return self.die(step, failure, input).await,
            Action::Compensate { step, failure } => {
                let record = Record::Compensated { step: Arc::clone(&step), failure: failure.clone() };
                return self.end(record, RunStatus::Undone, None, Some((step, failure)), Vec::new()).await;
            }
        }
        Ok(Here::Yes)
    }

    /// Folds records in, as of now; they are durable with the next write.
    fn fold(&mut self, records: Vec<Record>) {
        let at = self.core.now();
        for record in records {
            let record = match record {
                Record::Settled { step, outcome: Outcome::Ok(value), attempts } => {
                    let outcome = Outcome::Ok(self.machine.minimise(&step, &value));
                    Record::Settled { step, outcome, attempts }
                }
                record => record,
            };
            let entry = Entry { at, record };
            match self.machine.apply(&entry) {
                Ok(()) => self.unsaved.push(entry),
                Err(illegal) => tracing::error!(run = %self.machine.run(), %illegal, "a record was left out"),
            }
        }
    }

    /// Nothing is under way: rest in the store, stop, or see why not.
    async fn settle_down(&mut self) -> Result<Here, StoreError> {
        if let Some((by, acks)) = self.cancelled.take() {
            self.acks.extend(acks);
            return self.end(Record::Cancelled { by }, RunStatus::Cancelled, None, None, Vec::new()).await;
        }
        let run = self.machine.run();
        let phase = match self.machine.state() {
            RunState::Dead { step, failure, .. } => ended_dead(&self.machine, step, failure),
            RunState::Ended(_) => {
                self.core.abandon(run);
                return Ok(Here::Gone);
            }
            RunState::Going if self.core.is_stopping() => {
                self.save(Phase::Running, Vec::new()).await?;
                self.core.abandon(run);
                return Ok(Here::Gone);
            }
            RunState::Going if self.machine.is_resting() => Phase::Waiting(wait_for(&self.machine)),
            RunState::Going => {
                tracing::error!(%run, "the run has nothing to do and is not at rest; it goes on after a restart");
                self.core.abandon(run);
                return Ok(Here::Gone);
            }
        };
        self.save(phase, Vec::new()).await?;
        self.core.due.notify_one();
        match self.core.leave(run, &mut self.mailbox) {
            None => Ok(Here::Gone),
            Some(message) => {
                // Something came just now. Whether it is we or a loop that takes the run again, it is ours.
                self.core.store.claim(run).await?;
                self.hear(message).await?;
                Ok(Here::Yes)
            }
        }
    }

    /// Deals with a message.
    async fn hear(&mut self, message: Message) -> Result<(), StoreError> {
        match message {
            Message::Wake => {}
            Message::Event { event, key, payload, at, ack } => {
                let records = heard_by(&self.machine, &event, key.as_ref(), &payload, at);
                self.fold_acked(records, ack);
            }
            Message::Decide { step, decision, ack } => match waiting_for_decision(&self.machine, step.as_ref(), &decision) {
                Ok(step) => {
                    let record = Record::Signalled { step, signal: Signal::Decided(decision) };
                    self.fold_acked(vec![record], ack);
                }
                Err(refusal) => drop(ack.send(Err(refusal))),
            },
            Message::ChildEnded { step, child, end, ack } => {
                let waits = self.machine.waits().any(|(name, wait)| {
                    *name == step && matches!(wait, ParkedFor::Child { run } if *run == child)
                });
                let records = if waits { vec![Record::Signalled { step, signal: child_signal(child, &end) }] } else { Vec::new() };
                self.fold_acked(records, ack);
            }
            Message::Cancel { by, ack } => match &mut self.cancelled {
                Some((_, acks)) => acks.push(ack),
                None => self.cancelled = Some((by, vec![ack])),
            },
            Message::Revive { revival, ack } => self.revive(*revival, ack),
            Message::Discard { by, ack } => {
                if matches!(self.machine.state(), RunState::Dead { .. }) {
                    self.acks.push(ack);
                    let _ = self.end(Record::Discarded { by }, RunStatus::Discarded, None, None, Vec::new()).await?;
                } else {
                    let _ = ack.send(Err(Refusal::Conflict(format!("run {} is not dead", self.machine.run()))));
                }
            }
            Message::Checkpoint { step, progress, dead, ack } => {
                self.performer.checkpoints = vec![(step, progress)];
                self.acks.push(ack);
                self.save(Phase::Running, dead).await?;
            }
        }
        Ok(())
    }

    fn fold_acked(&mut self, records: Vec<Record>, ack: Ack) {
        if records.is_empty() && self.unsaved.is_empty() {
            let _ = ack.send(Ok(()));
            return;
        }
        self.fold(records);
        self.acks.push(ack);
    }

    fn revive(&mut self, revival: Revival, ack: Ack) {
        let RunState::Dead { step, .. } = self.machine.state() else {
            let refusal = Refusal::Conflict(format!("run {} is not dead", self.machine.run()));
            let _ = ack.send(Err(refusal));
            return;
        };
        let step = Arc::clone(step);
        let Revival { by, input, trigger, flow } = revival;
        let version = flow.as_ref().map(|(_, version)| version.clone());
        let record = Record::Revived { step, by, input, trigger, version };
        if let Some((flow, _)) = flow {
            match self.machine.with_flow(flow) {
                Ok(machine) => self.machine = machine,
                Err(illegal) => {
                    let _ = ack.send(Err(Refusal::Conflict(illegal.to_string())));
                    return;
                }
            }
        }
        self.fold_acked(vec![record], ack);
    }

    async fn finish(&mut self, result: Json) -> Result<Here, StoreError> {
        let record = Record::Finished { result: result.clone() };
        self.end(record, RunStatus::Finished, Some(result), None, Vec::new()).await
    }

    async fn die(&mut self, step: Arc<str>, failure: Failure, input: Option<Json>) -> Result<Here, StoreError> {
        let letter = letters::of_run(&self.machine, self.core.new_id(), &step, &failure, input);
        let record = Record::Dead { step: Arc::clone(&step), failure: failure.clone(), letter: letter.id };
        let dead = vec![(letter, failure.clone())];
        self.end(record, RunStatus::Dead, None, Some((step, failure)), dead).await
    }

    /// Writes the last record, and tells everybody.
    async fn end(
        &mut self,
        record: Record,
        status: RunStatus,
        result: Option<Json>,
        why: Option<(Arc<str>, Failure)>,
        dead: Vec<(NewDeadLetter, Failure)>,
    ) -> Result<Here, StoreError> {
        let (run, failure) = (self.machine.run(), why.as_ref().map(|(_, failure)| failure.clone()));
        let end = RunEnd { status, result, failure };
        if status != RunStatus::Dead {
            // The parent is told first, durably: if we stop in between, we end again and tell it again.
            self.tell_parent(&end).await;
        }
        self.fold(vec![record]);
        let phase = match (&why, status) {
            (Some((step, failure)), RunStatus::Dead) => ended_dead(&self.machine, step, failure),
            _ => Phase::Ended {
                status,
                holds_key: false,
                reason: why.as_ref().map(|(_, failure)| Arc::from(failure.reason.as_str())),
                step: why.map(|(step, _)| step),
            },
        };
        self.save(phase, dead).await?;
        let (at, flow) = (self.core.now(), self.machine.flow());
        self.core.observer.ended(flow, run, status, at.since(self.machine.accepted_at()), at);
        self.core.answer_waiters(run, &end);
        if let Some(message) = self.core.leave(run, &mut self.mailbox) {
            self.refuse(message);
            self.core.abandon(run);
        }
        Ok(Here::Gone)
    }

    async fn tell_parent(&mut self, end: &RunEnd) {
        let Some((parent, step)) = self.machine.parent() else { return };
        let child = self.machine.run();
        let told = self.core.tell(*parent, |ack| Message::ChildEnded {
            step: Arc::clone(step),
            child,
            end: end.clone(),
            ack,
        });
        if let Err(refusal) = told.await {
            tracing::debug!(%child, %parent, %refusal, "the parent does not wait any more");
        }
    }

    /// Answers a message that came too late.
    fn refuse(&self, message: Message) {
        let refusal = || Err(Refusal::Conflict(format!("run {} is over", self.machine.run())));
        match message {
            Message::Event { ack, .. } | Message::ChildEnded { ack, .. } => drop(ack.send(Ok(()))),
            Message::Decide { ack, .. }
            | Message::Cancel { ack, .. }
            | Message::Revive { ack, .. }
            | Message::Discard { ack, .. }
            | Message::Checkpoint { ack, .. } => drop(ack.send(refusal())),
            Message::Wake => {}
        }
    }

    /// Makes everything so far durable. A full disk or a failing store is waited out: what was accepted is not given up.
    async fn save(&mut self, phase: Phase, dead: Vec<(NewDeadLetter, Failure)>) -> Result<(), StoreError> {
        let checkpoints = std::mem::take(&mut self.performer.checkpoints);
        let nothing = self.unsaved.is_empty() && checkpoints.is_empty() && dead.is_empty() && phase == Phase::Running;
        if !nothing {
            let mut blobs = Vec::new();
            let entries: Vec<_> = self.unsaved.drain(..).map(|entry| encode(entry, &mut blobs)).collect();
            let (count, at) = (entries.len() as u32, self.core.now());
            let (letters, failures): (Vec<_>, Vec<_>) = dead.into_iter().unzip();
            let write = RunWrite {
                run: self.machine.run(),
                first_seq: self.seq,
                entries,
                blobs,
                checkpoints,
                phase,
                dead: letters.clone(),
                at,
            };
            let written = self.write(write).await?;
            self.seq += count;
            for (letter, failure) in letters.iter().zip(&failures) {
                let (flow, run) = (self.machine.flow(), self.machine.run());
                self.core.observer.dead_letter(flow, run, letter.id, &letter.step, failure, at);
            }
            if written.unblocked.is_some() {
                self.core.backlog.notify_one();
            }
        }
        for ack in self.acks.drain(..) {
            let _ = ack.send(Ok(()));
        }
        Ok(())
    }

    async fn write(&mut self, write: RunWrite) -> Result<Written, StoreError> {
        loop {
            match self.core.store.write(write.clone()).await {
                Err(error @ (StoreError::Full(_) | StoreError::Failed(_))) => {
                    tracing::warn!(run = %write.run, %error, "the run waits for the store");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
                answer => return answer,
            }
        }
    }

    /// Events that came while the run was on its way into memory.
    fn catch_up_on_events(&mut self) {
        if !self.machine.waits().any(|(_, wait)| matches!(wait, ParkedFor::Event { .. })) {
            return;
        }
        self.core.listening.lock().insert(self.machine.run());
        let missed: Vec<_> = {
            let recent = self.core.recent.lock();
            recent.iter().map(|e| (Arc::clone(&e.event), e.key.clone(), e.payload.clone(), e.at)).collect()
        };
        for (event, key, payload, at) in missed {
            let records = heard_by(&self.machine, &event, key.as_ref(), &payload, at);
            self.fold(records);
        }
    }
}

/// The steps that wait for an event, signalled.
fn heard_by(machine: &Machine, event: &str, key: Option<&Arc<str>>, payload: &Json, at: Timestamp) -> Vec<Record> {
    machine
        .waits()
        .filter(|(step, wait)| match wait {
            ParkedFor::Event { event: wanted, key: wanted_key, .. } => {
                **wanted == *event
                    && (wanted_key.is_none() || wanted_key.as_ref() == key)
                    && machine.parked_at(step).is_some_and(|parked| parked <= at)
            }
            _ => false,
        })
        .map(|(step, _)| Record::Signalled {
            step: Arc::clone(step),
            signal: Signal::Event(machine.minimise(step, payload)),
        })
        .collect()
}

/// The step that a decision is for.
fn waiting_for_decision(
    machine: &Machine,
    step: Option<&Arc<str>>,
    decision: &sinew_flow_core::Decision,
) -> Result<Arc<str>, Refusal> {
    let waiting: Vec<_> = machine
        .waits()
        .filter_map(|(name, wait)| match wait {
            ParkedFor::Approval { by, .. } if step.is_none_or(|step| step == name) => Some((name, by)),
            _ => None,
        })
        .collect();
    let (name, by) = match waiting.as_slice() {
        [] => return Err(Refusal::Conflict(format!("run {} does not wait for a decision", machine.run()))),
        [one] => *one,
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.to_string()).collect();
            let names = names.join("`, `");
            return Err(Refusal::Conflict(format!("several steps wait for a decision; name one of `{names}`")));
        }
    };
    if !by.is_empty() && !by.contains(&decision.by) {
        let allowed: Vec<_> = by.iter().map(ToString::to_string).collect();
        let message = format!("`{}` may not decide on step `{name}`; {} may", decision.by, allowed.join(", "));
        return Err(Refusal::Conflict(message));
    }
    Ok(Arc::clone(name))
}

fn child_signal(child: RunId, end: &RunEnd) -> Signal {
    let outcome = match (&end.status, &end.result) {
        (RunStatus::Finished, result) => Outcome::Ok(result.clone().unwrap_or_else(Json::null)),
        (status, _) => {
            let why = end.failure.as_ref().map(|f| format!(": {}", f.message)).unwrap_or_default();
            let message = format!("run {child} was {}{why}", status.as_str());
            Outcome::Failed(Failure::new(Reason::SubFlow, code::SUB_FLOW_FAILED, message))
        }
    };
    Signal::Child(outcome)
}

fn ended_dead(machine: &Machine, step: &Arc<str>, failure: &Failure) -> Phase {
    Phase::Ended {
        status: RunStatus::Dead,
        holds_key: machine.flow().on_dead_key == KeyPolicy::Block,
        reason: Some(Arc::from(failure.reason.as_str())),
        step: Some(Arc::clone(step)),
    }
}

/// What a resting run waits for.
fn wait_for(machine: &Machine) -> WaitFor {
    let mut words: Vec<&str> = machine.waits().map(|(_, wait)| wait.word()).collect();
    if machine.is_backing_off() {
        words.push("retry");
    }
    words.sort_unstable();
    words.dedup();
    let events = machine.waits().filter_map(|(_, wait)| match wait {
        ParkedFor::Event { event, key, .. } => Some((Arc::clone(event), key.clone())),
        _ => None,
    });
    WaitFor { what: words.join(", ").into(), due: machine.next_due(), events: events.collect() }
}

/// The principal of a flow's own calls.
pub(crate) fn flow_principal(flow: &str) -> Principal {
    Principal::new(PrincipalKind::Flow, flow)
}
