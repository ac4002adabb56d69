use sinew_sandbox::{Sandbox, SandboxOptions, StartError};

use crate::client::World;

#[test]
fn a_reset_forgets_everything() {
    let world = World::start();
    world.post("/warehouse/shipments", r#"{"order_id":"a"}"#);
    world.fault("warehouse", r#"{"kind":"stop"}"#);
    world.control("POST", "/options", r#"{"token_seconds":5}"#);
    world.control("POST", "/reset", "");
    assert_eq!(world.get("/warehouse/shipments?order_id=a").body, r#"{"shipments":[]}"#);
    assert_eq!(world.effects("warehouse", "shipment.created"), 0);
    assert_eq!(world.control("GET", "/options", "").json()["token_seconds"], 60);
}

#[test]
fn wrong_control_requests_say_what_is_wrong() {
    let world = World::start();
    let check = |method: &str, path: &str, body: &str| {
        let answer = world.raw(method, &format!("/_control{path}"), &[], body).unwrap();
        assert!((400..500).contains(&answer.status), "{answer:?}");
        answer.json()["error"].as_str().unwrap().to_owned()
    };
    assert!(check("POST", "/options", r#"{"trut":"count"}"#).contains("unknown field `trut`"));
    assert!(check("POST", "/options", r#"{"enrich_slow_rate":2}"#).contains("between 0 and 1"));
    assert!(check("POST", "/crm/faults", r#"{"kind":"bang"}"#).contains("unknown kind `bang`"));
    assert!(check("POST", "/mainframe/faults", "{}").contains("there is no `mainframe`"));
    assert!(check("POST", "/crm/webhooks", r#"{"url":"ftp://x","secret":"s"}"#).contains("http://"));
    assert!(check("POST", "/crm/emit", r#"{"event":"deal.updated"}"#).contains("no target"));
    assert!(check("POST", "/clock", "{}").contains("advance_ms"));
    assert!(check("GET", "/chat/nothing", "").contains("no such control"));
}

#[test]
fn faults_are_shown_vendor_by_vendor_and_the_control_lists_itself() {
    let world = World::start();
    world.fault("warehouse", r#"{"kind":"stop"}"#);
    let faults = world.control("GET", "/faults", "").json();
    assert_eq!(faults["warehouse"]["faults"][0]["kind"], "stop", "{faults}");
    assert!(faults["crm"]["faults"].as_array().unwrap().is_empty(), "{faults}");
    let all = world.control("GET", "", "").json().to_string();
    assert!(all.contains("/_control/crm/emit") && all.contains("/_control/truth/summary"), "{all}");
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let world = World::start();
    world.get("/billing/invoices/in_1");
    world.get("/billing/invoices/in_2");
    let stats = world.control("GET", "/stats", "").json();
    assert_eq!(stats["requests"]["billing"]["GET /invoices/{id}"]["404"], 2);
    assert_eq!(stats["by_vendor"]["billing"], 2);
}

#[test]
fn old_objects_go_when_a_collection_is_full() {
    let world = World::start();
    world.control("POST", "/options", r#"{"max_records":3}"#);
    world.control("POST", "/shop/orders", r#"{"count":5}"#);
    assert_eq!(world.get("/shop/orders").json()["orders"].as_array().unwrap().len(), 3);
    assert_eq!(world.get("/shop/orders/ord_1").status, 404);
    assert_eq!(world.effects("shop", "order.created"), 5);
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let world = World::start();
    let answer = world.post("/warehouse/reports", &"x".repeat((16 << 20) + 1));
    assert_eq!(answer.status, 413);
}

#[test]
fn strange_requests_get_errors_not_silence() {
    let world = World::start();
    assert!(world.get("/").json()["vendors"].as_array().unwrap().contains(&"idp".into()));
    assert_eq!(world.get("/erp").status, 404);
    assert_eq!(world.get("/chat/%ff%2F/..//x").status, 404);
    assert_eq!(world.send("PUT", "/crm/contacts/1", &[], "").unwrap().status, 404);
}

#[test]
fn an_address_that_is_taken_is_told() {
    let world = World::start();
    let options = SandboxOptions { listen: world.sandbox.address(), ..SandboxOptions::default() };
    assert!(matches!(Sandbox::start(options), Err(StartError::Listen { .. })));
}
