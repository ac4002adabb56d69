use std::sync::Arc;
use std::time::Duration;

use sinew_call::{CallRequest, Decision, ProbeResult, decide};
use sinew_diag::codes::{call as calls, engine as code};
use sinew_flow_core::{CallAction, Outcome, Record};
use sinew_model::{Attempt, Connection, Effect, Failure, Idempotency, Operation, Reason, Snapshot};
use sinew_stdx::{Json, Random};

use super::Performer;
use crate::drive::Performed;

/// Waits up to this long stay in memory; longer ones are kept in the store, and the run may leave memory.
const SHORT_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often a run looks whether its connection is back for which somebody has to log in.
const PARKED_LOOK_EVERY: Duration = Duration::from_secs(15);

/// The connection and operation of a call, as the project has them now.
pub(crate) fn target(
    snapshot: &Snapshot,
    call: &CallAction,
) -> Result<(Arc<Connection>, Arc<Operation>), Failure> {
    let gone = |what: String| {
        Failure::new(Reason::Refused, code::RESOURCE_GONE, format!("{what} does not exist any more"))
            .help("put it back, reload, and replay the dead letter")
    };
    let connection = snapshot
        .connections
        .get(&call.connection)
        .ok_or_else(|| gone(format!("connection `{}`", call.connection)))?;
    let operation = connection
        .connector
        .operations
        .get(call.operation.as_str())
        .ok_or_else(|| gone(format!("operation `{}.{}`", call.connection, call.operation)))?;
    Ok((Arc::clone(connection), operation))
}

/// Whether it must be durable that this call is about to be sent: the destination would act twice.
pub(crate) fn needs_intent(operation: &Operation, call: &CallAction) -> bool {
    operation.idempotency == Idempotency::None && !call.at_least_once
}

/// A call with its retries, as far as they are short; answers with `Settled`, `Undone` or `Backoff`.
pub(crate) async fn call(
    performer: Performer,
    action: CallAction,
    connection: Arc<Connection>,
    operation: Arc<Operation>,
) -> Performed {
    let request = performer.request(&action, connection, operation);
    let mut trying = Trying {
        random: Random::seeded(performer.core.chance()),
        made: action.attempts_made,
        doubtful: action.doubtful,
        attempts: Vec::new(),
        performer,
        action,
        request,
    };
    loop {
        let next = match trying.ask_first().await {
            Some(next) => next,
            None => trying.attempt().await,
        };
        match next {
            Next::Again => {}
            Next::Over(records) => return records,
        }
    }
}

impl Performer {
    pub(crate) fn request(
        &self,
        action: &CallAction,
        connection: Arc<Connection>,
        operation: Arc<Operation>,
    ) -> CallRequest {
        let key = matches!(operation.idempotency, Idempotency::Key { .. })
            .then(|| Arc::clone(&action.idempotency_key));
        CallRequest {
            connection,
            operation,
            asks: action.asks.clone(),
            input: action.input.clone(),
            principal: self.principal.clone(),
            trace: self.trace,
            idempotency_key: key,
            priority: self.priority,
            deadline: action.deadline,
            purpose: Arc::from(format!("flow {} run {} step {}", self.flow, self.run, action.step)),
        }
    }
}

struct Trying {
    performer: Performer,
    action: CallAction,
    request: CallRequest,
    random: Random,
    made: u32,
    /// An attempt may have taken effect, and nothing since has told.
    doubtful: bool,
    /// Those that failed.
    attempts: Vec<Attempt>,
}

enum Next {
    Again,
    Over(Performed),
}

impl Trying {
    async fn attempt(&mut self) -> Next {
        let (outcome, attempt) = if self.action.pages_max.is_some() {
            match self.all_pages().await {
                Some(read) => read,
                None => return Next::Over(Vec::new()),
            }
        } else {
            let attempted = self.performer.core.caller.attempt(&self.request).await;
            (attempted.outcome, attempted.attempt)
        };
        let failure = match outcome {
            Ok(value) => return Next::Over(self.settled(Ok(value))),
            // Nothing can be tried until somebody has logged in; that is no fault of the run.
            Err(failure) if failure.reason == Reason::Disconnected => return self.park(failure).await,
            // Our own budget had no room: nothing was tried, and it will be when there is.
            Err(failure) if is_budget_spent(&failure) => {
                let jitter = self.action.retry.backoff.wait(0, &mut self.random);
                let after = failure.retry_after.unwrap_or(SHORT_WAIT_MAX).saturating_add(jitter);
                return self.wait(after).await;
            }
            Err(failure) => failure,
        };
        self.made += 1;
        self.attempts.push(attempt);
        if self.doubtful && is_gone(&self.request.operation, &failure) {
            return Next::Over(self.settled(Ok(Json::null())));
        }
        self.doubtful |= failure.reason == Reason::Unknown;
        let operation = &self.request.operation;
        let (retry, once) = (&self.action.retry, self.action.at_least_once);
        match decide(&failure, operation, retry, self.made, once, &mut self.random) {
            Decision::GiveUp => Next::Over(self.give_up(failure).await),
            Decision::Retry { after } if failure.reason == Reason::BreakerOpen => {
                // While one call asks whether the system is back, the others need not ask every moment.
                self.wait(after.max(self.request.connection.breaker.open_for)).await
            }
            Decision::Retry { after } => self.wait(after).await,
            Decision::Probe => match self.performer.core.caller.probe(&self.request).await {
                ProbeResult::Found(value) => Next::Over(self.settled(Ok(value))),
                ProbeResult::NotFound if self.made < self.action.retry.attempts.get() => {
                    self.doubtful = false;
                    let wait = self.action.retry.backoff.wait(self.made, &mut self.random);
                    self.wait(wait).await
                }
                ProbeResult::NotFound => {
                    let mut failure = failure;
                    failure.reason = Reason::Unavailable;
                    failure.message = format!("{} (asked since: it took no effect)", failure.message).into();
                    Next::Over(self.settled(Err(failure)))
                }
                // It cannot be asked now; it will be, before anything is sent again.
                ProbeResult::Failed(refused) if self.may_ask_again(&refused) => {
                    self.wait_after(&refused).await
                }
                ProbeResult::NoProbe | ProbeResult::Failed(_) => Next::Over(self.settled(Err(failure))),
            },
        }
    }

    /// Rests until the connection is back, and says why.
    async fn park(&mut self, why: Failure) -> Next {
        let at = self.performer.core.now();
        self.attempts.push(Attempt { at, took_ms: 0, request: None, response: None, failure: Some(why) });
        let jitter = self.action.retry.backoff.wait(0, &mut self.random);
        self.wait(PARKED_LOOK_EVERY.saturating_add(jitter.min(PARKED_LOOK_EVERY))).await
    }

    /// Whether the destination has to be asked before anything is sent.
    fn must_ask_first(&self) -> bool {
        let operation = &self.request.operation;
        let acts_twice = operation.idempotency == Idempotency::None && operation.probe.is_some();
        self.action.uncertain || (self.doubtful && acts_twice)
    }

    /// It fails for good. If an earlier attempt may have taken effect, the last one's failure does not tell whether it
    /// did.
    async fn give_up(&mut self, mut failure: Failure) -> Performed {
        let open = self.doubtful && self.request.operation.effect != Effect::Read;
        if open && failure.reason != Reason::Unknown && failure.reason != Reason::Drift {
            match self.performer.core.caller.probe(&self.request).await {
                ProbeResult::Found(value) => return self.settled(Ok(value)),
                ProbeResult::NotFound => {}
                ProbeResult::NoProbe | ProbeResult::Failed(_) => {
                    failure.reason = Reason::Unknown;
                    failure.message = format!(
                        "an earlier attempt may have taken effect; the last one: {}",
                        failure.message
                    )
                    .into();
                    failure.help = None;
                }
            }
        }
        self.settled(Err(failure))
    }

    async fn wait(&mut self, after: Duration) -> Next {
        if after <= SHORT_WAIT_MAX && self.performer.pause(after).await {
            return Next::Again;
        }
        let due = self.performer.core.now().plus(after);
        let attempts = std::mem::take(&mut self.attempts);
        let step = Arc::clone(&self.action.step);
        Next::Over(vec![Record::Backoff { step, attempts_made: self.made, due, attempts }])
    }

    /// Where an earlier send has no answer and another would act twice, the destination is asked before anything is sent.
    /// `None`: send.
    async fn ask_first(&mut self) -> Option<Next> {
        if !self.must_ask_first() {
            return None;
        }
        match self.performer.core.caller.probe(&self.request).await {
            ProbeResult::Found(value) => Some(Next::Over(self.settled(Ok(value)))),
            ProbeResult::NotFound => {
                (self.doubtful, self.action.uncertain) = (false, false);
                None
            }
            ProbeResult::Failed(refused)
                if is_budget_spent(&refused) || refused.reason == Reason::Disconnected =>
            {
                Some(self.wait_after(&refused).await)
            }
            ProbeResult::Failed(refused) => {
                self.made += 1;
                if self.may_ask_again(&refused) {
                    return Some(self.wait_after(&refused).await);
                }
                let unknown = unanswered(&self.request, Some(&refused));
                Some(Next::Over(self.settled(Err(unknown))))
            }
            ProbeResult::NoProbe => {
                let unknown = unanswered(&self.request, None);
                Some(Next::Over(self.settled(Err(unknown))))
            }
        }
    }

    fn may_ask_again(&self, refused: &Failure) -> bool {
        refused.reason == Reason::Disconnected
            || (refused.reason.is_transient() && self.made < self.action.retry.attempts.get())
    }

    /// Waits until the destination may be asked again.
    async fn wait_after(&mut self, refused: &Failure) -> Next {
        // What the journal says of this step has to go on saying that it may have been sent.
        if std::mem::take(&mut self.action.uncertain) {
            self.doubtful = true;
            let failure = Some(unanswered(&self.request, Some(refused)));
            let at = self.performer.core.now();
            self.attempts.push(Attempt { at, took_ms: 0, request: None, response: None, failure });
        }
        let wait = self.action.retry.backoff.wait(self.made, &mut self.random);
        let parked = (refused.reason == Reason::Disconnected).then_some(PARKED_LOOK_EVERY);
        self.wait(wait.max(refused.retry_after.or(parked).unwrap_or_default())).await
    }

    /// All pages, as one array. A page that fails fails the attempt: reads are simply read again. `None` if nothing more
    /// is to be sent.
    async fn all_pages(&mut self) -> Option<(Result<Json, Failure>, Attempt)> {
        let at = self.performer.core.now();
        let mut pages = self.performer.core.caller.pages(self.request.clone());
        let (mut items, mut read) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => items.extend(page.items),
                Err((failure, attempt)) => return Some((Err(failure), attempt)),
            }
            read += 1;
            if self.performer.is_over() {
                return None;
            }
            if self.action.pages_max.is_some_and(|max| read >= max.get()) {
                break;
            }
        }
        let took_ms = self.performer.core.now().since(at).as_millis() as u64;
        Some((Ok(Json::array(&items)), Attempt { at, took_ms, request: None, response: None, failure: None }))
    }

    fn settled(&mut self, outcome: Result<Json, Failure>) -> Performed {
        let step = Arc::clone(&self.action.step);
        let undone = step.strip_suffix("~undo");
        if let (Some(undone), true) = (undone, outcome.is_ok()) {
            return vec![Record::Undone { step: Arc::from(undone) }];
        }
        vec![Record::Settled {
            step,
            outcome: Outcome::from(outcome),
            attempts: std::mem::take(&mut self.attempts),
        }]
    }
}

/// Whether this is how a system answers that has done a removal before: what was to be removed is not there.
fn is_gone(operation: &Operation, failure: &Failure) -> bool {
    let removes = operation.binding.as_http().is_some_and(|http| &*http.method == "DELETE");
    removes && matches!(failure.status, Some(404 | 410))
}

fn is_budget_spent(failure: &Failure) -> bool {
    *failure.code == *calls::BUDGET_SPENT.as_str()
}

/// It may have been sent, and whether it took effect cannot be found out (`refused`: why).
fn unanswered(request: &CallRequest, refused: Option<&Failure>) -> Failure {
    let why = refused.map_or_else(
        || "the operation has no probe to ask with".to_owned(),
        |refused| format!("asking failed: {}", refused.message),
    );
    let message = format!(
        "`{}.{}` may have been sent and was not answered; whether it took effect is not known, because {why}",
        request.connection.name, request.operation.id
    );
    Failure::new(Reason::Unknown, code::OUTCOME_UNKNOWN, message)
        .help("look in the other system; discard the dead letter if the effect is there, replay it if not")
}
