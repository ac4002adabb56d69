//! MQTT, against Mosquitto.

use serde_json::json;
use sinew_e2e::service::{Mosquitto, PASSWORD};
use sinew_e2e::until;

use super::*;

const OPERATIONS: &str = "
  set: { publish: { to: 'rooms/{room}/set', retain: true, json: value } }";

#[test]
fn every_message_of_a_topic_makes_one_run() {
    let Some(mosquitto) = Mosquitto::start("every_message_of_a_topic_makes_one_run", true) else { return };
    let documents = broker("mqtt", &mosquitto.url(), &trusting(), OPERATIONS);
    let trusted = project(&documents);
    let mut world = world(44, &format!("{documents}{}", paid("from: 'orders/+', dedupe: data.order")));
    // A broker keeps messages for those whom it knows.
    until("the subscription to stand", PATIENCE, || {
        mosquitto.publish("orders/eu", orders(0..1));
        (invoices(&world) == 1).then_some(())
    });
    let mosquitto = std::cell::RefCell::new(mosquitto);
    check_every_message_makes_one_run(
        &mut world,
        |kill| kill(&mut mosquitto.borrow_mut().0),
        |_, numbers| mosquitto.borrow().publish("orders/eu", orders(numbers)),
    );
    let mosquitto = mosquitto.into_inner();
    let large = format!("{{\"order\":\"{}\"}}", "x".repeat(200_000));
    mosquitto.publish("orders/eu", [large]);
    mosquitto.publish("orders/eu", orders(MESSAGES..MESSAGES + 1));
    until("the last one to come", PATIENCE, || (invoices(&world) > MESSAGES).then_some(()));
    assert_eq!(world.dead().len(), 1, "{:?}", world.dead());

    let at = trusted.path();
    let set = json!({ "room": "kitchen", "value": { "degrees": 20.50 } });
    called(at, "broker.set", &set, PASSWORD).ok();
    assert_eq!(mosquitto.retained("rooms/kitchen/set"), "{\"degrees\":20.5}");
    check_refused(&called(at, "broker.set", &set, "wrong"), "SNW-2021", "does not let this account in");
    for room in ["a/b", "+", "#", "a b", ""] {
        let said = called(at, "broker.set", &json!({ "room": room, "value": 1 }), PASSWORD);
        check_refused(&said, "SNW-2052", "`room`");
    }
    let strange = project(&broker("mqtt", &mosquitto.url(), "", OPERATIONS));
    check_refused(&called(strange.path(), "broker.set", &set, PASSWORD), "SNW-2015", "tls: { ca: ... }");
}
