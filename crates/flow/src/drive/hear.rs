//! What a run in memory is told.

use std::sync::Arc;

use sinew_diag::codes::engine as code;
use sinew_flow_core::{Decision, Machine, Outcome, ParkedFor, Record, RunState, Signal};
use sinew_model::{Failure, Reason};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{DeadId, DeadStatus, Phase, RunId, RunStatus, StoreError};

use super::Driver;
use super::keep::Ending;
use crate::Refusal;
use crate::engine::{Ack, HappenedEvent, Message, Revival, RunEnd};

impl Driver {
    /// Deals with a message.
    pub(super) async fn hear(&mut self, message: Message) -> Result<(), StoreError> {
        match message {
            Message::Wake => {}
            Message::Event { event, ack } => {
                let records = heard_by(&self.machine, &event, None);
                self.fold_acked(records, ack);
            }
            Message::Decide { step, decision, ack } => {
                match waiting_for_decision(&self.machine, step.as_ref(), &decision) {
                    Ok(step) => {
                        let record =
                            Record::Signalled { step, signal: Signal::Decided(decision), emission: None };
                        self.fold_acked(vec![record], ack);
                    }
                    Err(refusal) => drop(ack.send(Err(refusal))),
                }
            }
            Message::ChildEnded { step, child, end, ack } => {
                let waits = self.machine.waits().any(|(name, wait)| {
                    *name == step && matches!(wait, ParkedFor::Child { run } if *run == child)
                });
                let records = if waits {
                    vec![Record::Signalled { step, signal: child_signal(child, &end), emission: None }]
                } else {
                    Vec::new()
                };
                self.fold_acked(records, ack);
            }
            Message::Cancel { by, ack } => {
                if let Some((_, acks)) = &mut self.cancelled {
                    acks.push(ack);
                } else {
                    self.performer.cancel();
                    self.cancelled = Some((by, vec![ack]));
                }
            }
            Message::Revive { revival, ack } => self.revive(*revival, ack),
            Message::Discard { by, letter, ack } => {
                if matches!(self.machine.state(), RunState::Dead { letter: of, .. } if *of == letter) {
                    let _ = self
                        .end(Ending {
                            settles: vec![(letter, DeadStatus::Discarded)],
                            acks: vec![ack],
                            ..Ending::with(Record::Discarded { by }, RunStatus::Discarded)
                        })
                        .await?;
                } else {
                    let _ = ack.send(Err(self.gone_on(letter)));
                }
            }
            Message::Checkpoint { step, progress, dead, ack } => {
                self.performer.progress.retain(|(of, _)| *of != step);
                self.performer.progress.push((Arc::clone(&step), progress.clone()));
                self.checkpoints = vec![(step, progress)];
                self.acks.push(ack);
                self.save(Phase::Running, dead).await?;
            }
        }
        Ok(())
    }

    pub(super) fn fold_acked(&mut self, records: Vec<Record>, ack: Ack) {
        if records.is_empty() && self.unsaved.is_empty() {
            let _ = ack.send(Ok(()));
            return;
        }
        self.fold(records);
        self.acks.push(ack);
    }

    pub(super) fn revive(&mut self, revival: Revival, ack: Ack) {
        let Revival { by, letter, input, trigger, flow } = revival;
        let step = match self.machine.state() {
            RunState::Dead { step, letter: of, .. } if *of == letter => Arc::clone(step),
            _ => {
                let _ = ack.send(Err(self.gone_on(letter)));
                return;
            }
        };
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
        self.settles.push((letter, DeadStatus::Replayed));
        self.fold_acked(vec![record], ack);
    }

    /// Answers a message that came too late.
    pub(super) fn refuse(&self, message: Message) {
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

    /// Events that came while the run was on its way into memory.
    pub(super) fn catch_up_on_events(&mut self) {
        if !self.machine.waits().any(|(_, wait)| matches!(wait, ParkedFor::Event { .. })) {
            return;
        }
        let missed: Vec<_> = self.core.recent.lock().iter().cloned().collect();
        for event in missed {
            let records = heard_by(&self.machine, &event, Some(event.at));
            self.fold(records);
        }
    }

    fn gone_on(&self, letter: DeadId) -> Refusal {
        let run = self.machine.run();
        Refusal::Conflict(format!("run {run} has gone on since dead letter {letter}; look at its state"))
    }
}

/// The steps that wait for an event, signalled. One that is told again is not heard again: not by a step that came to
/// wait meanwhile, nor after a crash of who emitted it.
fn heard_by(machine: &Machine, event: &HappenedEvent, not_before: Option<Timestamp>) -> Vec<Record> {
    if machine.has_heard(&event.id) {
        return Vec::new();
    }
    let after_parking =
        |step: &str| not_before.is_none_or(|at| machine.parked_at(step).is_some_and(|parked| parked <= at));
    machine
        .waits()
        .filter(|(step, wait)| match wait {
            ParkedFor::Event { event: wanted, key, .. } => {
                *wanted == event.event && (key.is_none() || *key == event.key) && after_parking(step)
            }
            _ => false,
        })
        .map(|(step, _)| Record::Signalled {
            step: Arc::clone(step),
            signal: Signal::Event(machine.minimise(step, &event.payload)),
            emission: Some(Arc::clone(&event.id)),
        })
        .collect()
}

/// The step that a decision is for.
fn waiting_for_decision(
    machine: &Machine,
    step: Option<&Arc<str>>,
    decision: &Decision,
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
            return Err(Refusal::Conflict(format!(
                "several steps wait for a decision; name one of `{names}`"
            )));
        }
    };
    if !by.is_empty() && !by.contains(&decision.by) {
        let allowed: Vec<_> = by.iter().map(ToString::to_string).collect();
        let message =
            format!("`{}` may not decide on step `{name}`; {} may", decision.by, allowed.join(", "));
        return Err(Refusal::Conflict(message));
    }
    Ok(Arc::clone(name))
}

/// What a sub-flow's end is to the step that waits for it.
pub(crate) fn child_signal(child: RunId, end: &RunEnd) -> Signal {
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
