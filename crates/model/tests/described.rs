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
    assert_eq!(order.binding.as_http().unwrap().parameters.len(), 1);
    assert_eq!(order.binding.as_http().unwrap().parameters[0].location, ParameterLocation::Header);
    assert!(matches!(order.binding.as_http().unwrap().body, BodyKind::Json { .. }));
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

const SERVICES: &str = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" name="Erp">
  <types><xs:schema><xs:import namespace="urn:t" schemaLocation="../types/erp.xsd"/></xs:schema></types>
  <message name="In"><part name="body" element="t:Order"/></message>
  <message name="Out"><part name="body" element="t:Done"/></message>
  <portType name="Orders"><operation name="CreateOrder"><input message="t:In"/><output message="t:Out"/></operation>
    <operation name="GetOrder"><input message="t:In"/><output message="t:Out"/></operation></portType>
  <portType name="Stock"><operation name="CountStock"><input message="t:In"/><output message="t:Out"/></operation></portType>
  <binding name="OrdersSoap" type="t:Orders"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/></binding>
  <binding name="StockSoap" type="t:Stock"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/></binding>
  <service name="Erp"><port name="Orders" binding="t:OrdersSoap"><soap:address location="https://erp.example/orders"/></port>
    <port name="Stock" binding="t:StockSoap"><soap:address location="https://erp.example/stock/?v=2"/></port></service>
</definitions>"#;

const TYPES: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">
  <xs:element name="Order"><xs:complexType><xs:sequence><xs:element name="total" type="xs:decimal"/></xs:sequence></xs:complexType></xs:element>
  <xs:element name="Done"><xs:complexType><xs:sequence/></xs:complexType></xs:element></xs:schema>"#;

fn check_services(connector: &str, flow: &str) -> Result<Snapshot, String> {
    let text = format!(
        "kind: Connector\nname: shop\nversion: 1\n{connector}\n---{}",
        CONNECTION.split("---").next().unwrap_or_default()
    );
    let open = |path: &str| match path {
        "erp/wsdl/erp.wsdl" => Ok(SERVICES.as_bytes().to_vec()),
        "erp/types/erp.xsd" => Ok(TYPES.as_bytes().to_vec()),
        other => Err(format!("no `{other}` here")),
    };
    let files = [SourceFile::new("erp/shop.yaml", format!("{text}---\n{flow}"))];
    let (snapshot, findings) = load_with(&files, &BTreeMap::new(), &open);
    snapshot.ok_or_else(|| findings.to_string())
}

const ORDERING: &str =
    "kind: Flow\nname: order\nowner: { team: t, contact: c@example.com, runbook: r.md }\ntrigger: manual\n";

#[test]
fn web_services_are_operations_too() {
    let flow = format!(
        "{ORDERING}steps:\n  - order: {{ call: shop.CreateOrder, with: {{ total: trigger.total }} }}\n"
    );
    let corrections = "wsdl: wsdl/erp.wsdl\ncorrections:\n  CreateOrder: { probe: { call: GetOrder, with: { total: input.total }, found: $ } }\n";
    let snapshot = check_services(corrections, &flow).unwrap();
    let connector = snapshot.connectors.values().next().unwrap();
    assert_eq!(connector.drift, DriftPolicy::Report);
    let servers: Vec<&str> = connector.servers.iter().map(|server| &**server).collect();
    assert_eq!(servers, ["https://erp.example/orders", "https://erp.example/stock/?v=2"]);
    let order = connector.operations.get("CreateOrder").unwrap();
    assert_eq!((order.effect, &order.idempotency), (Effect::Write, &Idempotency::None));
    assert_eq!(order.binding.reached(), "SOAP 1.1 Erp CreateOrder");
    assert_eq!(order.binding.as_http().unwrap().server, None);
    assert!(matches!(order.binding.as_http().unwrap().body, BodyKind::Soap(_)));
    assert_eq!(order.input.as_ref().unwrap().source()["required"], json!(["total"]));
    assert!(order.probe.is_some());
    // Made of the files when it is asked for; its address is another.
    let stock = connector.operations.get("CountStock").unwrap();
    assert_eq!(
        (stock.effect, stock.binding.as_http().unwrap().server.as_deref()),
        (Effect::Read, Some("/stock/?v=2"))
    );
}

#[test]
fn what_is_wrong_with_a_wsdl_is_told_where_it_is_named() {
    for (connector, flow, wanted) in [
        ("wsdl: gone.wsdl", "", "`erp/gone.wsdl` cannot be read"),
        ("wsdl: shop.yaml", "", "no usable description: line 1"),
        (
            "wsdl: wsdl/erp.wsdl\nopenapi: shop.json",
            "",
            "a connector has one description, and this one names two",
        ),
        (
            "wsdl: wsdl/erp.wsdl",
            "steps:\n  - a: { call: shop.CreateOrder }\n",
            "`CreateOrder` cannot be called without `total`",
        ),
        (
            "wsdl: wsdl/erp.wsdl",
            "steps:\n  - a: { call: shop.CreateOrdr }\n",
            "did you mean `shop.CreateOrder`?",
        ),
    ] {
        let flow = if flow.is_empty() { String::new() } else { format!("{ORDERING}{flow}") };
        let found = check_services(connector, &flow).unwrap_err();
        assert!(found.contains(wanted), "{connector}: {found}");
    }
}
