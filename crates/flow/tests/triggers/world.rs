//! An engine on a store in a folder of its own, with its triggers, alerts, and a clock that is set by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sinew_call::{Caller, CallerOptions, Clock, Trust};
use sinew_flow::alert::{Monitor, MonitorOptions};
use sinew_flow::deliver::{Deliveries, DeliveryOptions, RootKey};
use sinew_flow::trigger::{ListenLimits, RunningTriggers, TriggerOptions, Triggers};
use sinew_flow::{Engine, EngineOptions};
use sinew_model::{Snapshot, SourceFile};
use sinew_stdx::Timestamp;
use sinew_store::{AlertRecord, Alerts, Archive, RunFilter, RunSummary, Store};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::EnvironmentSecrets;

use crate::http::{Answer, raw, request};

pub const PATIENCE: Duration = Duration::from_secs(30);
/// 2026-09-21T14:13:20Z.
pub const BEGIN_MS: i64 = 1_790_000_000_000;

/// A clock that is set by hand.
pub struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub folder: tempfile::TempDir,
    pub clock: Arc<SetClock>,
    pub store: SqliteStore,
    pub engine: Engine,
    pub monitor: Arc<Monitor>,
    pub triggers: RunningTriggers,
    pub deliveries: Arc<Deliveries>,
}

/// What differs from one world to another.
#[derive(Clone, Default)]
pub struct Ground {
    /// Where vendors are, if the project has any.
    pub vendors: Option<String>,
    pub bytes_max: Option<u64>,
    pub in_flight_max: Option<usize>,
}

impl World {
    pub async fn with(flows: &str) -> Self {
        Self::on(&Ground::default(), flows).await
    }

    pub async fn on(ground: &Ground, flows: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(folder, Arc::new(SetClock(AtomicI64::new(BEGIN_MS))), ground, flows).await
    }

    /// Ends everything and starts it again on the same store, so much later.
    pub async fn again(self, later: Duration, ground: &Ground, flows: &str) -> Self {
        self.set_forward(later);
        let Self { folder, clock, store, engine, monitor, triggers, deliveries } = self;
        triggers.stop().await;
        deliveries.stop().await;
        drop(deliveries);
        engine.stop(Duration::from_secs(5)).await;
        monitor.stop().await;
        drop(engine);
        store.close();
        drop(store);
        Self::open(folder, clock, ground, flows).await
    }

    async fn open(folder: tempfile::TempDir, clock: Arc<SetClock>, ground: &Ground, flows: &str) -> Self {
        let options = SqliteOptions {
            bytes_max: ground.bytes_max,
            ..SqliteOptions::in_dir(folder.path().join("data"))
        };
        let store = SqliteStore::open(options).unwrap();
        let shared: Arc<dyn Store> = Arc::new(store.clone());
        let secrets = Arc::new(EnvironmentSecrets::from_lookup(secret));
        let monitor = Monitor::start(MonitorOptions {
            store: Arc::clone(&shared),
            clock: Arc::<SetClock>::clone(&clock),
            secrets: secrets.clone(),
            trust: Trust::default(),
            seed: 1,
        });
        let caller = Caller::new(CallerOptions {
            secrets: secrets.clone(),
            recorder: Arc::<Monitor>::clone(&monitor),
            clock: Arc::<SetClock>::clone(&clock),
            seed: 1,
            trust: Trust::default(),
        });
        let options = EngineOptions {
            store: shared,
            caller,
            clock: Arc::<SetClock>::clone(&clock),
            observer: Arc::<Monitor>::clone(&monitor),
            files: vec![folder.path().to_path_buf()],
            in_flight_max: ground.in_flight_max.unwrap_or(64),
            seed: 1,
        };
        let engine = Engine::start(options, Arc::new(project(ground, flows))).await.unwrap();
        monitor.attach(engine.clone());
        let deliveries = DeliveryOptions {
            engine: engine.clone(),
            secrets: secrets.clone(),
            root: RootKey::new("a root for tests"),
            trust: Trust::default(),
            monitor: Some(Arc::clone(&monitor)),
            seed: 1,
        };
        let deliveries = Deliveries::start(deliveries).await.unwrap();
        let mut options = TriggerOptions::new("127.0.0.1:0".parse().unwrap(), secrets);
        options.public_url = Some("https://sinew.example.com/".to_owned());
        options.hooks_url = Some("https://hooks.example.com".to_owned());
        options.monitor = Some(Arc::clone(&monitor));
        options.limits = ListenLimits { body_patience: Duration::from_millis(300), ..options.limits };
        let triggers = Triggers::start(engine.clone(), options).unwrap();
        Self { folder, clock, store, engine, monitor, triggers, deliveries }
    }

    pub fn set_forward(&self, by: Duration) {
        self.clock.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub fn set_back(&self, by: Duration) {
        self.clock.0.fetch_sub(by.as_millis() as i64, Ordering::SeqCst);
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        raw(self.triggers.address(), &request("POST", path, headers, body.as_ref())).await.unwrap()
    }

    pub async fn runs(&self, flow: &str) -> Vec<RunSummary> {
        let filter = RunFilter { flow: Some(flow.into()), limit: 1000, ..RunFilter::default() };
        self.store.runs(filter).await.unwrap()
    }

    /// Looks until a flow has so many runs; they are given oldest first, as their trigger payloads.
    pub async fn payloads(&self, flow: &str, count: usize) -> Vec<serde_json::Value> {
        let runs = until(|| async { Some(self.runs(flow).await).filter(|runs| runs.len() >= count) }).await;
        assert_eq!(runs.len(), count, "{runs:?}");
        let mut payloads = Vec::new();
        for run in runs.iter().rev() {
            let machine = self.engine.inspect(run.run).await.unwrap().machine.unwrap();
            payloads.push(machine.trigger().to_value());
        }
        payloads
    }

    pub async fn alerts(&self, open_only: bool) -> Vec<AlertRecord> {
        self.store.alert_list(open_only, 100).await.unwrap()
    }
}

/// Asks again and again until there is an answer.
pub async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let begin = tokio::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < PATIENCE, "it does not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn secret(name: &str) -> Option<String> {
    let value = match name {
        "SINEW_SECRET_HOOK_HMAC" => "new-secret\nold-secret",
        "SINEW_SECRET_HOOK_STANDARD" | "SINEW_SECRET_ALERTS_KEY" => "whsec_c2VjcmV0",
        "SINEW_SECRET_HOOK_MISSING" => return None,
        "SINEW_SECRET_SHOP_PASSWORD" => "shop-secret",
        _ => return Some(crate::catalog::secret(name).unwrap_or_else(|| "other".to_owned())),
    };
    Some(value.to_owned())
}

fn project(ground: &Ground, flows: &str) -> Snapshot {
    let owner = "owner: { team: t, contact: c@example.com, runbook: r.md }";
    let mut sources = vec![SourceFile::new("flows.yaml", flows.replace("OWNER", owner).into_bytes())];
    let mut variables = BTreeMap::new();
    if let Some(url) = &ground.vendors {
        let mut files = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/vendors"), &mut files);
        let vendors = files.iter().filter(|path| !path.to_string_lossy().contains("channels"));
        sources.extend(
            vendors
                .map(|path| SourceFile::new(path.to_string_lossy().as_ref(), std::fs::read(path).unwrap())),
        );
        variables.insert("SANDBOX_URL".to_owned(), url.clone());
    }
    let (snapshot, findings) = sinew_model::load(&sources, &variables);
    snapshot.unwrap_or_else(|| panic!("{findings}"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
}
