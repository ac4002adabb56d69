use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sinew_call::{Caller, CallerOptions, NothingRecorded, SystemClock, Trust};
use sinew_flow::{Admission, Engine, EngineOptions, NothingObserved, ReplayOptions, Submission};
use sinew_model::{FlowName, Principal, PrincipalKind, Snapshot, SourceFile};
use sinew_stdx::Json;
use sinew_store::{
    Archive, DeadFilter, DeadLetter, DeadLetters, DeadStatus, RunFilter, RunId, RunStatus, Store,
};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::EnvironmentSecrets;

use crate::system::{PATIENCE, System};

const PROJECT: &str = "
kind: Connector
name: scripted
version: '1'
idempotency: Idempotency-Key
operations:
  a: { post: /a }
  b: { post: /b }
  once: { post: /once, idempotency: none }
  list: { get: /list, query: [from], paginate: { cursor: { items: rows, next: next, field: from } } }
---
kind: Connection
name: system
connector: scripted@1
OWNER
base_url: http://ADDRESS
auth: none
access: write
egress: { allow: [loopback] }
breaker: { failures: 1000, open_for: 1s }
---
";

/// An engine on a store in a folder of its own, and a system that answers as the test says.
pub struct World {
    pub system: System,
    pub engine: Engine,
    pub store: SqliteStore,
    folder: tempfile::TempDir,
    flows: String,
}

pub fn user() -> Principal {
    Principal::new(PrincipalKind::User, "dana")
}

impl World {
    pub async fn with(flows: &str) -> Self {
        let (system, folder) = (System::start().await, tempfile::tempdir().unwrap());
        let (store, engine) = open(folder.path(), &system, flows).await;
        Self { system, engine, store, folder, flows: flows.to_owned() }
    }

    /// Stops the engine, and starts another on the same store. `Err` if what was under way did not end in time: then it
    /// was a crash for it.
    pub async fn again(self, patience: Duration) -> (Self, bool) {
        let Self { system, engine, store, folder, flows } = self;
        let at_rest = engine.stop(patience).await;
        drop(engine);
        store.close();
        drop(store);
        let (store, engine) = open(folder.path(), &system, &flows).await;
        (Self { system, engine, store, folder, flows }, at_rest)
    }

    pub async fn start(&self, flow: &str, payload: &str) -> RunId {
        let flow = Arc::clone(&self.engine.snapshot().flows[&FlowName::new(flow).unwrap()]);
        let payload = Json::parse(payload.as_bytes()).unwrap();
        let work = Submission::new(flow, payload, user(), self.engine.new_trace());
        match self.engine.submit(vec![work], None).await.unwrap()[0] {
            Admission::Accepted(run) => run,
            other => panic!("{other:?}"),
        }
    }

    /// Looks at the store until a run is in a state.
    pub async fn until(&self, run: RunId, status: RunStatus) {
        let begin = tokio::time::Instant::now();
        loop {
            let now = self.store.run(run).await.unwrap().map(|line| line.status);
            if now == Some(status) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "run {run} is {now:?}, not {status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub async fn runs(&self, flow: &str) -> Vec<(RunId, RunStatus)> {
        let filter = RunFilter { flow: Some(flow.into()), limit: 100, ..RunFilter::default() };
        self.store.runs(filter).await.unwrap().iter().map(|run| (run.run, run.status)).collect()
    }

    pub async fn open_letters(&self) -> Vec<DeadLetter> {
        let filter = DeadFilter { status: Some(DeadStatus::Open), limit: 100, ..DeadFilter::default() };
        self.store.dead_list(filter).await.unwrap()
    }

    pub async fn replay(&self, letter: &DeadLetter) -> RunId {
        self.engine.replay(letter.letter.id, user(), &ReplayOptions::default()).await.unwrap()
    }

    pub async fn last_record(&self, run: RunId) -> String {
        format!("{:?}", self.engine.inspect(run).await.unwrap().entries.last().unwrap().record)
    }
}

async fn open(folder: &Path, system: &System, flows: &str) -> (SqliteStore, Engine) {
    let store = SqliteStore::open(SqliteOptions::in_dir(folder.join("data"))).unwrap();
    let clock = Arc::new(SystemClock);
    let caller = Caller::new(CallerOptions {
        secrets: Arc::new(EnvironmentSecrets::from_lookup(|_| None)),
        recorder: Arc::new(NothingRecorded),
        clock: clock.clone(),
        seed: 1,
        trust: Trust::default(),
    });
    let options = EngineOptions {
        store: Arc::new(store.clone()) as Arc<dyn Store>,
        caller,
        clock,
        observer: Arc::new(NothingObserved),
        files: vec![folder.to_path_buf()],
        in_flight_max: 64,
        seed: 1,
    };
    (store, Engine::start(options, Arc::new(project(system, flows))).await.unwrap())
}

fn project(system: &System, flows: &str) -> Snapshot {
    let owner = "owner: { team: t, contact: c@example.com, runbook: r.md }";
    let text = PROJECT.replace("ADDRESS", &system.address.to_string()) + flows;
    let source = SourceFile::new("flows.yaml", text.replace("OWNER", owner).into_bytes());
    let (snapshot, findings) = sinew_model::load(&[source], &BTreeMap::new());
    snapshot.unwrap_or_else(|| panic!("{findings}"))
}
