//! Kafka, against the cluster of three brokers that librdkafka has for tests, and its producer.

use serde_json::json;
use sinew_e2e::{Http, Peer, until};

use super::*;

const OPERATIONS: &str = "
  paid:
    publish: { to: orders, key: customer, headers: { tenant: X-Tenant } }
    input: { type: object, required: [order], properties: { order: {}, customer: {}, tenant: {} } }
    idempotency: { key: message-id }
  routed: { publish: 'orders.{region}' }";

struct Cluster(Peer);

impl Cluster {
    fn start(test: &str) -> Option<Self> {
        Peer::of_python(test, "librdkafka").map(Self)
    }

    fn part(&self, index: usize) -> &str {
        self.0.url().split(' ').nth(index).unwrap()
    }

    fn documents(&self) -> String {
        let login = format!("auth: {{ basic: {{ username: {USER}, password: secret:broker/password }} }}");
        broker("kafka", self.part(0), "", OPERATIONS).replace(&login, "auth: none")
    }

    fn put(&self, topic: &str, compression: &str, records: impl IntoIterator<Item = String>) {
        let records: Vec<String> = records.into_iter().collect();
        let (door, to) = (Http::new(self.part(1), None), format!("/{topic}?compression={compression}"));
        let answer = door.post_bytes(&to, records.join("\n").as_bytes(), &[]);
        assert!(answer.is_ok(), "{answer:?}");
    }

    /// All records of a topic whose value is this.
    fn told(&self, topic: &str, value: &str) -> Vec<Value> {
        let all = Http::new(self.part(1), None).get(&format!("/{topic}")).json();
        all.as_array().unwrap().iter().filter(|record| record["value"] == value).cloned().collect()
    }
}

#[test]
fn every_record_of_a_kafka_topic_makes_one_run() {
    let Some(cluster) = Cluster::start("every_record_of_a_kafka_topic_makes_one_run") else { return };
    let documents = cluster.documents();
    let mut world = world(46, &format!("{documents}{}", paid("from: orders, begin: all")));
    check_every_message_makes_one_run(
        &mut world,
        // The cluster keeps nothing that would outlive a kill.
        |_| {},
        |_, numbers| {
            let compression = if numbers.start == 0 { "zstd" } else { "gzip" };
            cluster.put("orders", compression, orders(numbers));
        },
    );
    // What is too large is kept, once; and the rest goes on, however it is compressed.
    cluster.put("orders", "none", [format!("{{\"order\":\"{}\"}}", "x".repeat(100_000))]);
    for (number, compression) in ["none", "snappy", "lz4"].into_iter().enumerate() {
        let number = MESSAGES + number;
        cluster.put("orders", compression, orders(number..number + 1));
        until("the last one to come", PATIENCE, || (invoices(&world) > number).then_some(()));
    }
    until("what is too large to be kept", PATIENCE, || (world.dead().len() == 1).then_some(()));
    assert_eq!(world.dead()[0]["code"], "SNW-4034");
}

#[test]
fn records_are_published_in_the_partition_of_their_key() {
    let Some(cluster) = Cluster::start("records_are_published_in_the_partition_of_their_key") else { return };
    // The topics are there: Sinew makes none.
    cluster.put("orders", "none", ["{}".to_owned()]);
    cluster.put("orders.eu", "none", ["other".to_owned()]);
    let folder = project(&cluster.documents());
    let says = |call: &str, input: &Value| called(folder.path(), call, input, PASSWORD).ok();
    for order in 0..3 {
        let input = json!({ "order": order, "customer": "c 1", "tenant": "t1" });
        let said = says("broker.paid", &input);
        assert!(said.out.contains("\"partition\""), "{}", said.out);
    }
    let told: Vec<Value> = (0..3)
        .flat_map(|order| cluster.told("orders", &format!("{{\"order\":{order},\"customer\":\"c 1\"}}")))
        .collect();
    assert_eq!(told.len(), 3, "each once");
    assert!(told.iter().all(|record| record["partition"] == told[0]["partition"]), "{told:?}");
    assert_eq!((&told[0]["key"], &told[0]["headers"]["X-Tenant"]), (&json!("c 1"), &json!("t1")));
    assert!(told[0]["headers"]["traceparent"].is_string(), "{told:?}");
    says("broker.routed", &json!({ "region": "eu" }));
    assert_eq!(cluster.told("orders.eu", "{}").len(), 1);
    let nowhere = called(folder.path(), "broker.routed", &json!({ "region": "nowhere" }), PASSWORD);
    check_refused(&nowhere, "SNW-2042", "UNKNOWN_TOPIC_OR_PARTITION");
    for region in ["a b", "a/b", "", "é"] {
        let said = called(folder.path(), "broker.routed", &json!({ "region": region }), PASSWORD);
        check_refused(&said, "SNW-2052", "`region`");
    }
}

#[test]
fn a_new_group_begins_with_what_comes_from_then_on() {
    let Some(cluster) = Cluster::start("a_new_group_begins_with_what_comes_from_then_on") else { return };
    cluster.put("orders", "none", orders(0..10));
    let mut world = world(47, &format!("{}{}", cluster.documents(), paid("from: orders")));
    // Listened to once, it misses nothing, though nothing came before it was killed.
    until("it to listen", PATIENCE, || {
        let log = std::fs::read_to_string(world.options.data.join("server.log")).unwrap();
        log.contains("listening").then_some(())
    });
    world.kill();
    cluster.put("orders", "none", orders(10..20));
    world.serve();
    until("what is new to come", PATIENCE, || (invoices(&world) >= 10).then_some(()));
    world.settled();
    let truth = world.truth().by_reference("invoice.created");
    assert!((10..20).all(|number| truth.get(&format!("ord_{number}")) == Some(&1)), "{truth:?}");
    assert_eq!(truth.len(), 10);
}
