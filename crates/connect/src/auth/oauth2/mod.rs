//! OAuth 2.0 (RFC 6749): requests to a provider are formed here, and its answers read. Nothing is sent.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use sinew_model::{ClientProof, Grant, OAuth2};
use sinew_vault::{Secret, Token};
use zeroize::Zeroizing;

use super::{AuthError, ENCODED, Resolve, basic, masks};

/// How long a token is used whose issuer does not say: a refusal replaces it anyway.
const LIVES_UNSAID: Duration = Duration::from_hours(1);
/// The longest life that is believed.
const LIVES_MAX_S: u64 = 30 * 24 * 3600;

/// Why what a token endpoint answered is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not the JSON object of RFC 6749, section 5.1.
    #[error("the token endpoint's answer holds no `access_token`")]
    NoToken,
    /// A kind of token that this scheme cannot use.
    #[error("the token endpoint issued a token of another type than Bearer")]
    OtherType,
}

/// A request to a token endpoint, and what of it must not be shown.
#[derive(Debug)]
pub struct TokenRequest {
    /// The request.
    pub request: Request<Full<Bytes>>,
    /// The secrets in it, in every form that they may show in.
    pub masks: Vec<Secret>,
}

/// The request for a token.
pub fn token_request(oauth: &OAuth2, resolve: Resolve<'_>) -> Result<TokenRequest, AuthError> {
    let mut form = Form::new();
    match &oauth.grant {
        // RFC 6749, section 4.4.2.
        Grant::ClientCredentials => form.add("grant_type", "client_credentials"),
    }
    if !oauth.scopes.is_empty() {
        form.add("scope", &oauth.scopes.join(" "));
    }
    if let Some(audience) = &oauth.audience {
        form.add("audience", audience);
    }
    for (name, value) in &oauth.parameters {
        form.add(name, value);
    }
    let token_url = oauth.endpoints.token.as_deref().unwrap_or_default();
    form.post(token_url, oauth, resolve)
}

/// A form that is posted to an endpoint of a provider.
struct Form(Zeroizing<String>);

impl Form {
    fn new() -> Self {
        Self(Zeroizing::default())
    }

    fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(utf8_percent_encode(name, ENCODED));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ENCODED));
    }

    /// The request, in which the client names itself.
    fn post(mut self, url: &str, oauth: &OAuth2, resolve: Resolve<'_>) -> Result<TokenRequest, AuthError> {
        let uri: Uri = url.parse().map_err(|_| AuthError::NoUrl(url.to_owned()))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(AuthError::NoUrl(url.to_owned()));
        }
        let id = &oauth.client.id;
        let mut authorization = None;
        let masks = match &oauth.client.proof {
            ClientProof::Basic(secret) => {
                let secret = resolve(secret)?;
                authorization = Some(basic_header(id, &secret)?);
                masks(&secret)
            }
            ClientProof::Body(secret) => {
                let secret = resolve(secret)?;
                self.add("client_id", id);
                self.add("client_secret", secret.expose());
                masks(&secret)
            }
        };
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(self.0.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(TokenRequest { request, masks })
    }
}

/// Both parts are form-encoded first (RFC 6749, section 2.3.1).
fn basic_header(id: &str, secret: &Secret) -> Result<HeaderValue, AuthError> {
    let id = utf8_percent_encode(id, ENCODED).to_string();
    let secret = Zeroizing::new(utf8_percent_encode(secret.expose(), ENCODED).to_string());
    super::sensitive(&Zeroizing::new(format!("Basic {}", basic::pair(&id, &secret).expose())))
}

#[derive(Deserialize)]
struct Issued {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Seconds>,
}

/// Seconds as a number or, as some providers write them, as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// Reads what a token endpoint answered with 200 (RFC 6749, section 5.1).
pub fn read_token(body: &[u8]) -> Result<Token, TokenError> {
    let issued: Issued = serde_json::from_slice(body).map_err(|_| TokenError::NoToken)?;
    let text = issued.access_token.filter(|text| !text.is_empty()).ok_or(TokenError::NoToken)?;
    if issued.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::OtherType);
    }
    let seconds = match issued.expires_in {
        Some(Seconds::Number(number)) => Some(number),
        Some(Seconds::Text(text)) => text.trim().parse().ok(),
        None => None,
    };
    // The cast saturates: NaN and negative numbers become 0, a token that serves once.
    let lives = seconds.map_or(LIVES_UNSAID, |s| Duration::from_secs((s as u64).min(LIVES_MAX_S)));
    Ok(Token { secret: Secret::new(text), lives })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use sinew_model::{Endpoints, OAuthClient, SecretRef};

    use super::*;

    async fn check(proof: fn(SecretRef) -> ClientProof) -> (Option<String>, String) {
        let proof = proof(SecretRef::new("secret:x").unwrap());
        let oauth = OAuth2 {
            grant: Grant::ClientCredentials,
            endpoints: Endpoints { token: Some("https://id.example.com/token".into()) },
            client: OAuthClient { id: "si new".into(), proof },
            scopes: vec!["read".into(), "write".into()],
            audience: Some("https://api.example.com".into()),
            parameters: Vec::new(),
        };
        let TokenRequest { request, masks } = token_request(&oauth, &|_| Ok(Secret::new("p&ss"))).unwrap();
        assert_eq!(masks.iter().map(Secret::expose).collect::<Vec<_>>(), ["p&ss", "p%26ss"]);
        let header = request.headers().get(AUTHORIZATION).map(|v| v.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        (header, String::from_utf8(body.to_vec()).unwrap())
    }

    const COMMON: &str =
        "grant_type=client_credentials&scope=read%20write&audience=https%3A%2F%2Fapi.example.com";

    #[tokio::test]
    async fn the_client_names_itself_as_its_provider_asks() {
        // base64("si%20new:p%26ss")
        let header = Some("Basic c2klMjBuZXc6cCUyNnNz".to_owned());
        assert_eq!(check(ClientProof::Basic).await, (header, COMMON.to_owned()));
        let body = format!("{COMMON}&client_id=si%20new&client_secret=p%26ss");
        assert_eq!(check(ClientProof::Body).await, (None, body));
    }

    #[test]
    fn a_token_is_read_with_its_life_however_that_is_written() {
        for (body, lives) in [
            (r#"{"access_token":"t","token_type":"bearer","expires_in":60}"#, 60),
            (r#"{"access_token":"t","expires_in":"90"}"#, 90),
            (r#"{"access_token":"t","expires_in":59.9}"#, 59),
            (r#"{"access_token":"t","expires_in":-5}"#, 0),
            (r#"{"access_token":"t","expires_in":1e300}"#, LIVES_MAX_S),
            (r#"{"access_token":"t"}"#, 3600),
        ] {
            assert_eq!(read_token(body.as_bytes()).unwrap().lives, Duration::from_secs(lives), "{body}");
        }
    }

    #[test]
    fn what_is_no_token_says_so() {
        for body in ["", "[]", "{}", r#"{"access_token":""}"#, "<html>"] {
            assert_eq!(read_token(body.as_bytes()).unwrap_err(), TokenError::NoToken, "{body}");
        }
        let mac = br#"{"access_token":"t","token_type":"mac"}"#;
        assert_eq!(read_token(mac).unwrap_err(), TokenError::OtherType);
    }
}
