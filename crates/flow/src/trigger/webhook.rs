//! The way of a delivery, from its request to its answer.

use std::convert::Infallible;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::body::Incoming;
use parking_lot::RwLock;
use sinew_diag::codes::trigger;
use sinew_model::{Answer, Trace};
use sinew_store::{RunId, RunStatus};
use sinew_vault::SecretSource;

use super::TriggerOptions;
use super::body::BodyReader;
use super::probe::Readiness;
use super::reply::{self, Rejection, Reply};
use super::routes::{Route, Routes};
use super::sent::Sent;
use super::{login, payload};
use crate::{Admission, Engine, RunEnd, Submission};

/// What all deliveries share.
pub(crate) struct Hooks {
    engine: Engine,
    secrets: Arc<dyn SecretSource>,
    routes: RwLock<Arc<Routes>>,
    bodies: BodyReader,
    readiness: Readiness,
    runs_url: Option<String>,
    own_url: Option<String>,
}

impl Hooks {
    pub(crate) fn new(engine: Engine, options: TriggerOptions) -> Self {
        let hooks = Self {
            engine,
            secrets: options.secrets,
            routes: RwLock::default(),
            bodies: BodyReader::new(options.limits.bodies_max, options.limits.body_patience),
            readiness: Readiness::default(),
            runs_url: options.public_url.map(|url| format!("{}/v1/runs/", url.trim_end_matches('/'))),
            own_url: options.hooks_url,
        };
        hooks.follow();
        hooks
    }

    /// Takes deliveries for the flows of the engine's snapshot.
    pub(crate) fn follow(&self) {
        let routes = Routes::of(&self.engine.snapshot(), &self.secrets);
        *self.routes.write() = Arc::new(routes);
    }

    fn url(&self, run: RunId) -> Option<String> {
        self.runs_url.as_ref().map(|runs| format!("{runs}{run}"))
    }
}

/// Answers one request.
pub(crate) async fn answer(hooks: Arc<Hooks>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    match request.uri().path() {
        "/healthz" => return Ok(reply::json(http::StatusCode::OK, r#"{"status":"ok"}"#.to_owned())),
        login::PATH => return Ok(login::answer(&hooks.engine, &request).await),
        "/readyz" => return Ok(hooks.readiness.answer(&hooks.engine).await),
        _ => {}
    }
    let trace = trace_of(request.headers()).unwrap_or_else(|| hooks.engine.new_trace());
    let delivered = deliver(&hooks, request, trace).await;
    let mut reply = delivered.unwrap_or_else(|rejection| reply::problem(&rejection, trace));
    if let Ok(traceparent) = HeaderValue::try_from(trace.to_string()) {
        reply.headers_mut().insert("traceparent", traceparent);
    }
    Ok(reply)
}

fn trace_of(headers: &HeaderMap) -> Option<Trace> {
    headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(Trace::parse)
}

/// The steps of a delivery. What is refused on the way leaves nothing behind.
async fn deliver(hooks: &Arc<Hooks>, request: Request<Incoming>, trace: Trace) -> Result<Reply, Rejection> {
    let route = find(hooks, &request)?;
    let (head, body) = request.into_parts();
    let body = hooks.bodies.read(body, route.body_max).await?;
    let read = read(hooks, &route, &head, &body.bytes, trace)?;
    drop(body);
    match read {
        Read::Answered(reply) => Ok(reply),
        Read::Work(submission) => submit(hooks, route.answer, *submission).await,
    }
}

/// What a request comes to before anything is kept.
enum Read {
    Answered(Reply),
    Work(Box<Submission>),
}

fn read(hooks: &Hooks, route: &Route, head: &Parts, body: &[u8], trace: Trace) -> Result<Read, Rejection> {
    let sent = Sent::new(head, body, hooks.own_url.as_deref());
    let now = hooks.engine.clock().now();
    let challenger = route.challenger.as_ref().filter(|challenger| challenger.is_meant(&sent));
    if let Some(challenger) = challenger.filter(|challenger| !challenger.is_signed()) {
        return challenger.answer(&sent, &route.verifier, now).map(Read::Answered);
    }
    if head.method != Method::POST && challenger.is_none() {
        return Err(wrong_method(&head.method));
    }
    let repeat = route.verifier.verify(&sent, now)?;
    if let Some(challenger) = challenger {
        return challenger.answer(&sent, &route.verifier, now).map(Read::Answered);
    }
    let decoded = hooks.bodies.decode(&head.headers, body, route.body_max)?;
    let body = decoded.as_ref().map_or(body, |decoded| &decoded.bytes);
    let payload = payload::parse(&head.headers, body).map_err(Rejection::unacceptable)?;
    if !route.is_wanted(&sent, &payload, now)? {
        return Ok(Read::Answered(reply::ignored()));
    }
    let submission = route.submission(payload, repeat, trace, now)?;
    Ok(submission.map_or_else(|| Read::Answered(reply::ignored()), |work| Read::Work(Box::new(work))))
}

fn wrong_method(method: &Method) -> Rejection {
    Rejection::new(405, trigger::WRONG_METHOD, format!("deliveries come by POST, not {method}"))
}

fn find(hooks: &Hooks, request: &Request<Incoming>) -> Result<Arc<Route>, Rejection> {
    let path = request.uri().path();
    let route = path.strip_prefix("/hooks/").and_then(|name| hooks.routes.read().find(name));
    let route =
        route.ok_or_else(|| Rejection::new(404, trigger::NO_SUCH_HOOK, "no flow listens at this path"))?;
    if !route.takes(request.method()) {
        return Err(wrong_method(request.method()));
    }
    Ok(route)
}

/// Has the engine accept it. What it has begun to accept it accepts also if the sender hangs up meanwhile.
async fn submit(hooks: &Arc<Hooks>, answer: Answer, submission: Submission) -> Result<Reply, Rejection> {
    let engine = &hooks.engine;
    let ended = match answer {
        Answer::Accepted => {
            let admissions = engine.submit(vec![submission], None).await;
            admissions.map(|all| (all.first().copied().unwrap_or(Admission::BacklogFull), None))
        }
        Answer::Result(patience) => engine.submit_and_wait(submission, patience).await,
    };
    match ended? {
        (Admission::Accepted(run), None) => Ok(reply::accepted(run, "accepted", hooks.url(run))),
        (Admission::Accepted(run), Some(end)) => Ok(finished(hooks, run, &end)),
        (Admission::Duplicate(run), _) => Ok(reply::duplicate(run, hooks.url(run))),
        (Admission::BacklogFull, _) => Err(Rejection::backlog_full()),
    }
}

/// What came of a run whose sender waited. Without a result the delivery is accepted and kept all the same: an error
/// would make the sender repeat it. Why it failed is told to those who may look at runs.
fn finished(hooks: &Hooks, run: RunId, end: &RunEnd) -> Reply {
    match end.status {
        RunStatus::Finished => reply::result(end.result.as_ref(), hooks.url(run)),
        status => reply::accepted(run, status.as_str(), hooks.url(run)),
    }
}
