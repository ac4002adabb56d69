//! What each way of answering, or of not answering, makes of a call.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use sinew_contract::Schema;
use sinew_model::{Access, Operation, Reason};
use sinew_stdx::ByteSize;

use crate::fixture::{Fixture, keyed_write, probed_write, read, write};
use crate::server::{Act, Server, answer, encoded, ok};

/// Calls once, and gives the answer, or the failure's reason and code.
async fn check(act: Act, operation: Operation) -> Result<String, (Reason, String)> {
    let server = Server::acting([act]).await;
    let mut fixture = Fixture::new(&server);
    // The head of an answer is waited for as long as connecting and reading may take together.
    fixture.connection.deadlines.connect = Duration::from_millis(100);
    fixture.connection.deadlines.read = Duration::from_millis(100);
    let attempted = fixture.call(operation, "{}").await;
    assert_eq!(attempted.attempt.failure, attempted.outcome.as_ref().err().cloned());
    attempted.outcome.map(|json| json.to_string()).map_err(|f| (f.reason, f.code.to_string()))
}

fn failed(reason: Reason, code: &str) -> Result<String, (Reason, String)> {
    Err((reason, code.to_owned()))
}

#[tokio::test]
async fn an_answer_comes_back_digit_for_digit() {
    let body = r#"{"id":9007199254740993,"total":0.10}"#;
    assert_eq!(check(ok(body), read()).await.as_deref(), Ok(body));
    assert_eq!(check(answer(204, &[], ""), write()).await.as_deref(), Ok("null"));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_a_read_is_read_again() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":";
    for (act, code) in [
        (Act::Close, "SNW-2006"),
        (Act::SayAndClose("HTTP/1.1 2".to_owned()), "SNW-2006"),
        (Act::Hang, "SNW-2005"),
        (Act::SayAndClose(cut.to_owned()), "SNW-2007"),
        (Act::SayAndHang(cut.to_owned()), "SNW-2005"),
        (ok("{\"id\":"), "SNW-2007"),
    ] {
        assert_eq!(check(act.clone(), write()).await, failed(Reason::Unknown, code), "{act:?}");
        assert_eq!(check(act.clone(), keyed_write()).await, failed(Reason::Unknown, code), "{act:?}");
        assert_eq!(check(act.clone(), read()).await, failed(Reason::Unavailable, code), "{act:?}");
    }
}

#[tokio::test]
async fn a_system_that_breaks_leaves_a_write_unknown() {
    for status in [500, 502, 504] {
        assert_eq!(check(answer(status, &[], ""), write()).await, failed(Reason::Unknown, "SNW-2034"));
        // Sending it again is safe; but as long as that fails too, nobody knows.
        assert_eq!(check(answer(status, &[], ""), keyed_write()).await, failed(Reason::Unknown, "SNW-2034"));
        assert_eq!(check(answer(status, &[], ""), read()).await, failed(Reason::Unavailable, "SNW-2033"));
    }
    assert_eq!(check(answer(503, &[], ""), write()).await, failed(Reason::Unavailable, "SNW-2033"));
}

#[tokio::test]
async fn a_key_that_was_not_sent_does_not_protect() {
    let server = Server::acting([answer(500, &[], "")]).await;
    let fixture = Fixture::new(&server);
    let mut request = fixture.request(keyed_write(), "{}");
    request.idempotency_key = None;
    let failure = fixture.caller.attempt(&request).await.outcome.unwrap_err();
    assert_eq!(failure.reason, Reason::Unknown);
}

#[tokio::test]
async fn a_call_that_never_left_is_no_unknown_outcome() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut fixture = Fixture::at(&format!("http://{nobody}"));
    let attempted = fixture.call(write(), "{}").await;
    let failure = attempted.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Unavailable, "SNW-2002"), "{failure:?}");
    assert_eq!(attempted.attempt.request, None);

    fixture.connection.base_url = "http://host.invalid".into();
    let failure = fixture.call(write(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Unavailable, "SNW-2001"), "{failure:?}");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_does_not_fail_the_next_call() {
    let server = Server::start(|_, _| match ok("1") {
        Act::Say(text) => Act::SayAndClose(text),
        act => act,
    })
    .await;
    let fixture = Fixture::new(&server);
    let request = fixture.request(write(), "{}");
    for _ in 0..20 {
        // The close travels as a packet of its own; the client sees it once the runtime has polled the socket.
        assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.arrived().len(), 20);
}

#[tokio::test]
async fn the_systems_own_words_are_repeated() {
    let body = r#"{"error":{"code":"card_declined","message":"No\r\nfunds"}}"#;
    let server = Server::acting([answer(422, &[], body)]).await;
    let failure = Fixture::new(&server).call(write(), "{}").await.outcome.unwrap_err();
    assert_eq!(&*failure.message, "`crm.create` answered 422 Unprocessable Entity: card_declined: No funds");
    assert_eq!((failure.reason, failure.status), (Reason::Rejected, Some(422)));

    let body = r#"{"title":"Out of credit","detail":"Balance is 30"}"#;
    let server = Server::acting([answer(409, &[("content-type", "application/problem+json")], body)]).await;
    let failure = Fixture::new(&server).call(write(), "{}").await.outcome.unwrap_err();
    assert_eq!(&*failure.message, "`crm.create` answered 409 Conflict: Out of credit: Balance is 30");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let long = format!("\"{}\"", "x".repeat(100_000));
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    for act in [ok(&long), Act::Say(chunked)] {
        let server = Server::acting([act]).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.response_max = ByteSize(1000);
        let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Refused, "SNW-2008"));
        let failure = fixture.call(write(), "{}").await.outcome.unwrap_err();
        assert_eq!(failure.reason, Reason::Unknown);
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_read_like_any_other() {
    let body = r#"{"id":9007199254740993,"total":0.10}"#;
    let server = Server::acting([encoded("gzip", &gzip(body.as_bytes()))]).await;
    let answered = Fixture::new(&server).call(read(), "{}").await;
    assert_eq!(answered.outcome.unwrap().to_string(), body);
    assert_eq!(server.arrived()[0].header("accept-encoding"), Some("gzip"));
    assert_eq!(check(encoded("gzip", b""), read()).await.as_deref(), Ok("null"));
    assert_eq!(check(encoded("identity", body.as_bytes()), read()).await.as_deref(), Ok(body));
}

#[tokio::test]
async fn a_compressed_answer_that_cannot_be_read_says_why() {
    let whole = gzip(br#"{"id":1}"#);
    for (act, says) in [
        (encoded("gzip", &whole[..12]), "the answer was cut off: it is compressed, and ends in the middle"),
        (encoded("gzip", br#"{"id":1}"#), "it is said to be compressed, and cannot be decompressed"),
        (encoded("br", b"..."), "it is encoded as `br`; `gzip` and `deflate` are understood"),
        (encoded("gzip, gzip", &gzip(&whole)), "it is encoded as `gzip, gzip`"),
    ] {
        let server = Server::acting([act]).await;
        let failure = Fixture::new(&server).call(read(), "{}").await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Unavailable, "SNW-2007"), "{failure:?}");
        assert!(failure.message.contains(says), "{failure:?}");
        // It came with a success: what was written is likely there.
        let failure = Fixture::new(&server).call(write(), "{}").await.outcome.unwrap_err();
        assert_eq!(failure.reason, Reason::Unknown);
    }
}

#[tokio::test]
async fn a_bomb_is_given_up_at_the_most_that_an_answer_may_be() {
    let bomb = gzip(&vec![b' '; 200_000_000]);
    let server = Server::acting([encoded("gzip", &bomb)]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.response_max = ByteSize(1_000_000);
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Refused, "SNW-2008"));
}

#[tokio::test]
async fn an_answer_that_departs_from_its_contract_is_drift() {
    let schema = serde_json::json!({"type": "object", "required": ["id"]});
    let operation = Operation { output: Some(Schema::compile(schema).unwrap()), ..read() };
    assert_eq!(check(ok(r#"{"id":1}"#), operation.clone()).await.as_deref(), Ok(r#"{"id":1}"#));
    assert_eq!(check(ok(r#"{"ident":1}"#), operation).await, failed(Reason::Drift, "SNW-2053"));
}

#[tokio::test]
async fn redirects_of_reads_are_followed_and_of_writes_are_not() {
    let server = Server::start(|_, request| match request.path() {
        "/things" => answer(302, &[("location", "/moved?x=1")], ""),
        "/moved?x=1" => ok("\"there\""),
        _ => answer(404, &[], ""),
    })
    .await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.call(read(), "{}").await.outcome.unwrap().as_str(), "\"there\"");
    let failure = fixture.call(write(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Rejected, "SNW-2012"));
}

#[tokio::test]
async fn a_redirect_leads_to_no_address_that_the_policy_refuses_and_not_for_ever() {
    for (location, code) in [
        ("http://169.254.169.254/latest/meta-data", "SNW-2010"),
        ("http://10.0.0.1/", "SNW-2010"),
        ("http://[::ffff:10.0.0.1]/", "SNW-2010"),
        ("/things", "SNW-2012"),
        ("file:///etc/passwd", "SNW-2012"),
    ] {
        let server = Server::start(move |_, _| answer(302, &[("location", location)], "")).await;
        let failure = Fixture::new(&server).call(read(), "{}").await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Refused, code), "{location}: {failure:?}");
    }
}

#[tokio::test]
async fn addresses_and_writes_that_the_connection_does_not_allow_are_refused_before_anything_is_sent() {
    let server = Server::acting([ok("1")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.access = Access::Read;
    let failure = fixture.call(write(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Refused, "SNW-2011"));
    fixture.connection.egress.allow.clear();
    for url in [server.url.clone(), server.url.replace("127.0.0.1", "localhost")] {
        fixture.connection.base_url = url.into();
        let attempted = fixture.call(read(), "{}").await;
        let failure = attempted.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Refused, "SNW-2010"), "{failure:?}");
        assert_eq!(attempted.attempt.request, None);
    }
    assert!(server.arrived().is_empty());
}

#[tokio::test]
async fn a_probe_finds_out_whether_a_lost_write_took_effect() {
    use sinew_call::ProbeResult;
    for (act, shown) in [
        (ok(r#"{"data":[{"id":"r1"}]}"#), r#"Found({"id":"r1"})"#),
        (ok(r#"{"data":[]}"#), "NotFound"),
        (answer(404, &[], ""), "NotFound"),
    ] {
        let server = Server::acting([act]).await;
        let fixture = Fixture::new(&server);
        let found = fixture.caller.probe(&fixture.request(probed_write(), r#"{"ref":"a b"}"#)).await;
        assert_eq!(format!("{found:?}"), shown);
        assert_eq!(server.arrived()[0].line, "GET /things?id=a%20b HTTP/1.1");
        assert!(matches!(fixture.caller.probe(&fixture.request(write(), "{}")).await, ProbeResult::NoProbe));
    }
    let server = Server::acting([answer(503, &[], "")]).await;
    let fixture = Fixture::new(&server);
    let found = fixture.caller.probe(&fixture.request(probed_write(), r#"{"ref":"a"}"#)).await;
    assert!(matches!(found, ProbeResult::Failed(failure) if failure.reason == Reason::Unavailable));
}
