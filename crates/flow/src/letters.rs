//! Dead letters: work that gave up, kept whole, and its ways on: replay and discard.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_flow_core::{ItemScope, Machine, Record};
use sinew_model::{Attempt, Failure, Flow, FlowName, FlowVersion, Principal, Reason};
use sinew_stdx::Json;
use sinew_store::{DeadFilter, DeadId, DeadLetter, DeadStatus, NewDeadLetter, RunId, RunStatus};

use crate::engine::{Message, Revival};
use crate::{Admission, Engine, Refusal, Submission};

/// What a dead letter holds besides its payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LetterDetail {
    /// The failure.
    pub failure: Failure,
    /// What to do about it.
    pub suggestion: Arc<str>,
    /// Every failed attempt, with request and response as sent, secrets masked.
    pub attempts: Vec<Attempt>,
    /// Whether the payload is the step's input (else it is the trigger's payload).
    pub payload_is_input: bool,
    /// The correlation id.
    pub trace_id: Arc<str>,
    /// The version of the flow that it belongs to.
    pub version: FlowVersion,
    /// What an item of an `each` needs to be run again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemScope>,
}

/// How a dead letter is replayed.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// Go on with the flow as it is now instead of the version that the run started with.
    pub current_flow: bool,
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// The letter has another payload.
    Changed,
    /// It said that already.
    Unchanged,
}

/// What a person would be advised to do.
fn suggestion(failure: &Failure) -> Arc<str> {
    if let Some(help) = &failure.help {
        return Arc::clone(help);
    }
    Arc::from(match failure.reason {
        Reason::Unavailable | Reason::BreakerOpen => "wait until the system answers again, then replay",
        Reason::RateLimited => "lower the connection's `budget` or ask the vendor for more, then replay",
        Reason::Disconnected => "log in with `sinew connect`, then replay",
        Reason::Credential => "mend the credential (see the connection's `auth`), then replay",
        Reason::Rejected => {
            "read what the system says, edit the payload (`sinew dead edit`) or the data there, then replay"
        }
        Reason::Unknown => {
            "look in the other system whether the effect is there: if so discard, if not replay"
        }
        Reason::Drift => {
            "the system's answers changed: update the connector's contract, then replay with `--current-flow`"
        }
        Reason::Refused => {
            "allow it in the connection (`access`, `egress`, `response_max`) if it is meant, then replay"
        }
        Reason::Mapping => "edit the payload, or mend the flow and replay with `--current-flow`",
        Reason::Disapproved => "discard it, or replay to ask again",
        Reason::SubFlow => "look at the sub-flow's run; replaying starts it anew",
        Reason::UndoFailed => "take the step back by hand and discard, or mend the cause and replay",
        Reason::Items => "replay the items' own dead letters, then this one",
    })
}

/// The dead letter of a run.
pub(crate) fn of_run(
    machine: &Machine,
    id: DeadId,
    step: &Arc<str>,
    failure: &Failure,
    input: Option<Json>,
) -> NewDeadLetter {
    let payload_is_input = input.is_some();
    let payload =
        input.unwrap_or_else(|| machine.item().map_or_else(|| machine.trigger().clone(), |i| i.item.clone()));
    let detail = LetterDetail {
        failure: failure.clone(),
        suggestion: suggestion(failure),
        attempts: machine.attempts(step).to_vec(),
        payload_is_input,
        trace_id: machine.trace().correlation_id().into(),
        version: machine.flow().version.clone(),
        item: None,
    };
    letter(id, step, machine.item().map(|item| item.index), failure, payload, &detail)
}

/// The dead letter of one item of an `each`.
pub(crate) fn of_item(
    machine: &Machine,
    id: DeadId,
    scope: &ItemScope,
    step: &Arc<str>,
    failure: &Failure,
    input: Option<Json>,
    attempts: &[Attempt],
) -> NewDeadLetter {
    let detail = LetterDetail {
        failure: failure.clone(),
        suggestion: suggestion(failure),
        attempts: attempts.to_vec(),
        payload_is_input: false,
        trace_id: machine.trace().correlation_id().into(),
        version: machine.flow().version.clone(),
        item: Some(scope.clone()),
    };
    // The item is what is worked on again; the failed call's input is shown by the attempts.
    drop(input);
    letter(id, step, Some(scope.index), failure, scope.item.clone(), &detail)
}

fn letter(
    id: DeadId,
    step: &Arc<str>,
    item: Option<u64>,
    failure: &Failure,
    payload: Json,
    detail: &LetterDetail,
) -> NewDeadLetter {
    NewDeadLetter {
        id,
        step: Arc::clone(step),
        item,
        reason: Arc::from(failure.reason.as_str()),
        code: Arc::clone(&failure.code),
        message: Arc::clone(&failure.message),
        payload,
        detail: Json::of(detail),
    }
}

impl Engine {
    /// Sends a dead letter on its way again: the run goes on at the failed step with its earlier results. Answers with
    /// the run that does the work.
    pub async fn replay(&self, id: DeadId, by: Principal, options: &ReplayOptions) -> Result<RunId, Refusal> {
        let (letter, detail) = self.open_letter(id).await?;
        let Some(item) = &detail.item else {
            // The write that revives the run settles its letter.
            return self.replay_run(&letter, &detail, by, options).await;
        };
        let run = self.replay_item(&letter, &detail, item, by, options).await?;
        // Interrupted before this, a second replay finds the same run.
        self.settle_letter(&letter, DeadStatus::Replayed).await?;
        Ok(run)
    }

    /// Gives a dead letter up: its run is over, and runs behind it go on.
    pub async fn discard(&self, id: DeadId, by: Principal) -> Result<(), Refusal> {
        let (letter, detail) = self.open_letter(id).await?;
        if detail.item.is_none() {
            let told = self.core.tell_any(letter.run, |ack| Message::Discard { by, letter: id, ack }).await;
            match told {
                Ok(()) => return Ok(()),
                // A run that is over, or has gone on since, has no use for the letter any more.
                Err(refusal) if self.still_dead_by(&letter).await? => return Err(refusal),
                Err(_) => {}
            }
        }
        self.settle_letter(&letter, DeadStatus::Discarded).await
    }

    /// Replaces the payload of an open dead letter. Replayed, it is other work than before, under other idempotency
    /// keys; so a payload that says what it said before leaves the letter as it is.
    pub async fn edit_letter(&self, id: DeadId, payload: Json) -> Result<Edited, Refusal> {
        let (letter, _) = self.open_letter(id).await?;
        if letter.letter.payload.says_the_same(&payload) {
            return Ok(Edited::Unchanged);
        }
        if self.core.store.dead_edit(id, payload).await? {
            return Ok(Edited::Changed);
        }
        // Somebody was quicker; the letter now says who.
        self.open_letter(id).await.map(|_| Edited::Unchanged)
    }

    async fn open_letter(&self, id: DeadId) -> Result<(DeadLetter, LetterDetail), Refusal> {
        let letter = self.core.store.dead_show(id).await?;
        let letter = letter.ok_or_else(|| Refusal::Missing(format!("dead letter {id}")))?;
        if letter.status != DeadStatus::Open {
            return Err(Refusal::Conflict(format!("dead letter {id} is {} already", letter.status.as_str())));
        }
        let detail = letter.letter.detail.to::<LetterDetail>();
        let detail =
            detail.map_err(|e| Refusal::Conflict(format!("dead letter {id} is not readable: {e}")))?;
        Ok((letter, detail))
    }

    async fn replay_run(
        &self,
        letter: &DeadLetter,
        detail: &LetterDetail,
        by: Principal,
        options: &ReplayOptions,
    ) -> Result<RunId, Refusal> {
        let payload = letter.edited.then(|| letter.letter.payload.clone());
        let (input, trigger) = if detail.payload_is_input { (payload, None) } else { (None, payload) };
        let flow = options.current_flow.then(|| self.current_flow(&letter.flow)).transpose()?;
        let flow = flow.map(|flow| (Arc::clone(&flow), flow.version.clone()));
        let revival = Box::new(Revival { by, letter: letter.letter.id, input, trigger, flow });
        self.core.tell(letter.run, |ack| Message::Revive { revival, ack }).await?;
        Ok(letter.run)
    }

    /// Whether a run is dead still, and by this letter.
    async fn still_dead_by(&self, letter: &DeadLetter) -> Result<bool, Refusal> {
        let detail = self.inspect(letter.run).await?;
        let last = detail.entries.iter().rev().find_map(|entry| match &entry.record {
            Record::Dead { letter, .. } => Some(*letter),
            _ => None,
        });
        Ok(detail.summary.status == RunStatus::Dead && last == Some(letter.letter.id))
    }

    async fn replay_item(
        &self,
        letter: &DeadLetter,
        detail: &LetterDetail,
        item: &ItemScope,
        by: Principal,
        options: &ReplayOptions,
    ) -> Result<RunId, Refusal> {
        let flow = if options.current_flow {
            self.current_flow(&letter.flow)?
        } else {
            let core = &self.core;
            core.versions.find(&*core.store, &core.snapshot(), &letter.flow, &detail.version).await?
        };
        if !sinew_flow_core::has_each(&flow, &item.each) {
            let message = format!("flow `{}` has no `each` step `{}` any more", letter.flow, item.each);
            return Err(Refusal::Conflict(message));
        }
        let mut item = item.clone();
        item.item = letter.letter.payload.clone();
        if letter.edited {
            // Another item than the one whose calls were made.
            item.edits += 1;
        }
        let mut submission = Submission::new(flow, Json::null(), by, self.core.new_trace());
        submission.item = Some(item);
        // Of two who replay the same letter at once, one starts the run and both get its id.
        let dedupe = Arc::from(format!("replay:{}", letter.letter.id));
        match self.core.start_child(submission, dedupe).await? {
            Admission::Accepted(run) | Admission::Duplicate(run) => Ok(run),
            Admission::BacklogFull => Err(Refusal::BacklogFull(letter.flow.to_string())),
        }
    }

    fn current_flow(&self, name: &str) -> Result<Arc<Flow>, Refusal> {
        let snapshot = self.snapshot();
        let flow = FlowName::new(name).ok().and_then(|name| snapshot.flows.get(&name).cloned());
        flow.ok_or_else(|| Refusal::Missing(format!("flow `{name}`")))
    }

    async fn settle_letter(&self, letter: &DeadLetter, status: DeadStatus) -> Result<(), Refusal> {
        let id = letter.letter.id;
        self.core.store.dead_settle(id, status).await?;
        self.core.observer.letter_settled(&letter.flow, id, self.core.now());
        Ok(())
    }

    /// How many dead letters match.
    pub async fn dead_count(&self, filter: DeadFilter) -> Result<u64, Refusal> {
        Ok(self.core.store.dead_count(filter).await?)
    }
}
