//! The walk: from the first step on, over everything that is settled, to what is due.

use std::sync::Arc;

use sinew_mapping::{Expression, Mapping, Moment};
use sinew_model::{
    Block, Branch, Call, Each, EachSource, Emit, Failure, Flow, OnFailure, Parallel, Reason, Step, StepKind,
    SubFlow, Wait,
};
use sinew_stdx::{Json, Timestamp};
use sinew_store::RunId;

use crate::action::{Action, CallAction, EachInput};
use crate::machine::{Machine, StepState, UNDO};
use crate::record::Outcome;
use crate::{Env, ParkedFor, Signal, failure, idempotency_key, key};

/// How far a block or step has come.
enum Come {
    /// It has its value.
    Done(Json),
    /// Something in it is under way or waited for.
    Waiting,
    /// It failed for good.
    Failed(Box<StepFailure>),
}

struct StepFailure {
    step: Arc<str>,
    failure: Failure,
    input: Option<Json>,
}

/// One walk over the flow.
struct Pass {
    now: Timestamp,
    actions: Vec<Action>,
    /// Settled steps that can be taken back, with what they see; only collected while undoing.
    undoable: Option<Vec<Undoable>>,
}

struct Undoable {
    order: u32,
    step: Arc<str>,
    call: Call,
    env: Env,
    moment: Timestamp,
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
        let mut moment = self.accepted_at;
        let come = self.block(root_block(&flow, self), &mut env, &mut moment, &mut pass);
        match come {
            Come::Waiting => {}
            Come::Done(value) => match self.result(&flow, value, &env, moment) {
                Ok(result) => pass.actions.push(Action::Finish { result }),
                Err(failed) => pass.actions.push(die(*failed)),
            },
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

    fn block(&mut self, block: &Block, env: &mut Env, moment: &mut Timestamp, pass: &mut Pass) -> Come {
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
            Some(arm) => self.inner(&branch.arms[arm].block, env, moment, pass),
            None => Come::Done(Json::null()),
        }
    }

    fn choose(
        &self,
        step: &Arc<str>,
        branch: &Branch,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Option<usize>, Box<StepFailure>> {
        for (i, arm) in branch.arms.iter().enumerate() {
            let taken = match &arm.when {
                None => true,
                Some(when) => self.is_true(step, "`when` of an arm", when, env, moment)?,
            };
            if taken {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    /// All arms go on as far as they can; a failed one fails the step only when the others have come to rest.
    fn parallel(
        &mut self,
        parallel: &Parallel,
        env: &mut Env,
        moment: &mut Timestamp,
        pass: &mut Pass,
    ) -> Come {
        let (mut values, mut waiting, mut failed) = (Vec::new(), false, None);
        let mut latest = *moment;
        for (name, block) in &parallel.arms {
            let mut arm_moment = *moment;
            match self.inner(block, env, &mut arm_moment, pass) {
                Come::Done(value) => values.push((name.as_str(), value)),
                Come::Waiting => waiting = true,
                Come::Failed(failure) => failed = failed.or(Some(failure)),
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
            Some(StepState::Parked { wait, elapsing, .. }) => {
                if !*elapsing && wait.deadline().is_some_and(|deadline| deadline <= pass.now) {
                    *elapsing = true;
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

    fn call(
        &self,
        name: &Arc<str>,
        call: &Call,
        env: &Env,
        moment: Timestamp,
    ) -> Result<CallAction, Box<StepFailure>> {
        let (edits, input) = match self.edited.get(name) {
            Some((edits, input)) => (*edits, input.clone()),
            None => (0, self.evaluate(name, "`with`", &call.with, env, moment)?),
        };
        let (run, item) = match &self.item {
            Some(item) => (item.run, Some((&*item.each, item.index))),
            None => (self.run, None),
        };
        Ok(CallAction {
            step: Arc::clone(name),
            connection: call.connection.clone(),
            operation: call.operation.clone(),
            input,
            retry: call.retry,
            deadline: call.deadline,
            pages_max: call.pages_max,
            at_least_once: call.at_least_once,
            idempotency_key: idempotency_key(run, item, name, edits).into(),
            attempts_made: 0,
            uncertain: false,
        })
    }

    fn each_action(
        &self,
        name: &Arc<str>,
        each: &Each,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Action, Box<StepFailure>> {
        let input = match &each.source {
            EachSource::Items(items) => {
                let value = self.value(name, "`items`", items, env, moment)?;
                EachInput::Array(value.unwrap_or_else(|| Json::from_printed("[]")))
            }
            EachSource::Pages(call) => EachInput::Pages(Box::new(self.call(name, call, env, moment)?)),
            EachSource::File { path, format } => {
                EachInput::File { path: self.text(name, "`path`", path, env, moment)?, format: *format }
            }
        };
        let roots = each.reads.root_names();
        let scope =
            env.select(|name| roots.as_ref().is_none_or(|roots| roots.iter().any(|root| *root == name)));
        Ok(Action::Each { step: Arc::clone(name), input, scope })
    }

    fn wait(
        &self,
        name: &Arc<str>,
        wait: &Wait,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Action, Box<StepFailure>> {
        let wait = match wait {
            Wait::For(span) => ParkedFor::Until(moment.plus(*span)),
            Wait::Until(until) => {
                let value = self.value(name, "`until`", until, env, moment)?;
                let instant = value.as_ref().and_then(instant);
                let failed = || failed(name, failure::no_instant(value.as_ref()));
                ParkedFor::Until(instant.ok_or_else(failed)?)
            }
            Wait::Event { event, key, timeout } => ParkedFor::Event {
                event: event.shared(),
                key: key.as_ref().map(|key| self.text(name, "`key`", key, env, moment)).transpose()?,
                deadline: timeout.map(|timeout| moment.plus(timeout)),
            },
        };
        Ok(Action::Park { step: Arc::clone(name), wait })
    }

    fn emit(
        &self,
        name: &Arc<str>,
        emit: &Emit,
        env: &Env,
        moment: Timestamp,
    ) -> Result<Action, Box<StepFailure>> {
        Ok(Action::Emit {
            step: Arc::clone(name),
            event: emit.event.shared(),
            key: emit.key.as_ref().map(|key| self.text(name, "`key`", key, env, moment)).transpose()?,
            payload: self.evaluate(name, "`with`", &emit.with, env, moment)?,
            dedupe: self.effect_id(name),
        })
    }

    fn sub_flow(
        &self,
        name: &Arc<str>,
        sub: &SubFlow,
        env: &Env,
        moment: Timestamp,
        child: Option<RunId>,
    ) -> Result<Action, Box<StepFailure>> {
        if sub.wait && child.is_none() {
            return Ok(Action::ParkForChild { step: Arc::clone(name) });
        }
        Ok(Action::StartFlow {
            step: Arc::clone(name),
            flow: sub.flow.shared(),
            payload: self.evaluate(name, "`with`", &sub.with, env, moment)?,
            child,
            dedupe: self.effect_id(name),
        })
    }

    /// The sub-flow that a step waits for, once a life of the machine: it may not have been accepted before a crash.
    fn child_to_ensure(&mut self, name: &Arc<str>) -> Option<RunId> {
        match self.steps.get_mut(name) {
            Some(StepState::Parked { wait: ParkedFor::Child { run }, elapsing, .. }) if !*elapsing => {
                *elapsing = true;
                Some(*run)
            }
            _ => None,
        }
    }

    /// By what an effect of this run inside Sinew is recognised when it is repeated after a crash.
    fn effect_id(&self, step: &str) -> Arc<str> {
        let (run, item) = match &self.item {
            Some(item) => (item.run, Some((&*item.each, item.index))),
            None => (self.run, None),
        };
        idempotency_key(run, item, step, 0).into()
    }

    /// The input of a call that failed, for its dead letter.
    fn input_of(&self, step: &Step, name: &Arc<str>, env: &Env, moment: Timestamp) -> Option<Json> {
        match &step.kind {
            StepKind::Call(call) => self.call(name, call, env, moment).ok().map(|call| call.input),
            _ => None,
        }
    }

    fn collect_undo(
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
    fn undo(&mut self, flow: &Flow, cause: StepFailure, pass: &mut Pass) {
        let mut collecting = Pass { now: pass.now, actions: Vec::new(), undoable: Some(Vec::new()) };
        let (mut env, mut moment) = (self.root_env(), self.accepted_at);
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

    fn moment(&self, step: &str, at: Timestamp) -> Moment {
        Moment { now: at, seed: key::step_seed(self.seed, step) }
    }

    fn evaluate(
        &self,
        step: &str,
        what: &str,
        mapping: &Mapping,
        env: &Env,
        at: Timestamp,
    ) -> Result<Json, Box<StepFailure>> {
        mapping
            .evaluate(&env.scope(), self.moment(step, at), &self.limits)
            .map_err(|e| failed(step, failure::expression(what, &e)))
    }

    fn value(
        &self,
        step: &str,
        what: &str,
        expression: &Expression,
        env: &Env,
        at: Timestamp,
    ) -> Result<Option<Json>, Box<StepFailure>> {
        expression
            .evaluate(&env.scope(), self.moment(step, at), &self.limits)
            .map_err(|e| failed(step, failure::expression(what, &e)))
    }

    fn is_true(
        &self,
        step: &str,
        what: &str,
        expression: &Expression,
        env: &Env,
        at: Timestamp,
    ) -> Result<bool, Box<StepFailure>> {
        env.is_true(expression, self.moment(step, at), &self.limits)
            .map_err(|e| failed(step, failure::expression(what, &e)))
    }

    /// A value as text: strings as they are, anything else as its JSON.
    fn text(
        &self,
        step: &str,
        what: &str,
        expression: &Expression,
        env: &Env,
        at: Timestamp,
    ) -> Result<Arc<str>, Box<StepFailure>> {
        let value = self.value(step, what, expression, env, at)?.unwrap_or_else(Json::null);
        Ok(value.to::<String>().map_or_else(|_| Arc::from(value.as_str()), Arc::from))
    }
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

/// RFC 3339 text, or milliseconds since the Unix epoch.
fn instant(value: &Json) -> Option<Timestamp> {
    if let Ok(ms) = value.to::<i64>() {
        return Some(Timestamp::from_millis(ms));
    }
    let text: String = value.to().ok()?;
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}

fn root_block<'a>(flow: &'a Flow, machine: &Machine) -> &'a Block {
    static NOTHING: Block = Block { steps: Vec::new() };
    let Some(item) = &machine.item else { return &flow.block };
    find_each(&flow.block, &item.each).map_or(&NOTHING, |each| &each.block)
}

fn find_each<'a>(block: &'a Block, name: &str) -> Option<&'a Each> {
    match &crate::machine::find(block, name)?.kind {
        StepKind::Each(each) => Some(each),
        _ => None,
    }
}

fn failed(step: &str, failure: Failure) -> Box<StepFailure> {
    Box::new(StepFailure { step: Arc::from(step), failure, input: None })
}

fn die(failed: StepFailure) -> Action {
    Action::Die { step: failed.step, failure: failed.failure, input: failed.input }
}

fn undo_failed(name: Arc<str>, step: &str, cause: &Failure, input: Option<Json>) -> StepFailure {
    let message = format!("step `{step}` could not be taken back: {}", cause.message);
    let mut failure = Failure::new(Reason::UndoFailed, sinew_diag::codes::engine::UNDO_FAILED, message);
    failure.status = cause.status;
    StepFailure { step: name, failure, input }
}
