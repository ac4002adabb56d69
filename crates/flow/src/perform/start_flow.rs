use std::sync::Arc;
use std::time::Duration;

use sinew_diag::codes::engine as code;
use sinew_flow_core::{Outcome, Record, Signal};
use sinew_model::{Failure, FlowName, Reason};
use sinew_stdx::Json;
use sinew_store::RunId;

use super::Performer;
use crate::drive::{Performed, child_signal};
use crate::{Admission, Refusal, Submission};

/// How long to wait before a start that could not be taken is tried again.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Starts another flow: as a child that is waited for, if it has an id; else by itself, and settles with its run.
pub(crate) async fn start_flow(
    performer: Performer,
    step: Arc<str>,
    flow: Arc<str>,
    payload: Json,
    child: Option<RunId>,
    dedupe: Arc<str>,
) -> Performed {
    loop {
        let snapshot = performer.core.snapshot();
        let found = FlowName::new(&flow).ok().and_then(|name| snapshot.flows.get(&name).cloned());
        let Some(target) = found else { return gone(step, &flow, child) };
        let mut submission =
            Submission::new(target, payload.clone(), performer.principal.clone(), performer.trace);
        submission.run = child;
        submission.parent = child.map(|_| (performer.run, Arc::clone(&step)));
        match performer.core.start_child(submission, Arc::clone(&dedupe)).await {
            // A child's end is told to this run when it comes, unless it came before a crash.
            Ok(Admission::Accepted(_)) if child.is_some() => return Vec::new(),
            Ok(Admission::Duplicate(_)) if child.is_some() => {
                return ended_before(&performer, step, child).await;
            }
            Ok(Admission::Accepted(run) | Admission::Duplicate(run)) => {
                let outcome = Outcome::Ok(Json::of(&serde_json::json!({ "run": run })));
                return vec![Record::Settled { step, outcome, attempts: Vec::new() }];
            }
            Err(Refusal::Stopping) => return Vec::new(),
            _ if performer.is_over() => return Vec::new(),
            // The store refuses a second run of the same id: it was accepted so long ago that its dedupe key is forgotten.
            Err(_) if is_there(&performer, child).await => {
                return ended_before(&performer, step, child).await;
            }
            Ok(Admission::BacklogFull) => {
                tracing::warn!(run = %performer.run, %step, %flow, "the sub-flow's backlog is full; waiting");
            }
            Err(refusal) => {
                tracing::warn!(run = %performer.run, %step, %refusal, "a sub-flow could not be started yet");
            }
        }
        if !performer.pause(AFTER_REFUSAL).await {
            return Vec::new();
        }
    }
}

async fn is_there(performer: &Performer, child: Option<RunId>) -> bool {
    let Some(child) = child else { return false };
    performer.core.store.run(child).await.is_ok_and(|line| line.is_some())
}

/// The end of a child that is over already; nothing if it is not.
async fn ended_before(performer: &Performer, step: Arc<str>, child: Option<RunId>) -> Performed {
    let Some(child) = child else { return Vec::new() };
    loop {
        match performer.core.end_of(child).await {
            Ok(None) => return Vec::new(),
            Ok(Some(end)) => {
                return vec![Record::Signalled { step, signal: child_signal(child, &end), emission: None }];
            }
            Err(refusal) => {
                tracing::warn!(run = %performer.run, %child, %refusal, "a sub-flow cannot be read yet");
                if !performer.pause(AFTER_REFUSAL).await {
                    return Vec::new();
                }
            }
        }
    }
}

fn gone(step: Arc<str>, flow: &str, child: Option<RunId>) -> Performed {
    let message = format!("flow `{flow}` does not exist any more");
    let failure = Failure::new(Reason::Refused, code::RESOURCE_GONE, message)
        .help("put it back, reload, and replay the dead letter");
    let outcome = Outcome::Failed(failure);
    if child.is_some() {
        return vec![Record::Signalled { step, signal: Signal::Child(outcome), emission: None }];
    }
    vec![Record::Settled { step, outcome, attempts: Vec::new() }]
}
