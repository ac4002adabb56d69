use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::client::{World, read_headers};

/// A delivery as the receiver saw it.
struct Delivery {
    headers: Vec<(String, String)>,
    body: String,
}

impl Delivery {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver that answers with these statuses in turn, then always with the last.
fn receiver(statuses: &'static [u16]) -> (String, mpsc::Receiver<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, deliveries) = mpsc::channel();
    std::thread::spawn(move || {
        for n in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(stream.try_clone().unwrap());
            from.read_line(&mut String::new()).unwrap();
            let headers = read_headers(&mut from).unwrap();
            let delivery = Delivery { headers, body: String::new() };
            let mut body = vec![0; delivery.header("content-length").parse().unwrap()];
            from.read_exact(&mut body).unwrap();
            // Told before it is answered, so that whoever saw the answer finds the delivery.
            if sender.send(Delivery { body: String::from_utf8(body).unwrap(), ..delivery }).is_err() {
                return;
            }
            let status = statuses[n.min(statuses.len() - 1)];
            write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    (url, deliveries)
}

fn register(world: &World, url: &str, scheme: &str, automatic: &[&str]) {
    let target = json!({ "url": url, "secret": "whsec_c2VjcmV0", "scheme": scheme, "automatic": automatic });
    world.control("POST", "/crm/webhooks", &target.to_string());
}

fn tag(secret: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn an_event_is_flat_signed_and_numbered() {
    let world = World::start();
    let (url, deliveries) = receiver(&[200]);
    register(&world, &url, "hmac", &[]);
    let emit = r#"{"event":"deal.updated","data":{"deal_id":"{n}","amount":1.10},"start":40,"count":2}"#;
    let report = world.control("POST", "/crm/emit", emit).json();
    assert_eq!((report["delivered"].as_u64(), report["done"].as_bool()), (Some(2), Some(true)));
    let delivery = deliveries.recv().unwrap();
    let hex = hex(&tag(b"whsec_c2VjcmV0", &delivery.body));
    assert_eq!(delivery.header("x-crm-signature"), format!("sha256={hex}"));
    let event = delivery.json();
    assert_eq!((event["deal_id"].as_str(), event["event"].as_str()), (Some("40"), Some("deal.updated")));
    assert_eq!(event["event_id"], report["delivered_ids"][0]);
    assert!(delivery.body.contains("\"amount\":1.10"));
    assert_eq!(delivery.header("x-crm-event-id"), event["event_id"]);
    assert_eq!(deliveries.recv().unwrap().json()["deal_id"], "41");
}

#[test]
fn standard_webhooks_sign_id_timestamp_and_body() {
    let world = World::start();
    let (url, deliveries) = receiver(&[200]);
    register(&world, &url, "standard", &[]);
    world.control("POST", "/crm/emit", r#"{"event":"contact.created","start":7}"#);
    let delivery = deliveries.recv().unwrap();
    let signed = format!(
        "{}.{}.{}",
        delivery.header("webhook-id"),
        delivery.header("webhook-timestamp"),
        delivery.body
    );
    let expected = format!("v1,{}", BASE64_STANDARD.encode(tag(b"secret", &signed)));
    assert_eq!(delivery.header("webhook-signature"), expected);
    assert_eq!(delivery.json()["contact_id"], "7");
}

#[test]
fn deliveries_are_tried_until_they_are_taken() {
    let world = World::start();
    let (url, deliveries) = receiver(&[503, 429, 200]);
    register(&world, &url, "hmac", &[]);
    let report = world.control("POST", "/crm/emit", r#"{"event":"deal.updated"}"#).json();
    assert_eq!((report["delivered"].as_u64(), report["attempts"].as_u64()), (Some(1), Some(3)));
    let ids: Vec<Value> = deliveries.try_iter().map(|delivery| delivery.json()["event_id"].clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn what_is_refused_or_never_answered_is_reported() {
    let world = World::start();
    let (url, _deliveries) = receiver(&[400]);
    register(&world, &url, "hmac", &[]);
    let report = world.control("POST", "/crm/emit", r#"{"event":"deal.updated"}"#).json();
    assert_eq!(
        (report["failed"].as_u64(), report["refused"].as_u64(), report["attempts"].as_u64()),
        (Some(1), Some(1), Some(1))
    );
    world.control("DELETE", "/crm/webhooks", "");
    register(&world, "http://127.0.0.1:9/nobody", "hmac", &[]);
    let report = world.control("POST", "/crm/emit", r#"{"event":"deal.updated","attempts":2}"#).json();
    assert_eq!((report["failed"].as_u64(), report["attempts"].as_u64()), (Some(1), Some(2)));
}

#[test]
fn duplicates_carry_the_same_id_and_tampered_ones_a_wrong_signature() {
    let world = World::start();
    let (url, deliveries) = receiver(&[200]);
    register(&world, &url, "hmac", &[]);
    let emit = r#"{"event":"deal.updated","count":20,"duplicate":1,"out_of_order":0.5,"tampered":0.2}"#;
    let report = world.control("POST", "/crm/emit", emit).json();
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!((count("delivered"), count("duplicates")), (20, 20));
    assert!(count("reordered") > 0 && count("tampered") > 0);
    let seen: Vec<Delivery> = deliveries.try_iter().collect();
    assert_eq!(seen.len() as u64, 40 + count("tampered"));
    let wrong = seen.iter().filter(|delivery| {
        let hex = hex(&tag(b"whsec_c2VjcmV0", &delivery.body));
        delivery.header("x-crm-signature") != format!("sha256={hex}")
    });
    assert_eq!(wrong.count() as u64, count("tampered"));
}

#[test]
fn an_emission_can_be_followed() {
    let world = World::start();
    let (url, deliveries) = receiver(&[200]);
    register(&world, &url, "hmac", &[]);
    let started = world.control("POST", "/crm/emit", r#"{"event":"deal.updated","count":3,"wait":false}"#);
    assert_eq!(started.status, 202);
    for _ in 0..3 {
        deliveries.recv().unwrap();
    }
    let path = format!("/crm/emit/{}", started.json()["id"].as_str().unwrap());
    assert_eq!(world.control("GET", &path, "").json()["events"], 3);
}

#[test]
fn a_change_in_the_crm_sends_an_event_of_itself() {
    let world = World::start();
    let (url, deliveries) = receiver(&[200]);
    register(&world, &url, "hmac", &["deal.updated"]);
    world.post("/crm/contacts", r#"{"email":"a@b.example"}"#);
    world.send("PATCH", "/crm/deals/77", &[], r#"{"stage":"closed_won"}"#).unwrap();
    let event = deliveries.recv().unwrap().json();
    assert_eq!(
        (event["event"].as_str(), event["deal_id"].as_str(), event["stage"].as_str()),
        (Some("deal.updated"), Some("77"), Some("closed_won"))
    );
}
