use std::time::Duration;

use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};
use sinew_store::{DeadFilter, DeadLetters};

use crate::http::{raw, request};
use crate::world::{Ground, World, until};

fn flow(every: &str, batch: bool) -> String {
    format!(
        "
kind: Flow
name: orders
OWNER
trigger:
  poll:
    call: shop.changedOrders
    with: {{ since: cursor, limit: 20 }}
    every: {every}
    start: '1970-01-01T00:00:00.000Z'
    cursor: updated_at
    batch: {batch}
steps:
  - got: {{ map: trigger }}
"
    )
}

struct Shop {
    vendors: RunningSandbox,
    ground: Ground,
}

impl Shop {
    fn open() -> Self {
        let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
        let ground = Ground { vendors: Some(vendors.url()), ..Ground::default() };
        Self { vendors, ground }
    }

    async fn control(&self, method: &str, path: &str, body: &str) {
        let answer = raw(self.vendors.address(), &request(method, path, &[], body.as_bytes())).await.unwrap();
        assert!((200..300).contains(&answer.status), "{answer:?}");
    }
}

fn refs(orders: &[serde_json::Value]) -> Vec<&str> {
    orders.iter().map(|order| order["external_ref"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_new_is_one_run_each_and_nothing_twice() {
    let shop = Shop::open();
    shop.control("POST", "/_control/shop/orders", r#"{"count":50,"start":1}"#).await;
    let world = World::on(&shop.ground, &flow("1s", false)).await;
    let payloads = world.payloads("orders", 50).await;
    let expected: Vec<String> = (1..=50).map(|n| format!("order-{n}")).collect();
    assert_eq!(refs(&payloads), expected);
    let world = world.again(Duration::from_mins(1), &shop.ground, &flow("1s", false)).await;
    shop.control("POST", "/_control/shop/orders", r#"{"count":2,"start":51}"#).await;
    assert_eq!(refs(&world.payloads("orders", 52).await)[50..], ["order-51", "order-52"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_be_one_run() {
    let shop = Shop::open();
    shop.control("POST", "/_control/shop/orders", r#"{"count":50,"start":1}"#).await;
    let world = World::on(&shop.ground, &flow("1h", true)).await;
    let sizes: Vec<usize> =
        world.payloads("orders", 3).await.iter().map(|p| p["items"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [20, 20, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_read_on_where_it_was_left() {
    let shop = Shop::open();
    shop.control("POST", "/_control/shop/orders", r#"{"count":50,"start":1}"#).await;
    // The second page fails once; the third comes after.
    shop.control("POST", "/_control/shop/faults", r#"{"kind":"status","status":500,"after":1,"count":1}"#)
        .await;
    let world = World::on(&shop.ground, &flow("1s", false)).await;
    assert_eq!(world.payloads("orders", 50).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_asked_for_anew_doubles_nothing() {
    let shop = Shop::open();
    shop.control("POST", "/_control/shop/orders", r#"{"count":50,"start":1}"#).await;
    // The shop does not know the second page any more; the first one comes again.
    shop.control("POST", "/_control/shop/faults", r#"{"kind":"status","status":422,"after":1,"count":1}"#)
        .await;
    let world = World::on(&shop.ground, &flow("1s", false)).await;
    assert_eq!(world.payloads("orders", 50).await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_without_a_place_are_taken_once() {
    let shop = Shop::open();
    let flow = flow("1s", false).replace("cursor: updated_at", "cursor: no_such_field");
    shop.control("POST", "/_control/shop/orders", r#"{"count":30,"start":1}"#).await;
    let world = World::on(&shop.ground, &flow).await;
    assert_eq!(world.payloads("orders", 30).await.len(), 30);
    // It is read after the others are read again.
    shop.control("POST", "/_control/shop/orders", r#"{"count":1,"start":31}"#).await;
    assert_eq!(refs(&world.payloads("orders", 31).await)[30..], ["order-31"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_fails_again_and_again_is_told_and_its_end_too() {
    let shop = Shop::open();
    shop.control("POST", "/_control/shop/faults", r#"{"kind":"status","status":422}"#).await;
    let world = World::on(&shop.ground, &flow("1s", false)).await;
    let told = until(|| async { world.alerts(true).await.into_iter().next() }).await;
    assert_eq!(&*told.key, "silence:orders/poll");
    shop.control("DELETE", "/_control/faults", "").await;
    until(|| async { world.alerts(true).await.is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_cannot_be_read_is_a_dead_letter_and_the_poll_goes_on() {
    let shop = Shop::open();
    let flow = |batch| {
        flow("1s", batch).replace(
            "    batch:",
            "    when: 'external_ref = \"order-2\" ? $error(\"no such order\") : true'\n    batch:",
        )
    };
    shop.control("POST", "/_control/shop/orders", r#"{"count":3,"start":1}"#).await;
    let world = World::on(&shop.ground, &flow(false)).await;
    assert_eq!(refs(&world.payloads("orders", 3).await), ["order-1", "order-2", "order-3"]);
    check_only_letter(&world, r#"{"created_at":"#).await;
    shop.control("POST", "/_control/shop/orders", r#"{"count":1,"start":4}"#).await;
    assert_eq!(refs(&world.payloads("orders", 4).await)[3..], ["order-4"]);
    check_only_letter(&world, r#"{"created_at":"#).await;
    let world = World::on(&shop.ground, &flow(true)).await;
    let payloads = world.payloads("orders", 2).await;
    let mut sizes: Vec<usize> = payloads.iter().map(|p| p["items"].as_array().unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 3]);
    check_only_letter(&world, r#"{"items":[{"created_at":"#).await;
}

/// The one dead letter is that of the second order, and looks so.
async fn check_only_letter(world: &World, begin: &str) {
    let filter = DeadFilter { limit: 10, ..DeadFilter::default() };
    let letters = until(|| async {
        Some(world.store.dead_list(filter.clone()).await.unwrap()).filter(|letters| !letters.is_empty())
    })
    .await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let payload = letter.letter.payload.as_str();
    assert!(payload.starts_with(begin) && payload.contains("order-2"), "{payload}");
    assert_eq!(&*letter.letter.step, "trigger");
}
