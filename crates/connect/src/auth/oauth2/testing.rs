//! What the tests of the grants have in common.

use http::header::AUTHORIZATION;
use http_body_util::BodyExt as _;
use sinew_model::{ClientProof, Endpoints, Grant, OAuth2, OAuthClient, SecretRef};
use sinew_stdx::Timestamp;
use sinew_vault::Secret;

use super::{Provider, TokenRequest};
use crate::auth::Moment;

/// 2026-11-21T08:00:00Z
pub(crate) const NOW_S: i64 = 1_795_248_000;

/// A key on P-256 that is used for nothing else.
pub(crate) const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnKg3DQqwuUij+I7V
Et2Bc4r83xt65QLYgKftvzBbaGShRANCAAR2btLNphGfjscmcS+79I7JHd0xjFCf
r6SDoe+FeYFPr2mIek1RfG5FfYWZp1TZFKK0j54Ebkaz9/0UVf4++s3a
-----END PRIVATE KEY-----
";

pub(crate) const MOMENT: Moment = Moment { now: Timestamp::from_millis(NOW_S * 1000), nonce: 7 };

/// A client of `https://id.example.com`.
pub(crate) fn oauth(grant: Grant) -> OAuth2 {
    let endpoint = |path: &str| Some(format!("https://id.example.com/{path}").into());
    OAuth2 {
        grant,
        endpoints: Endpoints {
            issuer: None,
            token: endpoint("token"),
            authorize: endpoint("authorize?tenant=1"),
            device: endpoint("device"),
            revoke: endpoint("revoke"),
        },
        client: OAuthClient {
            id: Some("si new".into()),
            proof: ClientProof::Body(SecretRef::new("secret:x").unwrap()),
        },
        scopes: vec!["read".into(), "write".into()],
        scope_separator: ' ',
        audience: Some("https://api.example.com".into()),
        resource: None,
        rotates: None,
        parameters: Vec::new(),
    }
}

/// The `Authorization` header, the form and the masks of a request.
pub(crate) async fn taken_apart(request: TokenRequest) -> (Option<String>, String, Vec<String>) {
    let TokenRequest { request, masks } = request;
    let header = request.headers().get(AUTHORIZATION).map(|v| v.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let masks = masks.iter().map(|mask| mask.expose().to_owned()).collect();
    (header, String::from_utf8(body.to_vec()).unwrap(), masks)
}

/// The request for a token, where every secret has this text.
pub(crate) async fn checked(oauth: &OAuth2, secret: &str) -> (Option<String>, String, Vec<String>) {
    let resolve = |_: &SecretRef| Ok(Secret::new(secret));
    let provider = Provider { oauth, endpoints: &oauth.endpoints, resolve: &resolve, moment: MOMENT };
    taken_apart(provider.token_request().unwrap()).await
}
