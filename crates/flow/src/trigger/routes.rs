//! Where deliveries go: the webhooks of a snapshot by their path, with everything that can be made ready before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use sinew_mapping::{Limits, Moment, Scope};
use sinew_model::{
    Answer, EventName, Flow, Principal, PrincipalKind, Snapshot, Told, Trace, Trigger, Webhook,
};
use sinew_stdx::{Json, Timestamp};
use sinew_vault::SecretSource;

use super::challenge::Challenger;
use super::reply::Rejection;
use super::sent::Sent;
use super::verify::{Repeat, Verifier};
use crate::Submission;

/// How long the event's name may be searched for in a payload.
const EVENT_TIME_MAX: Duration = Duration::from_millis(200);

/// The webhooks of a snapshot.
#[derive(Default)]
pub(crate) struct Routes {
    by_path: HashMap<Arc<str>, Arc<Route>>,
}

/// The webhook of one flow.
pub(crate) struct Route {
    flow: Arc<Flow>,
    event: Option<(EventName, Told)>,
    principal: Principal,
    pub(crate) verifier: Verifier,
    pub(crate) challenger: Option<Challenger>,
    pub(crate) body_max: u64,
    pub(crate) answer: Answer,
}

impl Routes {
    pub(crate) fn of(snapshot: &Snapshot, secrets: &Arc<dyn SecretSource>) -> Self {
        let hooks = snapshot.flows.values().filter_map(|flow| match &flow.trigger {
            Trigger::Webhook(webhook) => {
                let route = Route::new(Arc::clone(flow), webhook, secrets);
                Some((Arc::clone(&webhook.path), Arc::new(route)))
            }
            _ => None,
        });
        Self { by_path: hooks.collect() }
    }

    pub(crate) fn find(&self, path: &str) -> Option<Arc<Route>> {
        self.by_path.get(path).cloned()
    }
}

impl Route {
    fn new(flow: Arc<Flow>, webhook: &Webhook, secrets: &Arc<dyn SecretSource>) -> Self {
        Self {
            event: webhook.event.clone().zip(webhook.event_of.clone()),
            principal: Principal::new(PrincipalKind::Consumer, Arc::clone(&webhook.path)),
            verifier: Verifier::new(webhook, secrets),
            challenger: webhook.challenge.clone().map(|c| Challenger::new(c, webhook.token.clone(), secrets)),
            body_max: webhook.body_max.0,
            answer: webhook.answer,
            flow,
        }
    }

    /// Whether requests of this method are for it.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        method == Method::POST || self.challenger.as_ref().is_some_and(|challenger| challenger.takes(method))
    }

    /// Whether the payload is of the event that starts this flow.
    pub(crate) fn is_wanted(
        &self,
        sent: &Sent<'_>,
        payload: &Json,
        now: Timestamp,
    ) -> Result<bool, Rejection> {
        let Some((wanted, told)) = &self.event else { return Ok(true) };
        let name = match told {
            Told::Source(source) => sent.text(source, None),
            Told::Payload(expression) => {
                let limits = Limits { time: EVENT_TIME_MAX, ..Limits::default() };
                let name = expression
                    .evaluate(&Scope::root(payload), Moment { now, seed: 0 }, &limits)
                    .map_err(|e| Rejection::unacceptable(format!("the event's name cannot be read: {e}")))?;
                name.and_then(|name| name.to::<String>().ok())
            }
        };
        Ok(name.is_some_and(|name| name == wanted.as_str()))
    }

    /// The work that a payload stands for; `None` if the flow does not want it.
    pub(crate) fn submission(
        &self,
        payload: Json,
        repeat: Option<Repeat>,
        trace: Trace,
        now: Timestamp,
    ) -> Result<Option<Submission>, Rejection> {
        let read = Submission::read(&self.flow, payload, self.principal.clone(), trace, now);
        let submission = read.map_err(|failure| Rejection::unacceptable(failure.message.to_string()))?;
        Ok(submission.map(|mut submission| {
            if let Some(repeat) = repeat {
                submission.dedupe = Some(recognised(submission.dedupe, &repeat, now));
            }
            submission
        }))
    }
}

/// By what a signed delivery is recognised, and until when: by what its flow says; if that is nothing for this payload,
/// by the delivery itself. Never shorter than somebody could send it again with a signature that holds.
fn recognised(
    dedupe: Option<(Arc<str>, Timestamp)>,
    repeat: &Repeat,
    now: Timestamp,
) -> (Arc<str>, Timestamp) {
    match dedupe {
        Some((key, until)) => (key, until.max(now.plus(repeat.valid_for))),
        None => (format!("delivery:{}", repeat.key).into(), now.plus(repeat.window)),
    }
}
