//! One attempt, top to bottom: authenticate, request, send, respond, recover.

use std::sync::Arc;
use std::time::Duration;

use std::num::NonZeroU32;

use http::{StatusCode, Uri};
use sinew_connect::auth::Credential;
use sinew_connect::transport::{Ask, Reader, TransportError, TransportErrorKind};
use sinew_diag::codes::call as codes;
use sinew_model::{Attempt, Failure, Reason};
use sinew_stdx::{Json, Timestamp};
use sinew_vault::Secret;
use tokio::time::{Instant, timeout_at};

use crate::CallRequest;
use crate::ask;
use crate::authenticate::{self, LoggedIn};
use crate::breaker::{Change, Pass};
use crate::caller::Core;
use crate::gate::Permit;
use crate::mask::Masker;
use crate::plan::{HttpPlan, Plan};
use crate::record::{AttemptRecord, CallRecord};
use crate::request::{self, Formed as HttpFormed};
use crate::respond::{self, Answer};
use crate::send::{self, Reply, Turn, Unanswered};
use crate::state::ConnectionState;
use crate::{graphql, limits, seen};

/// The longest pause that a system can impose on a connection at once.
const PAUSE_MAX: Duration = Duration::from_mins(10);

/// What of an answer is wanted.
pub(crate) enum Aim<'a> {
    /// All of it.
    Whole,
    /// The page at a URL that an earlier answer named.
    Linked(&'a Uri),
    /// The next bit of one that a transport hands out so.
    Bit(Bit<'a>),
}

/// The next bit of an answer.
pub(crate) struct Bit<'a> {
    /// What is being read; nothing before the first bit, and after a failure.
    pub(crate) reading: &'a mut Option<Box<dyn Reader>>,
    /// From where, if that has to begin anew.
    pub(crate) from: Option<&'a Json>,
    /// The most items.
    pub(crate) page: NonZeroU32,
}

/// What goes out.
pub(crate) enum Formed {
    /// A request.
    Http(HttpFormed),
    /// What another transport understands.
    Ask(Ask),
}

/// What an attempt left behind, for the record.
#[derive(Default)]
struct Trail {
    formed: Option<Formed>,
    used: Used,
    reply: Option<Reply>,
    /// What another transport's system answered, in a few words.
    told: Option<String>,
    sent: bool,
    waited: Duration,
}

/// The credentials of an attempt.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) present: Option<Arc<Credential>>,
    /// Those that were used before.
    pub(crate) refused: Vec<Arc<Credential>>,
    /// What signatures were made of them.
    pub(crate) signed: Vec<Secret>,
}

/// Makes one attempt.
pub(crate) async fn attempt(
    core: &Core,
    call: &CallRequest,
    aim: Aim<'_>,
) -> (Result<Answer, Failure>, Attempt) {
    let (at, begun) = (core.now(), Instant::now());
    let state = core.states.of(&call.connection);
    let span = call.trace.child(core.fresh_span());
    let mut trail = Trail::default();
    let outcome = match state.plan(&call.operation) {
        Ok(plan) => {
            let until = call.deadline.map(|deadline| begun + deadline);
            let stages = Stages { core, state: &state, plan: &plan, call, until };
            let outcome = stages.pass(span, aim, &mut trail).await;
            // However the failure came to its words, no secret is among them.
            outcome.map_err(|failure| mask_failure(failure, &masker(&state, &trail.used)))
        }
        Err(failure) => Err(failure),
    };
    let failure = outcome.as_ref().err();
    core.options.recorder.record(CallRecord::Attempted(AttemptRecord {
        at,
        took: begun.elapsed(),
        waited: trail.waited,
        principal: call.principal.clone(),
        trace: span,
        connection: call.connection.name.clone(),
        operation: call.operation.id.clone(),
        credential: authenticate::credential_id(&call.connection),
        purpose: Arc::clone(&call.purpose),
        status: trail.reply.as_ref().map(|reply| reply.status.as_u16()),
        failure: failure.cloned(),
        drift: outcome.as_ref().ok().and_then(|answer| note_drift(&state, call, answer)),
    }));
    note_vitals(core, &state, at, failure);
    let attempt = as_seen(&state, call, &trail, at, begun.elapsed(), failure);
    (outcome, attempt)
}

/// What the stages of one attempt have in common.
pub(crate) struct Stages<'a> {
    pub(crate) core: &'a Core,
    pub(crate) state: &'a Arc<ConnectionState>,
    pub(crate) plan: &'a Plan,
    pub(crate) call: &'a CallRequest,
    /// The end of everything, if the caller set one.
    pub(crate) until: Option<Instant>,
}

impl Stages<'_> {
    async fn pass(
        &self,
        span: sinew_model::Trace,
        aim: Aim<'_>,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        authenticate::authorise(&self.state.connection, self.plan)?;
        let logged_in = self.log_in().await?;
        trail.used.present = Some(Arc::clone(&logged_in.credential));

        let formed = self.form(span, &aim)?;

        let waiting_since = Instant::now();
        let turn = send::wait_for_turn(self.state, self.plan, self.call, self.deadline()).await;
        trail.waited = waiting_since.elapsed();
        let Turn { pass, permit } = turn?;

        let outcome = match (self.plan, formed) {
            (Plan::Http(plan), Formed::Http(formed)) => {
                self.over_http(plan, formed, logged_in, permit, trail).await
            }
            (plan, formed) => self.over_transport(plan, formed, logged_in, aim, trail).await,
        };
        self.settle(pass, outcome.as_ref().err());
        outcome
    }

    /// The second stage.
    fn form(&self, span: sinew_model::Trace, aim: &Aim<'_>) -> Result<Formed, Failure> {
        match self.plan {
            Plan::Http(plan) => {
                let target = if let Aim::Linked(target) = aim { Some(*target) } else { None };
                request::form(plan, self.call, span, target).map(Formed::Http)
            }
            Plan::Ask(plan) => ask::form(plan, self.call, span).map(Formed::Ask),
        }
    }

    /// The third and the fourth stage over HTTP.
    async fn over_http(
        &self,
        plan: &HttpPlan,
        formed: HttpFormed,
        mut logged_in: LoggedIn,
        permit: Permit,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        let mut exchanged = self.exchange(plan, trail, &formed, &logged_in).await;
        let mut no_token = None;
        let unknown_caller = |reply: &Reply| {
            reply.status == StatusCode::UNAUTHORIZED || self.tells(reply).is_some_and(graphql::knows_nobody)
        };
        if exchanged.as_ref().is_ok_and(unknown_caller) && authenticate::refused(self.state, &logged_in) {
            match self.log_in().await {
                Ok(anew) => {
                    trail.used.refused.push(std::mem::replace(&mut logged_in, anew).credential);
                    trail.used.present = Some(Arc::clone(&logged_in.credential));
                    exchanged = self.exchange(plan, trail, &formed, &logged_in).await;
                    if exchanged.as_ref().is_ok_and(unknown_caller)
                        && authenticate::refused(self.state, &logged_in)
                    {
                        no_token = self.session_ended().await;
                    }
                }
                // A token endpoint that is down for a moment is no refused credential.
                Err(failure) => no_token = Some(failure),
            }
        }
        drop(permit);
        trail.formed = Some(Formed::Http(formed));

        match exchanged {
            Ok(reply) => {
                let reply = trail.reply.insert(reply);
                let connector = &self.state.connection.connector;
                let used = &trail.used;
                let masker = || masker(self.state, used);
                let read = respond::read(plan, self.call, connector, reply, self.core.now(), masker);
                self.heed_limits(reply, read.as_ref().err());
                no_token.map_or(read, Err)
            }
            Err(unanswered) => Err(unanswered.failure),
        }
    }

    /// The third and the fourth stage over another transport.
    async fn over_transport(
        &self,
        plan: &Plan,
        formed: Formed,
        mut logged_in: LoggedIn,
        mut aim: Aim<'_>,
        trail: &mut Trail,
    ) -> Result<Answer, Failure> {
        let (Plan::Ask(plan), Formed::Ask(ask)) = (plan, &formed) else {
            return Err(ask::no_client(plan.shown(), "it is called by another transport"));
        };
        let refuses = |asked: &Result<_, TransportError>, logged_in: &LoggedIn| {
            asked.as_ref().is_err_and(|error| error.kind == TransportErrorKind::Login)
                && authenticate::refused(self.state, logged_in)
        };
        let until = self.deadline();
        let mut asked = ask::perform(self.state, plan, ask, &logged_in.credential, &mut aim, until).await;
        // A token may have been taken back before it ended; whoever is refused has done nothing yet.
        if refuses(&asked, &logged_in) {
            let anew = self.log_in().await?;
            trail.used.refused.push(std::mem::replace(&mut logged_in, anew).credential);
            trail.used.present = Some(Arc::clone(&logged_in.credential));
            let until = self.deadline();
            asked = ask::perform(self.state, plan, ask, &logged_in.credential, &mut aim, until).await;
            if refuses(&asked, &logged_in)
                && let Some(ended) = self.session_ended().await
            {
                return Err(ended);
            }
        }
        let outcome = match asked {
            Ok(bit) => {
                trail.sent = true;
                trail.told = Some(bit.summary.clone());
                ask::answer(plan, self.state.connection.connector.drift, bit)
            }
            Err(error) => {
                trail.sent = ask::was_asked(&error);
                trail.told = error.code.is_some().then(|| error.to_string());
                Err(ask::failure(plan, &error))
            }
        };
        trail.formed = Some(formed);
        outcome
    }

    /// What GraphQL says in the body of a reply, whatever its status.
    fn tells<'r>(&self, reply: &'r Reply) -> Option<&'r [u8]> {
        self.call.graphql()?;
        reply.body.as_deref().ok()
    }

    pub(crate) async fn log_in(&self) -> Result<LoggedIn, Failure> {
        let logging_in = authenticate::authenticate(self.core, self.state);
        let Some(until) = self.until else { return logging_in.await };
        timeout_at(until, logging_in).await.unwrap_or_else(|_| {
            let message = format!("`{}`: time ran out while waiting for a token", self.plan.shown());
            Err(Failure::new(Reason::Unavailable, codes::SEND_DEADLINE, message))
        })
    }

    /// That the session of whoever logged in has ended, if a token that was just issued is refused because of that: then
    /// it is not the call that has to be mended.
    async fn session_ended(&self) -> Option<Failure> {
        if !authenticate::is_kept(self.core, self.state) {
            return None;
        }
        self.log_in().await.err().filter(|failure| failure.reason == Reason::Disconnected)
    }

    async fn exchange(
        &self,
        plan: &HttpPlan,
        trail: &mut Trail,
        formed: &HttpFormed,
        logged_in: &LoggedIn,
    ) -> Result<Reply, Unanswered> {
        let signed = &mut trail.used.signed;
        let exchanged = send::exchange(
            (self.core, self.state),
            plan,
            formed,
            &logged_in.credential,
            signed,
            self.deadline(),
        )
        .await;
        trail.sent |= exchanged.as_ref().map_or_else(|unanswered| unanswered.sent, |_| true);
        exchanged
    }

    /// The end of what begins now: the caller's deadline for everything, or else the operation's for each part.
    pub(crate) fn deadline(&self) -> Instant {
        let own = self.plan.operation().deadline.unwrap_or(self.state.connection.deadlines.total);
        self.until.unwrap_or_else(|| Instant::now() + own)
    }

    /// A limit that the system says is spent holds for the whole connection.
    fn heed_limits(&self, reply: &Reply, failure: Option<&Failure>) {
        let asked =
            failure.filter(|failure| failure.reason == Reason::RateLimited).and_then(|f| f.retry_after);
        let habit = &self.state.connection.connector.limits;
        let in_headers = || limits::spent_for(habit, &reply.headers, self.core.now());
        let spent = || in_headers().or_else(|| self.tells(reply).and_then(graphql::spent_for));
        if let Some(pause) = asked.or_else(spent) {
            self.state.gate.pause(pause.min(PAUSE_MAX));
        }
    }

    /// Tells the breaker whether the system was there. What we refused ourselves says nothing about it.
    pub(crate) fn settle(&self, pass: Pass, failure: Option<&Failure>) {
        let was_there = match failure.map(|failure| failure.reason) {
            Some(Reason::Unavailable | Reason::Unknown) => false,
            Some(Reason::Refused | Reason::Mapping | Reason::Disconnected) => return,
            _ => true,
        };
        let (at, connection) = (self.core.now(), self.state.connection.name.clone());
        match (pass.settle(was_there), failure) {
            (Change::Opened(span), Some(failure)) => {
                let masked = mask_failure(failure.clone(), &masker(self.state, &Used::default()));
                tracing::warn!(%connection, code = %masked.code, message = %masked.message, "circuit breaker opened");
                let until = at.plus(span);
                self.core.options.recorder.record(CallRecord::BreakerOpened {
                    connection,
                    at,
                    until,
                    failure: masked,
                });
            }
            (Change::Closed, _) => {
                tracing::info!(%connection, "circuit breaker closed");
                self.core.options.recorder.record(CallRecord::BreakerClosed { connection, at });
            }
            _ => {}
        }
    }
}

/// Every secret that could show in what is said about an attempt.
pub(crate) fn masker(state: &ConnectionState, used: &Used) -> Masker {
    let mut masker = Masker::default();
    state.login.teach(&mut masker);
    for credential in used.present.iter().chain(&used.refused) {
        masker.add(&credential.masks);
    }
    masker.add(&used.signed);
    masker
}

pub(crate) fn mask_failure(mut failure: Failure, masker: &Masker) -> Failure {
    if let std::borrow::Cow::Owned(masked) = masker.text(&failure.message) {
        failure.message = masked.into();
    }
    if let Some(fault) = &failure.fault
        && let std::borrow::Cow::Owned(masked) = masker.text(fault.as_str())
    {
        failure.fault = Json::parse(masked.as_bytes()).ok();
    }
    failure
}

/// Says once of an operation that its answers depart from their contract, and gives it for the record.
fn note_drift(state: &ConnectionState, call: &CallRequest, answer: &Answer) -> Option<Arc<str>> {
    let drift = answer.drift.as_deref()?;
    if state.vitals.lock().drifted.insert(call.operation.id.clone()) {
        tracing::warn!(connection = %state.connection.name, "{drift}; it is used as it is (`drift: report`)");
    }
    Some(Arc::from(drift))
}

/// Keeps what health shows, and says when a credential stops or starts working.
pub(crate) fn note_vitals(core: &Core, state: &ConnectionState, at: Timestamp, failure: Option<&Failure>) {
    let connection = &state.connection.name;
    let Some(failure) = failure else {
        let recovered = {
            let mut vitals = state.vitals.lock();
            vitals.last_success = Some(at);
            std::mem::take(&mut vitals.credential_failed)
        };
        if recovered {
            core.options
                .recorder
                .record(CallRecord::CredentialRecovered { connection: connection.clone(), at });
        }
        return;
    };
    tracing::debug!(%connection, code = %failure.code, message = %failure.message, "an attempt failed");
    // 403 is about this call; the credential itself was recognised.
    let about_this_call =
        [codes::FORBIDDEN, codes::SCOPE_MISSING].iter().any(|code| *failure.code == *code.as_str());
    let refused = matches!(failure.reason, Reason::Credential | Reason::Disconnected) && !about_this_call;
    let newly_refused = {
        let mut vitals = state.vitals.lock();
        vitals.last_failure = Some((at, failure.clone()));
        let newly = refused && !vitals.credential_failed;
        vitals.credential_failed |= refused;
        newly
    };
    if newly_refused {
        let (connection, failure) = (connection.clone(), failure.clone());
        core.options.recorder.record(CallRecord::CredentialFailed { connection, at, failure });
    }
}

/// The attempt as it is shown: of a success only the lines, of a failure everything, masked and bounded.
fn as_seen(
    state: &ConnectionState,
    call: &CallRequest,
    trail: &Trail,
    at: Timestamp,
    took: Duration,
    failure: Option<&Failure>,
) -> Attempt {
    let mut attempt = Attempt {
        at,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        request: None,
        response: None,
        failure: failure.cloned(),
    };
    let Some(formed) = trail.formed.as_ref().filter(|_| trail.sent) else { return attempt };
    let Ok(plan) = state.plan(&call.operation) else { return attempt };
    let credential = trail.used.present.as_deref();
    let masker = masker(state, &trail.used);
    let whole = failure.is_some();
    match (&*plan, formed) {
        (Plan::Http(plan), Formed::Http(formed)) => {
            attempt.request = Some(seen::request(plan, formed, credential, &masker, whole));
            attempt.response = trail.reply.as_ref().map(|reply| seen::reply(reply, &masker, whole));
        }
        (_, Formed::Ask(ask)) => {
            attempt.request = Some(seen::ask(ask, &masker, whole));
            attempt.response = trail.told.as_ref().map(|told| seen::line_only(masker.text(told).into()));
        }
        _ => {}
    }
    attempt
}
