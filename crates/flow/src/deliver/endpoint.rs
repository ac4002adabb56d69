//! One subscriber at work: a few deliveries at a time, the rest in the store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use sinew_call::Clock;
use sinew_connect::{ClientOptions, HttpClient, Tls};
use sinew_model::Subscriber;
use sinew_stdx::{Json, Random, Timestamp, show_duration};
use sinew_store::{Attempt, DeliveryId, DueDelivery, Settled, Store, SubscriberRow, Then};
use sinew_vault::SecretSource;
use tokio::sync::{Notify, watch};

use super::plan::{self, DOWN_AFTER, Outcome, TOLD_AFTER};
use super::record::{Disabled, Record};
use super::secret::RootKey;
use super::send::{self, CONNECT};
use crate::Refusal;
use crate::alert::Monitor;
use crate::trigger::{signing_key, told};

/// How long to sleep at most, so that a clock that was set is noticed.
const NAP_MAX: Duration = Duration::from_secs(30);
/// How long to wait when the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Unused connections that are kept to an endpoint.
const IDLE_MAX: usize = 2;

/// What all subscribers share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) secrets: Arc<dyn SecretSource>,
    pub(super) root: RootKey,
    pub(super) tls: Tls,
    pub(super) monitor: Option<Arc<Monitor>>,
    pub(super) random: Mutex<Random>,
}

/// A subscriber at work.
pub(super) struct Endpoint {
    pub(super) subscriber: Arc<Subscriber>,
    record: Mutex<Record>,
    /// Held while a change is kept, so that the store has the last one.
    changing: tokio::sync::Mutex<()>,
    arrived: Arc<Notify>,
    shared: Arc<Shared>,
}

/// How things stand with an endpoint, in memory only: a restart finds out anew.
#[derive(Default)]
struct Health {
    failures: u32,
    alone_until: Option<Timestamp>,
}

impl Endpoint {
    pub(super) fn new(
        subscriber: Arc<Subscriber>,
        record: Record,
        arrived: Arc<Notify>,
        shared: Arc<Shared>,
    ) -> Self {
        let (record, changing) = (Mutex::new(record), tokio::sync::Mutex::new(()));
        Self { subscriber, record, changing, arrived, shared }
    }

    pub(super) fn name(&self) -> Arc<str> {
        self.subscriber.name.shared()
    }

    pub(super) fn record(&self) -> Record {
        self.record.lock().clone()
    }

    /// Changes what is kept, and keeps it.
    pub(super) async fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, Refusal> {
        let _changing = self.changing.lock().await;
        let mut record = self.record();
        let told = change(&mut record);
        let row = SubscriberRow { name: self.name(), record: Json::of(&record).as_str().into() };
        self.shared.store.subscriber_save(row).await?;
        *self.record.lock() = record;
        self.arrived.notify_one();
        Ok(told)
    }

    /// What deliveries are signed with now.
    fn keys(&self, now: Timestamp) -> Result<Vec<Vec<u8>>, String> {
        if self.subscriber.secrets.is_empty() {
            let record = self.record();
            let versions = record.versions(now).into_iter();
            let keys =
                versions.map(|version| signing_key(&self.shared.root.secret(&self.name(), &record, version)));
            return keys.collect();
        }
        let secrets = self.subscriber.secrets.iter();
        let keys = secrets.map(|name| {
            let secret = self.shared.secrets.resolve(name).map_err(|error| error.to_string())?;
            signing_key(secret.expose())
        });
        keys.collect()
    }

    /// Delivers until it is told to stop. What is under way then is delivered again at the next start.
    pub(super) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let client = HttpClient::new(ClientOptions {
            egress: self.subscriber.egress.clone(),
            connect: CONNECT,
            idle_max: IDLE_MAX,
            tls: self.shared.tls.clone(),
        });
        let (mut flying, mut ids) = (FuturesUnordered::new(), HashSet::new());
        let mut health = Health::default();
        loop {
            let (due, nap) = self.next(&health, &ids).await;
            for delivery in due {
                ids.insert(delivery.delivery);
                flying.push(self.attempt(&client, delivery));
            }
            tokio::select! {
                Some((delivery, attempt, outcome)) = flying.next(), if !flying.is_empty() => {
                    self.settle(&mut health, &delivery, attempt, outcome).await;
                    ids.remove(&delivery.delivery);
                }
                () = self.arrived.notified() => {}
                () = tokio::time::sleep(nap) => {}
                () = told(&mut stop) => return,
            }
        }
    }

    /// What is to be sent now, and how long to sleep if nothing happens.
    async fn next(&self, health: &Health, flying: &HashSet<DeliveryId>) -> (Vec<DueDelivery>, Duration) {
        let now = self.shared.clock.now();
        if self.record.lock().disabled.is_some() {
            return (Vec::new(), NAP_MAX);
        }
        if let Some(until) = health.alone_until.filter(|until| *until > now) {
            return (Vec::new(), until.since(now).min(NAP_MAX));
        }
        // While an endpoint is down one delivery tries for all.
        let most = if health.failures >= DOWN_AFTER { 1 } else { self.subscriber.concurrency.get() as usize };
        let Some(room) = most.checked_sub(flying.len()).filter(|room| *room > 0) else {
            return (Vec::new(), NAP_MAX);
        };
        match self.look(now, flying, room).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(subscriber = %self.subscriber.name, %error, "deliveries cannot be read; trying again");
                (Vec::new(), AFTER_FAILURE)
            }
        }
    }

    async fn look(
        &self,
        now: Timestamp,
        flying: &HashSet<DeliveryId>,
        room: usize,
    ) -> Result<(Vec<DueDelivery>, Duration), Refusal> {
        let limit = u32::try_from(flying.len() + room).unwrap_or(u32::MAX);
        let mut due = self.shared.store.deliveries_due(self.name(), now, limit).await?;
        due.retain(|delivery| !flying.contains(&delivery.delivery));
        due.truncate(room);
        if !due.is_empty() || !flying.is_empty() {
            return Ok((due, NAP_MAX));
        }
        let next = self.shared.store.delivery_next_due(self.name()).await?;
        Ok((due, next.map_or(NAP_MAX, |next| next.since(now).clamp(Duration::from_millis(10), NAP_MAX))))
    }

    async fn attempt(&self, client: &HttpClient, due: DueDelivery) -> (DueDelivery, Attempt, Outcome) {
        let now = self.shared.clock.now();
        let (attempt, outcome) = match self.keys(now) {
            Ok(keys) => {
                send::send(client, &self.subscriber.url, &keys, &due, self.subscriber.timeout, now).await
            }
            Err(why) => {
                let excerpt = format!("not sent, for it cannot be signed: {why}");
                let attempt = Attempt { at: now, took_ms: 0, status: None, excerpt: excerpt.into() };
                (attempt, Outcome::Failed(None))
            }
        };
        (due, attempt, outcome)
    }

    /// Keeps what came of an attempt, and judges the endpoint by it.
    async fn settle(&self, health: &mut Health, due: &DueDelivery, attempt: Attempt, outcome: Outcome) {
        let now = self.shared.clock.now();
        let (name, retry_for) = (&self.subscriber.name, self.subscriber.retry_for);
        let then =
            plan::then(outcome, due.attempts, due.since, now, retry_for, &mut self.shared.random.lock());
        let said = said(&attempt);
        let settled = Settled { delivery: due.delivery, attempt, then };
        if let Err(error) = self.shared.store.delivery_settle(settled).await {
            // It will be delivered again, which it may.
            tracing::warn!(subscriber = %name, %error, "what came of a delivery cannot be kept");
            health.alone_until = Some(now.plus(AFTER_FAILURE));
            return;
        }
        if then == Then::GivenUp {
            self.alert(
                &format!("delivery {} was given up after {}: {said}", due.id, show_duration(retry_for)),
                now,
            );
        }
        match outcome {
            Outcome::Taken => self.succeeded(health, now).await,
            Outcome::Gone => self.disable(&format!("it wants nothing any more: {said}"), now).await,
            Outcome::Failed(asked) => {
                health.failures = health.failures.saturating_add(1);
                let pause = plan::pause(health.failures, asked, &mut self.shared.random.lock());
                health.alone_until = (!pause.is_zero()).then(|| now.plus(pause));
                self.failed(health, &said, now).await;
            }
        }
    }

    async fn succeeded(&self, health: &mut Health, now: Timestamp) {
        *health = Health::default();
        let was_failing = {
            let mut record = self.record.lock();
            record.last_success_ms = Some(now.as_millis());
            record.failing_since_ms.is_some()
        };
        if was_failing {
            self.keep(|record| record.failing_since_ms = None).await;
            if let Some(monitor) = &self.shared.monitor {
                monitor.delivery_recovered(&self.name(), now);
            }
        }
    }

    async fn failed(&self, health: &Health, said: &str, now: Timestamp) {
        let since = self.record.lock().failing_since_ms;
        let Some(since) = since.map(Timestamp::from_millis) else {
            return self.keep(|record| record.failing_since_ms = Some(now.as_millis())).await;
        };
        let failing_for = now.since(since);
        if failing_for >= self.subscriber.disable_after {
            let why = format!("nothing was taken for {}: {said}", show_duration(failing_for));
            self.disable(&why, now).await;
        } else if health.failures == TOLD_AFTER {
            self.alert(&format!("{TOLD_AFTER} attempts in a row failed: {said}"), now);
        }
    }

    async fn disable(&self, why: &str, now: Timestamp) {
        let disabled = Disabled { at_ms: now.as_millis(), why: why.to_owned() };
        self.keep(|record| record.disabled = Some(disabled)).await;
        let hint = format!("`sinew subscribers enable {}` goes on where it stopped", self.subscriber.name);
        self.alert(&format!("its endpoint was disabled, {why}; {hint}"), now);
    }

    async fn keep(&self, change: impl FnOnce(&mut Record)) {
        if let Err(error) = self.change(change).await {
            tracing::warn!(subscriber = %self.subscriber.name, %error, "how a subscriber stands cannot be kept");
        }
    }

    fn alert(&self, message: &str, now: Timestamp) {
        tracing::warn!(subscriber = %self.subscriber.name, "{message}");
        if let Some(monitor) = &self.shared.monitor {
            monitor.delivery_failed(&self.name(), message, now);
        }
    }
}

fn said(attempt: &Attempt) -> String {
    match attempt.status {
        Some(status) => format!("it answered {status}"),
        None => attempt.excerpt.to_string(),
    }
}

/// A text that no other has, for whoever needs one.
pub(super) fn nonce() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Refusal::Conflict("there is no randomness to be had".to_owned()))?;
    Ok(base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
