//! AMQP, against RabbitMQ.

use serde_json::json;
use sinew_e2e::service::{PASSWORD, Rabbit};
use sinew_e2e::until;

use super::*;

const OPERATIONS: &str = "
  paid:
    publish: { to: orders, headers: { tenant: X-Tenant }, event: order.paid }
    input: { type: object, required: [order], properties: { order: {}, tenant: {} } }
    idempotency: { key: message-id }
  queued: { publish: '{queue}' }
  routed: { publish: { exchange: amq.topic, to: 'orders.{region}' } }
  nowhere: { publish: { exchange: no-such-exchange, to: orders } }";

/// Publishes by Sinew itself, as nothing in Debian waits for confirmations.
const SENDING: &str = "---
kind: Flow
name: send
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger: manual
steps:
  - all:
      each:
        items: '[trigger.from..trigger.to]'
        concurrency: 16
        steps:
          - sent: { call: broker.paid, with: { order: '\"ord_\" & item' }, retry: { attempts: 60, base: 50ms, max: 5s } }
";

#[test]
fn every_message_of_a_queue_makes_one_run() {
    let Some(rabbit) = Rabbit::start("every_message_of_a_queue_makes_one_run", true) else { return };
    rabbit.queue("orders");
    let documents = broker("amqp", &rabbit.url(), &trusting(), OPERATIONS);
    let trusted = project(&documents);
    // Messages that are sent again come twice, under the same id.
    let mut world = world(43, &format!("{documents}{}{SENDING}", paid("from: orders, event: order.paid")));
    let rabbit = std::cell::RefCell::new(rabbit);
    check_every_message_makes_one_run(
        &mut world,
        |kill| kill(&mut rabbit.borrow_mut().0),
        |world, numbers| {
            world.start("send", &json!({ "from": numbers.start, "to": numbers.end - 1 }));
        },
    );
    let rabbit = rabbit.into_inner();
    let at = trusted.path();
    // What is too large is kept, once; what has no name, or another, is passed over; and the rest goes on.
    called(at, "broker.paid", &json!({ "order": "x".repeat(100_000) }), PASSWORD).ok();
    rabbit.publish("orders", orders(MESSAGES + 1..MESSAGES + 2));
    called(at, "broker.paid", &json!({ "order": "last" }), PASSWORD).ok();
    until("the last one to come", PATIENCE, || (invoices(&world) > MESSAGES).then_some(()));
    assert_eq!(world.dead().len(), 1, "{:?}", world.dead());
    assert_eq!(world.dead()[0]["code"], "SNW-4034");
    world.kill();
    assert_eq!(rabbit.take("orders"), None, "all was acknowledged");

    called(at, "broker.paid", &json!({ "order": 9_007_199_254_740_993_u64, "tenant": "t1" }), PASSWORD).ok();
    assert_eq!(rabbit.take("orders").as_deref(), Some("{\"order\":9007199254740993}"));
    // Larger than a frame.
    let large = json!({ "order": "y".repeat(100_000) });
    called(at, "broker.paid", &large, PASSWORD).ok();
    assert_eq!(rabbit.take("orders").map(|message| message.len()), Some(large.to_string().len()));

    check_refused(&called(at, "broker.paid", &json!({ "order": 1 }), "wrong"), "SNW-2021", "ACCESS_REFUSED");
    let nobody = json!({ "queue": "nobody" });
    check_refused(&called(at, "broker.queued", &nobody, PASSWORD), "SNW-2042", "NO_ROUTE");
    let unrouted = json!({ "region": "eu" });
    check_refused(&called(at, "broker.routed", &unrouted, PASSWORD), "SNW-2042", "NO_ROUTE");
    check_refused(&called(at, "broker.nowhere", &json!({}), PASSWORD), "SNW-2042", "no-such-exchange");
    for region in ["a.b", "*", "#", "a b", ""] {
        let said = called(at, "broker.routed", &json!({ "region": region }), PASSWORD);
        check_refused(&said, "SNW-2052", "`region`");
    }
    let strange = project(&broker("amqp", &rabbit.url(), "", OPERATIONS));
    let said = called(strange.path(), "broker.paid", &json!({ "order": 1 }), PASSWORD);
    check_refused(&said, "SNW-2015", "tls: { ca: ... }");
    assert_eq!(rabbit.take("orders"), None, "nothing that was refused is there");
}
