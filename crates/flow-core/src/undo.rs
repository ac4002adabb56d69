//! Undoing: what was done is taken back, one step after another and the last first.

use std::sync::Arc;

use sinew_model::{Call, Failure, Flow, Reason, Step};
use sinew_stdx::{Json, Timestamp};

use crate::Env;
use crate::action::Action;
use crate::machine::{Machine, StepState, UNDO};
use crate::record::Outcome;
use crate::walk::{Pass, StepFailure, die};

/// A settled step that can be taken back, and what its `undo` sees.
pub(crate) struct Undoable {
    order: u32,
    step: Arc<str>,
    call: Call,
    env: Env,
    moment: Timestamp,
}

impl Machine {
    pub(crate) fn collect_undo(
        &self,
        step: &Step,
        name: &Arc<str>,
        value: &Json,
        env: &Env,
        moment: Timestamp,
        pass: &mut Pass,
    ) {
        let (Some(undoable), Some(call)) = (&mut pass.undoable, &step.undo) else { return };
        let Some(StepState::Settled { order, .. } | StepState::Signalled { order, .. }) =
            self.steps.get(name)
        else {
            return;
        };
        let mut env = env.clone();
        env.bind(Arc::clone(name), value.clone());
        undoable.push(Undoable { order: *order, step: Arc::clone(name), call: call.clone(), env, moment });
    }

    /// Takes back, one after another and the last first, what can be taken back.
    pub(crate) fn undo(&mut self, flow: &Flow, cause: StepFailure, pass: &mut Pass) {
        let mut collecting = Pass { now: pass.now, actions: Vec::new(), undoable: Some(Vec::new()) };
        let (mut env, mut moment) = (self.root_env(), self.began_at);
        self.block(&flow.block, &mut env, &mut moment, &mut collecting);
        let mut undoable = collecting.undoable.unwrap_or_default();
        undoable.sort_by_key(|undo| std::cmp::Reverse(undo.order));
        for undo in undoable {
            let name: Arc<str> = Arc::from(format!("{}{UNDO}", undo.step));
            let due = match self.steps.get(&name) {
                Some(StepState::Settled { outcome: Outcome::Ok(_), .. }) => continue,
                Some(StepState::Settled { outcome: Outcome::Failed(failure), .. }) => {
                    let input =
                        self.call(&name, &undo.call, &undo.env, undo.moment).ok().map(|call| call.input);
                    pass.actions.push(die(undo_failed(name, &undo.step, failure, input)));
                    return;
                }
                None => (0, false),
                Some(StepState::Intended) => (1, true),
                Some(StepState::BackingOff { attempts_made, due }) if *due <= pass.now => {
                    (*attempts_made, false)
                }
                Some(_) => return,
            };
            match self.call(&name, &undo.call, &undo.env, undo.moment) {
                Ok(mut call) => {
                    (call.attempts_made, call.uncertain) = due;
                    pass.actions.push(Action::Call(call));
                    self.steps.insert(name, StepState::Issued);
                }
                Err(failed) => pass.actions.push(die(undo_failed(name, &undo.step, &failed.failure, None))),
            }
            return;
        }
        pass.actions.push(Action::Compensate { step: cause.step, failure: cause.failure });
    }
}

fn undo_failed(name: Arc<str>, step: &str, cause: &Failure, input: Option<Json>) -> StepFailure {
    let message = format!("step `{step}` could not be taken back: {}", cause.message);
    let mut failure = Failure::new(Reason::UndoFailed, sinew_diag::codes::engine::UNDO_FAILED, message);
    failure.status = cause.status;
    StepFailure { step: name, failure, input }
}
