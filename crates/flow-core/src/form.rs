//! Forming actions: a step's expressions evaluated over what it sees, at the moment that made it ready.

use std::sync::Arc;

use sinew_mapping::{Expression, Mapping, Moment};
use sinew_model::{Call, Each, EachSource, Emit, Step, StepKind, SubFlow, Wait};
use sinew_stdx::{Json, Timestamp};
use sinew_store::RunId;

use crate::action::{Action, CallAction, EachInput, EachScope};
use crate::machine::{Machine, StepState};
use crate::walk::{StepFailure, failed};
use crate::{Env, ParkedFor, failure, idempotency_key, key};

impl Machine {
    pub(crate) fn call(
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
        let (run, item, item_edits) = match &self.item {
            Some(item) => (item.run, Some((&*item.each, item.index)), item.edits),
            None => (self.run, None, 0),
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
            asks: call.asks.clone(),
            idempotency_key: idempotency_key(run, item, name, edits + item_edits).into(),
            attempts_made: 0,
            uncertain: false,
            doubtful: self.is_doubtful(name),
        })
    }

    pub(crate) fn each_action(
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
            EachSource::File { path, format } => EachInput::File {
                path: self.text(name, "`path`", path, env, moment)?,
                format: format.clone(),
            },
        };
        let roots = each.reads.root_names();
        let names = env.select(|name| roots.as_ref().is_none_or(|roots| roots.contains(&name)));
        Ok(Action::Each { step: Arc::clone(name), input, scope: EachScope { names, at: moment } })
    }

    pub(crate) fn wait(
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

    pub(crate) fn emit(
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

    pub(crate) fn sub_flow(
        &self,
        name: &Arc<str>,
        sub: &SubFlow,
        env: &Env,
        moment: Timestamp,
        child: Option<RunId>,
    ) -> Result<Action, Box<StepFailure>> {
        // Before it parks, so that nothing waits for a sub-flow that cannot be started.
        let payload = self.evaluate(name, "`with`", &sub.with, env, moment)?;
        if sub.wait && child.is_none() {
            return Ok(Action::ParkForChild { step: Arc::clone(name) });
        }
        Ok(Action::StartFlow {
            step: Arc::clone(name),
            flow: sub.flow.shared(),
            payload,
            child,
            // Replayed, a step that waits for a sub-flow starts another one, with another id.
            dedupe: child.map_or_else(|| self.effect_id(name), |child| child.to_string().into()),
        })
    }

    /// The sub-flow that a step waits for, once a life of the machine: it may not have been accepted before a crash.
    pub(crate) fn child_to_ensure(&self, name: &Arc<str>) -> Option<RunId> {
        match self.steps.get(name) {
            Some(StepState::Parked { wait: ParkedFor::Child { run }, handed_out: false, .. }) => Some(*run),
            _ => None,
        }
    }

    /// Marks that what a parked step asks for has been handed out.
    pub(crate) fn hand_out(&mut self, name: &Arc<str>) {
        if let Some(StepState::Parked { handed_out, .. }) = self.steps.get_mut(name) {
            *handed_out = true;
        }
    }

    /// By what an effect of this run inside Sinew is recognised when it is repeated after a crash.
    pub(crate) fn effect_id(&self, step: &str) -> Arc<str> {
        let (run, item, edits) = match &self.item {
            Some(item) => (item.run, Some((&*item.each, item.index)), item.edits),
            None => (self.run, None, 0),
        };
        idempotency_key(run, item, step, edits).into()
    }

    /// The input of a call that failed, for its dead letter.
    pub(crate) fn input_of(
        &self,
        step: &Step,
        name: &Arc<str>,
        env: &Env,
        moment: Timestamp,
    ) -> Option<Json> {
        match &step.kind {
            StepKind::Call(call) => self.call(name, call, env, moment).ok().map(|call| call.input),
            _ => None,
        }
    }

    pub(crate) fn moment(&self, step: &str, at: Timestamp) -> Moment {
        Moment { now: at, seed: key::step_seed(self.seed, step) }
    }

    pub(crate) fn evaluate(
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

    pub(crate) fn value(
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

    pub(crate) fn is_true(
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
    pub(crate) fn text(
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

/// RFC 3339 text, or milliseconds since the Unix epoch.
fn instant(value: &Json) -> Option<Timestamp> {
    if let Ok(ms) = value.to::<i64>() {
        return Some(Timestamp::from_millis(ms));
    }
    let text: String = value.to().ok()?;
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(instant.as_millisecond()))
}
