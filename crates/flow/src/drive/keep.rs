//! What of a run is made durable, and its end.

use std::sync::Arc;
use std::time::Duration;

use sinew_flow_core::{Machine, ParkedFor, Record, encode};
use sinew_model::{Failure, KeyPolicy};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{
    DeadId, DeadStatus, NewDeadLetter, Phase, RunStatus, RunWrite, StoreError, WaitFor, Written,
};

use super::{Driver, Here};
use crate::engine::{Ack, Message, RunEnd};
use crate::{Refusal, letters};

/// How long to wait before a write that the store refused is tried again.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

impl Driver {
    pub(super) async fn finish(&mut self, result: Json) -> Result<Here, StoreError> {
        let record = Record::Finished { result: result.clone() };
        self.end(Ending { result: Some(result), ..Ending::with(record, RunStatus::Finished) }).await
    }

    pub(super) async fn die(
        &mut self,
        step: Arc<str>,
        failure: Failure,
        input: Option<Json>,
    ) -> Result<Here, StoreError> {
        let letter = letters::of_run(&self.machine, self.core.new_id(), &step, &failure, input);
        let record = Record::Dead { step: Arc::clone(&step), failure: failure.clone(), letter: letter.id };
        let dead = vec![(letter, failure.clone())];
        self.end(Ending { why: Some((step, failure)), dead, ..Ending::with(record, RunStatus::Dead) }).await
    }

    /// Writes the last record, and tells everybody.
    pub(super) async fn end(&mut self, ending: Ending) -> Result<Here, StoreError> {
        let Ending { record, status, result, why, dead, settles, acks } = ending;
        let (run, failure) = (self.machine.run(), why.as_ref().map(|(_, failure)| failure.clone()));
        let end = RunEnd { status, result, failure };
        // The parent is told first, durably: if we stop in between, we end again and tell it again.
        if status != RunStatus::Dead && self.tell_parent(&end).await? == Here::Gone {
            for ack in acks {
                let _ = ack.send(Err(Refusal::Stopping));
            }
            return Ok(Here::Gone);
        }
        self.settles.extend(settles);
        self.acks.extend(acks);
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
        let message = self.core.leave(run, &mut self.mailbox);
        self.core.answer_waiters(run, &end);
        match message {
            // Somebody was quick to replay or discard it.
            Some(message) if status == RunStatus::Dead => {
                self.claim_again().await?;
                self.held = Some(message);
                return Ok(Here::Yes);
            }
            Some(message) => {
                self.refuse(message);
                self.core.abandon(run);
            }
            None => {}
        }
        Ok(Here::Gone)
    }

    /// Tells the run that waits for this one. `Gone` if that could not be made durable before the engine stops: this run
    /// then ends after the restart.
    async fn tell_parent(&mut self, end: &RunEnd) -> Result<Here, StoreError> {
        let Some((parent, step)) = self.machine.parent().cloned() else { return Ok(Here::Yes) };
        let child = self.machine.run();
        loop {
            let message = |ack| Message::ChildEnded { step: Arc::clone(&step), child, end: end.clone(), ack };
            let refusal = match self.core.tell(parent, message).await {
                Ok(()) => return Ok(Here::Yes),
                Err(refusal) => refusal,
            };
            let waits = match self.core.store.run(parent).await {
                Ok(line) => line.is_some_and(|line| !line.status.is_final()),
                Err(error @ (StoreError::Closed | StoreError::Fenced(_))) => return Err(error),
                Err(_) => true,
            };
            if !waits {
                tracing::debug!(%child, %parent, %refusal, "the parent does not wait any more");
                return Ok(Here::Yes);
            }
            if self.core.is_stopping() {
                self.save(Phase::Running, Vec::new()).await?;
                self.core.abandon(child);
                return Ok(Here::Gone);
            }
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }

    /// Takes the run again that was just laid to rest.
    pub(super) async fn claim_again(&mut self) -> Result<(), StoreError> {
        loop {
            match self.core.store.claim(self.machine.run()).await {
                Err(error) if is_passing(&error) => tokio::time::sleep(AFTER_FAILURE).await,
                answer => return answer.map(|_| ()),
            }
        }
    }

    /// Makes everything so far durable. A full disk or a failing store is waited out: what was accepted is not given up.
    pub(super) async fn save(
        &mut self,
        phase: Phase,
        dead: Vec<(NewDeadLetter, Failure)>,
    ) -> Result<(), StoreError> {
        let checkpoints = std::mem::take(&mut self.checkpoints);
        let settles = std::mem::take(&mut self.settles);
        self.must_keep = false;
        let nothing = self.unsaved.is_empty()
            && checkpoints.is_empty()
            && dead.is_empty()
            && settles.is_empty()
            && phase == Phase::Running;
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
                settles: settles.clone(),
                at,
            };
            let written = self.write(write).await?;
            self.seq += count;
            for (letter, failure) in letters.iter().zip(&failures) {
                let (flow, run) = (self.machine.flow(), self.machine.run());
                self.core.observer.dead_letter(flow, run, letter.id, &letter.step, failure, at);
            }
            for (letter, _) in settles {
                self.core.observer.letter_settled(self.machine.flow().name.as_str(), letter, at);
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

    pub(super) async fn write(&mut self, write: RunWrite) -> Result<Written, StoreError> {
        loop {
            match self.core.store.write(write.clone()).await {
                Err(error) if is_passing(&error) => {
                    tracing::warn!(run = %write.run, %error, "the run waits for the store");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
                answer => return answer,
            }
        }
    }
}

/// How a run ends.
pub(super) struct Ending {
    /// The last record.
    pub record: Record,
    pub status: RunStatus,
    pub result: Option<Json>,
    /// Where and why it did not finish.
    pub why: Option<(Arc<str>, Failure)>,
    pub dead: Vec<(NewDeadLetter, Failure)>,
    /// Letters that are seen to by this end.
    pub settles: Vec<(DeadId, DeadStatus)>,
    /// Told once the end is durable, or refused if it does not come about.
    pub acks: Vec<Ack>,
}

impl Ending {
    pub(super) fn with(record: Record, status: RunStatus) -> Self {
        let (dead, settles, acks) = (Vec::new(), Vec::new(), Vec::new());
        Self { record, status, result: None, why: None, dead, settles, acks }
    }
}

/// How long a run that cannot go on rests before it is tried again: the project may be mended meanwhile.
const REPAIR_AFTER: Duration = Duration::from_mins(1);

/// Rest of a run that something is wrong with.
pub(super) fn repair(now: Timestamp) -> WaitFor {
    WaitFor { what: "repair".into(), due: Some(now.plus(REPAIR_AFTER)), events: Vec::new() }
}

/// Whether the store may take it later.
pub(super) fn is_passing(error: &StoreError) -> bool {
    matches!(error, StoreError::Full(_) | StoreError::Failed(_) | StoreError::Locked(_))
}

pub(super) fn ended_dead(machine: &Machine, step: &Arc<str>, failure: &Failure) -> Phase {
    Phase::Ended {
        status: RunStatus::Dead,
        holds_key: machine.flow().on_dead_key == KeyPolicy::Block,
        reason: Some(Arc::from(failure.reason.as_str())),
        step: Some(Arc::clone(step)),
    }
}

/// What a resting run waits for.
pub(super) fn wait_for(machine: &Machine) -> WaitFor {
    let mut words: Vec<&str> = machine.waits().map(|(_, wait)| wait.word()).collect();
    let logins: Vec<String> = machine.disconnected().map(disconnected).collect();
    if logins.is_empty() && machine.is_backing_off() {
        words.push("retry");
    }
    words.extend(logins.iter().map(String::as_str));
    words.sort_unstable();
    words.dedup();
    let events = machine.waits().filter_map(|(_, wait)| match wait {
        ParkedFor::Event { event, key, .. } => Some((Arc::clone(event), key.clone())),
        _ => None,
    });
    WaitFor { what: words.join(", ").into(), due: machine.next_due(), events: events.collect() }
}

/// That somebody has to log in, and how, as short as a list wants it.
fn disconnected(failure: &Failure) -> String {
    let how = failure.help.as_ref().unwrap_or(&failure.message);
    format!("{}: {how}", failure.reason.as_str())
}
