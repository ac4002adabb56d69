//! Logging in, and what happens when a credential is refused.

use std::sync::Arc;

use sinew_model::{Auth, ClientProof, Grant, Reason};

use sinew_store_sqlite::SqliteCustody;
use sinew_vault::session::SessionKeeper;
use sinew_vault::{KeyFile, Vault};

use crate::fixture::{Fixture, client_credentials, oauth2, read, secret};
use crate::server::{Arrived, Server, answer, ok};

fn token(number: usize) -> crate::server::Act {
    ok(&format!(r#"{{"access_token":"token-{number}","token_type":"Bearer","expires_in":60}}"#))
}

fn bears(request: &Arrived, token: &str) -> bool {
    request.header("authorization") == Some(&format!("Bearer {token}"))
}

fn asked_for_tokens(server: &Server) -> usize {
    server.arrived().iter().filter(|request| request.path() == "/token").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_at_once_cause_one_token_request() {
    let server = Server::start(|number, request| match request.path() {
        "/token" => token(number),
        _ if bears(request, "token-0") => ok("1"),
        _ => answer(401, &[], ""),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = client_credentials(&server.url, ClientProof::Body(secret()));
    let request = Arc::new(fixture.request(read(), "{}"));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let (caller, request) = (fixture.caller.clone(), Arc::clone(&request));
            tokio::spawn(async move { caller.attempt(&request).await.outcome.is_ok() })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap());
    }
    assert_eq!(asked_for_tokens(&server), 1);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_and_the_call_sent_again_within_the_attempt() {
    let server = Server::start(|number, request| match request.path() {
        "/token" => token(number),
        _ if bears(request, "token-0") => answer(401, &[], ""),
        _ => ok("1"),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = client_credentials(&server.url, ClientProof::Body(secret()));
    assert!(fixture.call(read(), "{}").await.outcome.is_ok());
    assert_eq!(asked_for_tokens(&server), 2);
    assert_eq!(fixture.recorder.kinds(), ["token asked", "token asked", "attempted"]);
}

#[tokio::test]
async fn a_credential_that_is_refused_for_good_is_said_once_until_it_works_again() {
    let server = Server::start(|number, request| match request.path() {
        "/token" => token(number),
        _ if number < 8 => answer(401, &[], ""),
        _ => ok("1"),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = client_credentials(&server.url, ClientProof::Body(secret()));
    let request = fixture.request(read(), "{}");
    for _ in 0..2 {
        let failure = fixture.caller.attempt(&request).await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Credential, "SNW-2021"));
    }
    assert!(fixture.caller.health(&request.connection.name).credential_failed);
    assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
    let kinds = fixture.recorder.kinds();
    let said = |kind| kinds.iter().filter(|k| **k == kind).count();
    assert_eq!((said("credential failed"), said("credential recovered")), (1, 1), "{kinds:?}");
}

#[tokio::test]
async fn what_a_token_endpoint_answers_decides_whether_trying_again_helps() {
    for (act, reason, code) in [
        (answer(401, &[], r#"{"error":"invalid_client"}"#), Reason::Credential, "SNW-2023"),
        (answer(400, &[], r#"{"error":"invalid_scope"}"#), Reason::Credential, "SNW-2023"),
        (answer(429, &[("retry-after", "3")], ""), Reason::RateLimited, "SNW-2030"),
        (answer(503, &[], ""), Reason::Unavailable, "SNW-2024"),
        (ok("<html>"), Reason::Unavailable, "SNW-2025"),
    ] {
        let server = Server::acting([act]).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.auth = client_credentials(&server.url, ClientProof::Body(secret()));
        let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (reason, code), "{failure:?}");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_says_where_it_belongs() {
    let server = Server::acting([ok("1")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = Auth::Bearer(sinew_model::SecretRef::new("secret:other").unwrap());
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Credential, "SNW-2020"));
    assert!(failure.message.contains("SINEW_SECRET_OTHER"), "{}", failure.message);
}

#[tokio::test]
async fn a_credential_does_not_follow_a_redirect_to_another_origin() {
    let other = Server::acting([ok("\"elsewhere\"")]).await;
    let target = format!("{}/landing", other.url);
    let server = Server::start(move |_, _| answer(302, &[("location", &target)], "")).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = Auth::Bearer(secret());
    fixture.connection.headers.push(("X-Own".into(), "own".into()));
    assert!(fixture.call(read(), "{}").await.outcome.is_ok());
    assert!(server.arrived()[0].header("authorization").is_some());
    let arrived = other.arrived().remove(0);
    assert_eq!((arrived.header("authorization"), arrived.header("x-own")), (None, None));
}

#[tokio::test]
async fn a_session_that_ends_while_a_call_is_under_way_is_said_instead_of_a_refused_token() {
    // The token is refused, its successor too; then the vendor says that the session is no more.
    let server = Server::start(|number, request| match request.path() {
        "/token" if number < 3 => token(number),
        "/token" => answer(400, &[], r#"{"error":"invalid_grant"}"#),
        _ => answer(401, &[], ""),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let key = KeyFile::new(folder.path().join("master.key"));
    key.make().unwrap();
    let custody = SqliteCustody::open(&SqliteCustody::file_in(folder.path())).unwrap();
    let vault = Vault::open(
        Arc::new(custody),
        Box::new(key),
        Arc::new(|| sinew_call::Clock::now(&sinew_call::SystemClock)),
    )
    .await
    .unwrap();
    let mut fixture = Fixture::keeping(&server.url, SessionKeeper::new(Arc::new(vault), "test", 0.0));
    let grant = Grant::RefreshToken { token: secret() };
    fixture.connection.auth = Auth::OAuth2(Box::new(oauth2(&server.url, grant, ClientProof::None)));
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Disconnected, "SNW-2060"), "{}", failure.message);
    assert_eq!(asked_for_tokens(&server), 3);
}
