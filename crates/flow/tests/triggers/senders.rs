//! Senders with habits of their own: challenges, events and ids in headers.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::http::{Answer, raw, request};
use crate::world::{BEGIN_MS, World};

const FLOWS: &str = r"
kind: Flow
name: slack
OWNER
trigger: { webhook: { verify: slack, challenge: slack, secret: secret:other } }
steps: [{ got: { map: trigger.type } }]
---
kind: Flow
name: zoom
OWNER
trigger: { webhook: { verify: zoom, challenge: zoom, secret: secret:other } }
steps: [{ got: { map: trigger.event } }]
---
kind: Flow
name: graph
OWNER
trigger: { webhook: { verify: microsoft-graph, challenge: microsoft-graph, secret: secret:other } }
steps: [{ got: { map: trigger.value } }]
---
kind: Flow
name: meta
OWNER
trigger: { webhook: { verify: meta, challenge: meta, secret: secret:other, token: secret:shop/password } }
steps: [{ got: { map: trigger } }]
---
kind: Flow
name: xero
OWNER
trigger: { webhook: { verify: xero, challenge: xero, secret: secret:other } }
steps: [{ got: { map: trigger.events } }]
---
kind: Flow
name: x
OWNER
trigger: { webhook: { verify: { hmac: { header: X-Sig } }, challenge: x, secret: secret:other } }
steps: [{ got: { map: trigger } }]
---
kind: Flow
name: hub
OWNER
trigger:
  webhook: { verify: github, secret: secret:other, event: push, event_of: { header: X-GitHub-Event } }
steps: [{ got: { map: trigger } }]
---
kind: Flow
name: square
OWNER
trigger: { webhook: { verify: square, secret: secret:other } }
steps: [{ got: { map: trigger } }]
";

/// Every secret of these flows is `other`.
fn sign(text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"other"), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

async fn post_timed(world: &World, path: &str, names: (&str, &str), body: &str) -> Answer {
    let time = (BEGIN_MS / 1000).to_string();
    let signature = format!("v0={}", hex(&sign(&format!("v0:{time}:{body}"))));
    world.post(path, &[(names.0, &signature), (names.1, &time)], body).await
}

async fn get(world: &World, path: &str) -> Answer {
    raw(world.triggers.address(), &request("GET", path, &[], b"")).await.unwrap()
}

fn check_echo(answer: &Answer, body: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (200, body), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_challenge_is_answered_and_starts_nothing() {
    let world = World::with(FLOWS).await;
    let slack = ("x-slack-signature", "x-slack-request-timestamp");
    let challenge = r#"{"type":"url_verification","challenge":"3eZbrw1aB10"}"#;
    check_echo(&post_timed(&world, "/hooks/slack", slack, challenge).await, "3eZbrw1aB10");
    assert_eq!(world.post("/hooks/slack", &[], challenge).await.status, 401, "unsigned");
    for odd in ["<script>alert(1)</script>", "a\\u0000b", "", &"x".repeat(3000)] {
        let body = format!(r#"{{"type":"url_verification","challenge":"{odd}"}}"#);
        let answer = post_timed(&world, "/hooks/slack", slack, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "SNW-4014"), "{answer:?}");
        assert!(!answer.body.contains("script"), "{answer:?}");
    }
    assert_eq!(post_timed(&world, "/hooks/slack", slack, r#"{"type":"event_callback"}"#).await.status, 202);

    let zoom = ("x-zm-signature", "x-zm-request-timestamp");
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let answer = post_timed(&world, "/hooks/zoom", zoom, body).await;
    let tag = hex(&sign("qgg8vlvZRS6UYooatFL8Aw"));
    let expected = serde_json::json!({ "plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": tag });
    assert_eq!((answer.status, answer.json()), (200, expected));
    assert_eq!((world.runs("slack").await.len(), world.runs("zoom").await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_to_receive_is_answered_200_or_401() {
    let world = World::with(FLOWS).await;
    for (body, status) in [(r#"{"events":[]}"#, 200), (r#"{"events":[{"id":1}]}"#, 202)] {
        let signature = BASE64_STANDARD.encode(sign(body));
        assert_eq!(world.post("/hooks/xero", &[("x-xero-signature", &signature)], body).await.status, status);
        assert_eq!(world.post("/hooks/xero", &[("x-xero-signature", "AAAA")], body).await.status, 401);
    }
    assert_eq!(world.runs("xero").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_the_query_is_sent_back_as_plain_text() {
    let world = World::with(FLOWS).await;
    let echoed = world.post("/hooks/graph?validationToken=Validation%3A+Testing%20app", &[], "").await;
    check_echo(&echoed, "Validation: Testing app");
    let body = r#"{"value":[{"clientState":"other","changeType":"created"}]}"#;
    assert_eq!(world.post("/hooks/graph", &[], body).await.status, 202);
    assert_eq!(world.post("/hooks/graph", &[], &body.replace("other", "guess")).await.status, 401);

    let ask = "/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";
    check_echo(&get(&world, &format!("{ask}shop-secret")).await, "1158201444");
    let stranger = get(&world, &format!("{ask}guess")).await;
    assert_eq!((stranger.status, stranger.code().as_str()), (403, "SNW-4014"));
    let no_challenge = get(&world, "/hooks/meta?hub.mode=unsubscribe").await;
    assert_eq!((no_challenge.status, no_challenge.code().as_str()), (405, "SNW-4004"));
    assert_eq!(get(&world, "/hooks/slack").await.status, 405);

    let answer = get(&world, "/hooks/x?crc_token=challenge_string").await;
    let tag = BASE64_STANDARD.encode(sign("challenge_string"));
    assert_eq!(answer.json(), serde_json::json!({ "response_token": format!("sha256={tag}") }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_an_id_may_stand_in_headers() {
    let world = World::with(FLOWS).await;
    let signature = format!("sha256={}", hex(&sign("{}")));
    let deliver = async |event: &str, id: &str| {
        let headers = [
            ("x-hub-signature-256", signature.as_str()),
            ("x-github-event", event),
            ("x-github-delivery", id),
        ];
        world.post("/hooks/hub", &headers, "{}").await.status
    };
    assert_eq!(deliver("ping", "1").await, 200);
    assert_eq!(
        (deliver("push", "2").await, deliver("push", "2").await, deliver("push", "3").await),
        (202, 200, 202)
    );
    assert_eq!(world.runs("hub").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_is_that_which_the_sender_calls() {
    let world = World::with(FLOWS).await;
    let sign = |url: &str| BASE64_STANDARD.encode(sign(&format!("{url}{{}}")));
    let right = sign("https://hooks.example.com/hooks/square?a=1");
    let wrong = sign(&format!("http://{}/hooks/square?a=1", world.triggers.address()));
    for (signature, status) in [(right, 202), (wrong, 401)] {
        let headers = [("x-square-hmacsha256-signature", signature.as_str())];
        assert_eq!(world.post("/hooks/square?a=1", &headers, "{}").await.status, status);
    }
}
