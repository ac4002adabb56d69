//! OAuth providers as they are: what they grant, and what they answer instead.

use sinew_model::{Auth, ClientProof, Endpoints, Failure, Grant, Reason, TokenExchange, TokenGiven};

use crate::fixture::{Fixture, client_credentials, oauth2, read, secret};
use crate::server::{Act, Server, answer, ok};

fn page() -> Act {
    answer(200, &[("content-type", "text/html")], "<!doctype html><title>Sign in</title>")
}

/// A call over client credentials whose token endpoint answers this.
async fn refusal(act: Act) -> Failure {
    let server = Server::acting([act]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = client_credentials(&server.url, ClientProof::Body(secret()));
    fixture.call(read(), "{}").await.outcome.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_is_no_token_says_what_it_is() {
    for (act, reason, code, says) in [
        (page(), Reason::Unavailable, "SNW-2025", "a page of HTML (\"Sign in\")"),
        (ok(""), Reason::Unavailable, "SNW-2025", "the answer is empty"),
        (
            ok(r#"{"ok":false,"error":"invalid_client_id"}"#),
            Reason::Credential,
            "SNW-2023",
            "invalid_client_id",
        ),
        (ok(r#"{"error":"bad_verification_code"}"#), Reason::Credential, "SNW-2023", "bad_verification_code"),
        (ok(r#"{"access_token":"t","token_type":"DPoP"}"#), Reason::Unavailable, "SNW-2025", "type `DPoP`"),
        (answer(400, &[], r#"{"error":"invalid_grant"}"#), Reason::Credential, "SNW-2026", "invalid_grant"),
        (
            answer(400, &[], r#"{"error":"temporarily_unavailable"}"#),
            Reason::Unavailable,
            "SNW-2024",
            "temporarily",
        ),
        (answer(404, &[], "<html>"), Reason::Credential, "SNW-2023", "404"),
        (ok(&"x".repeat(70_000)), Reason::Unavailable, "SNW-2024", "larger than 65536 bytes"),
    ] {
        let failure = refusal(act).await;
        assert_eq!((failure.reason, &*failure.code), (reason, code), "{failure:?}");
        assert!(failure.message.contains(says), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_with_the_refusal() {
    let old = answer(400, &[("date", "Tue, 03 Mar 2020 10:00:00 GMT")], r#"{"error":"invalid_grant"}"#);
    let failure = refusal(old).await;
    assert!(
        failure.message.contains("this machine's clock is") && failure.message.contains("ahead"),
        "{failure:?}"
    );
    let stale =
        [("date", "Tue, 03 Mar 2020 10:00:00 GMT"), ("www-authenticate", "Bearer error=\"invalid_token\"")];
    let server = Server::acting([answer(401, &stale, "")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = Auth::Bearer(secret());
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert!(failure.message.contains("clock"), "{failure:?}");
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let challenge = [("www-authenticate", r#"Bearer error="insufficient_scope", scope="deals.write""#)];
    let server = Server::acting([answer(403, &challenge, "")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = Auth::Bearer(secret());
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Credential, "SNW-2019"));
    assert!(failure.message.contains("lacks the scope `deals.write`"), "{failure:?}");
    // The credential itself was recognised.
    assert!(!fixture.caller.health(&fixture.connection.name).credential_failed);
}

#[tokio::test]
async fn endpoints_are_found_by_the_issuer_and_asked_for_once() {
    let server = Server::start(|_, request| {
        let host = request.header("host").unwrap();
        match request.path() {
            "/tenant/.well-known/openid-configuration" => answer(404, &[], ""),
            "/.well-known/oauth-authorization-server/tenant" => ok(&format!(
                r#"{{"issuer":"http://{host}/tenant","token_endpoint":"http://{host}/tenant/token"}}"#
            )),
            "/tenant/token" => ok(r#"{"access_token":"t","expires_in":0}"#),
            _ => ok("1"),
        }
    })
    .await;
    let mut fixture = Fixture::new(&server);
    let mut oauth = oauth2(&server.url, Grant::ClientCredentials, ClientProof::Basic(secret()));
    let issuer = Some(format!("{}/tenant", server.url).into());
    oauth.endpoints = Endpoints { issuer, ..Endpoints::default() };
    fixture.connection.auth = Auth::OAuth2(Box::new(oauth));
    let request = fixture.request(read(), "{}");
    for _ in 0..2 {
        assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
    }
    let asked =
        |path: &str| server.arrived().iter().filter(|request| request.path().starts_with(path)).count();
    assert_eq!((asked("/.well-known"), asked("/tenant/token")), (1, 2));
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let server = Server::acting([ok(
        r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/token"}"#,
    )])
    .await;
    let mut fixture = Fixture::new(&server);
    let mut oauth = oauth2(&server.url, Grant::ClientCredentials, ClientProof::Basic(secret()));
    oauth.endpoints = Endpoints { issuer: Some(server.url.as_str().into()), ..Endpoints::default() };
    fixture.connection.auth = Auth::OAuth2(Box::new(oauth));
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Credential, "SNW-2028"));
    assert!(failure.message.contains("https://evil.example"), "{failure:?}");
}

#[tokio::test]
async fn a_rotated_refresh_token_is_used_in_the_place_of_the_configured_one() {
    let server = Server::start(|_, request| match request.path() {
        "/token" if request.body.contains("refresh_token=next") => {
            ok(r#"{"access_token":"two","refresh_token":"last"}"#)
        }
        "/token" => ok(r#"{"access_token":"one","refresh_token":"next","expires_in":0}"#),
        _ => ok("1"),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    let grant = Grant::RefreshToken { token: secret() };
    fixture.connection.auth = Auth::OAuth2(Box::new(oauth2(&server.url, grant, ClientProof::None)));
    let request = fixture.request(read(), "{}");
    for token in ["Bearer one", "Bearer two"] {
        assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
        assert_eq!(server.arrived().last().unwrap().header("authorization"), Some(token));
    }
}

#[tokio::test]
async fn a_token_is_given_for_a_token() {
    let server = Server::start(|_, request| match request.path() {
        "/token" => ok(r#"{"access_token":"other","token_type":"Bearer","issued_token_type":"urn:x"}"#),
        _ if request.header("authorization") == Some("Bearer other") => ok("1"),
        _ => answer(401, &[], ""),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    let subject =
        TokenGiven { token: secret(), kind: "urn:ietf:params:oauth:token-type:access_token".into() };
    let grant = Grant::TokenExchange(TokenExchange { subject, actor: None, requested_type: None });
    fixture.connection.auth = Auth::OAuth2(Box::new(oauth2(&server.url, grant, ClientProof::None)));
    assert!(fixture.call(read(), "{}").await.outcome.is_ok());
}

#[tokio::test]
async fn a_connection_for_which_nobody_has_logged_in_says_how_to() {
    let server = Server::acting([ok("1")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth =
        Auth::OAuth2(Box::new(oauth2(&server.url, Grant::DeviceCode, ClientProof::None)));
    let failure = fixture.call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Credential, "SNW-2027"));
    assert!(format!("{failure:?}").contains("sinew connect crm"), "{failure:?}");
}
