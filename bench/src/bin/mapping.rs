//! Mapping: an order from text, through an expression, to text; beside the engine underneath used plainly.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::time::{Duration, Instant};

use jsonata_core::Expression as Plain;
use jsonata_core::value::JValue;
use sinew_bench::{Report, median};
use sinew_mapping::{Limits, Mapping, Moment, Scope, Template};
use sinew_stdx::{Json, Timestamp};

/// The allocator that `sinew` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 15;
const TIMES: u32 = 20_000;

const ORDER: &str = r#"{"id":"ord_10293","number":10293,"currency":"eur","placed_at":"2026-11-20T17:04:11Z","customer":{"id":"c_5521","first_name":"Maren","last_name":"Olsen","email":"maren.olsen@example.com","phone":"+49 30 5557 0101","address":{"street":"Torstrasse 140","zip":"10119","city":"Berlin","country":"de"}},"lines":[{"sku":"A-100","name":"Desk lamp","quantity":2,"price":39.9,"vat":0.19,"tags":["light","home"],"stock":{"warehouse":"BER1","level":140}},{"sku":"B-210","name":"Oak shelf","quantity":1,"price":129.0,"vat":0.19,"tags":["wood"],"stock":{"warehouse":"BER1","level":12}},{"sku":"C-007","name":"Gift card","quantity":3,"price":25.0,"vat":0.0,"tags":[],"stock":{"warehouse":"DIG","level":9999}},{"sku":"D-404","name":"Rug 200x300","quantity":1,"price":249.5,"vat":0.19,"tags":["textile","sale"],"stock":{"warehouse":"HAM2","level":3}}],"shipping":{"method":"express","price":9.9},"payment":{"method":"card","captured":true,"reference":"pi_3Kxw2"},"notes":"Please ring twice","utm":{"source":"newsletter","campaign":"autumn"}}"#;

const FIELDS: [(&str, &str); 7] = [
    ("reference", "order.id"),
    ("contact_full_name", r#"order.customer.first_name & " " & order.customer.last_name"#),
    ("currency", "$uppercase(order.currency)"),
    ("country", "$uppercase(order.customer.address.country)"),
    ("total", "$sum(order.lines.(quantity * price)) + order.shipping.price"),
    ("taxed", r#"order.lines[vat > 0].{"sku": sku, "amount": quantity * price}"#),
    ("paid", "order.payment.captured"),
];

fn main() {
    let fields = FIELDS.map(|(name, source)| (name.to_owned(), Template::Expression(source.to_owned())));
    let mapping = Mapping::compile(&Template::Object(fields.to_vec())).expect("the order example compiles");
    let pairs: Vec<_> = FIELDS.iter().map(|(name, source)| format!("{name:?}: {source}")).collect();
    let plain = Plain::compile(&format!("{{{}}}", pairs.join(", "))).expect("the order example compiles");
    assert_eq!(
        ours(&mapping).to_value(),
        serde_json::from_str::<serde_json::Value>(&theirs(&plain)).expect("JSON")
    );
    let (mut mine, mut peer, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        mine.push(micros(|| drop(std::hint::black_box(ours(&mapping)))));
        peer.push(micros(|| drop(std::hint::black_box(theirs(&plain)))));
        bare.push(micros(|| drop(std::hint::black_box(parse_and_print()))));
    }
    let (mine, peer, bare) = (median(&mut mine), median(&mut peer), median(&mut bare));
    let mut report = Report::new("mapping");
    report.metric("order_us", "order: parse, map, print", mine, "us", "<= 10");
    report.metric("plain_engine_us", "the same by jsonata-core alone", peer, "us", "");
    report.metric("parse_print_us", "parse and print alone (serde_json)", bare, "us", "");
    report.metric("ratio_to_plain_engine", "ratio to jsonata-core alone", mine / peer, "x", "");
    report.print();
}

fn ours(mapping: &Mapping) -> Json {
    let order = Json::parse(ORDER.as_bytes()).expect("the order is JSON");
    let scope = Scope::new().with("order", &order);
    let moment = Moment { now: Timestamp::from_millis(0), seed: 1 };
    mapping.evaluate(&scope, moment, &Limits::default()).expect("the order maps")
}

fn theirs(plain: &Plain) -> String {
    let order = JValue::from_json_str(&format!(r#"{{"order":{ORDER}}}"#)).expect("the order is JSON");
    plain.evaluate(&order).expect("the order maps").to_json_string().expect("it prints")
}

fn parse_and_print() -> String {
    let value: serde_json::Value = serde_json::from_str(ORDER).expect("the order is JSON");
    value.to_string()
}

fn micros(mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    for _ in 0..TIMES {
        work();
    }
    per_time(begin.elapsed())
}

fn per_time(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(TIMES)
}
