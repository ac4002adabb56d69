//! The walk: from the first step on, over everything that is settled, to what is due.

use std::sync::Arc;

use sinew_mapping::Mapping;
use sinew_model::{Block, Branch, Each, Failure, Flow, OnFailure, Parallel, Step, StepKind};
use sinew_stdx::{Json, Timestamp};

use crate::action::Action;
use crate::machine::{Machine, StepState, Taken, may_be_there};
use crate::record::Outcome;
use crate::undo::Undoable;
use crate::{Env, ParkedFor, Signal, failure};

/// How far a block or step has come.
pub(crate) enum Come {
    /// It has its value.
    Done(Json),
    /// Something in it is under way or waited for.
    Waiting,
    /// It failed for good.
    Failed(Box<StepFailure>),
}

pub(crate) struct StepFailure {
    pub(crate) step: Arc<str>,
    pub(crate) failure: Failure,
    pub(crate) input: Option<Json>,
}

/// One walk over the flow.
pub(crate) struct Pass {
    pub(crate) now: Timestamp,
    pub(crate) actions: Vec<Action>,
    /// Settled steps that can be taken back, with what they see; only collected while undoing.
    pub(crate) undoable: Option<Vec<Undoable>>,
}

/// What is known of a step that has an effect.
enum Known {
    Done { value: Json, at: Timestamp },
    Failed(Failure),
    Pending,
    Due { attempts_made: u32, uncertain: bool },
}

impl Machine {
    pub(crate) fn walk(&mut self, now: Timestamp) -> Vec<Action> {
        let flow = Arc::clone(&self.flow);
        let mut pass = Pass { now, actions: Vec::new(), undoable: None };
        let mut env = self.root_env();
        let mut moment = self.began_at;
        let come = self.block(root_block(&flow, self), &mut env, &mut moment, &mut pass);
        match come {
            Come::Waiting => {}
            Come::Done(value) => match self.result(&flow, value, &env, moment) {
                Ok(result) => pass.actions.push(Action::Finish { result }),
                Err(failed) => pass.actions.push(die(*failed)),
            },
            // What may have taken effect cannot be taken back unseen, and must not be left standing while all around it
            // is: somebody has to look.
            Come::Failed(failed) if may_be_there(&failed.failure) => pass.actions.push(die(*failed)),
            Come::Failed(failed) if self.item.is_none() && flow.on_failure == OnFailure::Undo => {
                self.undo(&flow, *failed, &mut pass);
            }
            Come::Failed(failed) => pass.actions.push(die(*failed)),
        }
        pass.actions
    }

    /// What the run answers: the flow's `result`, or an item's last value.
    fn result(
        &self,
        flow: &Flow,
        value: Json,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Json, Box<StepFailure>> {
        match (&self.item, &flow.result) {
            (Some(_), _) => Ok(value),
            (None, None) => Ok(Json::null()),
            (None, Some(result)) => self.evaluate("result", "result", result, env, moment),
        }
    }

    pub(crate) fn block(
        &mut self,
        block: &Block,
        env: &mut Env,
        moment: &mut Timestamp,
        pass: &mut Pass,
    ) -> Come {
        let mut last = Json::null();
        for step in &block.steps {
            match self.step(step, env, moment, pass) {
                Come::Done(value) => {
                    env.bind(step.name.shared(), value.clone());
                    last = value;
                }
                unfinished => return unfinished,
            }
        }
        Come::Done(last)
    }

    /// A block inside a step: what it binds is not seen outside.
    fn inner(&mut self, block: &Block, env: &mut Env, moment: &mut Timestamp, pass: &mut Pass) -> Come {
        let depth = env.depth();
        let come = self.block(block, env, moment, pass);
        env.leave(depth);
        come
    }

    fn step(&mut self, step: &Step, env: &mut Env, moment: &mut Timestamp, pass: &mut Pass) -> Come {
        let come = match self.is_wanted(step, env, *moment) {
            Ok(false) => return Come::Done(Json::null()),
            Ok(true) => self.kind(step, env, moment, pass),
            Err(failed) => Come::Failed(failed),
        };
        let (failed, catch) = match (come, &step.catch) {
            (Come::Failed(failed), Some(catch)) => (failed, catch),
            (come, _) => return come,
        };
        let caught = catch.on.is_empty()
            || catch
                .on
                .iter()
                .any(|word| **word == *failed.failure.code || &**word == failed.failure.reason.as_str());
        if !caught {
            return Come::Failed(failed);
        }
        let depth = env.depth();
        env.bind("error", failure::as_value(&failed.step, &failed.failure));
        let come = self.block(&catch.block, env, moment, pass);
        env.leave(depth);
        come
    }

    fn is_wanted(&mut self, step: &Step, env: &Env, moment: Timestamp) -> Result<bool, Box<StepFailure>> {
        let Some(when) = &step.when else { return Ok(true) };
        let name = step.name.shared();
        if let Some(known) = self.memo.get(&name).and_then(|memo| memo.when) {
            return Ok(known);
        }
        let wanted = self.is_true(&name, "`when`", when, env, moment)?;
        self.memo.entry(name).or_default().when = Some(wanted);
        Ok(wanted)
    }

    fn kind(&mut self, step: &Step, env: &mut Env, moment: &mut Timestamp, pass: &mut Pass) -> Come {
        match &step.kind {
            StepKind::Map(mapping) => self.map(step, mapping, env, *moment),
            StepKind::Branch(branch) => self.branch(step, branch, env, moment, pass),
            StepKind::Parallel(parallel) => self.parallel(parallel, env, moment, pass),
            StepKind::Call(_)
            | StepKind::Each(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Emit(_)
            | StepKind::SubFlow(_) => self.effect(step, env, moment, pass),
        }
    }

    fn map(&mut self, step: &Step, mapping: &Mapping, env: &Env, moment: Timestamp) -> Come {
        let name = step.name.shared();
        if let Some(value) = self.memo.get(&name).and_then(|memo| memo.value.clone()) {
            return Come::Done(value);
        }
        match self.evaluate(&name, "`map`", mapping, env, moment) {
            Ok(value) => {
                self.memo.entry(name).or_default().value = Some(value.clone());
                Come::Done(value)
            }
            Err(failed) => Come::Failed(failed),
        }
    }

    fn branch(
        &mut self,
        step: &Step,
        branch: &Branch,
        env: &mut Env,
        moment: &mut Timestamp,
        pass: &mut Pass,
    ) -> Come {
        let name = step.name.shared();
        let arm = match self.memo.get(&name).and_then(|memo| memo.arm) {
            Some(arm) => arm,
            None => match self.choose(&name, branch, env, *moment) {
                Ok(arm) => {
                    self.memo.entry(name).or_default().arm = Some(arm);
                    arm
                }
                Err(failed) => return Come::Failed(failed),
            },
        };
        match arm {
            Taken::Arm(arm) => self.inner(&branch.arms[arm].block, env, moment, pass),
            Taken::Nothing => Come::Done(Json::null()),
        }
    }

    fn choose(
        &self,
        step: &Arc<str>,
        branch: &Branch,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Taken, Box<StepFailure>> {
        for (i, arm) in branch.arms.iter().enumerate() {
            let taken = match &arm.when {
                None => true,
                Some(when) => self.is_true(step, "`when` of an arm", when, env, moment)?,
            };
            if taken {
                return Ok(Taken::Arm(i));
            }
        }
        Ok(Taken::Nothing)
    }

    /// All arms go on as far as they can; a failed one fails the step only when the others have come to rest.
    fn parallel(
        &mut self,
        parallel: &Parallel,
        env: &mut Env,
        moment: &mut Timestamp,
        pass: &mut Pass,
    ) -> Come {
        let (mut values, mut waiting) = (Vec::new(), false);
        let mut failed: Option<Box<StepFailure>> = None;
        let mut latest = *moment;
        for (name, block) in &parallel.arms {
            let mut arm_moment = *moment;
            match self.inner(block, env, &mut arm_moment, pass) {
                Come::Done(value) => values.push((name.as_str(), value)),
                Come::Waiting => waiting = true,
                // One that may have taken effect is not hidden behind one that did not.
                Come::Failed(failure) if failed.as_ref().is_none_or(|known| is_worse(&failure, known)) => {
                    failed = Some(failure);
                }
                Come::Failed(_) => {}
            }
            latest = latest.max(arm_moment);
        }
        *moment = latest;
        match failed {
            _ if waiting => Come::Waiting,
            Some(failed) => Come::Failed(failed),
            None => Come::Done(Json::object(values.iter().map(|(name, value)| (*name, value)))),
        }
    }

    /// A step whose value comes from outside: what its records say, or the action that is due.
    fn effect(&mut self, step: &Step, env: &mut Env, moment: &mut Timestamp, pass: &mut Pass) -> Come {
        let name = step.name.shared();
        if let StepKind::SubFlow(sub) = &step.kind
            && let Some(child) = self.child_to_ensure(&name)
        {
            let action = self.sub_flow(&name, sub, env, *moment, Some(child));
            return action.map_or_else(Come::Failed, |action| {
                pass.actions.push(action);
                self.hand_out(&name);
                Come::Waiting
            });
        }
        let (attempts_made, uncertain) = match self.known(step, &name, pass) {
            Known::Pending => return Come::Waiting,
            Known::Failed(failure) => {
                let input = self.input_of(step, &name, env, *moment);
                return Come::Failed(Box::new(StepFailure { step: name, failure, input }));
            }
            Known::Done { value, at } => {
                *moment = (*moment).max(at);
                self.collect_undo(step, &name, &value, env, *moment, pass);
                return Come::Done(value);
            }
            Known::Due { attempts_made, uncertain } => (attempts_made, uncertain),
        };
        let action = match &step.kind {
            StepKind::Call(call) => self.call(&name, call, env, *moment).map(|mut call| {
                (call.attempts_made, call.uncertain) = (attempts_made, uncertain);
                Action::Call(call)
            }),
            StepKind::Each(each) => self.each_action(&name, each, env, *moment),
            StepKind::Wait(wait) => self.wait(&name, wait, env, *moment),
            StepKind::Approve(approve) => {
                self.text(&name, "`message`", &approve.message, env, *moment).map(|message| Action::Park {
                    step: Arc::clone(&name),
                    wait: ParkedFor::Approval {
                        message,
                        by: approve.by.clone(),
                        deadline: approve.timeout.map(|timeout| pass.now.plus(timeout)),
                    },
                })
            }
            StepKind::Emit(emit) => self.emit(&name, emit, env, *moment),
            StepKind::SubFlow(sub) => self.sub_flow(&name, sub, env, *moment, None),
            StepKind::Map(_) | StepKind::Branch(_) | StepKind::Parallel(_) => return Come::Waiting,
        };
        match action {
            Ok(action) => {
                pass.actions.push(action);
                self.steps.insert(name, StepState::Issued);
                Come::Waiting
            }
            Err(failed) => Come::Failed(failed),
        }
    }

    fn known(&mut self, step: &Step, name: &Arc<str>, pass: &mut Pass) -> Known {
        match self.steps.get_mut(name) {
            None => Known::Due { attempts_made: 0, uncertain: false },
            Some(StepState::Intended) => Known::Due { attempts_made: 1, uncertain: true },
            Some(StepState::BackingOff { attempts_made, due }) if *due <= pass.now => {
                Known::Due { attempts_made: *attempts_made, uncertain: false }
            }
            Some(StepState::Issued | StepState::BackingOff { .. }) => Known::Pending,
            Some(StepState::Parked { wait, handed_out, .. }) => {
                if !*handed_out && wait.deadline().is_some_and(|deadline| deadline <= pass.now) {
                    *handed_out = true;
                    pass.actions.push(Action::Elapse { step: Arc::clone(name) });
                }
                Known::Pending
            }
            Some(StepState::Settled { outcome: Outcome::Ok(value), at, .. }) => {
                Known::Done { value: value.clone(), at: *at }
            }
            Some(StepState::Settled { outcome: Outcome::Failed(failure), .. }) => {
                Known::Failed(failure.clone())
            }
            Some(StepState::Signalled { wait, signal, at, .. }) => match signalled(step, wait, signal, *at) {
                Outcome::Ok(value) => Known::Done { value, at: *at },
                Outcome::Failed(failure) => Known::Failed(failure),
            },
        }
    }
}

fn is_worse(failed: &StepFailure, known: &StepFailure) -> bool {
    may_be_there(&failed.failure) && !may_be_there(&known.failure)
}

/// What a signal means for the step that waited for it.
fn signalled(step: &Step, wait: &ParkedFor, signal: &Signal, at: Timestamp) -> Outcome {
    let continue_rejected = matches!(&step.kind, StepKind::Approve(approve) if approve.continue_rejected);
    match signal {
        Signal::Elapsed if matches!(wait, ParkedFor::Approval { .. }) => {
            if continue_rejected {
                Outcome::Ok(Json::of(
                    &serde_json::json!({"approved": false, "by": null, "note": null, "at": at.to_string()}),
                ))
            } else {
                Outcome::Failed(failure::disapproved(None, None))
            }
        }
        Signal::Elapsed => Outcome::Ok(Json::null()),
        Signal::Event(payload) => Outcome::Ok(payload.clone()),
        Signal::Decided(decision) if !decision.approved && !continue_rejected => {
            Outcome::Failed(failure::disapproved(Some(&decision.by), decision.note.as_deref()))
        }
        Signal::Decided(decision) => Outcome::Ok(Json::of(&serde_json::json!({
            "approved": decision.approved, "by": decision.by, "note": decision.note, "at": at.to_string(),
        }))),
        Signal::Child(outcome) => outcome.clone(),
    }
}

fn root_block<'a>(flow: &'a Flow, machine: &Machine) -> &'a Block {
    static NOTHING: Block = Block { steps: Vec::new() };
    let Some(item) = &machine.item else { return &flow.block };
    find_each(&flow.block, &item.each).map_or(&NOTHING, |each| &each.block)
}

/// Whether a flow has an `each` step of this name.
pub fn has_each(flow: &Flow, name: &str) -> bool {
    find_each(&flow.block, name).is_some()
}

fn find_each<'a>(block: &'a Block, name: &str) -> Option<&'a Each> {
    match &crate::machine::find(block, name)?.kind {
        StepKind::Each(each) => Some(each),
        _ => None,
    }
}

#[expect(
    clippy::unnecessary_box_returns,
    reason = "failures are rare and travel boxed in every result of the walk"
)]
pub(crate) fn failed(step: &str, failure: Failure) -> Box<StepFailure> {
    Box::new(StepFailure { step: Arc::from(step), failure, input: None })
}

pub(crate) fn die(failed: StepFailure) -> Action {
    Action::Die { step: failed.step, failure: failed.failure, input: failed.input }
}
