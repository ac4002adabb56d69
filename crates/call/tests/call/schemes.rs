//! Schemes that sign requests, and those that log in.

use std::sync::Arc;
use std::time::Duration;

use sinew_model::{
    Auth, AwsSigV4, HmacSigning, KeyEncoding, OAuth1, OAuth1Method, Reason, SessionKeep, SessionLogin,
    SessionSource, SessionValue, SignatureEncoding, SignatureHash, SignaturePart, TimestampFormat,
};

use crate::fixture::{Fixture, SECRET, read, secret, write};
use crate::server::{Act, Arrived, Server, answer, ok};

fn hmac() -> Auth {
    Auth::Hmac(Box::new(HmacSigning {
        key: secret(),
        key_encoding: KeyEncoding::Text,
        key_id: None,
        algorithm: SignatureHash::Sha256,
        signed: SignaturePart::template("{target}\n{body}\n{nonce}").unwrap(),
        encoding: SignatureEncoding::Hex,
        timestamp: TimestampFormat::Seconds,
        headers: vec![("x-nonce".into(), vec![SignaturePart::Nonce])],
        query: vec![("sig".into(), vec![SignaturePart::Signature])],
    }))
}

fn oauth1() -> Auth {
    Auth::OAuth1(Box::new(OAuth1 {
        consumer_key: "k".into(),
        consumer_secret: secret(),
        token: None,
        method: OAuth1Method::HmacSha256,
        realm: None,
    }))
}

fn aws() -> Auth {
    Auth::AwsSigV4(Box::new(AwsSigV4 {
        access_key: secret(),
        secret_key: secret(),
        session_token: None,
        region: "eu-central-1".into(),
        service: "execute-api".into(),
    }))
}

fn session(url: &str, keep: SessionKeep) -> Auth {
    Auth::Session(Box::new(SessionLogin {
        url: format!("{url}/login").into(),
        method: "POST".into(),
        fields: vec![("password".into(), SessionValue::Secret(secret()))],
        form: false,
        basic: None,
        headers: Vec::new(),
        keep,
        lives: Duration::from_mins(20),
    }))
}

fn token() -> SessionKeep {
    let from = SessionSource::Field("token".into());
    SessionKeep::Value { from, header: "X-Session".into(), prefix: "".into() }
}

/// The signature of a request, wherever it stands.
fn signature(request: &Arrived) -> Option<String> {
    let header = request.header("authorization").and_then(|value| value.rsplit("ignature=").next());
    header.or_else(|| request.path().split("sig=").nth(1)).map(str::to_owned)
}

#[tokio::test]
async fn every_request_is_signed_anew() {
    for auth in [hmac(), oauth1()] {
        let server = Server::acting([ok("1")]).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.auth = auth;
        let request = fixture.request(read(), r#"{"id":"7"}"#);
        for _ in 0..2 {
            assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
        }
        let all: Vec<_> = server.arrived().iter().map(|request| signature(request).unwrap()).collect();
        assert_ne!(all[0], all[1], "two requests have one signature");
    }
}

#[tokio::test]
async fn a_signature_is_made_for_the_redirect_too_and_goes_to_no_other_origin() {
    for auth in [hmac(), oauth1(), aws()] {
        let other = Server::acting([ok("1")]).await;
        let target = format!("{}/landing", other.url);
        let server = Server::start(move |number, _| match number {
            0 => answer(302, &[("location", "/moved")], ""),
            _ => answer(302, &[("location", &target)], ""),
        })
        .await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.auth = auth;
        assert!(fixture.call(read(), "{}").await.outcome.is_ok());
        let here = server.arrived();
        let (first, second) = (signature(&here[0]).unwrap(), signature(&here[1]).unwrap());
        assert!(here[1].path().starts_with("/moved") && first != second, "{:?}", here[1]);
        assert_eq!(signature(&other.arrived()[0]), None);
        assert_eq!(other.arrived()[0].header("x-nonce"), None);
    }
}

/// A system that repeats what it was sent.
fn echo(_: usize, request: &Arrived) -> Act {
    let all = format!("{} {:?} {} {SECRET}", request.line, request.headers, request.body);
    answer(422, &[], &serde_json::json!({"error": {"code": "x", "message": all}}).to_string())
}

#[tokio::test]
async fn neither_keys_nor_signatures_show_even_if_the_system_repeats_them() {
    for auth in [hmac(), oauth1(), aws()] {
        let server = Server::start(echo).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.auth = auth;
        let attempted = fixture.call(write(), "{}").await;
        let shown = format!("{attempted:?} {}", serde_json::to_string(&attempted.attempt).unwrap());
        let signature = signature(&server.arrived()[0]).unwrap();
        let signature = signature.trim_start_matches('"').split([' ', '"']).next().unwrap();
        assert!(signature.len() >= 16 && !shown.contains(signature), "`{signature}` shows in {shown}");
        assert!(!shown.contains(SECRET) && shown.contains("***"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_log_in_once_and_again_when_the_session_ends() {
    let server = Server::start(|number, request| match request.path() {
        "/login" if request.body.contains("s3cr3t") => ok(&format!(r#"{{"token":"session-{number}"}}"#)),
        "/login" => answer(401, &[], ""),
        _ if request.header("x-session") == Some("session-0") && number < 60 => ok("1"),
        _ if request.header("x-session").is_some_and(|token| token != "session-0") => ok("2"),
        _ => answer(401, &[], ""),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = session(&server.url, token());
    let request = Arc::new(fixture.request(read(), "{}"));
    let call = || {
        let (caller, request) = (fixture.caller.clone(), Arc::clone(&request));
        tokio::spawn(async move { caller.attempt(&request).await.outcome.unwrap().to_string() })
    };
    for called in (0..50).map(|_| call()).collect::<Vec<_>>() {
        assert_eq!(called.await.unwrap(), "1");
    }
    let log_ins = || server.arrived().iter().filter(|request| request.path() == "/login").count();
    assert_eq!(log_ins(), 1);
    while call().await.unwrap() == "1" {}
    assert_eq!(log_ins(), 2);
}

#[tokio::test]
async fn cookies_of_a_log_in_are_sent_back() {
    let server = Server::start(|_, request| match request.path() {
        "/login" => answer(302, &[("set-cookie", "sid=abc; Path=/; HttpOnly"), ("location", "/home")], ""),
        _ if request.header("cookie") == Some("sid=abc") => ok("1"),
        _ => answer(401, &[], ""),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = session(&server.url, SessionKeep::Cookies(vec!["sid".into()]));
    let attempted = fixture.call(read(), "{}").await;
    assert!(attempted.outcome.is_ok(), "{attempted:?}");
    assert!(!format!("{attempted:?}").contains("abc"));
}

#[tokio::test]
async fn a_log_in_that_gives_nothing_to_keep_says_what_came() {
    for (act, reason, code, says) in [
        (
            answer(403, &[], "wrong password"),
            Reason::Credential,
            "SNW-2029",
            "answered 403 Forbidden: wrong password",
        ),
        (ok("{}"), Reason::Credential, "SNW-2029", "no text in the field `token`"),
        (answer(503, &[], ""), Reason::Unavailable, "SNW-2033", "503"),
    ] {
        let server = Server::acting([act]).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.auth = session(&server.url, token());
        let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (reason, code), "{failure:?}");
        assert!(failure.message.contains(says), "{failure:?}");
    }
}
