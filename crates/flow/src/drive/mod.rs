//! One run, from where its journal stands to its end or its next long wait.
//!
//! The loop: ask the machine what is due, perform it, fold what came of it, and keep it. What must be durable before
//! what is said in [`Driver::take`]; everything else shares the next write.

mod hear;
mod keep;
mod load;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
pub(crate) use hear::child_signal;
use keep::Ending;
pub(crate) use load::{fold, load, spawn};
use sinew_flow_core::{Action, Entry, Machine, Outcome, ParkedFor, Record, RunState, Signal};
use sinew_model::{Effect, Principal, PrincipalKind};
use sinew_store::{DeadId, DeadStatus, Phase, RunStatus, StoreError};
use tokio::sync::mpsc;

use crate::admission::Slot;
use crate::engine::{Ack, Core, Message};
use crate::perform::{self, Performer};

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
    /// Progress of `each` steps that the next write keeps.
    checkpoints: Vec<(Arc<str>, Vec<u8>)>,
    /// Letters that the next write sees to.
    settles: Vec<(DeadId, DeadStatus)>,
    /// Told once `unsaved` is durable.
    acks: Vec<Ack>,
    /// Something in `unsaved` is to be durable at once, not with the next effect.
    must_keep: bool,
    cancelled: Option<(Principal, Vec<Ack>)>,
    /// A message that came when the run was about to leave memory.
    held: Option<Message>,
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
            checkpoints: Vec::new(),
            settles: Vec::new(),
            acks: Vec::new(),
            must_keep: false,
            cancelled: None,
            held: None,
            _slot: slot,
        }
    }

    async fn drive(mut self) {
        let run = self.machine.run();
        for (_, wait) in self.machine.waits() {
            self.core.note_wait(run, wait);
        }
        self.catch_up_on_events();
        if let Err(error) = self.go().await {
            // Fenced or closed: another node has the run, or will after a restart.
            tracing::warn!(%run, %error, "the run is left where the store has it");
            self.core.abandon(run);
        }
    }

    async fn go(&mut self) -> Result<(), StoreError> {
        loop {
            while let Some(message) = self.held.take().or_else(|| self.mailbox.try_recv().ok()) {
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
        if (self.must_keep || !self.acks.is_empty()) && !self.doing.is_empty() {
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
                self.core.note_wait(self.machine.run(), &wait);
                self.fold(vec![Record::Parked { step, wait }]);
            }
            Action::ParkForChild { step } => {
                let wait = ParkedFor::Child { run: self.core.new_id() };
                self.fold(vec![Record::Parked { step, wait }]);
            }
            Action::Elapse { step } => {
                self.fold(vec![Record::Signalled { step, signal: Signal::Elapsed, emission: None }]);
            }
            Action::Finish { result } => return self.finish(result).await,
            Action::Die { step, failure, input } => return self.die(step, failure, input).await,
            Action::Compensate { step, failure } => {
                let record = Record::Compensated { step: Arc::clone(&step), failure: failure.clone() };
                let why = Some((step, failure));
                return self.end(Ending { why, ..Ending::with(record, RunStatus::Undone) }).await;
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
            // Waits can be seen and ended from outside, however long the rest of the run takes.
            self.must_keep |= matches!(record, Record::Parked { .. } | Record::Backoff { .. });
            let entry = Entry { at, record };
            match self.machine.apply(&entry) {
                Ok(()) => self.unsaved.push(entry),
                Err(illegal) => tracing::error!(run = %self.machine.run(), %illegal, "a record was left out"),
            }
        }
    }

    /// While stopping, what was due may not have been handed out, and a sub-flow not been accepted: the next start sees to
    /// it.
    fn is_cut_short(&self) -> bool {
        let mut waits = self.machine.waits();
        self.core.is_stopping()
            && (waits.any(|(_, wait)| matches!(wait, ParkedFor::Child { .. }))
                || !self.machine.clone().actions(self.core.now()).is_empty())
    }

    /// Nothing is under way: rest in the store, stop, or see why not.
    async fn settle_down(&mut self) -> Result<Here, StoreError> {
        if let Some((by, acks)) = self.cancelled.take() {
            let ending = Ending::with(Record::Cancelled { by }, RunStatus::Cancelled);
            return self.end(Ending { acks, ..ending }).await;
        }
        let run = self.machine.run();
        let phase = match self.machine.state() {
            RunState::Dead { step, failure, .. } => keep::ended_dead(&self.machine, step, failure),
            RunState::Ended(_) => {
                self.core.abandon(run);
                return Ok(Here::Gone);
            }
            RunState::Going if self.machine.is_resting() && !self.is_cut_short() => {
                Phase::Waiting(keep::wait_for(&self.machine))
            }
            RunState::Going if !self.core.is_stopping() => {
                tracing::error!(%run, "the run has nothing to do and is not at rest; it is read again in a minute");
                Phase::Waiting(keep::repair(self.core.now()))
            }
            RunState::Going => {
                // Something was left undone because the engine is stopping; it goes on after the restart.
                self.save(Phase::Running, Vec::new()).await?;
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
                self.claim_again().await?;
                self.held = Some(message);
                Ok(Here::Yes)
            }
        }
    }
}

/// The principal of a flow's own calls.
pub(crate) fn flow_principal(flow: &str) -> Principal {
    Principal::new(PrincipalKind::Flow, flow)
}
