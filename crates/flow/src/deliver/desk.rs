//! Where subscribers are looked at and changed: by the operator, and by receivers for their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_connect::{Tls, Trust};
use sinew_model::Subscriber;
use sinew_stdx::{Json, Random, Timestamp};
use sinew_store::{Attempt, DeliveryCounts, DeliveryFilter, DeliveryId, DeliveryRow, Replay};
use sinew_vault::SecretSource;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::endpoint::{Endpoint, Shared, nonce};
use super::outlet::{self, read, save};
use super::record::Record;
use super::secret::{self, RootKey};
use crate::alert::Monitor;
use crate::trigger::told;
use crate::{Engine, Refusal};

/// How long events are kept, for replays; those that wait are kept thrice as long.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
/// How often old events are looked for, and how many are deleted in one go.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
const PRUNE_BATCH: u32 = 200;
/// Events looked at in one go of a replay.
const REPLAY_BATCH: u32 = 200;

/// What delivering is made of.
pub struct DeliveryOptions {
    /// The engine whose events are delivered.
    pub engine: Engine,
    /// Where secrets are that subscribers bring themselves.
    pub secrets: Arc<dyn SecretSource>,
    /// What the others are derived from.
    pub root: RootKey,
    /// Which certificate authorities endpoints may have theirs from.
    pub trust: Trust,
    /// Who is told of endpoints that fail.
    pub monitor: Option<Arc<Monitor>>,
    /// What jitter starts from.
    pub seed: u64,
}

/// Deliveries at work.
pub struct Deliveries {
    engine: Engine,
    shared: Arc<Shared>,
    tasks: Mutex<BTreeMap<Arc<str>, Task>>,
    /// Held by whoever follows: one that has read earlier must not have the last word.
    following: tokio::sync::Mutex<()>,
    stop: watch::Sender<bool>,
}

struct Task {
    endpoint: Arc<Endpoint>,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

/// A subscriber and how it stands.
#[derive(Clone, Debug)]
pub struct SubscriberDetail {
    /// Its resource.
    pub subscriber: Arc<Subscriber>,
    /// Whether it stands in the project; those that do not came by the control API.
    pub declared: bool,
    /// Since when nothing has succeeded.
    pub failing_since: Option<Timestamp>,
    /// Since when nothing is sent any more, and why.
    pub disabled: Option<(Timestamp, String)>,
    /// When a delivery was last taken, since the server started or before something changed.
    pub last_success: Option<Timestamp>,
    /// Which of its secrets is in force; nothing if it brings its own.
    pub secret_version: Option<u32>,
    /// Until when the secret before holds too.
    pub previous_until: Option<Timestamp>,
    /// Its deliveries.
    pub counts: DeliveryCounts,
}

impl Deliveries {
    /// Starts to deliver. Has to be called inside an async runtime.
    pub async fn start(options: DeliveryOptions) -> Result<Arc<Self>, Refusal> {
        let DeliveryOptions { engine, secrets, root, trust, monitor, seed } = options;
        let (store, clock) = (Arc::clone(engine.store()), Arc::clone(engine.clock()));
        let random = Mutex::new(Random::seeded(seed));
        let shared = Shared { store, clock, secrets, root, tls: Tls::new(trust), monitor, random };
        let (stop, stopped) = watch::channel(false);
        let deliveries = Arc::new(Self {
            engine,
            shared: Arc::new(shared),
            tasks: Mutex::default(),
            following: tokio::sync::Mutex::default(),
            stop,
        });
        deliveries.reload().await?;
        tokio::spawn(prune(Arc::clone(&deliveries.shared), stopped));
        Ok(deliveries)
    }

    /// Follows the subscribers that the engine knows now.
    pub async fn reload(&self) -> Result<(), Refusal> {
        let _following = self.following.lock().await;
        let mut records = BTreeMap::new();
        for row in self.shared.store.subscribers().await? {
            if let Ok(record) = serde_json::from_str::<Record>(&row.record) {
                records.insert(row.name, record);
            }
        }
        let known = self.engine.core.outlet.known();
        let mut tasks = self.tasks.lock();
        let mut earlier = std::mem::take(&mut *tasks);
        for (name, known) in known.iter() {
            let Some(record) = records.remove(name) else { continue };
            let before = earlier.remove(name);
            if let Some(task) = before {
                // Another subscriber may have its name.
                let same = task.endpoint.record().nonce == record.nonce;
                if same && task.endpoint.subscriber == known.subscriber {
                    known.arrived.notify_one();
                    tasks.insert(Arc::clone(name), task);
                    continue;
                }
                task.stop.send_replace(true);
            }
            let (subscriber, arrived) = (Arc::clone(&known.subscriber), Arc::clone(&known.arrived));
            let endpoint = Arc::new(Endpoint::new(subscriber, record, arrived, Arc::clone(&self.shared)));
            let (stop, stopped) = watch::channel(false);
            let ended = tokio::spawn(Arc::clone(&endpoint).run(stopped));
            tasks.insert(Arc::clone(name), Task { endpoint, stop, ended });
        }
        for task in earlier.into_values() {
            task.stop.send_replace(true);
        }
        Ok(())
    }

    /// Follows the subscribers that the engine knows, on a task of its own.
    pub fn follow_soon(self: &Arc<Self>) {
        let deliveries = Arc::clone(self);
        self.engine.core.runtime.spawn(async move {
            if let Err(error) = deliveries.reload().await {
                tracing::error!(%error, "the project's subscribers could not be taken over");
            }
        });
    }

    /// Sends nothing more. What is under way is delivered again at the next start.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks.values() {
            task.stop.send_replace(true);
        }
        for (subscriber, task) in tasks {
            if let Err(error) = task.ended.await {
                tracing::error!(%subscriber, %error, "deliveries did not end by themselves");
            }
        }
    }

    fn endpoint(&self, name: &str) -> Result<Arc<Endpoint>, Refusal> {
        let tasks = self.tasks.lock();
        let task = tasks.get(name).ok_or_else(|| Refusal::Missing(format!("subscriber `{name}`")))?;
        Ok(Arc::clone(&task.endpoint))
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// All subscribers, by name.
    pub async fn list(&self) -> Result<Vec<SubscriberDetail>, Refusal> {
        let endpoints: Vec<_> = self.tasks.lock().values().map(|task| Arc::clone(&task.endpoint)).collect();
        let mut all = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            all.push(self.detail(&endpoint).await?);
        }
        Ok(all)
    }

    /// One subscriber.
    pub async fn show(&self, name: &str) -> Result<SubscriberDetail, Refusal> {
        self.detail(&*self.endpoint(name)?).await
    }

    async fn detail(&self, endpoint: &Endpoint) -> Result<SubscriberDetail, Refusal> {
        let record = endpoint.record();
        let counts = self.shared.store.delivery_counts(endpoint.name()).await?;
        let own = endpoint.subscriber.secrets.is_empty();
        let until = record.previous_until_ms.map(Timestamp::from_millis);
        Ok(SubscriberDetail {
            subscriber: Arc::clone(&endpoint.subscriber),
            declared: record.spec.is_none(),
            failing_since: record.failing_since_ms.map(Timestamp::from_millis),
            disabled: record.disabled.map(|it| (Timestamp::from_millis(it.at_ms), it.why)),
            last_success: record.last_success_ms.map(Timestamp::from_millis),
            secret_version: own.then_some(record.secret_version),
            previous_until: until.filter(|until| own && *until > self.now()),
            counts,
        })
    }

    /// Takes in a subscriber from its resource as JSON; the same checks hold as for those of the project.
    pub async fn create(&self, spec: &Json) -> Result<Arc<str>, Refusal> {
        let subscriber = read(spec.as_str()).map_err(Refusal::Unacceptable)?;
        let name = subscriber.name.shared();
        if self.engine.core.outlet.known().contains_key(&name) {
            return Err(Refusal::Conflict(format!("there is a subscriber `{name}` already")));
        }
        let record = Record::new(&nonce()?, Some(spec.as_str().to_owned()), self.now().as_millis());
        save(&*self.shared.store, &name, &record).await?;
        self.follow().await?;
        Ok(name)
    }

    /// Forgets a subscriber that came by the control API, with its deliveries.
    pub async fn remove(&self, name: &str) -> Result<(), Refusal> {
        let endpoint = self.endpoint(name)?;
        if endpoint.record().spec.is_none() {
            let message = format!("subscriber `{name}` stands in the project; take it out there and reload");
            return Err(Refusal::Conflict(message));
        }
        outlet::remove(&self.shared.store, &endpoint.name()).await?;
        self.follow().await
    }

    async fn follow(&self) -> Result<(), Refusal> {
        let core = &self.engine.core;
        core.outlet.follow(&core.store, &core.snapshot(), self.now()).await?;
        self.reload().await
    }

    /// Sends again to an endpoint that was disabled, from where it stopped.
    pub async fn enable(&self, name: &str) -> Result<(), Refusal> {
        let endpoint = self.endpoint(name)?;
        endpoint
            .change(|record| {
                record.disabled = None;
                record.failing_since_ms = None;
            })
            .await?;
        if let Some(monitor) = &self.shared.monitor {
            monitor.delivery_recovered(name, self.now());
        }
        Ok(())
    }

    /// Sends nothing more to an endpoint until it is enabled again.
    pub async fn disable(&self, name: &str, why: &str) -> Result<(), Refusal> {
        let disabled = super::record::Disabled { at_ms: self.now().as_millis(), why: why.to_owned() };
        self.endpoint(name)?.change(|record| record.disabled = Some(disabled)).await
    }

    /// The secret that deliveries are signed with now.
    pub fn secret(&self, name: &str) -> Result<String, Refusal> {
        let endpoint = self.endpoint(name)?;
        Self::own(&endpoint)?;
        let record = endpoint.record();
        Ok(self.shared.root.secret(name, &record, record.secret_version))
    }

    /// Makes a new secret; the one before holds too for so long.
    pub async fn rotate(&self, name: &str, overlap: Duration) -> Result<String, Refusal> {
        let endpoint = self.endpoint(name)?;
        Self::own(&endpoint)?;
        let until = self.now().plus(overlap).as_millis();
        endpoint
            .change(|record| {
                record.secret_version += 1;
                record.previous_until_ms = Some(until);
            })
            .await?;
        self.secret(name)
    }

    /// Refuses if the subscriber brings secrets of its own.
    fn own(endpoint: &Endpoint) -> Result<(), Refusal> {
        if endpoint.subscriber.secrets.is_empty() {
            return Ok(());
        }
        Err(Refusal::Conflict(format!(
            "subscriber `{}` brings its own secret; change it where secrets are kept",
            endpoint.subscriber.name
        )))
    }

    /// The token by which a receiver sees its own endpoint; a new one takes the one before away.
    pub async fn token(&self, name: &str, renew: bool) -> Result<String, Refusal> {
        let endpoint = self.endpoint(name)?;
        if renew {
            endpoint.change(|record| record.token_version += 1).await?;
        }
        Ok(self.shared.root.token(name, &endpoint.record()))
    }

    /// Whose token this is.
    pub fn receiver(&self, token: &str) -> Option<Arc<str>> {
        let endpoint = self.endpoint(secret::name_of(token)?).ok()?;
        let name = endpoint.name();
        self.shared.root.is_token(token, &name, &endpoint.record()).then_some(name)
    }

    /// Delivers the events of a time again, also those that were taken. Answers how many.
    pub async fn replay(
        &self,
        name: &str,
        from: Timestamp,
        until: Option<Timestamp>,
    ) -> Result<u64, Refusal> {
        let endpoint = self.endpoint(name)?;
        let now = self.now();
        let mut replay = Replay {
            subscriber: endpoint.name(),
            events: endpoint.subscriber.events.clone(),
            ordered: endpoint.subscriber.ordered,
            from,
            until: until.unwrap_or(now),
            after: 0,
            limit: REPLAY_BATCH,
            now,
        };
        let mut count = 0;
        loop {
            let replayed = self.shared.store.deliveries_replay(replay.clone()).await?;
            count += u64::from(replayed.count);
            match replayed.next {
                Some(next) => replay.after = next,
                None => break,
            }
        }
        // It may be asleep until something else is due.
        endpoint.change(|_| ()).await?;
        Ok(count)
    }

    /// A page of deliveries, newest first.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<DeliveryRow>, Refusal> {
        self.endpoint(&filter.subscriber)?;
        Ok(self.shared.store.deliveries(filter).await?)
    }

    /// A delivery of a subscriber with its attempts.
    pub async fn delivery(&self, name: &str, id: DeliveryId) -> Result<(DeliveryRow, Vec<Attempt>), Refusal> {
        let before = Some(DeliveryId(id.0.saturating_add(1)));
        let filter = DeliveryFilter { subscriber: name.into(), before, limit: 1, status: None };
        let found = self.deliveries(filter).await?.into_iter().find(|row| row.delivery == id);
        let row = found.ok_or_else(|| Refusal::Missing(format!("delivery {} of `{name}`", id.0)))?;
        let attempts = self.shared.store.delivery_attempts(id).await?;
        Ok((row, attempts))
    }
}

/// Deletes what is too old, a little at a time.
async fn prune(shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    loop {
        let now = shared.clock.now();
        for (before, also_waiting) in [(now.minus(KEPT_FOR), false), (now.minus(KEPT_FOR * 3), true)] {
            while matches!(
                shared.store.events_prune(before, also_waiting, PRUNE_BATCH).await,
                Ok(PRUNE_BATCH)
            ) {}
        }
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            () = told(&mut stop) => return,
        }
    }
}
