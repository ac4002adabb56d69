//! A payload before its trigger: whether it is wanted, and what its run is ordered and recognised by.

use std::sync::Arc;

use sinew_diag::codes::trigger::UNACCEPTABLE_PAYLOAD;
use sinew_mapping::{Expression, Limits, Moment, Scope};
use sinew_model::{Dedupe, Failure, Flow, Reason, Trigger};
use sinew_stdx::{Json, Timestamp};

use crate::{Action, Machine};

/// Where the dead letter of a payload stands that the trigger could not read. No step is named so.
pub(crate) const STEP: &str = "trigger";

/// A payload before its flow's trigger.
pub struct Arrival<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// The payload, or one item of a poll.
    pub payload: &'a Json,
    /// When it came.
    pub now: Timestamp,
}

impl Arrival<'_> {
    /// Whether the trigger's `when` wants it.
    pub fn is_wanted(&self) -> Result<bool, Failure> {
        let Some(when) = self.flow.trigger.when() else { return Ok(true) };
        let value = self.evaluate("when", when)?;
        Ok(value.is_some_and(|v| !matches!(v.as_str(), "false" | "null" | "0" | "\"\"" | "[]" | "{}")))
    }

    /// What its run is ordered by.
    pub fn ordering_key(&self) -> Result<Option<Arc<str>>, Failure> {
        self.flow.trigger.key().map_or(Ok(None), |key| self.text("key", key))
    }

    /// By what it is recognised when it comes again, and until when.
    pub fn dedupe(&self) -> Result<Option<(Arc<str>, Timestamp)>, Failure> {
        let Some(Dedupe { key, window }) = self.flow.trigger.dedupe() else { return Ok(None) };
        Ok(self.text("dedupe", key)?.map(|key| (key, self.now.plus(*window))))
    }

    fn text(&self, what: &str, expression: &Expression) -> Result<Option<Arc<str>>, Failure> {
        let value = self.evaluate(what, expression)?.filter(|value| !value.is_null());
        Ok(value.map(|value| value.to::<String>().map_or_else(|_| Arc::from(value.as_str()), Arc::from)))
    }

    fn evaluate(&self, what: &str, expression: &Expression) -> Result<Option<Json>, Failure> {
        let moment = Moment { now: self.now, seed: 0 };
        expression.evaluate(&Scope::root(self.payload), moment, &Limits::default()).map_err(|e| {
            let message = format!("the trigger's `{what}` failed on this payload: {e}");
            Failure::new(Reason::Mapping, UNACCEPTABLE_PAYLOAD, message)
        })
    }
}

/// A trigger's failure as those see it who mend the flow. A sender is not told where it stands.
pub fn at_flow(flow: &Flow, mut failure: Failure) -> Failure {
    failure.message = format!("flow `{}` ({}): {}", flow.name, flow.place, failure.message).into();
    failure
}

/// How a run came through its trigger.
#[derive(Clone, Debug)]
pub(crate) enum Arrived {
    /// The trigger read the payload, or has nothing to read.
    Read,
    /// It could not.
    Unreadable(Box<Failure>),
    /// It could not, and a person sent it on: the payload or the flow may be mended.
    Again,
}

impl Machine {
    /// What a run does that has not come through its trigger.
    pub(crate) fn turned_away(&mut self) -> Option<Action> {
        let outcome = match &self.arrival {
            Arrived::Read => return None,
            Arrived::Unreadable(failure) => Err((**failure).clone()),
            Arrived::Again => self.is_wanted_now().map_err(|failure| at_flow(&self.flow, failure)),
        };
        match outcome {
            Ok(true) => {
                self.arrival = Arrived::Read;
                None
            }
            Ok(false) => Some(Action::Finish { result: Json::null() }),
            Err(failure) => Some(Action::Die { step: STEP.into(), failure, input: None }),
        }
    }

    /// The run was revived.
    pub(crate) fn arrive_again(&mut self) {
        if matches!(self.arrival, Arrived::Unreadable(_)) {
            self.arrival = Arrived::Again;
        }
    }

    /// Nobody has looked yet whether the flow wants this payload at all.
    fn is_wanted_now(&self) -> Result<bool, Failure> {
        let wanted = |payload: &Json| Arrival { flow: &self.flow, payload, now: self.began_at }.is_wanted();
        if !matches!(&self.flow.trigger, Trigger::Poll(poll) if poll.batch) {
            return wanted(&self.trigger);
        }
        // A batch is wanted if one of its items is.
        let items = self.trigger.to::<Batch>().map_or_else(|_| Vec::new(), |batch| batch.items);
        items.iter().try_fold(false, |any, item| Ok(any || wanted(item)?))
    }
}

/// The payload of a poll that starts a run for every page.
#[derive(serde::Deserialize)]
struct Batch {
    #[serde(default)]
    items: Vec<Json>,
}
