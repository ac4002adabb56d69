//! Connectors whose operations are those that their vendor publishes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sinew_model::{
    BodyKind, DriftPolicy, Effect, Idempotency, ParameterLocation, Snapshot, SourceFile, load_with,
};

const CONNECTION: &str = "
kind: Connection
name: shop
connector: shop@1
owner: { team: t, contact: c@example.com, runbook: r.md }
base_url: https://api.shop.example
auth: none
access: write
---
kind: Flow
name: order
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - order: { call: shop.createOrder, with: { total: trigger.total, X-Region: trigger.region } }
";

fn description() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "7"},
        "servers": [{"url": "https://api.shop.example/v1"}],
        "paths": {
            "/orders": {
                "post": {
                    "operationId": "createOrder",
                    "parameters": [
                        {"name": "X-Region", "in": "header", "schema": {"type": "string"}},
                        {"name": "Idempotency-Key", "in": "header", "required": true, "schema": {"type": "string"}},
                    ],
                    "security": [{"oauth": ["orders.write"]}],
                    "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "order.json#/Order"}}}},
                    "responses": {"201": {"description": "done"}},
                },
                "get": {"operationId": "findOrders", "responses": {"200": {"description": "ok"}}},
            },
        },
    })
}

fn check(connector: &str, description: &Value) -> Result<Snapshot, String> {
    let text = format!("kind: Connector\nname: shop\nversion: 1\n{connector}\n---{CONNECTION}");
    let open = |path: &str| match path {
        "vendors/shop.json" => Ok(description.to_string().into_bytes()),
        "vendors/order.json" => {
            let order = json!({"Order": {"type": "object", "required": ["total"], "properties": {"total": {"type": "number"}}}});
            Ok(order.to_string().into_bytes())
        }
        other => Err(format!("no `{other}` here")),
    };
    let files = [SourceFile::new("vendors/shop.yaml", text)];
    let (snapshot, findings) = load_with(&files, &BTreeMap::new(), &open);
    snapshot.ok_or_else(|| findings.to_string())
}

fn check_shop(connector: &str) -> Result<Snapshot, String> {
    check(&format!("openapi: shop.json\n{connector}"), &description())
}

#[test]
fn every_operation_of_a_description_can_be_called() {
    let snapshot = check_shop("").unwrap();
    let connector = snapshot.connectors.values().next().unwrap();
    assert_eq!(connector.drift, DriftPolicy::Report);
    let order = connector.operations.get("createOrder").unwrap();
    // The key is the engine's to give, not the caller's.
    assert_eq!(order.idempotency, Idempotency::Key { header: "Idempotency-Key".into() });
    assert_eq!(order.http.parameters.len(), 1);
    assert_eq!(order.http.parameters[0].location, ParameterLocation::Header);
    assert!(matches!(order.http.body, BodyKind::Json { .. }));
    assert_eq!(order.scopes, [["orders.write".into()]]);
    let schema = order.input.as_ref().unwrap().source();
    assert_eq!(schema["required"], json!(["total"]));
    let ids: Vec<_> = connector.operations.ids().iter().map(ToString::to_string).collect();
    assert_eq!(ids, ["createOrder", "findOrders"]);
    // Nothing is kept of what was read, and still all can be had.
    assert_eq!(connector.operations.get("findOrders").unwrap().effect, Effect::Read);
    assert!(connector.operations.get("gone").is_none());
}

#[test]
fn what_a_description_says_wrong_is_corrected() {
    let corrections = "corrections:\n  createOrder: { effect: destructive, idempotency: none, \
        probe: { call: findOrders, found: 'data[0]' }, scopes: [a] }\n";
    let snapshot = check_shop(corrections).unwrap();
    let order = snapshot.connectors.values().next().unwrap().operations.get("createOrder").unwrap();
    assert_eq!((order.effect, &order.idempotency), (Effect::Destructive, &Idempotency::None));
    assert_eq!(order.probe.as_ref().unwrap().operation.as_str(), "findOrders");
}

#[test]
fn what_is_wrong_with_a_description_is_told_where_it_is_named() {
    for (connector, wanted) in [
        ("openapi: gone.json", "`vendors/gone.json` cannot be read: no `vendors/gone.json` here"),
        ("openapi: ../shop.json", "does not lie beside the file"),
        ("openapi: https://shop.example/openapi.json", "`sinew import` fetches it"),
        ("openapi: shop.json\ncorrections: { createOrdr: { effect: read } }", "did you mean `createOrder`?"),
        ("corrections: { createOrder: { effect: read } }", "there is no description to correct"),
        ("description: nothing", "a connector without operations"),
    ] {
        let found = check(connector, &description()).unwrap_err();
        assert!(found.contains(wanted), "{connector}: {found}");
    }
    let found = check("openapi: shop.json", &json!({"kind": "Flow", "name": "x"})).unwrap_err();
    assert!(found.contains("it looks like a resource of Sinew"), "{found}");
    // That nobody knows what can be called is no second error.
    assert_eq!(found.matches("error").count(), 1, "{found}");
}
