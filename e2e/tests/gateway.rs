//! The gateway of the built binary, before a simulated vendor.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;
use sinew_e2e::{Http, Server, ServerOptions, free_port, sinew, until};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};
use tempfile::TempDir;

const PROJECT: &str = "
kind: Upstream
name: crm
owner: { team: t, contact: c@example.com, runbook: r.md }
endpoints: 'VENDORS'
---
kind: Plan
name: partner
rate: 1000/s
---
kind: Consumer
name: ann
owner: { team: t, contact: c@example.com, runbook: r.md }
plan: partner
keys: [secret:keys/ann]
---
kind: Api
name: contacts
owner: { team: t, contact: c@example.com, runbook: r.md }
base_path: /api
auth: { api_key: { header: Authorization } }
routes:
  - { path: 'GET /tickets', upstream: { name: crm, base_path: /_control } }
  - { path: 'GET /status', auth: none, answer: { json: { status: ok } } }
";

struct Place {
    folder: TempDir,
    _vendors: RunningSandbox,
    gateway: SocketAddr,
    server: Server,
}

impl Place {
    fn new() -> Self {
        let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
        let (folder, gateway) = (tempfile::tempdir().unwrap(), free_port());
        fs::write(folder.path().join("api.yaml"), PROJECT.replace("VENDORS", &vendors.url())).unwrap();
        fs::write(folder.path().join("r.md"), "").unwrap();
        let log = folder.path().join("access.ndjson").display().to_string();
        let options = ServerOptions {
            projects: vec![folder.path().to_owned()],
            data: folder.path().join("data"),
            listen: free_port(),
            control: free_port(),
            env: vec![("SINEW_SECRET_KEYS_ANN".into(), "0123456789abcdef".into())],
            arguments: ["--gateway", &gateway.to_string(), "--access-log", &log].map(str::to_owned).to_vec(),
        };
        Self { server: Server::start(&options), folder, _vendors: vendors, gateway }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("api.yaml")
    }

    /// What the gateway answers to a GET with this key.
    fn get(&self, path: &str, key: Option<&str>) -> (u16, Value) {
        let answer = Http::new(format!("http://{}", self.gateway), key.map(str::to_owned)).get(path);
        (answer.status, serde_json::from_str(&answer.text).unwrap_or_default())
    }
}

#[test]
fn an_api_is_served_changed_and_recorded() {
    let place = Place::new();
    assert_eq!(place.get("/api/status", None).1["status"], "ok");
    assert_eq!(place.get("/api/tickets", None).1["code"], "SNW-8020");
    let (status, problem) = place.get("/api/nowhere", None);
    assert_eq!((status, &problem["code"]), (404, &Value::from("SNW-8010")));
    assert_ne!(place.get("/api/tickets", Some("0123456789abcdef")).0, 401);

    let before = fs::read_to_string(place.project()).unwrap();
    fs::write(place.project(), before.replace("/status'", "/health'")).unwrap();
    assert!(place.server.control().post("/v1/reload", &Value::Null).status < 300);
    until("the new route", std::time::Duration::from_secs(20), || {
        (place.get("/api/health", None).0 == 200).then_some(())
    });
    assert_eq!(place.get("/api/status", None).0, 404);

    // What cannot be taken over leaves what serves.
    fs::write(place.project(), before.replace("path: 'GET /status'", "path: 'GET /{unclosed'")).unwrap();
    assert!(place.server.control().post("/v1/reload", &Value::Null).status >= 400);
    assert_eq!(place.get("/api/health", None).0, 200);

    let Place { folder, server, .. } = place;
    assert!(server.stop().success());
    let log = fs::read_to_string(folder.path().join("access.ndjson")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["refused"] == "SNW-8020" && line["status"] == 401), "{log}");
    assert!(
        lines.iter().any(|line| line["consumer"] == "ann" && line["route"] == "contacts GET /api/tickets"),
        "{log}"
    );
}

#[test]
fn routes_are_listed_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("api.yaml"), PROJECT.replace("VENDORS", "http://127.0.0.1:1")).unwrap();
    fs::write(folder.path().join("r.md"), "").unwrap();
    let listed = sinew(folder.path(), &["routes", "list"]);
    assert!(listed.out.contains("/api/tickets") && listed.out.contains("anybody"), "{}", listed.out);
    let explained = sinew(folder.path(), &["routes", "explain", "GET", "/api/tickets"]);
    assert!(explained.out.contains("contacts GET /api/tickets"), "{}", explained.out);
    let explained = sinew(folder.path(), &["routes", "explain", "POST", "/api/tickets"]);
    assert_eq!(explained.code, 1, "{}", explained.out);
}
