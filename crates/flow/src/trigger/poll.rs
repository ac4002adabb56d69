//! Asking a system for what is new, page by page. The cursor moves in the transaction that accepts a page's runs.

use std::sync::Arc;
use std::time::Duration;

use sinew_call::{CallRequest, Page, Pages};
use sinew_diag::codes::{engine, trigger};
use sinew_mapping::{Limits, Moment, Scope};
use sinew_model::{Failure, Flow, Poll, Principal, PrincipalKind, Reason, Trace};
use sinew_stdx::{Backoff, Json, Random};
use sinew_store::CursorAdvance;

use super::position::Position;
use super::ticking::Surroundings;
use crate::{Admission, Submission};

/// The longest wait after failures.
const BACKOFF_MAX: Duration = Duration::from_mins(10);
/// Failures in a row before somebody is told.
const FAILURES_BEFORE_ALERT: u32 = 3;
/// How long to wait for room when the flow's backlog is full.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(2);
/// How long an item is remembered by its content if its flow says nothing of duplicates. Positions tell most of what
/// was read before; this covers what they cannot: answers read anew after a failure, and items without a place.
const ITEM_REMEMBERED: Duration = Duration::from_hours(3 * 24);
/// Pages of one answer, if the flow says nothing; the rest is read the next time.
const PAGES_MAX: u32 = 1000;

/// Polls until it is told to stop.
pub(crate) async fn follow(around: Surroundings, flow: &Arc<Flow>, poll: &Poll) {
    let random = Random::seeded(around.engine.core.chance());
    let name = format!("poll:{}", flow.name).into();
    let mut poller = Poller { around, flow, poll, name, random };
    let backoff = Backoff { base: poll.every.saturating_mul(2), max: BACKOFF_MAX.max(poll.every) };
    let mut failures = 0;
    loop {
        let wait = match poller.round().await {
            Ok(Round::Stopped) => return,
            Ok(Round::Whole) => {
                poller.recovered(failures);
                failures = 0;
                poll.every
            }
            Err(failure) => {
                failures += 1;
                poller.failed(&failure, failures);
                poll.every + backoff.wait(failures - 1, &mut poller.random)
            }
        };
        if !poller.around.wait(wait).await {
            return;
        }
    }
}

/// How a round ended, if it did not fail.
enum Round {
    /// Everything that is new was accepted.
    Whole,
    /// The poll is to end.
    Stopped,
}

struct Poller<'a> {
    around: Surroundings,
    flow: &'a Arc<Flow>,
    poll: &'a Poll,
    /// Of the cursor.
    name: Arc<str>,
    random: Random,
}

impl Poller<'_> {
    /// Reads everything that is new.
    async fn round(&mut self) -> Result<Round, Failure> {
        let mut position = self.position().await?;
        let trace = self.around.engine.new_trace();
        let mut pages = self.pages(&position, trace)?;
        let pages_max = self.poll.call.pages_max.map_or(PAGES_MAX, std::num::NonZero::get);
        for _ in 0..pages_max {
            let Some(read) = self.around.unless_stopped(pages.next()).await else {
                return Ok(Round::Stopped);
            };
            let page = match read {
                None => break,
                Some(Ok(page)) => page,
                Some(Err((failure, _))) => return Err(self.give_up_page(position, failure).await),
            };
            if !self.take(&mut position, page, trace).await? {
                return Ok(Round::Stopped);
            }
        }
        Ok(Round::Whole)
    }

    /// Where the poll stands.
    async fn position(&self) -> Result<Position, Failure> {
        let kept =
            self.around.engine.store().cursor(Arc::clone(&self.name)).await.map_err(|e| unkept(&e.into()))?;
        let Some(kept) = kept else { return Ok(Position::at(&self.poll.start)) };
        serde_json::from_str(&kept)
            .map_err(|e| unreadable(format!("the cursor in the store is not readable: {e}")))
    }

    fn pages(&self, position: &Position, trace: Trace) -> Result<Pages, Failure> {
        let call = &self.poll.call;
        let snapshot = self.around.engine.snapshot();
        let gone = |what: String| Failure::new(Reason::Refused, engine::RESOURCE_GONE, what);
        let connection = snapshot.connections.get(&call.connection);
        let connection =
            connection.ok_or_else(|| gone(format!("connection `{}` is gone", call.connection)))?;
        let operation = connection.connector.operations.get(call.operation.as_str());
        let operation = operation
            .ok_or_else(|| gone(format!("operation `{}.{}` is gone", call.connection, call.operation)))?;
        let scope = Scope::new().with("cursor", &position.cursor);
        let input = call.with.evaluate(&scope, self.moment(), &Limits::default());
        let pages = self.around.engine.caller().pages(CallRequest {
            connection: Arc::clone(connection),
            operation,
            asks: None,
            input: input.map_err(|e| unreadable(format!("the trigger's `with` failed: {e}")))?,
            principal: self.principal(),
            trace,
            idempotency_key: None,
            priority: self.flow.priority,
            deadline: call.deadline,
            purpose: format!("flow {} poll", self.flow.name).into(),
        });
        Ok(match &position.page {
            Some(page) => pages.resume(page.clone()),
            None => pages,
        })
    }

    /// A page that cannot be read. If the system does not know the page any more, the answer is asked for anew.
    async fn give_up_page(&self, mut position: Position, failure: Failure) -> Failure {
        if position.page.is_some() && matches!(failure.reason, Reason::Rejected | Reason::Drift) {
            position.start_over();
            let kept = self.around.engine.store().set_cursor(self.advance(&position)).await;
            if let Err(error) = kept {
                tracing::warn!(flow = %self.flow.name, %error, "the poll's cursor cannot be kept");
            }
        }
        failure
    }

    /// Accepts what a page holds and moves the cursor with it. False if the poll is to end instead.
    async fn take(&mut self, position: &mut Position, page: Page, trace: Trace) -> Result<bool, Failure> {
        let before = position.clone();
        let submissions = self.read(position, page.items, trace)?;
        position.turn(page.next);
        if submissions.is_empty() && *position == before {
            return Ok(true);
        }
        loop {
            let accepted = self.around.engine.submit(submissions.clone(), Some(self.advance(position))).await;
            match accepted {
                Ok(admissions) if !admissions.contains(&Admission::BacklogFull) => return Ok(true),
                Ok(_) => tracing::warn!(flow = %self.flow.name, "the poll waits: the flow's backlog is full"),
                Err(refusal) => return Err(unkept(&refusal)),
            }
            if !self.around.wait(WAIT_FOR_ROOM).await {
                return Ok(false);
            }
        }
    }

    /// The work in a page's items.
    fn read(
        &self,
        position: &mut Position,
        items: Vec<Json>,
        trace: Trace,
    ) -> Result<Vec<Submission>, Failure> {
        let mut submissions = Vec::new();
        let mut batch = Vec::new();
        for item in unpacked(items) {
            let now = self.around.now();
            let read = Submission::read_or_keep(self.flow, &item, self.principal(), trace, now);
            let place = self.place(&item)?;
            let key = read.as_ref().and_then(|wanted| wanted.dedupe.as_ref()).map(|(key, _)| key.to_string());
            let key = key.unwrap_or_else(|| blake3::hash(item.as_bytes()).to_hex()[..16].to_owned());
            let default = content_key(place.as_ref(), &item);
            let is_new = place.map_or(Ok(true), |place| position.note(&place, &key)).map_err(unreadable)?;
            match read {
                Some(mut wanted) if is_new && (!self.poll.batch || wanted.unreadable.is_some()) => {
                    wanted.dedupe = wanted.dedupe.or_else(|| Some((default, now.plus(ITEM_REMEMBERED))));
                    if self.poll.batch {
                        wanted.payload = pack(&[item]);
                    }
                    submissions.push(wanted);
                }
                Some(_) if is_new => batch.push(item),
                _ => {}
            }
        }
        if !batch.is_empty() {
            let payload = pack(&batch);
            let key = content_key(None, &payload);
            let mut pack = Submission::new(Arc::clone(self.flow), payload, self.principal(), trace);
            pack.dedupe = Some((key, self.around.now().plus(ITEM_REMEMBERED)));
            submissions.push(pack);
        }
        Ok(submissions)
    }

    fn place(&self, item: &Json) -> Result<Option<Json>, Failure> {
        let place = self.poll.cursor.evaluate(&Scope::root(item), self.moment(), &Limits::default());
        let place =
            place.map_err(|e| unreadable(format!("the trigger's `cursor` failed on an item: {e}")))?;
        Ok(place.filter(|place| !place.is_null()))
    }

    fn advance(&self, position: &Position) -> CursorAdvance {
        CursorAdvance { name: Arc::clone(&self.name), value: Json::of(position).as_str().into() }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.around.now(), seed: 0 }
    }

    fn principal(&self) -> Principal {
        Principal::new(PrincipalKind::Flow, self.flow.name.shared())
    }

    fn failed(&self, failure: &Failure, failures: u32) {
        tracing::warn!(flow = %self.flow.name, code = %failure.code, message = %failure.message, failures, "a poll failed");
        if let Some(monitor) = self.around.monitor.as_ref().filter(|_| failures >= FAILURES_BEFORE_ALERT) {
            monitor.intake_failed(self.flow, failure, self.around.now());
        }
    }

    fn recovered(&self, failures: u32) {
        if let Some(monitor) = self.around.monitor.as_ref().filter(|_| failures >= FAILURES_BEFORE_ALERT) {
            monitor.intake_recovered(self.flow, self.around.now());
        }
    }
}

/// The payload of a run for a whole page.
fn pack(items: &[Json]) -> Json {
    Json::object([("items", &Json::array(items))])
}

/// What an item is recognised by when it is read again: its place and its text.
fn content_key(place: Option<&Json>, item: &Json) -> Arc<str> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(place.map_or("", Json::as_str).as_bytes());
    // No JSON text has such a byte, so that a place and an item cannot be taken for another pair.
    hasher.update(&[0]);
    hasher.update(item.as_bytes());
    format!("poll:{}", &hasher.finalize().to_hex()[..32]).into()
}

/// An operation without pages gives its answer whole; a list in it is its items.
fn unpacked(mut items: Vec<Json>) -> Vec<Json> {
    if items.len() == 1
        && items[0].as_str().starts_with('[')
        && let Ok(inner) = items[0].to::<Vec<Json>>()
    {
        return inner;
    }
    items.retain(|item| !item.is_null());
    items
}

fn unreadable(message: impl Into<Arc<str>>) -> Failure {
    Failure::new(Reason::Mapping, trigger::POLL_UNREADABLE, message)
}

fn unkept(refusal: &crate::Refusal) -> Failure {
    Failure::new(Reason::Unavailable, refusal.code(), refusal.to_string())
}
