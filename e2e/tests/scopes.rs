//! The scope advisor: what was granted against what is used, as the command line tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use sinew_e2e::{Http, World};
use sinew_sandbox::Tuning;

const PROJECT: &str = "
kind: Connector
name: idp
version: 1
operations:
  listItems: { get: /items, scopes: [items.read] }
  putItem: { put: '/items/{id}', scopes: [items.write] }
---
kind: Connection
name: idp
connector: idp@1
owner: { team: t, contact: t@example.com, runbook: r.md }
base_url: ${SANDBOX_URL}/idp
auth:
  oauth2:
    grant: authorization_code
    authorize_url: ${SANDBOX_URL}/idp/authorize
    token_path: /token
    client_id: sinew
    client_secret: secret:idp/client
    scopes: [items.read, items.write, offline_access]
access: write
egress: { allow: [loopback] }
---
kind: Flow
name: use
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger: manual
steps:
  - items: { call: idp.listItems }
";

fn advice(world: &World) -> Value {
    world.control().get("/v1/connections/idp/scopes").json()
}

#[test]
fn what_no_flow_uses_is_to_be_given_back() {
    let mut world = World::prepare(1, Tuning::default(), Vec::new());
    world.write_own(PROJECT);
    world.options.projects.push(world.project("own"));
    world.options.env.push(("SINEW_SECRET_IDP_CLIENT".to_owned(), "idp-secret".to_owned()));
    world.serve();
    let asked = advice(&world);
    assert_eq!((&asked["source"], &asked["spare"]), (&json!("asked"), &json!(["items.write"])), "{asked}");
    let begun = world.control().post("/v1/connections/idp/login", &json!({})).json();
    let page = Http::new(begun["url"].as_str().unwrap().to_owned(), None).get("");
    assert!(page.text.contains("idp is connected"), "{page:?}");
    let unknown = world.cli(&["connection", "scopes", "idq"]);
    assert!(unknown.err.contains("connection `idq` does not exist"), "{}", unknown.err);
    assert!(unknown.err.contains("did you mean `idp`?"), "{}", unknown.err);
    let granted = advice(&world);
    assert_eq!(granted["source"], "provider", "{granted}");
    assert_eq!(granted["spare"], json!(["items.write"]), "{granted}");
    assert_eq!(granted["proposal"], json!(["items.read", "offline_access"]), "{granted}");
    assert_eq!(
        granted["needed"],
        json!([{ "scope": "items.read", "by": ["flow use, step items"] }]),
        "{granted}"
    );
}
