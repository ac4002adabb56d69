//! JetStream of NATS.

use serde_json::json;
use sinew_e2e::service::{Nats, PASSWORD};
use sinew_e2e::until;

use super::*;

#[test]
fn every_message_of_jetstream_makes_one_run() {
    let Some(nats) = Nats::start("every_message_of_jetstream_makes_one_run", true) else { return };
    nats.stream("ORDERS", "orders.>");
    let nats = std::cell::RefCell::new(nats);
    // What is there before anybody listens belongs to it, too.
    nats.borrow().publish("orders.eu", orders(0..1));
    let documents = broker("nats", &nats.borrow().url(), &trusting(), "{}");
    let mut world = world(41, &format!("{documents}{}", paid("from: 'orders.*', begin: all")));
    check_every_message_makes_one_run(
        &mut world,
        |kill| kill(&mut nats.borrow_mut().0),
        |_, numbers| nats.borrow().publish("orders.eu", orders(numbers.start.max(1)..numbers.end)),
    );
    // What no run can be made of is kept, once, and the rest goes on.
    nats.borrow().publish("orders.eu", [format!("{{\"order\":\"{}\"}}", "x".repeat(5000))]);
    nats.borrow().publish("orders.eu", orders(MESSAGES..MESSAGES + 1));
    until("the last one to come", PATIENCE, || (invoices(&world) > MESSAGES).then_some(()));
    until("all to be acknowledged", PATIENCE, || nats.borrow().is_done("ORDERS", "sinew-paid").then_some(()));
    assert_eq!(world.dead().len(), 1, "{:?}", world.dead());
    assert_eq!(world.dead()[0]["code"], "SNW-4034");
}

const ORDERS: &str = "
  paid:
    publish: { to: 'orders.{region}.paid', headers: { tenant: X-Tenant } }
    input: { type: object, required: [region, order], properties: { region: {}, order: {}, tenant: {} } }
    idempotency: { key: Nats-Msg-Id }
  elsewhere: { publish: 'elsewhere.{region}' }
  line: { publish: { to: orders.lines, text: line } }";

#[test]
fn messages_for_nats_are_what_the_operation_says_and_refusals_tell_why() {
    let test = "messages_for_nats_are_what_the_operation_says_and_refusals_tell_why";
    let (Some(secure), Some(plain)) = (Nats::start(test, true), Nats::start(test, false)) else { return };
    secure.stream("ORDERS", "orders.>");
    let trusted = project(&broker("nats", &secure.url(), &trusting(), ORDERS));
    let at = trusted.path();
    let order = json!({ "region": "eu", "order": 9_007_199_254_740_993_u64, "tenant": "t1" });
    let said = called(at, "broker.paid", &order, PASSWORD).ok().out;
    assert!(said.contains("\"sequence\": 1") && said.contains("\"stream\": \"ORDERS\""), "{said}");
    let (data, headers) = secure.message("ORDERS", 1);
    assert_eq!(data, "{\"order\":9007199254740993}");
    assert!(headers.contains("X-Tenant: t1") && headers.contains("Nats-Msg-Id: "), "{headers}");
    called(at, "broker.line", &json!({ "line": "a\nb" }), PASSWORD).ok();
    assert_eq!(secure.message("ORDERS", 2).0, "a\nb");

    let input = json!({ "region": "eu", "order": 1 });
    check_refused(&called(at, "broker.paid", &input, "wrong"), "SNW-2021", "Authorization Violation");
    check_refused(&called(at, "broker.elsewhere", &input, PASSWORD), "SNW-2042", "no stream takes");
    for region in ["a.b", "*", ">", "a b", "a\r\nPUB x 0", ""] {
        let said = called(at, "broker.paid", &json!({ "region": region, "order": 1 }), PASSWORD);
        check_refused(&said, "SNW-2052", "`region`");
    }
    let header = json!({ "region": "eu", "order": 1, "tenant": "a\r\nNats-Rollup: all" });
    check_refused(&called(at, "broker.paid", &header, PASSWORD), "SNW-2052", "`tenant`");
    let large = json!({ "line": "x".repeat(100_000) });
    let said = called(at, "broker.line", &large, PASSWORD);
    check_refused(&said, "SNW-2052", "the server takes 65536");
    assert_eq!(secure.held("ORDERS"), 2, "nothing that was refused is there");

    let strange = project(&broker("nats", &secure.url(), "", ORDERS));
    check_refused(&called(strange.path(), "broker.paid", &input, PASSWORD), "SNW-2015", "tls: { ca: ... }");
    let clear = project(&broker("nats", &plain.url(), "", ORDERS));
    check_refused(&called(clear.path(), "broker.paid", &input, PASSWORD), "SNW-2018", "mode: none");
    plain.stream("ORDERS", "orders.>");
    let meant = project(&broker("nats", &plain.url(), "tls: { mode: none }", ORDERS));
    called(meant.path(), "broker.paid", &input, PASSWORD).ok();
}

const SENDING: &str = "
kind: Flow
name: send
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger: manual
steps:
  - all:
      each:
        items: '[1..300]'
        concurrency: 4
        steps:
          - sent: { call: broker.paid, with: { region: '\"eu\"', order: item }, retry: { attempts: 40, base: 50ms, max: 500ms } }
result: { ok: all.ok, failed: all.failed }
";

#[test]
fn a_message_under_a_key_is_in_its_stream_once_though_the_server_is_killed() {
    let test = "a_message_under_a_key_is_in_its_stream_once_though_the_server_is_killed";
    let Some(mut nats) = Nats::start(test, false) else { return };
    nats.stream("ORDERS", "orders.>");
    let documents = broker("nats", &nats.url(), "tls: { mode: none }", ORDERS);
    let mut world = world(42, &format!("{documents}{SENDING}"));
    let run = world.start("send", &json!({}));
    until("a part of it to be sent", PATIENCE, || (nats.held("ORDERS") > 20).then_some(()));
    nats.0.kill();
    nats.0.restart();
    until("another part to be sent", PATIENCE, || (nats.held("ORDERS") > 120).then_some(()));
    world.kill();
    world.serve();
    let end = world.end_of(&run);
    assert_eq!(end["run"]["status"], "finished", "{end}");
    assert_eq!(nats.held("ORDERS"), 300, "none lost, and none twice");
}
