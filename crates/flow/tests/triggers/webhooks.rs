use std::io::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::http::{Answer, raw, read_answer, request};
use crate::world::{BEGIN_MS, Ground, World};

const FLOWS: &str = r#"
kind: Flow
name: open
OWNER
trigger:
  webhook: { path: open/door, verify: none, when: 'stage = "won"', dedupe: id, body_max: 100KB }
steps:
  - got: { map: { id: trigger.id } }
---
kind: Flow
name: asked
OWNER
trigger:
  webhook: { verify: none, wait: 20s }
steps:
  - twice: { map: 'trigger.n * 2' }
result: { twice: twice }
---
kind: Flow
name: fails
OWNER
trigger:
  webhook: { verify: none, wait: 20s }
steps:
  - bad: { map: '$number(trigger.n)' }
---
kind: Flow
name: slow
OWNER
trigger:
  webhook: { verify: none, wait: 10ms }
steps:
  - rest: { wait: { for: 1h } }
---
kind: Flow
name: signed
OWNER
trigger:
  webhook:
    verify: { hmac: { header: X-Sig, prefix: 'sha256=' } }
    secret: secret:hook/hmac
    event: deal.updated
    event_of: type
steps:
  - got: { map: trigger }
---
kind: Flow
name: standard
OWNER
trigger:
  webhook: { verify: standard, secret: secret:hook/standard }
steps:
  - got: { map: trigger }
---
kind: Flow
name: named
OWNER
trigger:
  webhook: { verify: standard, secret: secret:hook/standard, dedupe: { key: id, window: 1s } }
steps:
  - got: { map: trigger }
---
kind: Flow
name: unverifiable
OWNER
trigger:
  webhook: { verify: standard, secret: secret:hook/missing }
steps:
  - got: { map: trigger }
"#;

fn check_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["correlation_id"].as_str().map(str::len), Some(32), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_durable_before_it_is_answered_and_taken_once() {
    let world = World::with(FLOWS).await;
    let body = r#"{"id":9007199254740993,"stage":"won","other":"x"}"#;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let first = world.post("/hooks/open/door", &[("traceparent", traceparent)], body).await;
    let run = first.json()["run"].as_str().unwrap().to_owned();
    assert_eq!((first.status, first.json()["status"].as_str()), (202, Some("accepted")));
    assert_eq!(first.header("location"), Some(format!("https://sinew.example.com/v1/runs/{run}").as_str()));
    assert_eq!(first.header("traceparent"), Some(traceparent));
    let again = world.post("/hooks/open/door", &[], body).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.body, format!(r#"{{"run":"{run}","duplicate":true}}"#));
    let runs = world.runs("open").await;
    assert_eq!(
        (runs.len(), runs[0].run.to_string(), runs[0].trace_id),
        (1, run, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_flow_does_not_want_is_left() {
    let world = World::with(FLOWS).await;
    let lost = world.post("/hooks/open/door", &[], r#"{"id":1,"stage":"lost"}"#).await;
    assert_eq!((lost.status, lost.body.as_str()), (200, r#"{"ignored":true}"#));
    assert!(world.runs("open").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_an_object_of_texts() {
    let world = World::with(FLOWS).await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(world.post("/hooks/open/door", &form, "stage=won&id=a+%26+b").await.status, 202);
    assert_eq!(world.payloads("open", 1).await[0]["id"], "a & b");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_the_result_or_the_address_of_the_run() {
    let world = World::with(FLOWS).await;
    let asked = world.post("/hooks/asked", &[], r#"{"n":21}"#).await;
    assert_eq!((asked.status, asked.body.as_str()), (200, r#"{"twice":42}"#));
    assert!(asked.header("location").is_some());
    let slow = world.post("/hooks/slow", &[], "{}").await;
    assert_eq!((slow.status, slow.json()["status"].as_str()), (202, Some("accepted")));
    let fails = world.post("/hooks/fails", &[], r#"{"n":"secret words"}"#).await;
    assert_eq!((fails.status, fails.json()["status"].as_str()), (202, Some("dead")));
    assert_eq!(fails.json()["run"].as_str().map(str::len), Some(26));
    assert!(!fails.body.contains("secret words"), "{fails:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_and_leaves_nothing() {
    let world = World::with(FLOWS).await;
    let deep = "[".repeat(50_000);
    for body in [&b"{\"id\":"[..], b"\xff\xfe{}", deep.as_bytes(), b""] {
        check_refused(&world.post("/hooks/open/door", &[], body).await, 400, "SNW-4001");
    }
    check_refused(&world.post("/hooks/open/door", &[], "x".repeat(100_001)).await, 413, "SNW-4005");
    check_refused(&world.post("/hooks/nobody", &[], "{}").await, 404, "SNW-4003");
    check_refused(&world.post("/elsewhere", &[], "{}").await, 404, "SNW-4003");
    let got = raw(world.triggers.address(), &request("GET", "/hooks/open/door", &[], b"")).await.unwrap();
    check_refused(&got, 405, "SNW-4004");
    assert_eq!(got.header("allow"), Some("POST"));
    assert!(world.runs("open").await.is_empty());
    assert_eq!(world.post("/hooks/open/door", &[], r#"{"id":1,"stage":"won"}"#).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_is_refused_at_the_limit_and_half_a_body_is_none() {
    let world = World::with(FLOWS).await;
    let head = "POST /hooks/open/door HTTP/1.1\r\nhost: x\r\n";
    let gigabyte = format!("{head}content-length: 1000000000\r\n\r\n{{");
    check_refused(&raw(world.triggers.address(), gigabyte.as_bytes()).await.unwrap(), 413, "SNW-4005");
    let chunk = format!("{:x}\r\n{}\r\n", 60_000, " ".repeat(60_000));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}");
    check_refused(&raw(world.triggers.address(), chunked.as_bytes()).await.unwrap(), 413, "SNW-4005");

    let half = format!("{head}content-length: 100\r\n\r\n{{\"id\":1,\"stage\":\"won\"}}");
    let slow = raw(world.triggers.address(), half.as_bytes()).await.unwrap();
    check_refused(&slow, 408, "SNW-4006");
    let mut hung_up = TcpStream::connect(world.triggers.address()).await.unwrap();
    hung_up.write_all(half.as_bytes()).await.unwrap();
    hung_up.shutdown().await.unwrap();
    if let Some(answer) = read_answer(&mut hung_up).await {
        check_refused(&answer, 400, "SNW-4006");
    }
    assert!(world.runs("open").await.is_empty());
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_delivery_is_read_and_a_bomb_is_not() {
    let world = World::with(FLOWS).await;
    let coded = [("content-encoding", "gzip")];
    let body = gzip(br#"{"id":"packed","stage":"won"}"#);
    assert_eq!(world.post("/hooks/open/door", &coded, body.as_slice()).await.status, 202);
    assert_eq!(world.payloads("open", 1).await[0]["id"], "packed");

    let bomb = gzip(&vec![b' '; 20_000_000]);
    check_refused(&world.post("/hooks/open/door", &coded, bomb.as_slice()).await, 413, "SNW-4005");
    let half = &body[..body.len() / 2];
    let broken = world.post("/hooks/open/door", &coded, half).await;
    check_refused(&broken, 400, "SNW-4001");
    assert!(broken.body.contains("it is compressed, and ends in the middle"), "{broken:?}");
    let other = world.post("/hooks/open/door", &[("content-encoding", "br")], "x").await;
    check_refused(&other, 415, "SNW-4001");
    assert!(other.body.contains("it is encoded as `br`; `gzip` and `deflate` are understood"), "{other:?}");
    assert_eq!(world.runs("open").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_over_what_was_sent_compressed_or_not() {
    let world = World::with(FLOWS).await;
    let body = gzip(br#"{"type":"deal.updated","id":1}"#);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"new-secret"), &body);
    let digits: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = format!("sha256={}", digits.concat());
    let headers = [("content-encoding", "gzip"), ("x-sig", &signature)];
    assert_eq!(world.post("/hooks/signed", &headers, body.as_slice()).await.status, 202);
    // A bomb of somebody who cannot sign is not even opened.
    let bomb = gzip(&vec![b' '; 20_000_000]);
    check_refused(&world.post("/hooks/signed", &headers, bomb.as_slice()).await, 401, "SNW-4010");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_is_believed_under_either_of_two_secrets_and_no_other() {
    let world = World::with(FLOWS).await;
    let sign = |secret: &str, body: &str| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
        let digits: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={}", digits.concat())
    };
    let body = r#"{"type":"deal.updated","id":1}"#;
    for secret in ["new-secret", "old-secret"] {
        assert_eq!(world.post("/hooks/signed", &[("x-sig", &sign(secret, body))], body).await.status, 202);
    }
    let forged = world.post("/hooks/signed", &[("x-sig", &sign("other", body))], body).await;
    check_refused(&forged, 401, "SNW-4010");
    let changed = world.post("/hooks/signed", &[("x-sig", &sign("new-secret", body))], "{}").await;
    check_refused(&changed, 401, "SNW-4010");
    check_refused(&world.post("/hooks/signed", &[], body).await, 401, "SNW-4010");
    let other = r#"{"type":"deal.created"}"#;
    let ignored = world.post("/hooks/signed", &[("x-sig", &sign("new-secret", other))], other).await;
    assert_eq!((ignored.status, ignored.body.as_str()), (200, r#"{"ignored":true}"#));
    assert_eq!(world.runs("signed").await.len(), 2);
}

/// Delivers as Standard Webhooks does, signed so long before the world began.
async fn deliver_standard(world: &World, path: &str, id: &str, age_s: i64, body: &str) -> Answer {
    let timestamp = (BEGIN_MS / 1000 - age_s).to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
    let headers = [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)];
    world.post(path, &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_delivery_is_not_taken_again_whatever_its_flow_says_of_duplicates() {
    let world = World::with(FLOWS).await;
    for (id, body) in [("msg_1", "{}"), ("msg_2", r#"{"id":null}"#), ("msg_3", r#"{"id":7}"#)] {
        let deliver = async || deliver_standard(&world, "/hooks/named", id, 0, body).await;
        let first = deliver().await;
        assert_eq!(first.status, 202, "{body}");
        world.set_forward(Duration::from_mins(4));
        let again = deliver().await;
        assert_eq!((again.status, &again.json()["run"]), (200, &first.json()["run"]), "{body}");
        world.set_back(Duration::from_mins(4));
    }
    assert_eq!(world.runs("named").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standard_delivery_that_comes_again_is_the_same_run_and_an_old_one_none() {
    let world = World::with(FLOWS).await;
    let deliver = async |world: &World, id: &str, age_s: i64| {
        deliver_standard(world, "/hooks/standard", id, age_s, "{}").await
    };
    let first = deliver(&world, "msg_1", 0).await;
    assert_eq!(first.status, 202);
    let again = deliver(&world, "msg_1", 10).await;
    assert_eq!((again.status, &again.json()["run"]), (200, &first.json()["run"]));
    check_refused(&deliver(&world, "msg_2", 301).await, 401, "SNW-4011");
    check_refused(&deliver(&world, "msg_3", -301).await, 401, "SNW-4011");
    assert_eq!(world.runs("standard").await.len(), 1);
    let unverifiable = world.post("/hooks/unverifiable", &[], "{}").await;
    check_refused(&unverifiable, 503, "SNW-4012");
    assert!(unverifiable.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_backlog_says_when_to_come_again() {
    let flow = "
kind: Flow
name: narrow
OWNER
trigger: { webhook: { verify: none, key: '1' } }
steps:
  - rest: { wait: { for: 1h } }
limits: { backlog: 1 }
";
    let world = World::with(flow).await;
    assert_eq!(world.post("/hooks/narrow", &[], "1").await.status, 202);
    let mut answers = Vec::new();
    for n in 2..5 {
        answers.push(world.post("/hooks/narrow", &[], n.to_string()).await);
    }
    let refused = answers.last().unwrap();
    check_refused(refused, 429, "SNW-4002");
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_and_an_engine_that_stops_take_nothing() {
    let flows = FLOWS.replace("100KB", "10MB");
    let world = World::on(&Ground { bytes_max: Some(3 << 20), ..Ground::default() }, &flows).await;
    let mut full = None;
    for id in 0..40 {
        let body = format!(r#"{{"id":"{id}{}","stage":"won"}}"#, "x".repeat(300_000));
        let answer = world.post("/hooks/open/door", &[], body).await;
        if answer.status != 202 {
            full = Some(answer);
            break;
        }
    }
    let full = full.unwrap();
    check_refused(&full, 503, "SNW-5001");
    assert!(full.header("retry-after").is_some());

    world.engine.stop(Duration::from_secs(1)).await;
    let stopping = world.post("/hooks/asked", &[], r#"{"n":1}"#).await;
    check_refused(&stopping, 503, "SNW-4002");
    let ready = raw(world.triggers.address(), &request("GET", "/readyz", &[], b"")).await.unwrap();
    let alive = raw(world.triggers.address(), &request("GET", "/healthz", &[], b"")).await.unwrap();
    assert_eq!((ready.status, alive.status), (503, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_paths() {
    let world = World::with(FLOWS).await;
    let moved = World::with(&FLOWS.replace("open/door", "new/door")).await;
    world.engine.replace_snapshot(moved.engine.snapshot()).await.unwrap();
    let body = r#"{"id":1,"stage":"won"}"#;
    assert_eq!(world.post("/hooks/open/door", &[], body).await.status, 202, "until it is told");
    world.triggers.reload();
    check_refused(&world.post("/hooks/open/door", &[], body).await, 404, "SNW-4003");
    assert_eq!(world.post("/hooks/new/door", &[], r#"{"id":2,"stage":"won"}"#).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_is_under_way_first() {
    let world = World::with(FLOWS).await;
    let address = world.triggers.address();
    let mut under_way = TcpStream::connect(address).await.unwrap();
    let body = r#"{"id":5,"stage":"won"}"#;
    let bytes = request("POST", "/hooks/open/door", &[], body.as_bytes());
    let (first, rest) = bytes.split_at(bytes.len() - 3);
    under_way.write_all(first).await.unwrap();
    // The listener has to have taken the connection before it is told to stop.
    assert_eq!(world.post("/hooks/open/door", &[], r#"{"id":6,"stage":"won"}"#).await.status, 202);
    let World { triggers, store, engine, monitor, folder, .. } = world;
    let stopping = tokio::spawn(triggers.stop());
    under_way.write_all(rest).await.unwrap();
    assert_eq!(read_answer(&mut under_way).await.unwrap().status, 202);
    stopping.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop((store, engine, monitor, folder));
}
