//! A provider that nobody here wrote (`oidc-provider` from npm), spoken to by what Sinew forms and reads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;

use http_body_util::BodyExt as _;
use sinew_connect::auth::oauth2::{
    Granted, LoginAttempt, Provider, TokenError, TokenRequest, metadata_requests, read_callback, read_device,
    read_metadata, read_token,
};
use sinew_connect::auth::{AuthError, Moment};
use sinew_e2e::Peer;
use sinew_model::{AuthorizationCode, ClientProof, Endpoints, Grant, OAuth2, OAuthClient, SecretRef};
use sinew_stdx::Timestamp;
use sinew_vault::{Secret, SecretError};

use browser::Browser;

/// Where the provider sends the browser back to; nobody listens there.
const BACK: &str = "http://127.0.0.1:9/callback";

#[expect(clippy::unnecessary_wraps, reason = "where secrets come from usually, they may be missing")]
fn resolve(name: &SecretRef) -> Result<Secret, SecretError> {
    Ok(Secret::new(name.path().to_owned()))
}

fn client_credentials(provider: &Provider<'_>) -> Result<TokenRequest, AuthError> {
    provider.token_request()
}

fn oauth(issuer: &str, grant: Grant, id: &str, proof: ClientProof) -> OAuth2 {
    OAuth2 {
        grant,
        endpoints: Endpoints { issuer: Some(issuer.into()), ..Endpoints::default() },
        client: OAuthClient { id: Some(id.into()), proof },
        scopes: vec!["openid".into(), "offline_access".into()],
        scope_separator: ' ',
        audience: None,
        resource: None,
        rotates: None,
        parameters: Vec::new(),
    }
}

fn secret(text: &str) -> SecretRef {
    SecretRef::new(&format!("secret:{text}")).unwrap()
}

/// Sends a request; gives the body.
fn send(request: http::Request<http_body_util::Full<bytes::Bytes>>) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (head, body) = request.into_parts();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    browser::send(&head, &body)
}

/// The provider as a client speaks to it, found by its issuer.
fn discovered(oauth: &OAuth2) -> Endpoints {
    let requests = metadata_requests(oauth.endpoints.issuer.as_deref().unwrap()).unwrap();
    read_metadata(&oauth.endpoints, &send(requests.into_iter().next().unwrap())).unwrap()
}

/// A client and what it may ask for.
struct Client {
    oauth: OAuth2,
    endpoints: Endpoints,
}

impl Client {
    fn new(oauth: OAuth2) -> Self {
        let endpoints = discovered(&oauth);
        Self { oauth, endpoints }
    }

    fn ask(
        &self,
        form: impl FnOnce(&Provider<'_>) -> Result<TokenRequest, AuthError>,
    ) -> Result<Granted, TokenError> {
        read_token(&send(form(&self.provider()).unwrap().request))
    }

    fn provider(&self) -> Provider<'_> {
        let moment = Moment { now: Timestamp::from_millis(0), nonce: 1 };
        Provider { oauth: &self.oauth, endpoints: &self.endpoints, resolve: &resolve, moment }
    }

    fn refreshed(&self, token: &Secret) -> Result<Granted, TokenError> {
        self.ask(|provider| provider.refresh_request(token))
    }
}

fn peer(test: &str) -> Option<Peer> {
    Peer::of_node(test, "oidc-provider")
}

#[test]
fn a_machine_gets_a_token_for_itself() {
    let Some(peer) = peer("a_machine_gets_a_token_for_itself") else { return };
    let mut wrong =
        oauth(peer.url(), Grant::ClientCredentials, "machine", ClientProof::Basic(secret("wrong")));
    wrong.scopes.clear();
    let refused = Client::new(wrong.clone()).ask(client_credentials).unwrap_err();
    assert!(refused.to_string().contains("invalid_client") && refused.help().is_some(), "{refused}");
    let proof = ClientProof::Basic(secret("machine-secret"));
    let right = OAuth2 { client: OAuthClient { proof, ..wrong.client.clone() }, ..wrong };
    let granted = Client::new(right).ask(client_credentials).unwrap();
    assert_eq!((granted.access.lives.as_secs(), granted.refresh.is_some()), (60, false));
}

#[test]
fn a_person_logs_in_and_the_refresh_token_rotates_until_a_spent_one_comes_back() {
    let name = "a_person_logs_in_and_the_refresh_token_rotates_until_a_spent_one_comes_back";
    let Some(peer) = peer(name) else { return };
    let parameters = vec![("prompt".into(), "consent".into())];
    let code = Grant::AuthorizationCode(AuthorizationCode { redirect: None, pkce: true, parameters });
    for (id, proof) in [("web", ClientProof::Basic(secret("web-secret"))), ("native", ClientProof::None)] {
        let client = Client::new(oauth(peer.url(), code.clone(), id, proof));
        let attempt = LoginAttempt::fresh().unwrap();
        let url = client.provider().authorization_url(&attempt, BACK).unwrap();
        let query = Browser::default().log_in(&url, BACK);
        let callback = read_callback(&query);
        assert!(callback.belongs_to(&attempt, Some(peer.url())));
        let code = callback.code.unwrap();
        let stranger = LoginAttempt { verifier: LoginAttempt::fresh().unwrap().verifier, ..attempt.clone() };
        let refused = client.ask(|provider| provider.code_request(&stranger, BACK, &code)).unwrap_err();
        assert!(refused.refuses_grant(), "another's verifier was taken: {refused}");

        let url = client.provider().authorization_url(&attempt, BACK).unwrap();
        let code = read_callback(&Browser::default().log_in(&url, BACK)).code.unwrap();
        let granted = client.ask(|provider| provider.code_request(&attempt, BACK, &code)).unwrap();
        assert_eq!(granted.scopes.as_deref(), Some(&["openid".to_owned(), "offline_access".to_owned()][..]));
        assert!(granted.id_token.is_some());

        let one = granted.refresh.unwrap();
        let two = client.refreshed(&one).unwrap().refresh.unwrap();
        assert_ne!(one.expose(), two.expose());
        let reused = client.refreshed(&one).unwrap_err();
        assert!(reused.refuses_grant(), "{reused}");
        let revoked = client.refreshed(&two).unwrap_err();
        assert!(revoked.refuses_grant(), "the family outlived the reuse: {revoked}");
    }
}

#[test]
fn a_device_gets_its_token_when_its_person_has_said_yes() {
    let Some(peer) = peer("a_device_gets_its_token_when_its_person_has_said_yes") else { return };
    let client = Client::new(oauth(peer.url(), Grant::DeviceCode, "native", ClientProof::None));
    let begun = client.provider().device_request().unwrap();
    let device = read_device(&send(begun.request)).unwrap();
    let ask = || client.ask(|provider| provider.device_token_request(&device));
    assert!(ask().unwrap_err().is_pending());
    Browser::default().confirm(device.verification_url_complete.as_deref().unwrap(), &device.user_code);
    assert!(!ask().unwrap().access.secret.expose().is_empty());
}
