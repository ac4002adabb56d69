//! Telling systems where to send their webhooks: registered once, renewed before they end, taken back when the flow goes.
//!
//! One task compares what the project wants with what the store says was done, and closes the gap. What is about to be
//! asked of a system is durable before it is asked, so that a crash in between is known, and is looked into before
//! anything is registered again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sinew_call::CallRequest;
use sinew_diag::codes::{engine as engine_codes, trigger};
use sinew_mapping::{Limits, Moment, Scope};
use sinew_model::{
    Failure, Idempotency, Principal, PrincipalKind, Reason, Registration, Subscribed, Subscription, Trigger,
};
use sinew_stdx::{Backoff, Json, Random, Timestamp};
use sinew_store::CursorAdvance;
use tokio::sync::Notify;

use super::ticking::Surroundings;

/// Where the store says what was done.
const CURSOR: &str = "webhook-subscriptions";
/// How long to sleep at most, so that a clock that was set is noticed.
const NAP_MAX: Duration = Duration::from_secs(30);
/// Waits after failures.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(20), max: Duration::from_mins(30) };

/// What was done for each flow.
type Ledger = BTreeMap<Arc<str>, Standing>;

/// How the registration of one flow stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    connection: String,
    url: String,
    event: Option<String>,
    state: State,
    /// Counts registrations, so that each has an idempotency key of its own.
    turn: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is being registered; if this is found at the start, nobody knows whether it was.
    Asked,
    /// It is registered.
    Held { id: Option<Json>, since_ms: i64, expires_ms: Option<i64> },
}

/// What a flow wants.
struct Wanted {
    subscribed: Subscribed,
    url: String,
    event: Option<String>,
}

/// Keeps registrations until it is told to stop.
pub(crate) async fn follow(around: Surroundings, hooks_url: Option<String>, nudge: Arc<Notify>) {
    // Without it nothing can be registered, and nothing is taken back that was when it was known.
    let Some(hooks_url) = hooks_url else { return };
    let random = Random::seeded(around.engine.core.chance());
    let mut keeper = Keeper { around, hooks_url, random, failures: BTreeMap::new() };
    loop {
        let nap = match keeper.round().await {
            Ok(nap) => nap,
            Err(failure) => {
                tracing::warn!(%failure.message, "webhook subscriptions cannot be kept; trying again");
                NAP_MAX
            }
        };
        let nap = nap.clamp(Duration::from_millis(50), NAP_MAX);
        tokio::select! {
            goes_on = keeper.around.wait(nap) => if !goes_on { return },
            // The project or the clock may be another.
            () = nudge.notified() => {}
        }
    }
}

struct Keeper {
    around: Surroundings,
    hooks_url: String,
    random: Random,
    /// Failures in a row by flow, and when to try again.
    failures: BTreeMap<Arc<str>, (u32, Timestamp)>,
}

impl Keeper {
    /// Closes every gap that can be closed now; gives when to look again.
    async fn round(&mut self) -> Result<Duration, Failure> {
        let mut ledger = self.load().await?;
        let wanted = self.wanted();
        let names: Vec<Arc<str>> = wanted.keys().chain(ledger.keys()).cloned().collect();
        let mut nap = NAP_MAX;
        for name in names {
            let now = self.around.now();
            if let Some((_, at)) = self.failures.get(&name).filter(|(_, at)| *at > now) {
                nap = nap.min(at.since(now));
                continue;
            }
            match self.mend(&name, wanted.get(&name), &mut ledger).await {
                Ok(()) => self.recovered(&name),
                Err(failure) => self.failed(&name, &failure),
            }
        }
        Ok(nap)
    }

    /// The webhooks of the project whose systems can be told of them.
    fn wanted(&self) -> BTreeMap<Arc<str>, Wanted> {
        let snapshot = self.around.engine.snapshot();
        let wants = snapshot.flows.values().filter_map(|flow| {
            let Trigger::Webhook(webhook) = &flow.trigger else { return None };
            let url = format!("{}/hooks/{}", self.hooks_url.trim_end_matches('/'), webhook.path);
            let event = webhook.event.as_ref().map(ToString::to_string);
            let subscribed = webhook.subscribed.clone()?;
            Some((flow.name.shared(), Wanted { subscribed, url, event }))
        });
        wants.collect()
    }

    async fn mend(
        &mut self,
        name: &Arc<str>,
        wanted: Option<&Wanted>,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let standing = ledger.get(name).cloned();
        match (wanted, standing) {
            (Some(wanted), Some(standing)) if fits(wanted, &standing) => match &standing.state {
                State::Asked => self.find_out(name, wanted, standing, ledger).await,
                State::Held { .. } => self.renew(name, wanted, standing, ledger).await,
            },
            (wanted, Some(standing)) => {
                self.unsubscribe(name, &standing).await?;
                ledger.remove(name);
                self.keep(ledger).await?;
                match wanted {
                    Some(wanted) => self.subscribe(name, wanted, standing.turn + 1, ledger).await,
                    None => Ok(()),
                }
            }
            (Some(wanted), None) => self.subscribe(name, wanted, 0, ledger).await,
            (None, None) => Ok(()),
        }
    }

    /// Registers: first it is durable that this is about to be done.
    async fn subscribe(
        &mut self,
        name: &Arc<str>,
        wanted: &Wanted,
        turn: u32,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let asked = Standing {
            connection: wanted.subscribed.connection.to_string(),
            url: wanted.url.clone(),
            event: wanted.event.clone(),
            state: State::Asked,
            turn,
        };
        ledger.insert(Arc::clone(name), asked.clone());
        self.keep(ledger).await?;
        self.register(name, wanted, asked, ledger).await
    }

    async fn register(
        &mut self,
        name: &Arc<str>,
        wanted: &Wanted,
        mut standing: Standing,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let how = &wanted.subscribed.how.subscribe;
        match self.call(name, &standing, how, None).await {
            Ok(answer) => {
                standing.state = self.held(&answer, how, &standing, None)?;
                tracing::info!(flow = %name, url = standing.url, "the webhook is registered");
                ledger.insert(Arc::clone(name), standing);
                self.keep(ledger).await
            }
            Err(failure) => {
                // Whether one that was not answered took effect is found out; others did nothing.
                if failure.reason != Reason::Unknown {
                    ledger.remove(name);
                    self.keep(ledger).await?;
                }
                Err(failure)
            }
        }
    }

    /// It may have been registered already.
    async fn find_out(
        &mut self,
        name: &Arc<str>,
        wanted: &Wanted,
        mut standing: Standing,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let how = &wanted.subscribed.how;
        let Some(find) = &how.find else {
            if self.can_be_repeated(wanted) {
                return self.register(name, wanted, standing, ledger).await;
            }
            let message = "whether the webhook was registered is not known, and its system cannot be asked";
            return Err(Failure::new(Reason::Unknown, trigger::SUBSCRIPTION_FAILED, message)
                .help("look there; then give the flow's trigger another `path`, or `subscribe: false`"));
        };
        let answer = self.call(name, &standing, find, None).await?;
        let state = self.held(&answer, find, &standing, None)?;
        if matches!(&state, State::Held { id: Some(_), .. }) {
            standing.state = state;
            ledger.insert(Arc::clone(name), standing);
            return self.keep(ledger).await;
        }
        self.register(name, wanted, standing, ledger).await
    }

    fn can_be_repeated(&self, wanted: &Wanted) -> bool {
        let snapshot = self.around.engine.snapshot();
        let connection = snapshot.connections.get(&wanted.subscribed.connection);
        let operation = connection.and_then(|connection| {
            connection.connector.operations.get(wanted.subscribed.how.subscribe.operation.as_str())
        });
        operation.is_some_and(|operation| operation.idempotency != Idempotency::None)
    }

    /// Renews what ends soon; what has ended is registered anew.
    async fn renew(
        &mut self,
        name: &Arc<str>,
        wanted: &Wanted,
        mut standing: Standing,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let State::Held { id, since_ms, expires_ms: Some(expires_ms) } = standing.state.clone() else {
            return Ok(());
        };
        let (now, expires) = (self.around.now(), Timestamp::from_millis(expires_ms));
        let how = &wanted.subscribed.how;
        if now < renew_at(name, Timestamp::from_millis(since_ms), expires, how) {
            return Ok(());
        }
        match how.renew.as_ref().filter(|_| now < expires) {
            Some(renew) => {
                let answer = self.call(name, &standing, renew, id.as_ref()).await?;
                standing.state = self.held(&answer, renew, &standing, id)?;
                ledger.insert(Arc::clone(name), standing);
                self.keep(ledger).await
            }
            None => self.subscribe(name, wanted, standing.turn + 1, ledger).await,
        }
    }

    /// Takes a registration back, if its system can and is still known.
    async fn unsubscribe(&mut self, name: &Arc<str>, standing: &Standing) -> Result<(), Failure> {
        let State::Held { id, .. } = &standing.state else { return Ok(()) };
        let snapshot = self.around.engine.snapshot();
        let connection = snapshot.connections.get(&*standing.connection);
        let habit = connection.and_then(|connection| connection.connector.webhooks.clone());
        let Some(how) = habit.and_then(|habit| habit.subscription).and_then(|how| how.unsubscribe.clone())
        else {
            tracing::warn!(flow = %name, connection = standing.connection, "its webhook cannot be taken back; do it there");
            return Ok(());
        };
        match self.call(name, standing, &how, id.as_ref()).await {
            Ok(_) => tracing::info!(flow = %name, "its webhook was taken back"),
            // It is gone there.
            Err(failure) if failure.reason == Reason::Rejected => {
                tracing::warn!(flow = %name, message = %failure.message, "its webhook could not be taken back");
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn call(
        &self,
        name: &Arc<str>,
        standing: &Standing,
        how: &Registration,
        id: Option<&Json>,
    ) -> Result<Json, Failure> {
        let snapshot = self.around.engine.snapshot();
        let gone = || Failure::new(Reason::Refused, engine_codes::RESOURCE_GONE, "its connection is gone");
        let connection = snapshot.connections.get(&*standing.connection).ok_or_else(gone)?;
        let operation = connection.connector.operations.get(how.operation.as_str()).ok_or_else(gone)?;
        let hook = hook(name, standing, id);
        let input = how.with.evaluate(&Scope::new().with("hook", &hook), self.moment(), &Limits::default());
        let key: Arc<str> = format!("{name}:{}:{}", how.operation, standing.turn).into();
        let request = CallRequest {
            connection: Arc::clone(connection),
            operation: Arc::clone(&operation),
            asks: None,
            input: input.map_err(|error| unreadable(&error.to_string()))?,
            principal: Principal::new(PrincipalKind::Node, "subscriptions"),
            trace: self.around.engine.new_trace(),
            idempotency_key: matches!(operation.idempotency, Idempotency::Key { .. }).then_some(key),
            priority: sinew_model::Priority::Interactive,
            deadline: None,
            purpose: format!("webhook of flow {name}").into(),
        };
        self.around.engine.caller().attempt(&request).await.outcome
    }

    /// What an answer says of a registration.
    fn held(
        &self,
        answer: &Json,
        how: &Registration,
        standing: &Standing,
        before: Option<Json>,
    ) -> Result<State, Failure> {
        let hook = hook("", standing, before.as_ref());
        let scope = Scope::new().with("answer", answer).with("hook", &hook);
        let read = |expression: &Option<sinew_mapping::Expression>| match expression {
            Some(expression) => expression
                .evaluate(&scope, self.moment(), &Limits::default())
                .map(|found| found.filter(|found| !found.is_null()))
                .map_err(|error| unreadable(&error.to_string())),
            None => Ok(None),
        };
        let id = read(&how.id)?.or(before);
        let expires_ms = match read(&how.expires)? {
            Some(at) => Some(instant(&at).ok_or_else(|| unreadable("`expires` is no time"))?),
            None => None,
        };
        Ok(State::Held { id, since_ms: self.around.now().as_millis(), expires_ms })
    }

    fn moment(&self) -> Moment {
        Moment { now: self.around.now(), seed: 0 }
    }

    async fn load(&self) -> Result<Ledger, Failure> {
        let kept = self.around.engine.store().cursor(CURSOR.into()).await.map_err(|e| unkept(&e.into()))?;
        let Some(kept) = kept else { return Ok(Ledger::new()) };
        serde_json::from_str(&kept).map_err(|error| unreadable(&error.to_string()))
    }

    async fn keep(&self, ledger: &Ledger) -> Result<(), Failure> {
        let advance = CursorAdvance { name: CURSOR.into(), value: Json::of(ledger).as_str().into() };
        self.around.engine.store().set_cursor(advance).await.map_err(|e| unkept(&e.into()))
    }

    fn failed(&mut self, name: &Arc<str>, failure: &Failure) {
        let now = self.around.now();
        let (failures, at) = self.failures.entry(Arc::clone(name)).or_insert((0, now));
        *at = now.plus(BACKOFF.base / 2 + BACKOFF.wait(*failures, &mut self.random));
        *failures += 1;
        tracing::warn!(flow = %name, message = %failure.message, failures, "its webhook subscription fails");
        if let Some(monitor) = &self.around.monitor {
            monitor.subscription_failed(name, failure, now);
        }
    }

    fn recovered(&mut self, name: &Arc<str>) {
        if self.failures.remove(name).is_some()
            && let Some(monitor) = &self.around.monitor
        {
            monitor.subscription_recovered(name, self.around.now());
        }
    }
}

fn fits(wanted: &Wanted, standing: &Standing) -> bool {
    wanted.subscribed.connection.as_str() == standing.connection
        && wanted.url == standing.url
        && wanted.event == standing.event
}

/// When a registration is renewed: so long before its end, but not before half of its time, and not all at once.
fn renew_at(name: &str, since: Timestamp, expires: Timestamp, how: &Subscription) -> Timestamp {
    let lead = how.renew_before.min(expires.since(since) / 2);
    // The same each time for a flow, so that looking again does not move it.
    let spread = f64::from(u16::from_le_bytes([blake3::hash(name.as_bytes()).as_bytes()[0], 0])) / 255.0;
    expires.minus(lead.mul_f64(1.0 + 0.2 * spread).min(expires.since(since)))
}

fn hook(flow: &str, standing: &Standing, id: Option<&Json>) -> Json {
    let event = standing.event.as_ref().map_or_else(Json::null, |event| Json::string(event));
    let id = id.cloned().unwrap_or_else(Json::null);
    Json::object([
        ("url", &Json::string(&standing.url)),
        ("flow", &Json::string(flow)),
        ("event", &event),
        ("id", &id),
    ])
}

/// A time as text, or as seconds or milliseconds since 1970.
fn instant(at: &Json) -> Option<i64> {
    if let Ok(number) = at.to::<i64>() {
        const MILLISECONDS_FROM: i64 = 100_000_000_000;
        return Some(if number < MILLISECONDS_FROM { number.saturating_mul(1000) } else { number });
    }
    let text: String = at.to().ok()?;
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

fn unreadable(message: &str) -> Failure {
    Failure::new(Reason::Mapping, trigger::SUBSCRIPTION_FAILED, message.to_owned())
}

fn unkept(refusal: &crate::Refusal) -> Failure {
    Failure::new(Reason::Unavailable, refusal.code(), refusal.to_string())
}
