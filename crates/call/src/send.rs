//! The third stage: wait for a turn, send, and take what comes back, as far as redirects lead.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Uri};
use sinew_connect::auth::Credential;
use sinew_connect::{Answer, BodyError, DialError, Limits, SendError, TlsProblem, follow, same_origin};
use sinew_diag::Code;
use sinew_diag::codes::call as codes;
use sinew_model::{Effect, Failure, Idempotency, Reason};
use sinew_stdx::show_duration;
use sinew_vault::Secret;
use tokio::time::Instant;

use crate::CallRequest;
use crate::breaker::Pass;
use crate::caller::Core;
use crate::gate::{Permit, TooLong};
use crate::plan::{HttpPlan, Plan};
use crate::request::{Formed, without_keys};
use crate::state::ConnectionState;

/// How many redirects of a read are followed.
const REDIRECTS_MAX: u32 = 5;

/// A turn: the right to send now.
pub(crate) struct Turn {
    pub(crate) pass: Pass,
    pub(crate) permit: Permit,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Bytes, BodyError>,
    /// The URL that answered, after redirects.
    pub(crate) from: Uri,
}

/// Waits for breaker, budget and concurrency, no longer than `until`.
pub(crate) async fn wait_for_turn(
    state: &ConnectionState,
    plan: &Plan,
    call: &CallRequest,
    until: Instant,
) -> Result<Turn, Failure> {
    if let Some(left) = state.circuit.held_back() {
        return Err(held_back(plan, left));
    }
    let permit = state.gate.pass(call.priority, until).await.map_err(|TooLong(wait)| {
        let wait = wait.max(Duration::from_millis(1));
        let message = format!(
            "`{}` could not begin in time: its turn under the budget of `{}` comes in about {}",
            plan.shown(),
            state.connection.name,
            show_duration(wait),
        );
        let failure = Failure::new(Reason::RateLimited, codes::BUDGET_SPENT, message);
        Failure { retry_after: Some(wait), ..failure }
    })?;
    // Asked again: it may have opened while this call waited.
    let pass = state.circuit.enter().map_err(|left| held_back(plan, left))?;
    Ok(Turn { pass, permit })
}

fn held_back(plan: &Plan, left: Duration) -> Failure {
    let message = format!("`{}` is held back: the system failed too often in a row", plan.shown());
    let failure = Failure::new(Reason::BreakerOpen, codes::BREAKER_OPEN, message);
    Failure { retry_after: Some(left.max(Duration::from_millis(1))), ..failure }
}

/// A failed exchange, and whether the request may have gone out.
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    pub(crate) sent: bool,
}

/// Sends the request with its credential, and reads the answer whole.
pub(crate) async fn exchange(
    stands: (&Core, &ConnectionState),
    plan: &HttpPlan,
    formed: &Formed,
    credential: &Credential,
    signed: &mut Vec<Secret>,
    until: Instant,
) -> Result<Reply, Unanswered> {
    let reached = reach(stands, plan, formed, credential, signed, until).await?;
    Ok(whole(stands.1, reached, until).await)
}

/// An answer whose body is still to be read, and the URL that gave it, after redirects.
pub(crate) struct Reached {
    pub(crate) answer: Answer,
    pub(crate) from: Uri,
}

/// Reads the body.
pub(crate) async fn whole(state: &ConnectionState, reached: Reached, until: Instant) -> Reply {
    let Reached { answer, from } = reached;
    let (status, headers) = (answer.status, answer.headers.clone());
    let body = answer.read(state.connection.response_max.0, &limits(state, until)).await;
    Reply { status, headers, body, from }
}

fn limits(state: &ConnectionState, until: Instant) -> Limits {
    let deadlines = &state.connection.deadlines;
    Limits { until, connect: deadlines.connect, read: deadlines.read }
}

/// Sends the request with its credential. Redirects of reads are followed; the credential, the connection's own headers
/// and the body never go to another origin. `signed` takes what signatures must not be shown.
pub(crate) async fn reach(
    (core, state): (&Core, &ConnectionState),
    plan: &HttpPlan,
    formed: &Formed,
    credential: &Credential,
    signed: &mut Vec<Secret>,
    until: Instant,
) -> Result<Reached, Unanswered> {
    let limits = limits(state, until);
    let unsent = |failure| Unanswered { failure, sent: false };
    let (mut request, masks) =
        formed.dressed(plan, &plan.method, credential, &core.moment()).map_err(unsent)?;
    signed.extend(masks);
    let mut at = formed.uri.clone();
    let mut hops = 0;
    loop {
        let method = request.method().clone();
        let answer = state.client.send(request, &limits).await.map_err(|e| no_answer(plan, &e, hops > 0))?;
        let follows = plan.operation.effect == Effect::Read && is_redirect(answer.status);
        if !follows {
            return Ok(Reached { answer, from: at });
        }
        let refused =
            |why: String| Unanswered { failure: redirect_refused(plan, answer.status, &why), sent: true };
        hops += 1;
        if hops > REDIRECTS_MAX {
            return Err(refused(format!("more than {REDIRECTS_MAX} redirects")));
        }
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let next = follow(&at, location).map_err(|e| refused(e.to_string()))?;
        let next = without_keys(next, &state.connection.auth);
        let (there, method, at_home) = redirected(formed, &method, answer.status, &next).map_err(refused)?;
        let credential = if at_home { credential } else { &core.anonymous };
        let dressed = there.dressed(plan, &method, credential, &core.moment());
        let (again, masks) = dressed.map_err(|failure| refused(failure.message.to_string()))?;
        signed.extend(masks);
        request = again;
        at = next;
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The request that follows a redirect (RFC 9110, section 15.4), its method, and whether it goes to the same origin.
fn redirected(
    formed: &Formed,
    method: &Method,
    status: StatusCode,
    next: &Uri,
) -> Result<(Formed, Method, bool), String> {
    let keeps_method = matches!(status.as_u16(), 307 | 308) || matches!(*method, Method::GET | Method::HEAD);
    let at_home = same_origin(&formed.uri, next);
    let body = if keeps_method && *method != Method::GET { formed.body.clone() } else { Bytes::new() };
    if !at_home && !body.is_empty() {
        return Err("it would carry the body to another host".to_owned());
    }
    let mut headers = formed.headers.clone();
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    if !at_home {
        let own = [USER_AGENT, ACCEPT].map(|name| (name.clone(), headers.get(name).cloned()));
        headers = own.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    }
    let method = if keeps_method { method.clone() } else { Method::GET };
    Ok((Formed { uri: next.clone(), headers, body }, method, at_home))
}

fn redirect_refused(plan: &HttpPlan, status: StatusCode, why: &str) -> Failure {
    let message = format!("`{}` answered with a redirect that was not followed: {why}", plan.shown);
    Failure::new(Reason::Refused, codes::REDIRECT_REFUSED, message).status(status.as_u16())
}

/// What a failure to exchange means. Only a write that may have gone out is unknown.
fn no_answer(plan: &HttpPlan, error: &SendError, redirected: bool) -> Unanswered {
    let sent = error.may_have_been_sent();
    let reason = match error {
        SendError::Dial(DialError::Refused { .. } | DialError::InClear { .. }) => Reason::Refused,
        _ if sent && plan.operation.effect != Effect::Read => Reason::Unknown,
        _ => Reason::Unavailable,
    };
    let message = format!("`{}`: {error}", plan.shown);
    let mut failure = Failure::new(reason, code_of(error), message);
    if let Some(help) = mend(error) {
        failure = failure.help(help);
    }
    if reason == Reason::Unknown {
        failure = failure.help(unknown_help(&plan.operation.idempotency));
    }
    Unanswered { failure, sent: sent || redirected }
}

pub(crate) fn unknown_help(idempotency: &Idempotency) -> &'static str {
    match idempotency {
        Idempotency::Key { .. } => {
            "whether it took effect is not known; a replay is safe, as it goes out under the same idempotency key"
        }
        Idempotency::Natural => {
            "whether it took effect is not known; a replay is safe, as a second time changes nothing more"
        }
        Idempotency::None => {
            "whether it took effect is not known; look at the system, or give the operation a probe"
        }
    }
}

pub(crate) fn code_of(error: &SendError) -> Code {
    match error {
        SendError::Dial(DialError::NoHost) => codes::NOT_CALLABLE,
        SendError::Dial(DialError::Resolve { .. }) => codes::HOST_NOT_FOUND,
        SendError::Dial(DialError::Refused { .. } | DialError::InClear { .. }) => codes::EGRESS_REFUSED,
        SendError::Dial(DialError::Connect { .. }) | SendError::NotWritten(_) => codes::NOT_CONNECTED,
        SendError::Dial(DialError::Tls { problem, .. }) => match problem {
            TlsProblem::Expired => codes::CERTIFICATE_EXPIRED,
            TlsProblem::Untrusted => codes::CERTIFICATE_UNTRUSTED,
            TlsProblem::OtherHost => codes::CERTIFICATE_OTHER_HOST,
            TlsProblem::ClientCertificate => codes::CLIENT_CERTIFICATE,
            TlsProblem::Other => codes::TLS_FAILED,
        },
        SendError::CertificateRefused(_) => codes::CLIENT_CERTIFICATE,
        SendError::Dial(DialError::Deadline { .. }) | SendError::DeadlineBefore => codes::SEND_DEADLINE,
        SendError::DeadlineAfter => codes::ANSWER_DEADLINE,
        SendError::Lost(_) => codes::ANSWER_LOST,
    }
}

/// What mends a connection that was not made, where that is known.
pub(crate) fn mend(error: &SendError) -> Option<&'static str> {
    let problem = match error {
        SendError::Dial(DialError::Tls { problem, .. }) => *problem,
        SendError::CertificateRefused(_) => TlsProblem::ClientCertificate,
        _ => return None,
    };
    Some(match problem {
        TlsProblem::Expired => {
            "whoever runs the system has to renew its certificate; check this machine's clock too"
        }
        TlsProblem::Untrusted => {
            "if it is the right system, name the certificate of its authority (or its own) as `tls: { ca: ... }`"
        }
        TlsProblem::OtherHost => {
            "use the host that the certificate is for, or name that as `tls: { server_name: ... }`"
        }
        TlsProblem::ClientCertificate => {
            "give the connection `tls: { certificate: secret:..., key: secret:... }` that the system knows"
        }
        TlsProblem::Other => return None,
    })
}
