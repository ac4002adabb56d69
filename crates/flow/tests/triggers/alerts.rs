use std::sync::Arc;
use std::time::Duration;

use sinew_flow::{Observer, ReplayOptions};
use sinew_model::{FlowName, Principal, PrincipalKind};
use sinew_store::{AlertState, DeadFilter, DeadLetters};

use crate::http::{Answer, Receiver};
use crate::world::{Ground, World, until};

fn flows(receiver: &Receiver) -> String {
    format!(
        "
kind: Flow
name: fragile
OWNER
trigger: {{ webhook: {{ verify: none, wait: 20s }} }}
steps:
  - bad: {{ map: '$number(trigger.n)' }}
---
kind: AlertChannel
name: chat
slack: {{ url: 'http://{0}/slack' }}
egress: {{ allow: [loopback] }}
---
kind: AlertChannel
name: signed
webhook: {{ url: 'http://{0}/signed', secret: secret:alerts/key }}
egress: {{ allow: [loopback] }}
on: [dead_letter]
---
kind: AlertChannel
name: elsewhere
slack: {{ url: 'http://{0}/elsewhere' }}
egress: {{ allow: [loopback] }}
on: [credential]
---
kind: AlertChannel
name: forbidden
slack: {{ url: 'http://{0}/forbidden' }}
",
        receiver.address
    )
}

fn sent_to(receiver: &Receiver, path: &str) -> Vec<Answer> {
    receiver.got().into_iter().filter(|got| got.head.starts_with(&format!("POST {path} "))).collect()
}

async fn settle_all(world: &World) {
    let filter =
        DeadFilter { limit: 100, status: Some(sinew_store::DeadStatus::Open), ..DeadFilter::default() };
    let by = Principal::new(PrincipalKind::User, "dana");
    for letter in world.store.dead_list(filter).await.unwrap() {
        world
            .engine
            .edit_letter(letter.letter.id, sinew_stdx::Json::parse(br#"{"n":"1"}"#).unwrap())
            .await
            .unwrap();
        world.engine.replay(letter.letter.id, by.clone(), &ReplayOptions::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_told_once_and_so_is_their_end() {
    let receiver = Receiver::start(&[200]).await;
    let world = World::with(&flows(&receiver)).await;
    for _ in 0..5 {
        assert_eq!(world.post("/hooks/fragile", &[], r#"{"n":"no number"}"#).await.status, 202);
    }
    let text =
        until(|| async { sent_to(&receiver, "/slack").first().map(|got| got.json()["text"].to_string()) })
            .await;
    for part in [
        "dead letter: flow `fragile`",
        "step `bad` gave up",
        "Owner: t (c@example.com)",
        "sinew dead list --flow fragile",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let open = until(|| async { world.alerts(true).await.into_iter().find(|alert| alert.count == 5) }).await;
    assert_eq!((&*open.key, open.state), ("dead_letter:fragile", AlertState::Open));

    settle_all(&world).await;
    until(|| async { (sent_to(&receiver, "/slack").len() == 2).then_some(()) }).await;
    assert!(sent_to(&receiver, "/slack")[1].body.contains("recovered: dead letter"));
    until(|| async { world.alerts(true).await.is_empty().then_some(()) }).await;
    until(|| async { (sent_to(&receiver, "/signed").len() == 2).then_some(()) }).await;
    assert!(sent_to(&receiver, "/elsewhere").is_empty() && sent_to(&receiver, "/forbidden").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_message_is_verified_as_standard_webhooks_say() {
    use aws_lc_rs::hmac;
    use base64::Engine as _;
    let receiver = Receiver::start(&[200]).await;
    let world = World::with(&flows(&receiver)).await;
    world.post("/hooks/fragile", &[], r#"{"n":"no number"}"#).await;
    let got = until(|| async { sent_to(&receiver, "/signed").into_iter().next() }).await;
    let header = |name| got.header(name).unwrap();
    let content = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), got.body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), content.as_bytes());
    let expected = format!("v1,{}", base64::prelude::BASE64_STANDARD.encode(tag));
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(got.json()["type"], "alert.opened");
    assert_eq!(got.json()["data"]["kind"], "dead_letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_busy_is_tried_again() {
    let receiver = Receiver::start(&[503, 200]).await;
    let flows = flows(&receiver)
        .replace("name: signed", "name: signed\non: [drift]")
        .replace("on: [dead_letter]\n", "");
    let world = World::with(&flows).await;
    world.post("/hooks/fragile", &[], r#"{"n":"no number"}"#).await;
    until(|| async { (sent_to(&receiver, "/slack").len() == 2).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_neither_forgets_nor_repeats_an_alert() {
    let receiver = Receiver::start(&[200]).await;
    let flows = flows(&receiver);
    let world = World::with(&flows).await;
    world.post("/hooks/fragile", &[], r#"{"n":"no number"}"#).await;
    until(|| async { sent_to(&receiver, "/slack").first().cloned() }).await;
    let world = world.again(Duration::from_mins(1), &Ground::default(), &flows).await;
    world.post("/hooks/fragile", &[], r#"{"n":"no number"}"#).await;
    let counted = || async { world.alerts(true).await.into_iter().find(|alert| alert.count == 2) };
    until(counted).await;
    assert_eq!(sent_to(&receiver, "/slack").len(), 1, "told once");
    settle_all(&world).await;
    until(|| async { (sent_to(&receiver, "/slack").len() == 2).then_some(()) }).await;
}

const WATCHED: &str = "
kind: Flow
name: watched
OWNER
trigger: { webhook: { verify: none, wait: 20s } }
steps:
  - bad: { map: '$number(trigger.n)' }
silence: 1h
---
kind: Flow
name: tired
OWNER
trigger: { webhook: { verify: none } }
steps:
  - rest: { wait: { for: 30d } }
limits: { time_budget: 10m }
";

/// Looks until these alerts, and no others, are open.
async fn until_open(world: &World, expected: &[&str]) {
    until(|| async {
        let mut open: Vec<String> =
            world.alerts(true).await.iter().map(|alert| alert.key.to_string()).collect();
        open.sort();
        (open == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_told_until_the_flow_is_triggered_again() {
    let world = World::with(WATCHED).await;
    assert_eq!(world.post("/hooks/watched", &[], r#"{"n":"1"}"#).await.status, 200);
    world.set_forward(Duration::from_secs(3700));
    until_open(&world, &["silence:watched"]).await;
    assert_eq!(world.post("/hooks/watched", &[], r#"{"n":"1"}"#).await.status, 200);
    until_open(&world, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_end_a_silence() {
    let world = World::with(WATCHED).await;
    world.post("/hooks/watched", &[], r#"{"n":"1"}"#).await;
    world.set_forward(Duration::from_mins(61));
    until_open(&world, &["silence:watched"]).await;
    let before = world.alerts(true).await[0].opened_at;
    let world = world.again(Duration::from_mins(1), &Ground::default(), WATCHED).await;
    // Once this is told, silence has been judged too.
    world.post("/hooks/tired", &[], "{}").await;
    world.set_forward(Duration::from_mins(11));
    until_open(&world, &["silence:watched", "time_budget:tired"]).await;
    let silence = world.alerts(true).await.into_iter().find(|alert| &*alert.kind == "silence").unwrap();
    assert_eq!((silence.opened_at, world.alerts(false).await.len()), (before, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_its_time_is_told_also_if_it_began_before_a_restart() {
    let world = World::with(WATCHED).await;
    assert_eq!(world.post("/hooks/tired", &[], "{}").await.status, 202);
    let world = world.again(Duration::from_mins(1), &Ground::default(), WATCHED).await;
    world.set_forward(Duration::from_mins(10));
    until_open(&world, &["time_budget:tired"]).await;
    world.set_forward(Duration::from_secs(1900));
    until_open(&world, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_failures_are_told_until_runs_succeed_again() {
    let world = World::with(WATCHED).await;
    for _ in 0..25 {
        assert_eq!(world.post("/hooks/watched", &[], r#"{"n":"x"}"#).await.status, 202);
    }
    until_open(&world, &["dead_letter:watched", "error_rate:watched"]).await;
    world.set_forward(Duration::from_secs(301));
    until_open(&world, &["dead_letter:watched"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_calls_tell_opens_and_closes_alerts() {
    use sinew_call::{CallRecord, CallRecorder};
    let world = World::with(WATCHED).await;
    let crm = sinew_model::ConnectionName::new("crm").unwrap();
    let code = sinew_diag::codes::engine::SUB_FLOW_FAILED;
    let failure = sinew_model::Failure::new(sinew_model::Reason::Unavailable, code, "it is down");
    let at = world.engine.clock().now();
    let (connection, until_at) = (crm.clone(), at);
    let opened = CallRecord::BreakerOpened { connection, at, until: until_at, failure: failure.clone() };
    world.monitor.record(opened);
    world.monitor.record(CallRecord::CredentialFailed { connection: crm.clone(), at, failure });
    until_open(&world, &["breaker_open:crm", "credential:crm"]).await;
    world.monitor.record(CallRecord::BreakerClosed { connection: crm.clone(), at });
    until_open(&world, &["credential:crm"]).await;
    world.monitor.record(CallRecord::CredentialRecovered { connection: crm, at });
    until_open(&world, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_by_smtp() {
    let (address, mail) = smtp_server().await;
    let flows = format!(
        "
kind: Flow
name: fragile
OWNER
trigger: manual
steps:
  - bad: {{ map: '1' }}
---
kind: AlertChannel
name: mail
email: {{ server: '{address}', tls: none, from: sinew@example.com, to: [ops@example.com, boss@example.com] }}
egress: {{ allow: [loopback] }}
"
    );
    let world = World::with(&flows).await;
    let flow = Arc::clone(&world.engine.snapshot().flows[&FlowName::new("fragile").unwrap()]);
    let failure = sinew_model::Failure::new(
        sinew_model::Reason::Rejected,
        sinew_diag::codes::engine::SUB_FLOW_FAILED,
        "it was refused",
    );
    let id = sinew_store::RunId::from_bytes([1; 16]);
    world.monitor.dead_letter(&flow, id, id, "bad", &failure, world.engine.clock().now());
    let mail = mail.await.unwrap();
    for part in
        ["Subject: [Sinew] dead letter: flow `fragile`", "RCPT TO:<ops@", "RCPT TO:<boss@", "it was refused"]
    {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }
}

/// A mail server that takes one mail, and what was said to it.
async fn smtp_server() -> (std::net::SocketAddr, tokio::task::JoinHandle<String>) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let (mut lines, mut said, mut in_data) = (BufReader::new(read).lines(), String::new(), false);
        write.write_all(b"220 mail\r\n").await.unwrap();
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push_str(&line);
            said.push('\n');
            let answer: &[u8] = match line.as_str() {
                "." => b"250 taken\r\n",
                _ if in_data => continue,
                "DATA" => b"354 go on\r\n",
                "QUIT" => b"221 bye\r\n",
                _ => b"250 fine\r\n",
            };
            in_data = line == "DATA";
            write.write_all(answer).await.unwrap();
            if line == "." {
                break;
            }
        }
        said
    });
    (address, served)
}
