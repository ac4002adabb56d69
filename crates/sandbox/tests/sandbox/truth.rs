use sinew_sandbox::SandboxOptions;

use crate::client::World;

fn ship(world: &World, order: &str) {
    let body = format!(r#"{{"order_id":"{order}"}}"#);
    let headers = [("Idempotency-Key", "same"), ("traceparent", "00-aa-bb-01")];
    assert_eq!(world.send("POST", "/warehouse/shipments", &headers, &body).unwrap().status, 201);
}

#[test]
fn the_account_counts_doubled_and_lost_effects() {
    let world = World::start();
    for order in ["a", "b", "a", "c", "a"] {
        ship(&world, order);
    }
    let account = world.effect("warehouse", "shipment.created");
    let count = |name: &str| account[name].as_u64().unwrap();
    assert_eq!((count("total"), count("distinct_refs"), count("doubled_by_ref")), (5, 3, 2));
    assert_eq!((count("distinct_keys"), count("doubled_by_key"), count("without_ref")), (1, 4, 0));
    let wanted = r#"{"vendor":"warehouse","effect":"shipment.created","refs":["a","c","d"]}"#;
    let missing: serde_json::Value =
        serde_json::from_str(&world.control("POST", "/truth/missing", wanted).body).unwrap();
    assert_eq!(missing, serde_json::json!({ "found": 2, "missing": ["d"] }));
}

#[test]
fn entries_can_be_read_filtered_and_from_a_position() {
    let world = World::start();
    ship(&world, "a");
    world.post("/chat/hooks/ops", r#"{"text":"x"}"#);
    ship(&world, "b");
    let lines = |query: &str| {
        let text = world.control("GET", &format!("/truth{query}"), "").body;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    assert_eq!(lines("").len(), 3);
    assert_eq!(lines("?vendor=chat")[0]["effect"], "message.posted");
    let last = &lines("?since_seq=2")[0];
    assert_eq!(
        (last["ref"].as_str(), last["key"].as_str(), last["id"].as_str()),
        (Some("b"), Some("same"), Some("shp_2"))
    );
    assert_eq!(last["traceparent"], "00-aa-bb-01");
}

#[test]
fn a_long_log_is_streamed_whole() {
    let world = World::start();
    world.control("POST", "/shop/orders", r#"{"count":5000}"#);
    let text = world.control("GET", "/truth?effect=order.created", "").body;
    assert_eq!(text.lines().count(), 5000);
    assert!(text.lines().last().unwrap().contains("\"ref\":\"order-5000\""));
}

#[test]
fn counts_alone_still_find_doubled_effects() {
    let world = World::start();
    world.control("POST", "/options", r#"{"truth":"count"}"#);
    ship(&world, "a");
    ship(&world, "a");
    let summary = world.control("GET", "/truth/summary", "").json();
    assert_eq!((summary["entries"].as_u64(), summary["doubled"].as_u64()), (Some(0), Some(1)));
    assert_eq!(world.control("GET", "/truth", "").body, "");
}

#[test]
fn the_truth_log_is_a_file_too() {
    let path = std::env::temp_dir().join(format!("sandbox-truth-{}.ndjson", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let world =
        World::start_with(SandboxOptions { truth_log: Some(path.clone()), ..SandboxOptions::default() });
    ship(&world, "a");
    world.control("POST", "/reset", "");
    ship(&world, "b");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].contains("\"ref\":\"a\"")
            && lines[1].contains("reset_at_ms")
            && lines[2].contains("\"ref\":\"b\"")
    );
}
