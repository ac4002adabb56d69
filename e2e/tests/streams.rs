//! Streams: what a system sends by itself starts runs; nothing is lost, and nothing done twice, whoever breaks off when.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{World, until};
use sinew_sandbox::Tuning;

const PATIENCE: Duration = Duration::from_mins(2);

const FEED: &str = "
kind: Connector
name: feed
version: 1
operations: {}
---
kind: Connection
name: feed
connector: feed@1
owner: { team: t, contact: t@example.com, runbook: r.md }
base_url: ${SANDBOX_URL}/feed
auth: { bearer: secret:feed/key }
egress: { allow: [loopback] }
---
kind: Connection
name: nowhere
connector: feed@1
owner: { team: t, contact: t@example.com, runbook: r.md }
base_url: http://127.0.0.1:9
auth: none
egress: { allow: [loopback] }
---
";

const PAID: &str = "
kind: Flow
name: paid
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger:
  stream: { connection: feed, from: '/orders?since=0', event: order.paid, when: 'data.total > 0', key: data.order, delivery_max: 2KB, quiet: 30s }
steps:
  - invoice:
      call: billing.createInvoice
      with: { contact_full_name: '\"Ada\"', currency: '\"EUR\"', total: trigger.data.total, external_ref: trigger.data.order }
";

const HEARD: &str = "
kind: Flow
name: heard
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger:
  stream: { connection: feed, from: /socket, protocol: websocket, open: { subscribe: orders }, dedupe: data.order }
steps:
  - said: { map: trigger.data.order }
result: said
";

/// A world that listens to the sandbox's feed.
fn listening(seed: u64, flow: &str) -> World {
    let mut world = World::prepare(seed, Tuning::default(), Vec::new());
    world.change_projects(&[], &mut sinew_e2e::fast);
    world.write_own(&format!("{FEED}{flow}"));
    let own = world.project("own");
    world.options.projects.push(own);
    world.options.env.push(("SINEW_SECRET_FEED_KEY".to_owned(), "feed-key".to_owned()));
    world.serve();
    world
}

fn publish(world: &World, what: &Value) {
    let answer = world.sandbox.post("/_control/feed/publish", what);
    assert!(answer.is_ok(), "{answer:?}");
}

fn habits(world: &World, what: &Value) {
    let answer = world.sandbox.post("/_control/feed/habits", what);
    assert!(answer.is_ok(), "{answer:?}");
}

fn somebody_listens(world: &World) {
    until("somebody to listen", PATIENCE, || {
        (world.sandbox.get("/_control/feed").json()["listeners"].as_u64() > Some(0)).then_some(())
    });
}

fn orders(numbers: std::ops::RangeInclusive<u32>) -> std::collections::BTreeMap<String, usize> {
    numbers.map(|number| (format!("ord_{number}"), 1)).collect()
}

fn invoices(world: &World) -> std::collections::BTreeMap<String, usize> {
    world.truth().by_reference("invoice.created")
}

#[test]
fn a_feed_that_breaks_off_and_repeats_itself_and_kills_lose_and_double_nothing() {
    let mut world = listening(31, PAID);
    habits(&world, &json!({ "cut_every": 47, "repeat": 5, "retry_ms": 10 }));
    for round in 1..=6_usize {
        publish(&world, &json!({ "count": 100 }));
        until("a part of it to come", PATIENCE, || (invoices(&world).len() + 60 > round * 100).then_some(()));
        world.kill();
        world.serve();
    }
    until("all of it to come", PATIENCE, || (invoices(&world).len() == 600).then_some(()));
    world.settled();
    assert_eq!(invoices(&world), orders(1..=600));
    assert_eq!(world.runs("flow=paid").len(), 600, "one run each");
    assert!(world.dead().is_empty());
}

#[test]
fn what_no_run_can_be_made_of_is_kept_and_the_rest_goes_on() {
    let world = listening(32, PAID);
    publish(&world, &json!({ "event": "order.lost" }));
    publish(&world, &json!({ "data": { "order": "x", "total": "much" } }));
    publish(&world, &json!({ "data": { "order": "y", "total": 1, "note": "z".repeat(5000) } }));
    publish(&world, &json!({ "data": { "order": "free", "total": 0 } }));
    publish(&world, &json!({ "data": { "order": "last", "total": 1 } }));
    until("the last one to come", PATIENCE, || invoices(&world).contains_key("last").then_some(()));
    let mut codes: Vec<_> = world.dead().iter().map(|letter| letter["code"].to_string()).collect();
    codes.sort();
    assert_eq!(codes, ["\"SNW-4001\"", "\"SNW-4034\""], "{:#?}", world.dead());
    assert_eq!(world.runs("flow=paid").len(), 3);
}

#[test]
fn a_full_backlog_makes_the_feed_wait_and_loses_nothing() {
    let narrow = PAID.replace("steps:", "limits: { in_flight: 1, backlog: 3 }\nsteps:");
    let world = listening(33, &narrow);
    world.fault("billing", &json!({ "kind": "latency", "ms_min": 5, "ms_max": 10 }));
    publish(&world, &json!({ "count": 150 }));
    until("all of it to come", PATIENCE, || (invoices(&world).len() == 150).then_some(()));
    assert_eq!(invoices(&world), orders(1..=150));
}

#[test]
fn a_feed_that_says_that_it_is_over_is_left_alone_until_a_reload() {
    let world = listening(34, PAID);
    somebody_listens(&world);
    habits(&world, &json!({ "over": true, "cut_every": 0, "retry_ms": 10 }));
    let stopped = |world: &World| {
        let alerts = world.alerts(false);
        alerts.iter().any(|alert| alert.to_string().contains("nothing more")).then_some(())
    };
    // The connection that stands knows no habits of later; a restart makes another.
    let mut world = world;
    world.kill();
    world.serve();
    until("somebody to be told", PATIENCE, || stopped(&world));
    habits(&world, &json!({}));
    publish(&world, &json!({ "count": 1 }));
    assert!(world.control().post("/v1/reload", &json!({})).is_ok());
    until("the event to come", PATIENCE, || (invoices(&world).len() == 1).then_some(()));
    until("the alert to be closed", PATIENCE, || world.alerts(false).is_empty().then_some(()));
}

#[test]
fn a_feed_that_is_not_there_raises_an_alert_and_a_corrected_connection_is_followed_at_once() {
    let gone = PAID.replace("connection: feed", "connection: nowhere");
    let world = listening(35, &gone);
    until("somebody to be told", PATIENCE, || {
        let alerts = world.alerts(false);
        alerts.iter().any(|alert| alert.to_string().contains("the stream fails again")).then_some(())
    });
    publish(&world, &json!({ "count": 2 }));
    world.write_own(&format!("{FEED}{PAID}"));
    assert!(world.control().post("/v1/reload", &json!({})).is_ok());
    until("the events to come", PATIENCE, || (invoices(&world).len() == 2).then_some(()));
}

#[test]
fn a_socket_is_told_what_is_wanted_and_opened_again_when_it_is_closed() {
    let mut world = listening(36, HEARD);
    habits(&world, &json!({ "cut_every": 10 }));
    for round in 1..=3_usize {
        somebody_listens(&world);
        let before = world.runs("flow=heard").len();
        until("a subscriber to hear something", PATIENCE, || {
            publish(&world, &json!({}));
            (world.runs("flow=heard").len() > before).then_some(())
        });
        if round == 2 {
            world.kill();
            world.serve();
        }
    }
    // What was published last may still come.
    until("all of it to be done", PATIENCE, || {
        world.settled().iter().all(|run| run["status"] == "finished").then_some(())
    });
    assert!(world.dead().is_empty());
}
