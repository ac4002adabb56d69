//! Webhooks out: what subscribers get, and what becomes of those who do not take it.

use std::net::SocketAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sinew_model::{Principal, PrincipalKind};
use sinew_stdx::Json;
use sinew_store::{DeliveryFilter, DeliveryRow, DeliveryStatus};

use crate::http::{Answer, Receiver};
use crate::world::{Ground, World, until};

const EGRESS: &str = "egress: { allow: [loopback] }";

fn subscriber(name: &str, to: SocketAddr, more: &str) -> String {
    format!(
        "---\nkind: Subscriber\nname: {name}\nOWNER\nurl: http://{to}/{name}\nevents: ['order.*']\n{EGRESS}\n{more}\n"
    )
}

async fn emit(world: &World, event: &str, key: Option<&str>, n: i64) {
    let payload = Json::object([("n", &Json::of(&n))]);
    let by = Principal::new(PrincipalKind::User, "dana");
    world.engine.emit(event.into(), key.map(Into::into), payload, by).await.unwrap();
}

async fn rows(world: &World, name: &str, status: Option<DeliveryStatus>) -> Vec<DeliveryRow> {
    let filter = DeliveryFilter { subscriber: name.into(), status, limit: 1000, before: None };
    world.deliveries.deliveries(filter).await.unwrap()
}

async fn received(receiver: &Receiver, count: usize) -> Vec<Answer> {
    until(|| async { Some(receiver.got()).filter(|got| got.len() >= count) }).await
}

async fn delivered(world: &World, name: &str, count: u64) {
    until(|| async {
        let counts = world.deliveries.show(name).await.unwrap().counts;
        (counts.delivered == count).then_some(())
    })
    .await;
}

/// Lets so much time pass, as deliveries see it.
async fn pass(world: &World, time: Duration) {
    world.set_forward(time);
    world.deliveries.reload().await.unwrap();
}

fn signatures(got: &Answer) -> Vec<String> {
    got.header("webhook-signature").unwrap().split(' ').map(str::to_owned).collect()
}

/// The signature that a receiver works out.
fn expected(secret: &str, got: &Answer) -> String {
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let header = |name| got.header(name).unwrap();
    let content = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), got.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), content.as_bytes());
    format!("v1,{}", BASE64_STANDARD.encode(tag))
}

const NOTHING: &str = "kind: Flow\nname: none\nOWNER\ntrigger: manual\nsteps: [{ a: { map: 1 } }]\n";

fn project(subscribers: &[String]) -> String {
    format!("{NOTHING}{}", subscribers.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_delivered_signed_and_under_one_id_until_it_is_taken() {
    let receiver = Receiver::start(&[503, 200]).await;
    let world = World::with(&project(&[subscriber("partner", receiver.address, "")])).await;
    emit(&world, "order.paid", Some("k"), 7).await;
    emit(&world, "invoice.paid", None, 8).await;
    received(&receiver, 1).await;
    until(|| async { rows(&world, "partner", None).await[0].last.clone() }).await;
    pass(&world, Duration::from_secs(7)).await;
    let got = received(&receiver, 2).await;
    delivered(&world, "partner", 1).await;
    assert_eq!(got[1].json()["type"], "order.paid");
    assert_eq!((&got[1].json()["data"], &got[0].body), (&serde_json::json!({ "n": 7 }), &got[1].body));
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_ne!(got[0].header("webhook-timestamp"), got[1].header("webhook-timestamp"));
    let secret = world.deliveries.secret("partner").unwrap();
    assert!(got.iter().all(|got| signatures(got) == [expected(&secret, got)]));
    let row = &rows(&world, "partner", Some(DeliveryStatus::Delivered)).await[0];
    let (_, attempts) = world.deliveries.delivery("partner", row.delivery).await.unwrap();
    assert_eq!(attempts.iter().map(|a| a.status).collect::<Vec<_>>(), [Some(503), Some(200)]);
    assert_eq!(rows(&world, "partner", None).await.len(), 1, "what nobody asked for is not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_with_one_key_are_delivered_in_order_also_when_one_fails() {
    let receiver = Receiver::start(&[500, 200]).await;
    let world = World::with(&project(&[subscriber("partner", receiver.address, "ordered: true")])).await;
    for n in 0..5 {
        emit(&world, "order.paid", Some("k"), n).await;
    }
    until(|| async { rows(&world, "partner", None).await[4].last.clone() }).await;
    assert_eq!(receiver.got().len(), 1, "the others wait behind the first");
    assert_eq!(rows(&world, "partner", Some(DeliveryStatus::Blocked)).await.len(), 4);
    pass(&world, Duration::from_secs(7)).await;
    let got = received(&receiver, 6).await;
    let order: Vec<_> = got.iter().map(|got| got.json()["data"]["n"].as_i64().unwrap()).collect();
    assert_eq!(order, [0, 0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_without_a_gap() {
    let receiver = Receiver::start(&[200]).await;
    let project = project(&[
        subscriber("partner", receiver.address, ""),
        subscriber("own", receiver.address, "secret: [secret:alerts/key, secret:hook/standard]"),
    ]);
    let world = World::with(&project).await;
    let before = world.deliveries.secret("partner").unwrap();
    let after = world.deliveries.rotate("partner", Duration::from_hours(24)).await.unwrap();
    assert_ne!(before, after);
    emit(&world, "order.paid", None, 1).await;
    let got = received(&receiver, 2).await;
    let to = |got: &[Answer], path: &str| got.iter().rfind(|got| got.head.contains(path)).cloned().unwrap();
    let both = to(&got, "/partner");
    assert_eq!(signatures(&both), [expected(&after, &both), expected(&before, &both)]);
    let own = to(&got, "/own");
    assert_eq!(signatures(&own), vec![expected("whsec_c2VjcmV0", &own); 2]);
    assert!(world.deliveries.rotate("own", Duration::ZERO).await.is_err());
    pass(&world, Duration::from_hours(25)).await;
    emit(&world, "order.paid", None, 2).await;
    let one = to(&received(&receiver, 4).await, "/partner");
    assert_eq!(signatures(&one), [expected(&after, &one)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_told_of_and_goes_on_when_enabled() {
    let receiver = Receiver::start(&[410, 200]).await;
    let world = World::with(&project(&[subscriber("partner", receiver.address, "")])).await;
    emit(&world, "order.paid", None, 1).await;
    let show = async || world.deliveries.show("partner").await.unwrap();
    until(|| async { show().await.disabled }).await;
    emit(&world, "order.paid", None, 2).await;
    let alert = until(|| async { world.alerts(true).await.into_iter().next() }).await;
    assert_eq!((&*alert.kind, &*alert.subject), ("delivery", "partner"));
    assert!(alert.message.contains("410") && alert.message.contains("sinew subscribers enable partner"));
    assert_eq!((show().await.counts.waiting, receiver.got().len()), (2, 1), "events are kept, and not sent");
    world.deliveries.enable("partner").await.unwrap();
    pass(&world, Duration::from_secs(7)).await;
    delivered(&world, "partner", 2).await;
    until(|| async { world.alerts(true).await.is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_answers_is_disabled_after_days_and_keeps_nobody_waiting() {
    let well = Receiver::start(&[200]).await;
    let dead: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let project =
        project(&[subscriber("well", well.address, ""), subscriber("dead", dead, "retry_for: 30d")]);
    let world = World::with(&project).await;
    let many: u64 = 500;
    for n in 0..many {
        emit(&world, "order.paid", None, i64::try_from(n).unwrap()).await;
    }
    delivered(&world, "well", many).await;
    let show = async || world.deliveries.show("dead").await.unwrap();
    until(|| async { show().await.failing_since }).await;
    let disabled = until(|| async {
        pass(&world, Duration::from_mins(20)).await;
        show().await.disabled
    })
    .await;
    assert!(disabled.1.contains("nothing was taken for 5d"), "{disabled:?}");
    assert_eq!(show().await.counts.waiting, many);
    let attempts: u32 = rows(&world, "dead", None).await.iter().map(|row| row.attempts).sum();
    assert!(attempts < 600, "one tries for all: {attempts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_delivered_after_a_restart() {
    let receiver = Receiver::start(&[200]).await;
    let project = project(&[subscriber("partner", receiver.address, "")]);
    let world = World::with(&project).await;
    world.deliveries.disable("partner", "for a while").await.unwrap();
    let secret = world.deliveries.secret("partner").unwrap();
    for n in 0..3 {
        emit(&world, "order.paid", None, n).await;
    }
    let world = world.again(Duration::from_secs(1), &Ground::default(), &project).await;
    assert_eq!(world.deliveries.secret("partner").unwrap(), secret);
    assert_eq!(world.deliveries.show("partner").await.unwrap().disabled.unwrap().1, "for a while");
    world.deliveries.enable("partner").await.unwrap();
    delivered(&world, "partner", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_events_are_delivered_again_from_a_time() {
    let receiver = Receiver::start(&[200]).await;
    let world = World::with(&project(&[subscriber("partner", receiver.address, "")])).await;
    for n in 0..4 {
        emit(&world, "order.paid", None, n).await;
        world.set_forward(Duration::from_mins(1));
    }
    delivered(&world, "partner", 4).await;
    let from = rows(&world, "partner", None).await[1].at;
    assert_eq!(world.deliveries.replay("partner", from, None).await.unwrap(), 2);
    let got = received(&receiver, 6).await;
    delivered(&world, "partner", 4).await;
    let ids: Vec<_> = got.iter().filter_map(|got| got.header("webhook-id")).collect();
    assert!(ids[4..].iter().all(|id| ids[..4].contains(id)), "under the ids they had");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let receiver = Receiver::start(&[200]).await;
    let inside = subscriber("inside", receiver.address, "").replace(EGRESS, "");
    let world = World::with(&project(&[inside])).await;
    emit(&world, "order.paid", None, 1).await;
    let last = until(|| async { rows(&world, "inside", None).await[0].last.clone() }).await;
    assert!(last.status.is_none() && last.excerpt.contains("loopback"), "{last:?}");
    assert!(receiver.got().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_come_and_go_while_the_server_runs() {
    let receiver = Receiver::start(&[200]).await;
    let world = World::with(NOTHING).await;
    let spec = |name: &str, more: &str| {
        Json::parse(
            format!(
                r#"{{"kind":"Subscriber","name":"{name}","owner":{{"team":"t","contact":"c@example.com","runbook":"r.md"}},
                "url":"http://{}/x","events":["*"],"egress":{{"allow":["loopback"]}}{more}}}"#,
                receiver.address
            )
            .as_bytes(),
        )
        .unwrap()
    };
    let refused = world.deliveries.create(&spec("x", r#","tiemout":"1s""#)).await.unwrap_err().to_string();
    assert!(refused.contains("did you mean `timeout`?"), "{refused}");
    world.deliveries.create(&spec("x", "")).await.unwrap();
    assert!(world.deliveries.create(&spec("x", "")).await.is_err(), "twice");
    emit(&world, "anything", None, 1).await;
    delivered(&world, "x", 1).await;
    let (secret, token) =
        (world.deliveries.secret("x").unwrap(), world.deliveries.token("x", false).await.unwrap());
    assert_eq!(world.deliveries.receiver(&token).as_deref(), Some("x"));
    let world = world.again(Duration::from_secs(1), &Ground::default(), NOTHING).await;
    assert_eq!(world.deliveries.secret("x").unwrap(), secret, "it outlives a restart");
    world.deliveries.remove("x").await.unwrap();
    assert!(world.deliveries.show("x").await.is_err() && world.deliveries.receiver(&token).is_none());
    world.deliveries.create(&spec("x", "")).await.unwrap();
    assert_ne!(world.deliveries.secret("x").unwrap(), secret, "another of the same name");
    assert_eq!(world.deliveries.receiver(&token), None);
}
