//! The engine on a real store and the sandbox's vendors, without triggers: what runs come to, and what survives.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sinew_call::{Caller, CallerOptions, NothingRecorded, SystemClock, Trust};
use sinew_flow::{Admission, Edited, Engine, EngineOptions, NothingObserved, ReplayOptions, Submission};
use sinew_flow_core::{Decision, Record};
use sinew_model::{FlowName, Principal, PrincipalKind, Snapshot, SourceFile};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};
use sinew_stdx::Json;
use sinew_store::{Archive, DeadFilter, DeadLetters, DeadStatus, Journal, RunId, RunStatus, Store};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::EnvironmentSecrets;

const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    vendors: RunningSandbox,
    folder: tempfile::TempDir,
    store: SqliteStore,
    engine: Engine,
}

fn user() -> Principal {
    Principal::new(PrincipalKind::User, "dana")
}

impl World {
    async fn with(flows: &str) -> Self {
        let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (store, engine) = open(folder.path(), &vendors, flows).await;
        Self { vendors, folder, store, engine }
    }

    /// Stops the engine where it is and starts another on the same store.
    async fn again(self, flows: &str) -> Self {
        let Self { vendors, folder, store, engine } = self;
        engine.stop(Duration::from_secs(5)).await;
        drop(engine);
        store.close();
        drop(store);
        let (store, engine) = open(folder.path(), &vendors, flows).await;
        Self { vendors, folder, store, engine }
    }

    fn submission(&self, flow: &str, payload: &str) -> Submission {
        let flow = Arc::clone(&self.engine.snapshot().flows[&FlowName::new(flow).unwrap()]);
        Submission::new(flow, Json::parse(payload.as_bytes()).unwrap(), user(), self.engine.new_trace())
    }

    async fn start(&self, flow: &str, payload: &str) -> RunId {
        match self.engine.submit(vec![self.submission(flow, payload)], None).await.unwrap()[0] {
            Admission::Accepted(run) => run,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a flow to its end: `finished {"a":1}`, or the state and why.
    async fn end_of(&self, flow: &str, payload: &str) -> String {
        let (_, end) = self.engine.submit_and_wait(self.submission(flow, payload), PATIENCE).await.unwrap();
        let Some(end) = end else { panic!("the run did not come to an end") };
        match (end.result, end.failure) {
            (Some(result), _) => format!("{} {result}", end.status.as_str()),
            (None, Some(failure)) => format!("{} {}", end.status.as_str(), failure.reason.as_str()),
            (None, None) => end.status.as_str().to_owned(),
        }
    }

    /// Looks at the store until a run is in a state.
    async fn until(&self, run: RunId, status: RunStatus) {
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

    async fn open_letters(&self) -> Vec<sinew_store::DeadLetter> {
        let filter = DeadFilter { status: Some(DeadStatus::Open), limit: 100, ..DeadFilter::default() };
        self.store.dead_list(filter).await.unwrap()
    }

    async fn control(&self, method: &str, path: &str, body: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.vendors.address()).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// How often a vendor did something, by its own log.
    async fn effects(&self, vendor: &str, effect: &str) -> u64 {
        let text = self.control("GET", "/_control/truth/summary", "").await;
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        summary["effects"][vendor][effect]["total"].as_u64().unwrap_or(0)
    }
}

async fn open(folder: &Path, vendors: &RunningSandbox, flows: &str) -> (SqliteStore, Engine) {
    let snapshot = project(vendors, flows);
    let store = SqliteStore::open(SqliteOptions::in_dir(folder.join("data"))).unwrap();
    let secrets = EnvironmentSecrets::from_lookup(|name| {
        let value = match name {
            "SINEW_SECRET_CRM_CLIENT" => "crm-secret",
            "SINEW_SECRET_BILLING_KEY" => "billing-key",
            "SINEW_SECRET_ENRICH_KEY" => "enrich-key",
            "SINEW_SECRET_SHOP_PASSWORD" => "shop-secret",
            "SINEW_SECRET_WAREHOUSE_KEY" => "warehouse-key",
            _ => "other",
        };
        Some(value.to_owned())
    });
    let clock = Arc::new(SystemClock);
    let caller = Caller::new(CallerOptions {
        secrets: Arc::new(secrets),
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
    (store, Engine::start(options, Arc::new(snapshot)).await.unwrap())
}

fn project(vendors: &RunningSandbox, flows: &str) -> Snapshot {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/vendors"), &mut files);
    let mut sources: Vec<SourceFile> = files
        .iter()
        .map(|path| SourceFile::new(path.to_string_lossy().as_ref(), std::fs::read(path).unwrap()))
        .collect();
    let owner = "owner: { team: t, contact: c@example.com, runbook: r.md }";
    sources.push(SourceFile::new("flows.yaml", flows.replace("OWNER", owner).into_bytes()));
    let variables = BTreeMap::from([("SANDBOX_URL".to_owned(), vendors.url())]);
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

const INVOICE: &str = "
kind: Flow
name: invoice
OWNER
trigger: manual
steps:
  - customer: { call: crm.getContact, with: { id: trigger.contact_id }}
  - invoice:
      call: billing.createInvoice
      with: { contact_full_name: customer.client_name, currency: '\"EUR\"', total: trigger.total, external_ref: trigger.deal }
      retry: { attempts: 3, base: 1ms, max: 5ms }
result: { paid: invoice.total }
";

const INPUT: &str = r#"{"contact_id":"17","total":"12.50","deal":"d-1"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reads_maps_and_writes() {
    let world = World::with(INVOICE).await;
    assert_eq!(world.end_of("invoice", INPUT).await, r#"finished {"paid":"12.50"}"#);
    assert_eq!(world.effects("billing", "invoice.created").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_again_under_the_same_key() {
    let world = World::with(INVOICE).await;
    world.control("POST", "/_control/billing/faults", r#"{"kind":"answer_lost","count":1}"#).await;
    assert_eq!(world.end_of("invoice", INPUT).await, r#"finished {"paid":"12.50"}"#);
    assert_eq!(world.effects("billing", "invoice.created").await, 1);
}

/// A warehouse whose breaker opens with the first answer that does not come.
const SHIPMENT: &str = "
kind: Connection
name: touchy
connector: sandbox-warehouse@2026-11
OWNER
base_url: ${SANDBOX_URL}/warehouse
auth: { bearer: secret:warehouse/key }
access: write
breaker: { failures: 1, open_for: 100ms }
egress: { allow: [loopback] }
---
kind: Flow
name: ship
OWNER
trigger: manual
steps:
  - shipment:
      call: touchy.createShipment
      with: { order_id: trigger.order, items: '[{ \"sku\": \"S-1\", \"quantity\": 1 }]' }
      retry: { attempts: 8, base: 1ms, max: 5ms }
result: { order: trigger.order }
";

async fn check_held_back_probe(fault: &str) {
    let world = World::with(SHIPMENT).await;
    world.control("POST", "/_control/warehouse/faults", fault).await;
    assert_eq!(world.end_of("ship", r#"{"order":"o-1"}"#).await, r#"finished {"order":"o-1"}"#, "{fault}");
    assert_eq!(world.effects("warehouse", "shipment.created").await, 1, "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_the_breaker_holds_back_is_made_later() {
    check_held_back_probe(r#"{"kind":"answer_lost","count":1}"#).await;
    check_held_back_probe(r#"{"kind":"before_effect_close","count":1}"#).await;
    // The answers to the probe get lost, too.
    check_held_back_probe(r#"{"kind":"answer_lost","count":3}"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_run_is_replayed_from_the_failed_step() {
    let world = World::with(INVOICE).await;
    world.control("POST", "/_control/billing/faults", r#"{"kind":"status","status":422}"#).await;
    assert_eq!(world.end_of("invoice", INPUT).await, "dead rejected");
    let letters = world.open_letters().await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].letter.payload.as_str().contains("12.50"), "{:?}", letters[0].letter.payload);
    world.control("DELETE", "/_control/faults", "").await;
    let run = world.engine.replay(letters[0].letter.id, user(), &ReplayOptions::default()).await.unwrap();
    world.until(run, RunStatus::Finished).await;
    assert!(world.open_letters().await.is_empty());
    assert_eq!(world.effects("billing", "invoice.created").await, 1);
    let again = world.engine.replay(letters[0].letter.id, user(), &ReplayOptions::default()).await;
    assert!(again.is_err(), "a letter is replayed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_says_the_same_is_none() {
    let world = World::with(INVOICE).await;
    world.control("POST", "/_control/billing/faults", r#"{"kind":"status","status":422}"#).await;
    world.end_of("invoice", INPUT).await;
    let letter = world.open_letters().await.remove(0).letter;
    let edit = |payload: Json| world.engine.edit_letter(letter.id, payload);
    let spaced = letter.payload.as_str().replace(':', " : ").replace(',', ",\n  ");
    assert_eq!(edit(Json::parse(spaced.as_bytes()).unwrap()).await.unwrap(), Edited::Unchanged);
    assert!(!world.open_letters().await[0].edited);
    let other = letter.payload.as_str().replace("12.50", "12.51");
    assert_eq!(edit(Json::parse(other.as_bytes()).unwrap()).await.unwrap(), Edited::Changed);
    assert!(world.open_letters().await[0].edited);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_asked_for_while_another_arm_is_under_way() {
    let world = World::with(
        "
kind: Flow
name: both
OWNER
trigger: manual
steps:
  - both:
      parallel:
        ask: [{ ok: { approve: { message: '\"go on?\"' }}}]
        read: [{ customer: { call: crm.getContact, with: { id: trigger.contact_id }}}]
",
    )
    .await;
    world.control("POST", "/_control/crm/faults", r#"{"kind":"latency","ms_min":1000,"ms_max":1000}"#).await;
    let run = world.start("both", INPUT).await;
    let begin = tokio::time::Instant::now();
    while world.engine.asking() != [run] {
        assert!(begin.elapsed() < PATIENCE, "nobody was asked");
        tokio::task::yield_now().await;
    }
    while !world
        .engine
        .inspect(run)
        .await
        .unwrap()
        .entries
        .iter()
        .any(|e| matches!(e.record, Record::Parked { .. }))
    {
        assert!(begin.elapsed() < PATIENCE, "that it waits is not durable");
        tokio::task::yield_now().await;
    }
    world.engine.cancel(run, user()).await.unwrap();
    while !world.engine.asking().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "a run that is over still asks");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_run_is_over() {
    let world = World::with(INVOICE).await;
    world.control("POST", "/_control/billing/faults", r#"{"kind":"status","status":422}"#).await;
    world.end_of("invoice", INPUT).await;
    let letters = world.open_letters().await;
    world.engine.discard(letters[0].letter.id, user()).await.unwrap();
    world.until(letters[0].run, RunStatus::Discarded).await;
}

const APPROVED: &str = "
kind: Flow
name: approved
OWNER
trigger: manual
steps:
  - ok: { approve: { message: '\"Go?\"' }}
  - child: { flow: child, with: { n: trigger.n }}
result: { by: ok.by, child: child }
---
kind: Flow
name: child
OWNER
trigger: manual
steps:
  - pause: { wait: { event: go, key: $string(trigger.n) }}
  - twice: { map: trigger.n * 2 }
result: { twice: twice, said: pause.word }
";

#[tokio::test(flavor = "multi_thread")]
async fn waits_survive_a_restart_and_children_tell_their_parents() {
    let world = World::with(APPROVED).await;
    let run = world.start("approved", r#"{"n":21}"#).await;
    world.until(run, RunStatus::Waiting).await;
    let world = world.again(APPROVED).await;
    let decision = Decision { approved: true, by: "dana".into(), note: None };
    world.engine.decide(run, None, decision.clone()).await.unwrap();
    assert!(world.engine.decide(run, None, decision).await.is_err(), "it is decided already");
    let world = world.again(APPROVED).await;
    let go = Json::parse(br#"{"word":"now"}"#).unwrap();
    let begin = tokio::time::Instant::now();
    loop {
        // The child may not wait yet; an event that nobody waits for is gone, so it is sent until somebody heard it.
        world.engine.emit("go".into(), Some("21".into()), go.clone(), user()).await.unwrap();
        if world.store.run(run).await.unwrap().is_some_and(|line| line.status == RunStatus::Finished) {
            break;
        }
        let runs = world.store.runs(sinew_store::RunFilter { limit: 10, ..Default::default() }).await;
        assert!(begin.elapsed() < PATIENCE, "{runs:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let detail = world.engine.inspect(run).await.unwrap();
    let last = format!("{:?}", detail.entries.last().unwrap().record);
    assert!(last.contains(r#"{"by":"dana","child":{"twice":42,"said":"now"}}"#), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_can_be_cancelled() {
    let world = World::with(APPROVED).await;
    let run = world.start("approved", r#"{"n":1}"#).await;
    world.until(run, RunStatus::Waiting).await;
    world.engine.cancel(run, user()).await.unwrap();
    world.until(run, RunStatus::Cancelled).await;
    assert!(world.engine.cancel(run, user()).await.is_err(), "it is over");
}

const EACH: &str = "
kind: Flow
name: many
OWNER
trigger: manual
steps:
  - all:
      each:
        items: trigger.items
        concurrency: 8
        steps:
          - made:
              call: billing.createInvoice
              with: { contact_full_name: '\"A\"', currency: '\"EUR\"', total: item.total, external_ref: item.id }
              retry: { attempts: 2, base: 1ms, max: 2ms }
        reduce: { start: 0, with: 'acc + $number(item.total)' }
result: all
";

#[tokio::test(flavor = "multi_thread")]
async fn failed_items_are_dead_letters_and_the_rest_go_on() {
    let world = World::with(EACH).await;
    let fault = r#"{"kind":"status","status":422,"count":3,"after":5}"#;
    world.control("POST", "/_control/billing/faults", fault).await;
    let items: Vec<_> = (0..40).map(|n| format!(r#"{{"id":"i-{n}","total":"{n}"}}"#)).collect();
    let end = world.end_of("many", &format!(r#"{{"items":[{}]}}"#, items.join(","))).await;
    assert!(end.starts_with(r#"finished {"total":40,"ok":37,"failed":3,"reduced":"#), "{end}");
    let letters = world.open_letters().await;
    assert_eq!(letters.len(), 3);
    for letter in &letters {
        let run = world.engine.replay(letter.letter.id, user(), &ReplayOptions::default()).await.unwrap();
        world.until(run, RunStatus::Finished).await;
    }
    assert_eq!(world.effects("billing", "invoice.created").await, 40);
}

const ORDERED: &str = "
kind: Flow
name: ordered
OWNER
trigger: { event: { name: ping, key: who, dedupe: id }}
steps:
  - made:
      call: billing.createInvoice
      with: { contact_full_name: '\"A\"', currency: '\"EUR\"', total: '\"1\"', external_ref: trigger.id }
";

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_key_go_in_order_and_a_duplicate_is_one_run() {
    let world = World::with(ORDERED).await;
    let mut runs = Vec::new();
    for n in 0..30 {
        let payload = Json::parse(format!(r#"{{"who":"ada","id":"p-{}"}}"#, n / 2).as_bytes()).unwrap();
        let admitted = world.engine.emit("ping".into(), None, payload, user()).await.unwrap();
        match (n % 2, admitted[0]) {
            (0, Admission::Accepted(run)) => runs.push(run),
            (1, Admission::Duplicate(run)) => assert_eq!(runs.last(), Some(&run)),
            other => panic!("{other:?}"),
        }
    }
    let mut ends = Vec::new();
    for run in &runs {
        world.until(*run, RunStatus::Finished).await;
        ends.push(world.store.run(*run).await.unwrap().unwrap().ended_at.unwrap());
    }
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(world.effects("billing", "invoice.created").await, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_each_goes_on_where_its_progress_stands() {
    let world = World::with(EACH).await;
    let slow = r#"{"kind":"latency","ms_min":10,"ms_max":10}"#;
    world.control("POST", "/_control/billing/faults", slow).await;
    let items: Vec<_> = (0..400).map(|n| format!(r#"{{"id":"i-{n}","total":"1"}}"#)).collect();
    let run = world.start("many", &format!(r#"{{"items":[{}]}}"#, items.join(","))).await;
    let begin = tokio::time::Instant::now();
    loop {
        let stored = world.store.load(run).await.unwrap().unwrap();
        let kept = stored.checkpoints.first().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
        let progress: serde_json::Value = serde_json::from_str(&kept.unwrap_or_default()).unwrap_or_default();
        if progress["watermark"].as_u64().unwrap_or(0) > 40 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "no progress was kept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let world = world.again(EACH).await;
    world.until(run, RunStatus::Finished).await;
    let detail = world.engine.inspect(run).await.unwrap();
    let last = format!("{:?}", detail.entries.last().unwrap().record);
    assert!(last.contains(r#"{"total":400,"ok":400,"failed":0,"reduced":400}"#), "{last}");
    let stats = world.control("GET", "/_control/stats", "").await;
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    let asked = stats["by_vendor"]["billing"].as_u64().unwrap();
    assert!((400..=420).contains(&asked), "items that were done were done again: {asked} requests");
}
