//! One item of an `each`: its block from the beginning to the end, in memory.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sinew_diag::codes::engine as code;
use sinew_flow_core::{Action, CallAction, Entry, Machine, Outcome, Record};
use sinew_model::{Attempt, Effect, Failure, Reason};
use sinew_stdx::{Json, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::{Performer, call, emit, needs_intent, start_flow, target};
use crate::drive::Performed;
use crate::engine::SharedItem;

/// An item's write that must be known to be about to happen, before it happens.
pub(super) struct IntentRequest {
    pub(super) index: u64,
    pub(super) step: Arc<str>,
    pub(super) ack: oneshot::Sender<()>,
}

pub(super) struct ItemEnd {
    pub(super) index: u64,
    pub(super) scope: SharedItem,
    /// `None` if nothing more is to be sent: it runs again after the restart, if there is one.
    pub(super) outcome: Option<Result<Json, Box<ItemFailure>>>,
}

pub(super) struct ItemFailure {
    pub(super) step: Arc<str>,
    pub(super) failure: Failure,
    pub(super) input: Option<Json>,
    pub(super) attempts: Vec<Attempt>,
}

/// Runs an item's block. `uncertain`: its steps that may have been sent in an earlier life.
pub(super) async fn run_item(
    performer: Performer,
    mut machine: Machine,
    scope: SharedItem,
    uncertain: Vec<Arc<str>>,
    ask: mpsc::UnboundedSender<IntentRequest>,
) -> ItemEnd {
    let index = scope.index;
    // What was sent to a system that would act twice is known to this machine only.
    let mut unrepeatable = !uncertain.is_empty();
    for step in uncertain {
        fold(&mut machine, performer.core.now(), Record::Intent { step });
    }
    let mut doing: FuturesUnordered<BoxFuture<'static, Performed>> = FuturesUnordered::new();
    loop {
        let now = performer.core.now();
        // A stop lets such an item go on to its end, as long as nothing has to be waited for.
        let held = performer.is_cancelled() || (performer.is_over() && !unrepeatable);
        if !held || doing.is_empty() {
            for action in machine.actions(now) {
                let outcome = match action {
                    Action::Finish { result } => Ok(result),
                    Action::Die { step, failure, input } => {
                        let attempts = machine.attempts(&step).to_vec();
                        Err(Box::new(ItemFailure { step, failure, input, attempts }))
                    }
                    _ if held => continue,
                    action => {
                        doing.extend(perform(&performer, &mut machine, action, index, &ask));
                        continue;
                    }
                };
                return ItemEnd { index, scope, outcome: Some(outcome) };
            }
        }
        if performer.is_over() && doing.is_empty() {
            return ItemEnd { index, scope, outcome: None };
        }
        match doing.next().await {
            Some(records) => {
                for record in records {
                    unrepeatable |= matches!(record, Record::Intent { .. });
                    fold(&mut machine, performer.core.now(), record);
                }
            }
            // Nothing under way: a retry is due later. Items wait for it in memory.
            None => match machine.next_due() {
                Some(due) => {
                    performer.pause(due.since(now).max(Duration::from_millis(1))).await;
                }
                None => tokio::task::yield_now().await,
            },
        }
    }
}

fn fold(machine: &mut Machine, at: Timestamp, record: Record) {
    let record = match record {
        Record::Settled { step, outcome: Outcome::Ok(value), attempts } => {
            let outcome = Outcome::Ok(machine.minimise(&step, &value));
            Record::Settled { step, outcome, attempts }
        }
        record => record,
    };
    if let Err(illegal) = machine.apply(&Entry { at, record }) {
        tracing::error!(run = %machine.run(), %illegal, "an item's record was left out");
    }
}

fn perform(
    performer: &Performer,
    machine: &mut Machine,
    action: Action,
    index: u64,
    ask: &mpsc::UnboundedSender<IntentRequest>,
) -> Option<BoxFuture<'static, Performed>> {
    let performer = performer.clone();
    match action {
        Action::Call(action) => Some(Box::pin(item_call(performer, action, index, ask.clone()))),
        Action::Emit { step, event, key, payload, dedupe } => {
            Some(Box::pin(emit(performer, step, event, key, payload, dedupe)))
        }
        Action::StartFlow { step, flow, payload, child: None, dedupe } => {
            Some(Box::pin(start_flow(performer, step, flow, payload, None, dedupe)))
        }
        // Validation keeps waits, further `each` and awaited sub-flows out of an item's block.
        Action::Park { step, .. }
        | Action::ParkForChild { step }
        | Action::Each { step, .. }
        | Action::Elapse { step }
        | Action::StartFlow { step, .. } => {
            let message = format!("step `{step}` cannot stand inside an `each`");
            let failure = Failure::new(Reason::Mapping, code::JOURNAL_MISMATCH, message);
            let record = Record::Settled { step, outcome: Outcome::Failed(failure), attempts: Vec::new() };
            fold(machine, performer.core.now(), record);
            None
        }
        Action::Finish { .. } | Action::Die { .. } | Action::Compensate { .. } => None,
    }
}

async fn item_call(
    performer: Performer,
    action: CallAction,
    index: u64,
    ask: mpsc::UnboundedSender<IntentRequest>,
) -> Performed {
    let (connection, operation) = match target(&performer.core.snapshot(), &action) {
        Ok(target) => target,
        Err(failure) => {
            let outcome = Outcome::Failed(failure);
            return vec![Record::Settled { step: action.step, outcome, attempts: Vec::new() }];
        }
    };
    if operation.effect != Effect::Read && needs_intent(&operation, &action) && !action.uncertain {
        let (ack, kept) = oneshot::channel();
        let request = IntentRequest { index, step: Arc::clone(&action.step), ack };
        // Once it is known to be about to happen it does happen, unless the run is given up.
        if ask.send(request).is_err() || kept.await.is_err() || performer.is_cancelled() {
            return Vec::new();
        }
        let mut records = vec![Record::Intent { step: Arc::clone(&action.step) }];
        records.extend(call(performer, action, connection, operation).await);
        return records;
    }
    call(performer, action, connection, operation).await
}
