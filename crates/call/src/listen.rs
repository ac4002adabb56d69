//! Opening a source: the first stages of a call, whose answer then goes on and on.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use sinew_connect::source::{Handshake, Source, SourceError, SseSource, Wanted, WebSocketSource};
use sinew_connect::transport::TransportErrorKind;
use sinew_diag::codes::{call as codes, trigger};
use sinew_model::{
    Begin, Binding, BodyKind, Connection, Effect, Failure, HttpBinding, Idempotency, Listened, Operation,
    OperationId, Principal, Priority, Reason, Stream, StreamProtocol, Trace,
};
use sinew_stdx::Json;
use tokio::time::{Instant, timeout_at};

use crate::CallRequest;
use crate::ask::{self, AskPlan};
use crate::authenticate;
use crate::caller::Core;
use crate::pipeline::{Stages, Used, mask_failure, masker, note_vitals};
use crate::plan::{HttpPlan, Plan};
use crate::record::{AttemptRecord, CallRecord};
use crate::request::{self, Formed};
use crate::respond;
use crate::send::{self, Reached, Turn};
use crate::state::ConnectionState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
/// What opening a source is called in records.
const OPERATION: &str = "stream";

/// A wish to listen.
#[derive(Clone, Copy, Debug)]
pub struct ListenRequest<'a> {
    /// The connection.
    pub connection: &'a Arc<Connection>,
    /// What to listen to.
    pub stream: &'a Stream,
    /// Behind which position reading goes on.
    pub position: Option<&'a Arc<str>>,
    /// Who listens.
    pub principal: &'a Principal,
    /// The trace.
    pub trace: Trace,
    /// Who goes first when budget is short.
    pub priority: Priority,
}

/// What became of it.
pub enum Listening {
    /// Deliveries come.
    Open(Box<dyn Source>),
    /// The system says that there will be nothing more.
    Over,
}

/// Opens a source. Like every call it needs a credential, a turn and an address that may be reached, and is recorded.
pub(crate) async fn open(core: &Core, wish: &ListenRequest<'_>) -> Result<Listening, Failure> {
    let (at, begun) = (core.now(), Instant::now());
    let state = core.states.of(wish.connection);
    let span = wish.trace.child(core.fresh_span());
    let operation = Arc::new(operation(wish.stream)?);
    let call = CallRequest {
        connection: Arc::clone(wish.connection),
        operation: Arc::clone(&operation),
        asks: None,
        input: Json::null(),
        principal: wish.principal.clone(),
        trace: wish.trace,
        idempotency_key: None,
        priority: wish.priority,
        deadline: None,
        purpose: format!("{} stream", wish.principal).into(),
    };
    let mut met = Met::default();
    let plan = match wish.stream.listened {
        Listened::Http { .. } => Plan::new(wish.connection, &operation),
        Listened::Broker { .. } => Ok(Plan::Ask(AskPlan::listening(wish.connection, &operation))),
    };
    let outcome = match plan {
        Ok(plan) => {
            let stages = Stages { core, state: &state, plan: &plan, call: &call, until: None };
            let opened = pass(&stages, wish, span, &mut met).await;
            opened.map_err(|failure| mask_failure(failure, &masker(&state, &met.used)))
        }
        Err(failure) => Err(failure),
    };
    let failure = outcome.as_ref().err();
    core.options.recorder.record(CallRecord::Attempted(AttemptRecord {
        at,
        took: begun.elapsed(),
        waited: met.waited,
        principal: call.principal,
        trace: span,
        connection: wish.connection.name.clone(),
        operation: operation.id.clone(),
        credential: authenticate::credential_id(wish.connection),
        purpose: call.purpose,
        status: met.status.map(|status| status.as_u16()),
        failure: failure.cloned(),
        drift: None,
    }));
    note_vitals(core, &state, at, failure);
    outcome
}

/// What was met on the way, for the record.
#[derive(Default)]
struct Met {
    used: Used,
    waited: std::time::Duration,
    status: Option<StatusCode>,
}

/// The request that opens a source, as if it were an operation.
fn operation(stream: &Stream) -> Result<Operation, Failure> {
    let id = OperationId::new(OPERATION).map_err(|wrong| {
        Failure::new(Reason::Refused, codes::NOT_CALLABLE, format!("a stream cannot be opened: {wrong}"))
    })?;
    Ok(Operation {
        id,
        description: Arc::from(""),
        effect: Effect::Read,
        idempotency: Idempotency::Natural,
        probe: None,
        binding: Binding::Http(HttpBinding {
            method: Arc::from("GET"),
            path: Arc::clone(&stream.from),
            server: None,
            parameters: Vec::new(),
            body: BodyKind::None,
        }),
        input: None,
        output: None,
        pagination: None,
        deadline: None,
        scopes: Vec::new(),
    })
}

async fn pass(
    stages: &Stages<'_>,
    wish: &ListenRequest<'_>,
    span: Trace,
    met: &mut Met,
) -> Result<Listening, Failure> {
    let (core, state) = (stages.core, stages.state);
    let (plan, protocol) = match (stages.plan, &wish.stream.listened) {
        (Plan::Http(plan), Listened::Http { protocol, .. }) => (plan, *protocol),
        (Plan::Ask(plan), Listened::Broker { group, begin, .. }) => {
            return at_broker(stages, plan, wish, (group, *begin), met).await;
        }
        (plan, _) => return Err(ask::no_client(plan.shown(), "it is not listened to like this")),
    };
    let mut logged_in = stages.log_in().await?;
    met.used.present = Some(Arc::clone(&logged_in.credential));
    let (formed, handshake) = form(stages, plan, (wish, protocol), span)?;

    let waiting_since = Instant::now();
    let turn = send::wait_for_turn(state, stages.plan, stages.call, stages.deadline()).await;
    met.waited = waiting_since.elapsed();
    // A source is no call that goes on: others may have the turn while it is listened to.
    let Turn { pass, permit } = turn?;
    let until = stages.deadline();
    let stands: (&Core, &ConnectionState) = (core, state);
    let signed = &mut met.used.signed;
    let mut reached = send::reach(stands, plan, &formed, &logged_in.credential, signed, until).await;
    let unknown_caller = |reached: &Reached| reached.answer.status == StatusCode::UNAUTHORIZED;
    if reached.as_ref().is_ok_and(unknown_caller)
        && authenticate::refused(state, &logged_in)
        && let Ok(anew) = stages.log_in().await
    {
        met.used.refused.push(std::mem::replace(&mut logged_in, anew).credential);
        met.used.present = Some(Arc::clone(&logged_in.credential));
        let signed = &mut met.used.signed;
        reached = send::reach(stands, plan, &formed, &logged_in.credential, signed, until).await;
        if reached.as_ref().is_ok_and(unknown_caller) {
            authenticate::refused(state, &logged_in);
        }
    }
    drop(permit);
    let opened = match reached {
        Ok(reached) => {
            met.status = Some(reached.answer.status);
            let begun = begin(stages, plan, wish, reached, handshake.as_ref(), &met.used);
            timeout_at(until, begun).await.unwrap_or_else(|_| {
                let message = format!("`{}` did not begin in time", plan.shown);
                Err(Failure::new(Reason::Unavailable, codes::ANSWER_DEADLINE, message))
            })
        }
        Err(unanswered) => Err(unanswered.failure),
    };
    stages.settle(pass, opened.as_ref().err());
    opened
}

/// Opens what a broker sends by itself.
async fn at_broker(
    stages: &Stages<'_>,
    plan: &AskPlan,
    wish: &ListenRequest<'_>,
    (group, begin): (&str, Begin),
    met: &mut Met,
) -> Result<Listening, Failure> {
    let state = stages.state;
    let logged_in = stages.log_in().await?;
    met.used.present = Some(Arc::clone(&logged_in.credential));
    let waiting_since = Instant::now();
    let turn = send::wait_for_turn(state, stages.plan, stages.call, stages.deadline()).await;
    met.waited = waiting_since.elapsed();
    // Others may have the turn while it is listened to.
    let Turn { pass, permit } = turn?;
    let stream = wish.stream;
    let wanted = Wanted {
        from: &stream.from,
        group,
        all: begin == Begin::All,
        position: wish.position.map(|position| &**position),
        delivery_max: stream.delivery_max,
        quiet: stream.quiet,
    };
    let limits = ask::limits(state, stages.deadline());
    let login = logged_in.credential.login.as_ref();
    let opened = match ask::client(state) {
        Ok(client) => client.listen(&wanted, login, &limits).await,
        Err(error) => Err(error),
    };
    drop(permit);
    let opened = opened.map(Listening::Open).map_err(|error| {
        if error.kind == TransportErrorKind::Login {
            authenticate::refused(state, &logged_in);
        }
        ask::failure(plan, &error)
    });
    stages.settle(pass, opened.as_ref().err());
    opened
}

/// The request as its protocol wants it.
fn form(
    stages: &Stages<'_>,
    plan: &HttpPlan,
    (wish, protocol): (&ListenRequest<'_>, StreamProtocol),
    span: Trace,
) -> Result<(Formed, Option<Handshake>), Failure> {
    let mut formed = request::form(plan, stages.call, span, None)?;
    let handshake = match protocol {
        StreamProtocol::Sse => {
            formed.headers.insert(ACCEPT, HeaderValue::from_static(EVENT_STREAM));
            formed.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            // Compressed, an event could stay in a buffer on the way.
            formed.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            // One that no header can carry was never given: it is read as a line of text.
            let id = wish.position.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
            formed.headers.extend(id.map(|id| (LAST_EVENT_ID, id)));
            None
        }
        StreamProtocol::WebSocket => {
            let handshake = Handshake::new().map_err(|error| unusable(plan, &error))?;
            formed.headers.remove(ACCEPT);
            handshake.dress(&mut formed.headers);
            Some(handshake)
        }
    };
    Ok((formed, handshake))
}

/// Goes on from the head of the answer.
async fn begin(
    stages: &Stages<'_>,
    plan: &HttpPlan,
    wish: &ListenRequest<'_>,
    reached: Reached,
    handshake: Option<&Handshake>,
    used: &Used,
) -> Result<Listening, Failure> {
    let stream = wish.stream;
    let (status, from) = (reached.answer.status, Arc::clone(&stream.from));
    let source: Box<dyn Source> = match handshake {
        None if status == StatusCode::NO_CONTENT => return Ok(Listening::Over),
        None if status == StatusCode::OK && is_event_stream(&reached.answer.headers) => {
            if reached.answer.coding() != Ok(None) {
                let what = "it is compressed, although it was asked not to be";
                return Err(unusable(plan, &SourceError::Protocol(what.to_owned())));
            }
            let behind = wish.position.cloned();
            Box::new(SseSource::new(reached.answer, from, behind, stream.delivery_max, stream.quiet))
        }
        Some(handshake) if status == StatusCode::SWITCHING_PROTOCOLS => {
            let open = if let Listened::Http { open, .. } = &stream.listened { open.as_ref() } else { None };
            let (max, quiet) = (stream.delivery_max, stream.quiet);
            let opened = WebSocketSource::open(reached.answer, handshake, open, from, max, quiet).await;
            Box::new(opened.map_err(|error| unusable(plan, &error))?)
        }
        _ => return Err(refused(stages, plan, reached, used).await),
    };
    Ok(Listening::Open(source))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENT_STREAM)
}

/// What an answer means that begins no stream: its error, if it is one.
async fn refused(stages: &Stages<'_>, plan: &HttpPlan, reached: Reached, used: &Used) -> Failure {
    let state = stages.state;
    let status = reached.answer.status;
    let said = reached.answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let said = said.unwrap_or("no type").to_owned();
    if status.is_success() {
        // It may be without an end.
        let message = format!("`{}` answered {status} with `{said}`, which is no stream", plan.shown);
        return Failure::new(Reason::Rejected, trigger::STREAM_FAILED, message)
            .status(status.as_u16())
            .help("check `from` and `protocol`; a feed answers with `text/event-stream`");
    }
    let reply = send::whole(state, reached, stages.deadline()).await;
    let read =
        respond::read(plan, stages.call, &state.connection.connector, &reply, stages.core.now(), || {
            masker(state, used)
        });
    read.err().unwrap_or_else(|| {
        let message = format!("`{}` answered {status}, which is no stream", plan.shown);
        Failure::new(Reason::Rejected, trigger::STREAM_FAILED, message).status(status.as_u16())
    })
}

fn unusable(plan: &HttpPlan, error: &SourceError) -> Failure {
    Failure::new(Reason::Unavailable, trigger::STREAM_FAILED, format!("`{}`: {error}", plan.shown))
}
