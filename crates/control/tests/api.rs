//! The control API over an engine and a store, without sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sinew_call::{Caller, CallerOptions, SystemClock, Trust};
use sinew_control::{Control, ControlOptions, ControlToken, Meters, Project, Reloader};
use sinew_diag::Diagnostics;
use sinew_flow::deliver::{Deliveries, DeliveryOptions, RootKey};
use sinew_flow::{Engine, EngineOptions};
use sinew_model::{Snapshot, SourceFile, load};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::ChainedSecrets;
use tower_service::Service;

const TOKEN: &str = "a-token-for-tests-only";

const FLOWS: &str = "
kind: Flow
name: sums
owner: { team: t, contact: c, runbook: r }
trigger: { event: { name: sum.wanted, when: a > 0, key: id, dedupe: id } }
steps:
  - sum: { map: trigger.a + trigger.b }
result: { sum: sum, id: trigger.id }
---
kind: Flow
name: asks
owner: { team: t, contact: c, runbook: r }
trigger: manual
steps:
  - ask: { approve: { message: '\"Send \" & trigger.what & \"?\"', by: [dana], timeout: 2d } }
result: ask.approved
";

/// A project in memory, which tests change.
struct InMemory(parking_lot::Mutex<String>);

impl Project for InMemory {
    fn read(&self) -> (Option<Snapshot>, Diagnostics) {
        let text = self.0.lock().clone();
        self.check(&[SourceFile::new("flows.yaml", text)])
    }

    fn check(&self, files: &[SourceFile]) -> (Option<Snapshot>, Diagnostics) {
        load(files, &BTreeMap::new())
    }
}

struct Api {
    control: Control,
    project: Arc<InMemory>,
    _folder: tempfile::TempDir,
}

impl Api {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Arc::new(InMemory(parking_lot::Mutex::new(FLOWS.to_owned())));
        let (snapshot, found) = project.read();
        let snapshot = Arc::new(snapshot.unwrap_or_else(|| panic!("{found}")));
        let meters = Meters::new();
        let caller = Caller::new(CallerOptions {
            secrets: Arc::new(ChainedSecrets::new(Vec::new())),
            recorder: meters.clone(),
            clock: Arc::new(SystemClock),
            seed: 1,
            trust: Trust::default(),
        });
        let options = EngineOptions {
            store: Arc::new(SqliteStore::open(SqliteOptions::in_dir(folder.path())).unwrap()),
            caller,
            clock: Arc::new(SystemClock),
            observer: meters.clone(),
            files: Vec::new(),
            in_flight_max: 64,
            seed: 2,
        };
        let engine = Engine::start(options, snapshot).await.unwrap();
        let reloader = Reloader::new(engine.clone(), project.clone(), Vec::new());
        let deliveries = Deliveries::start(DeliveryOptions {
            engine: engine.clone(),
            secrets: Arc::new(ChainedSecrets::new(Vec::new())),
            root: RootKey::new("a root for tests"),
            trust: Trust::default(),
            monitor: None,
            seed: 3,
        })
        .await
        .unwrap();
        let control = Control::new(ControlOptions {
            engine,
            reloader: Arc::new(reloader),
            meters,
            token: ControlToken::new(TOKEN).unwrap(),
            callback: String::new(),
            deliveries,
            hosts: vec!["sinew.internal".to_owned()],
        });
        Self { control, project, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, http::HeaderMap, Vec<u8>) {
        let answer = self.control.router().call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:7401")
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("x-sinew-actor", "dana")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let (status, _, body) = self.send(request).await;
        (status.as_u16(), String::from_utf8(body).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(Method::POST, path, &body.to_string()).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Status and code of a request that is not done.
    async fn refused(&self, method: Method, path: &str, body: &str) -> (u16, String) {
        let (status, body) = self.ask(method, path, body).await;
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(problem["status"], status, "{body}");
        assert!(problem["correlation_id"].as_str().is_some_and(|id| id.len() == 32), "{body}");
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The run as soon as it is in this state.
    async fn run_in(&self, run: &str, status: &str) -> Value {
        let mut known = (0, String::from("queued"));
        loop {
            let path = format!("/v1/runs/{run}/watch?after={}&status={}&wait_ms=5000", known.0, known.1);
            let seen = self.get(&path).await;
            let now = seen["run"]["status"].as_str().unwrap().to_owned();
            if now == status {
                return seen;
            }
            known = (seen["timeline"].as_array().unwrap().len(), now);
        }
    }
}

#[tokio::test]
async fn without_the_token_only_health_is_answered() {
    let api = Api::start().await;
    for (token, path, expected) in [
        (None, "/v1/health", 200),
        (None, "/v1/runs", 401),
        (None, "/metrics", 401),
        (Some("Bearer wrong-token-of-some-length"), "/v1/runs", 401),
        (Some("Basic a-token-for-tests-only"), "/v1/runs", 401),
        (Some("bearer a-token-for-tests-only"), "/v1/runs", 200),
    ] {
        let mut request = Request::builder().uri(path).header("host", "localhost");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let (status, headers, _) = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, expected, "{path} with {token:?}");
        assert!(headers.contains_key("x-correlation-id"));
        assert_eq!(headers.contains_key("www-authenticate"), expected == 401);
    }
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_refused_even_with_the_token() {
    let api = Api::start().await;
    for (host, expected) in [("evil.example.com", 421), ("sinew.internal:7401", 200), ("[::1]:7401", 200)] {
        let request = Request::builder().uri("/v1/runs").header("host", host);
        let request = request.header("authorization", format!("Bearer {TOKEN}")).body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await.0, expected, "{host}");
    }
}

#[tokio::test]
async fn the_callers_trace_is_taken_up() {
    let api = Api::start().await;
    let request = Request::builder().uri("/v1/health").header("host", "localhost");
    let request = request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let (_, headers, _) = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(headers["x-correlation-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn a_run_is_started_waited_for_and_shown_digit_for_digit() {
    let api = Api::start().await;
    let body = r#"{"flow":"sums","input":{"a":1,"b":2,"id":9007199254740993},"wait_ms":30000}"#;
    let (status, text) = api.ask(Method::POST, "/v1/runs", body).await;
    assert!(
        status == 200 && text.contains(r#""id":9007199254740993"#) && text.contains(r#""sum":3"#),
        "{text}"
    );
    let started: Value = serde_json::from_str(&text).unwrap();
    let run = started["run"].as_str().unwrap();
    let shown = api.get(&format!("/v1/runs/{run}")).await;
    assert_eq!(shown["started_by"], "user:dana");
    let kinds: Vec<&str> =
        shown["timeline"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"accepted"), Some(&"finished")));

    let again = api
        .post("/v1/runs", json!({"flow": "sums", "input": {"a": 5, "id": 9_007_199_254_740_993_u64}}))
        .await;
    assert_eq!((again["duplicate"].as_bool(), again["run"].as_str()), (Some(true), Some(run)));
    let page = api.get("/v1/runs?flow=sums&status=finished,dead&limit=1").await;
    assert_eq!(page["items"][0]["id"], run);
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused_with_a_code() {
    let api = Api::start().await;
    let deep = format!("{{\"flow\":\"sums\",\"input\":{}}}", "[".repeat(5000));
    let unknown_run = "/v1/runs/01JD3Z6V5WQ0X8Y2K4M6N8P0RS";
    for (method, path, body, expected) in [
        (Method::GET, "/v1/nowhere", "", (404, "SNW-6003")),
        (Method::DELETE, "/v1/runs", "", (404, "SNW-6003")),
        (Method::GET, "/v1/runs?limit=many", "", (400, "SNW-6002")),
        (Method::GET, "/v1/runs?limit=0", "", (400, "SNW-6002")),
        (Method::GET, "/v1/runs?flwo=x", "", (400, "SNW-6002")),
        (Method::GET, "/v1/runs?status=odd", "", (400, "SNW-6002")),
        (Method::GET, "/v1/runs?since=yesterday", "", (400, "SNW-6002")),
        (Method::GET, "/v1/runs/nonsense", "", (400, "SNW-6002")),
        (Method::GET, unknown_run, "", (404, "SNW-5008")),
        (Method::POST, "/v1/runs", "{", (400, "SNW-6002")),
        (Method::POST, "/v1/runs", "{\"flow\": 7}", (400, "SNW-6002")),
        (Method::POST, "/v1/runs", "{\"flow\":\"sums\",\"inptu\":1}", (400, "SNW-6002")),
        (Method::POST, "/v1/runs", &deep, (400, "SNW-6002")),
        (Method::POST, "/v1/runs", "{\"flow\":\"nothing\"}", (404, "SNW-5008")),
        (Method::POST, "/v1/runs", "{\"flow\":\"sums\",\"input\":{\"a\":0}}", (422, "SNW-4001")),
        (Method::POST, "/v1/dead-replay", "{}", (400, "SNW-6002")),
        (Method::POST, "/v1/dead-replay", "{\"ids\":[\"x\"],\"selection\":{}}", (400, "SNW-6002")),
        (Method::GET, "/v1/dead?status=odd", "", (400, "SNW-6002")),
        (Method::POST, "/v1/backup", "{\"to\":\"relative.db\"}", (400, "SNW-6002")),
    ] {
        let refused = api.refused(method.clone(), path, body).await;
        assert_eq!(
            (refused.0, refused.1.as_str()),
            expected,
            "{method} {path} {}",
            &body[..body.len().min(60)]
        );
    }
    let large = format!("\"{}\"", "x".repeat(17 * 1024 * 1024));
    assert_eq!(api.refused(Method::POST, "/v1/runs", &large).await, (413, "SNW-6005".to_owned()));
}

#[tokio::test]
async fn an_approval_is_listed_and_decided_once() {
    let api = Api::start().await;
    let run = api.post("/v1/runs", json!({"flow": "asks", "input": {"what": "it"}})).await["run"].clone();
    let run = run.as_str().unwrap();
    let seen = api.run_in(run, "waiting").await;
    assert!(seen["waits"][0]["text"].as_str().unwrap().contains("for approval of dana: Send it?"), "{seen}");
    let list = api.get("/v1/approvals").await;
    assert_eq!((&list["items"][0]["run"], &list["items"][0]["step"]), (&json!(run), &json!("ask")));
    let decision = format!("/v1/runs/{run}/decision");
    api.post(&decision, json!({"approved": true, "note": "fine"})).await;
    let seen = api.run_in(run, "finished").await;
    assert!(seen["timeline"].to_string().contains("approved by dana: fine"), "{seen}");
    assert_eq!(api.refused(Method::POST, &decision, "{\"approved\":true}").await.0, 409);
    assert_eq!(api.get("/v1/approvals").await["items"], json!([]));
}

#[tokio::test]
async fn a_waiting_run_is_cancelled() {
    let api = Api::start().await;
    let run = api.post("/v1/runs", json!({"flow": "asks", "input": {"what": "it"}})).await["run"].clone();
    let run = run.as_str().unwrap();
    api.run_in(run, "waiting").await;
    api.post(&format!("/v1/runs/{run}/cancel"), json!({})).await;
    api.run_in(run, "cancelled").await;
}

#[tokio::test]
async fn a_dead_letter_is_edited_and_replayed_and_others_are_discarded_in_bulk() {
    let api = Api::start().await;
    let mut runs = Vec::new();
    for id in 0..5 {
        let input = json!({"a": 1, "b": "no number", "id": id});
        let started = api.post("/v1/runs", json!({"flow": "sums", "input": input, "wait_ms": 30000})).await;
        assert_eq!(started["end"]["status"], "dead", "{started}");
        runs.push(started["run"].as_str().unwrap().to_owned());
    }
    assert_eq!(api.get("/v1/dead-count?flow=sums&reason=mapping").await["count"], 5);
    let page = api.get("/v1/dead?limit=2").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let next = api.get(&format!("/v1/dead?limit=50&before={}", page["next"].as_str().unwrap())).await;
    assert_eq!((next["items"].as_array().unwrap().len(), &next["next"]), (3, &Value::Null));

    let first = api.get(&format!("/v1/dead?run={}", runs[0])).await["items"][0]["id"].clone();
    let first = format!("/v1/dead/{}", first.as_str().unwrap());
    let (status, text) =
        api.ask(Method::PUT, &format!("{first}/payload"), r#"{"payload":{"a":1,"b":2,"id":0}}"#).await;
    assert_eq!(status, 200, "{text}");
    let replayed = api.post(&format!("{first}/replay"), json!({})).await;
    assert_eq!(replayed["run"], runs[0].as_str());
    api.run_in(&runs[0], "finished").await;
    assert_eq!(api.refused(Method::POST, &format!("{first}/replay"), "").await, (409, "SNW-3014".to_owned()));
    assert_eq!(api.get(&first).await["letter"]["status"], "replayed");

    let bulk = api.post("/v1/dead-discard", json!({"selection": {"flow": "sums"}, "limit": 3})).await;
    assert_eq!((bulk["done"].as_u64(), bulk["next"].is_string()), (Some(3), true));
    let rest = json!({"selection": {"flow": "sums"}, "limit": 3, "before": bulk["next"]});
    let bulk = api.post("/v1/dead-discard", rest).await;
    assert_eq!((bulk["done"].as_u64(), bulk["next"].is_null()), (Some(1), true));
    assert_eq!(api.get("/v1/dead-count").await["count"], 0);
    assert_eq!(api.get("/v1/runs?status=discarded").await["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn an_event_starts_the_flows_that_it_triggers() {
    let api = Api::start().await;
    let emitted =
        api.post("/v1/events", json!({"event": "sum.wanted", "payload": {"a": 1, "b": 1, "id": 1}})).await;
    api.run_in(emitted["items"][0]["run"].as_str().unwrap(), "finished").await;
    let unwanted = api.post("/v1/events", json!({"event": "sum.wanted", "payload": {"a": 0}})).await;
    assert_eq!(unwanted["items"], json!([]));
}

#[tokio::test]
async fn a_bad_change_leaves_the_running_project_in_force() {
    let api = Api::start().await;
    *api.project.0.lock() = FLOWS.replace("trigger.a +", "trigger.a + (");
    let (status, body) = api.ask(Method::POST, "/v1/reload", "").await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, problem["code"].as_str()), (422, Some("SNW-6007")));
    assert_eq!(problem["findings"][0]["place"]["file"], "flows.yaml", "{body}");
    let valid = api.post("/v1/validate", json!({})).await;
    assert_eq!(
        (valid["valid"].as_bool(), valid["findings"].as_array().map(Vec::len)),
        (Some(false), Some(1))
    );

    *api.project.0.lock() = FLOWS.replace("trigger.a +", "1000 + trigger.a +");
    let reloaded = api.post("/v1/reload", json!({})).await;
    assert_eq!((&reloaded["changed"], &reloaded["removed"]), (&json!(["sums"]), &json!([])));
    let body = json!({"flow": "sums", "input": {"a": 1, "b": 2}, "wait_ms": 30000});
    assert_eq!(api.post("/v1/runs", body).await["end"]["result"]["sum"], 1003);
}

#[tokio::test]
async fn files_can_be_checked_without_being_in_force() {
    let api = Api::start().await;
    let files = json!({"files": [{"path": "x.yaml", "text": "kind: Flwo\nname: x\n"}]});
    let checked = api.post("/v1/validate", files).await;
    assert_eq!(checked["findings"][0]["place"]["line"], 1, "{checked}");
    assert_eq!(api.get("/v1/flows").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn figures_and_lists_tell_what_happened() {
    let api = Api::start().await;
    api.post("/v1/runs", json!({"flow": "sums", "input": {"a": 1, "b": 2}, "wait_ms": 30000})).await;
    let stats = api.get("/v1/stats").await;
    assert_eq!((&stats["flows"], &stats["accepted"], &stats["ended"]), (&json!(2), &json!(1), &json!(1)));
    let (_, text) = api.ask(Method::GET, "/metrics", "").await;
    assert!(text.contains("sinew_runs_ended_total{flow=\"sums\",status=\"finished\"} 1"), "{text}");
    let flows = api.get("/v1/flows").await;
    assert_eq!(
        (&flows["items"][1]["name"], &flows["items"][1]["trigger"]),
        (&json!("sums"), &json!("event sum.wanted"))
    );
    assert_eq!(api.get("/v1/connections").await["items"], json!([]));
    assert_eq!(api.get("/v1/alerts?all=true").await["items"], json!([]));
    assert_eq!(api.get("/v1/openapi.json").await["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_backup_is_a_new_file() {
    let api = Api::start().await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db").display().to_string();
    let done = api.post("/v1/backup", json!({"to": to})).await;
    assert!(done["bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    assert_eq!(api.refused(Method::POST, "/v1/backup", &json!({"to": to}).to_string()).await.0, 409);
}

#[tokio::test]
async fn the_served_api_ends_when_it_is_told() {
    let api = Api::start().await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let running = api.control.start(listener).unwrap();
    let address = running.address();
    let idle = tokio::net::TcpStream::connect(address).await.unwrap();
    running.stop(Duration::from_secs(10)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it still listens");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_is_made_by_the_operator_and_seen_by_its_receiver_alone() {
    let api = Api::start().await;
    let owner = json!({ "team": "t", "contact": "c@example.com", "runbook": "r.md" });
    let spec = |name: &str| json!({ "name": name, "owner": owner, "url": "https://partner.example.com/h", "events": ["*"] });
    let made = api.post("/v1/subscribers", spec("partner")).await;
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    api.post("/v1/subscribers", spec("other")).await;
    assert_eq!(api.get("/v1/subscribers").await["items"].as_array().unwrap().len(), 2);
    assert_eq!(api.refused(Method::POST, "/v1/subscribers", "{}").await.0, 422);
    assert_eq!(api.refused(Method::POST, "/v1/subscribers", "[]").await.0, 400);
    assert_eq!(api.refused(Method::GET, "/v1/subscribers/nobody", "").await.0, 404);
    api.post("/v1/subscribers/partner/disable", json!({})).await;
    api.post("/v1/events", json!({ "event": "order.paid", "payload": { "n": 1 } })).await;

    let as_receiver = async |method: Method, path: &str, token: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:7401")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let (status, _, body) = api.send(request).await;
        (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap())
    };
    let token = made["token"].as_str().unwrap();
    let (status, own) = as_receiver(Method::GET, "/v1/receiver", token, "").await;
    assert_eq!(
        (status, own["name"].as_str(), own["state"].as_str()),
        (200, Some("partner"), Some("disabled"))
    );
    let (_, page) = as_receiver(Method::GET, "/v1/receiver/deliveries", token, "").await;
    assert_eq!(
        (page["items"].as_array().unwrap().len(), page["items"][0]["status"].as_str()),
        (1, Some("pending"))
    );
    let id = page["items"][0]["id"].as_str().unwrap();
    let (status, detail) =
        as_receiver(Method::GET, &format!("/v1/receiver/deliveries/{id}"), token, "").await;
    assert_eq!((status, detail["delivery"]["event"].as_str()), (200, Some("order.paid")));
    let (_, rotated) =
        as_receiver(Method::POST, "/v1/receiver/rotate-secret", token, r#"{"overlap":"1h"}"#).await;
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!(api.get("/v1/subscribers/partner/secret").await["secret"], rotated["secret"]);
    let (status, _) =
        as_receiver(Method::POST, "/v1/receiver/replay", token, r#"{"since":"2020-01-01T00:00:00Z"}"#).await;
    assert_eq!(status, 200);
    // A receiver's token is good for nothing else, the operator's not for this, and another's delivery is not shown.
    assert_eq!(as_receiver(Method::GET, "/v1/subscribers", token, "").await.0, 401);
    assert_eq!(as_receiver(Method::GET, "/v1/receiver", TOKEN, "").await.0, 401);
    let others =
        api.get("/v1/subscribers/other/deliveries").await["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        as_receiver(Method::GET, &format!("/v1/receiver/deliveries/{others}"), token, "").await.0,
        404
    );
    let renewed = api.post("/v1/subscribers/partner/token", json!({ "renew": true })).await;
    assert_eq!(as_receiver(Method::GET, "/v1/receiver", token, "").await.0, 401);
    assert_eq!(as_receiver(Method::GET, "/v1/receiver", renewed["token"].as_str().unwrap(), "").await.0, 200);
    let (status, _) = api.ask(Method::DELETE, "/v1/subscribers/partner", "").await;
    assert_eq!((status, api.refused(Method::GET, "/v1/subscribers/partner", "").await.0), (200, 404));
}
