//! Listening to what a system sends by itself. What came is durable before its sender may forget it.
//!
//! One task listens for each flow. A store belongs to one node at a time, so one node listens, too; the next one goes on
//! where the position in the store says, or with what the sender keeps because nobody acknowledged it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use sinew_call::source::{Delivery, Source, SourceError};
use sinew_call::{ListenRequest, Listening};
use sinew_diag::codes::{engine, trigger};
use sinew_model::{Connection, Failure, Flow, Principal, PrincipalKind, Reason, Stream};
use sinew_stdx::{Backoff, Json, Random};
use sinew_store::CursorAdvance;
use tokio::time::Instant;

use super::envelope;
use super::ticking::{Heard, Surroundings};
use crate::{Admission, Refusal, Submission};

/// The longest wait after failures.
const BACKOFF_MAX: Duration = Duration::from_mins(5);
/// How long to wait before listening again, if the sender does not say.
const AGAIN: Duration = Duration::from_secs(1);
/// Failures in a row before somebody is told.
const FAILURES_BEFORE_ALERT: u32 = 3;
/// A connection that stood for so long was a good one, though nothing came.
const STEADY: Duration = Duration::from_secs(10);
/// How long to wait for room when the flow's backlog is full.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(2);
/// How long a delivery is remembered if its flow says nothing of duplicates.
const REMEMBERED: Duration = Duration::from_hours(3 * 24);
/// Deliveries that are accepted in one transaction, if so many are there already.
const AT_ONCE: usize = 64;
/// Data that is held at once, beyond the one delivery that passes it.
const HELD_MAX: usize = 4 << 20;

/// Listens until it is told to stop.
pub(crate) async fn follow(around: Surroundings, flow: &Arc<Flow>, stream: &Stream) {
    let mut random = Random::seeded(around.engine.core.chance());
    let name = format!("stream:{}", flow.name).into();
    let mut listener = Listener { around, flow, stream, name, failures: 0, told: true };
    loop {
        let (failure, again) = match listener.session().await {
            Ok(Ended::Stop) => return,
            Ok(Ended::Reload) => continue,
            Ok(Ended::Over) => {
                listener.tell_over();
                if !listener.around.reloaded().await {
                    return;
                }
                continue;
            }
            Ok(Ended::Broken { error, pause, was_good }) => {
                let (failure, again) = (broken(stream, &error), pause.unwrap_or(AGAIN).min(BACKOFF_MAX));
                if was_good {
                    listener.recovered();
                    tracing::info!(flow = %flow.name, message = %failure.message, "a stream ended; listening again soon");
                } else {
                    listener.failed(&failure);
                }
                (failure, again)
            }
            Err(failure) => {
                listener.failed(&failure);
                (failure, AGAIN)
            }
        };
        let backoff = Backoff { base: again, max: BACKOFF_MAX };
        let wait = again + backoff.wait(listener.failures.saturating_sub(1), &mut random);
        if !listener.around.wait(failure.retry_after.unwrap_or_default().max(wait)).await {
            return;
        }
    }
}

/// How a session ended, if it began.
enum Ended {
    /// The listener is to end.
    Stop,
    /// The connection is another now.
    Reload,
    /// The system says that there will be nothing more.
    Over,
    /// It broke off.
    Broken {
        error: SourceError,
        /// How long the sender wants to be left alone.
        pause: Option<Duration>,
        /// Whether it brought something, or stood for a while at least.
        was_good: bool,
    },
}

/// What the cursor in the store says.
#[derive(Serialize, Deserialize)]
struct Standing {
    /// What the position is one in: another feed does not know it.
    of: String,
    position: Arc<str>,
}

struct Listener<'a> {
    around: Surroundings,
    flow: &'a Arc<Flow>,
    stream: &'a Stream,
    /// Of the cursor.
    name: Arc<str>,
    failures: u32,
    /// Somebody was told that it fails, perhaps by the process before this one.
    told: bool,
}

impl Listener<'_> {
    /// Opens a source and takes what it gives.
    async fn session(&mut self) -> Result<Ended, Failure> {
        let connection = self.connection()?;
        let position = self.position().await?;
        let (principal, caller) = (self.principal(), self.around.engine.caller().clone());
        let wish = ListenRequest {
            connection: &connection,
            stream: self.stream,
            position: position.as_ref(),
            principal: &principal,
            trace: self.around.engine.new_trace(),
            priority: self.flow.priority,
        };
        let mut source = match self.around.unless_stopped(caller.listen(&wish)).await {
            None => return Ok(Ended::Stop),
            Some(Ok(Listening::Over)) => return Ok(Ended::Over),
            Some(Ok(Listening::Open(source))) => source,
            Some(Err(failure)) => return Err(failure),
        };
        tracing::info!(flow = %self.flow.name, from = %self.stream.from, "listening");
        let ended = self.listen(source.as_mut(), &connection, position).await;
        if matches!(ended, Ok(Ended::Stop | Ended::Reload)) {
            // It is left anyway.
            let _ = source.end().await;
        }
        ended
    }

    async fn listen(
        &mut self,
        source: &mut dyn Source,
        connection: &Connection,
        mut position: Option<Arc<str>>,
    ) -> Result<Ended, Failure> {
        let (opened, mut brought) = (Instant::now(), false);
        loop {
            let broken = match self.around.unless_reloaded(source.next()).await {
                Heard::Stop => return Ok(Ended::Stop),
                Heard::Reload if self.connection().is_ok_and(|now| is_same_system(&now, connection)) => {
                    continue;
                }
                Heard::Reload => return Ok(Ended::Reload),
                Heard::Done(Err(error)) => Some(error),
                Heard::Done(Ok(first)) => {
                    let (deliveries, error) = gather(first, source);
                    if !self.take(source, deliveries, &mut position).await? {
                        return Ok(Ended::Stop);
                    }
                    brought = true;
                    self.recovered();
                    error
                }
            };
            if let Some(error) = broken {
                let was_good = brought || opened.elapsed() >= STEADY;
                return Ok(Ended::Broken { error, pause: source.pause(), was_good });
            }
        }
    }

    /// Accepts deliveries, moves the position with them, and lets their sender forget them. False if the listener is to
    /// end instead: then nothing was accepted.
    async fn take(
        &mut self,
        source: &mut dyn Source,
        deliveries: Vec<Delivery>,
        position: &mut Option<Arc<str>>,
    ) -> Result<bool, Failure> {
        let submissions: Vec<_> = deliveries.iter().filter_map(|delivery| self.read(delivery)).collect();
        let reached = deliveries.iter().rev().find_map(|delivery| delivery.position.clone());
        let moved = reached.filter(|reached| position.as_ref() != Some(reached));
        let advance = moved.as_ref().map(|reached| self.advance(reached));
        if !submissions.is_empty() || advance.is_some() {
            loop {
                match self.around.engine.submit(submissions.clone(), advance.clone()).await {
                    Ok(all) if !all.contains(&Admission::BacklogFull) => break,
                    Ok(_) => {
                        tracing::warn!(flow = %self.flow.name, "the stream waits: the flow's backlog is full");
                    }
                    Err(Refusal::Stopping) => return Ok(false),
                    Err(refusal) => return Err(unkept(&refusal)),
                }
                if !self.around.wait(WAIT_FOR_ROOM).await {
                    return Ok(false);
                }
                source.hold().await.map_err(|error| broken(self.stream, &error))?;
            }
        }
        if moved.is_some() {
            *position = moved;
        }
        let receipts: Vec<u64> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        source.accepted(&receipts).await.map_err(|error| broken(self.stream, &error))?;
        Ok(true)
    }

    /// The work in a delivery, if it is wanted. What cannot be read is kept as a dead letter.
    fn read(&self, delivery: &Delivery) -> Option<Submission> {
        if self.stream.event.is_some() && self.stream.event != delivery.event {
            return None;
        }
        let now = self.around.now();
        let trace = envelope::trace(delivery).unwrap_or_else(|| self.around.engine.new_trace());
        let mut wanted = match envelope::of(delivery) {
            Ok(payload) => Submission::read_or_keep(self.flow, &payload, self.principal(), trace, now)?,
            Err((payload, failure)) => {
                let kept = Submission::new(Arc::clone(self.flow), payload, self.principal(), trace);
                Submission { unreadable: Some(failure), ..kept }
            }
        };
        let identity = delivery.identity.as_ref().map(|identity| format!("stream:{identity}").into());
        wanted.dedupe = wanted.dedupe.or_else(|| Some((identity?, now.plus(REMEMBERED))));
        Some(wanted)
    }

    fn connection(&self) -> Result<Arc<Connection>, Failure> {
        let name = &self.stream.connection;
        let found = self.around.engine.snapshot().connections.get(name).cloned();
        found.ok_or_else(|| {
            Failure::new(Reason::Refused, engine::RESOURCE_GONE, format!("connection `{name}` is gone"))
        })
    }

    /// Where reading goes on.
    async fn position(&self) -> Result<Option<Arc<str>>, Failure> {
        let kept = self.around.engine.store().cursor(Arc::clone(&self.name)).await;
        let Some(kept) = kept.map_err(|error| unkept(&error.into()))? else { return Ok(None) };
        let standing: Standing = serde_json::from_str(&kept).map_err(|error| {
            let message = format!("the position in the store is not readable: {error}");
            Failure::new(Reason::Mapping, trigger::STREAM_FAILED, message)
        })?;
        Ok((standing.of == self.place()).then_some(standing.position))
    }

    fn advance(&self, position: &Arc<str>) -> CursorAdvance {
        let standing = Standing { of: self.place(), position: Arc::clone(position) };
        CursorAdvance { name: Arc::clone(&self.name), value: Json::of(&standing).as_str().into() }
    }

    fn place(&self) -> String {
        format!("{} {}", self.stream.connection, self.stream.from)
    }

    fn principal(&self) -> Principal {
        Principal::new(PrincipalKind::Flow, self.flow.name.shared())
    }

    fn failed(&mut self, failure: &Failure) {
        self.failures += 1;
        let (flow, failures) = (&self.flow.name, self.failures);
        tracing::warn!(%flow, code = %failure.code, message = %failure.message, failures, "a stream ended");
        if failures >= FAILURES_BEFORE_ALERT {
            self.alert(failure);
        }
    }

    fn tell_over(&mut self) {
        let message = format!("`{}` says that there will be nothing more", self.place());
        let failure = Failure::new(Reason::Rejected, trigger::STREAM_FAILED, message);
        tracing::warn!(flow = %self.flow.name, message = %failure.message, "the stream is over");
        self.alert(&failure);
    }

    fn alert(&mut self, failure: &Failure) {
        self.told = true;
        if let Some(monitor) = &self.around.monitor {
            monitor.intake_failed(self.flow, failure, self.around.now());
        }
    }

    fn recovered(&mut self) {
        self.failures = 0;
        let told = std::mem::take(&mut self.told);
        if let Some(monitor) = self.around.monitor.as_ref().filter(|_| told) {
            monitor.intake_recovered(self.flow, self.around.now());
        }
    }
}

/// The delivery that came, and those that are there already.
fn gather(first: Delivery, source: &mut dyn Source) -> (Vec<Delivery>, Option<SourceError>) {
    let mut held = first.data.held();
    let mut deliveries = vec![first];
    while deliveries.len() < AT_ONCE && held < HELD_MAX {
        match source.next().now_or_never() {
            Some(Ok(delivery)) => {
                held += delivery.data.held();
                deliveries.push(delivery);
            }
            Some(Err(error)) => return (deliveries, Some(error)),
            None => break,
        }
    }
    (deliveries, None)
}

/// Whether two versions of a connection reach the same account in the same way.
fn is_same_system(a: &Connection, b: &Connection) -> bool {
    a.base_url == b.base_url
        && a.auth == b.auth
        && a.tls == b.tls
        && a.egress == b.egress
        && a.host_keys == b.host_keys
        && a.headers == b.headers
        && a.connector.id == b.connector.id
}

fn broken(stream: &Stream, error: &SourceError) -> Failure {
    let message = format!("`{} {}`: {error}", stream.connection, stream.from);
    Failure::new(Reason::Unavailable, trigger::STREAM_FAILED, message)
}

fn unkept(refusal: &Refusal) -> Failure {
    Failure::new(Reason::Unavailable, refusal.code(), refusal.to_string())
}
