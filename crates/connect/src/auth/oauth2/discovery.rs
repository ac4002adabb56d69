use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use serde::Deserialize;
use sinew_model::Endpoints;

use super::answer::{cut, not_an_answer};
use super::{AuthError, endpoint};

/// The most that is read of a provider's metadata, in bytes.
pub const METADATA_MAX: u64 = 256 * 1024;

/// Why metadata is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// Not the JSON object of RFC 8414, section 2.
    #[error("the metadata cannot be read: {0}")]
    Unreadable(String),
    /// It belongs to somebody else (RFC 8414, section 3.3).
    #[error("the metadata is that of the issuer `{0}`")]
    OtherIssuer(String),
    /// An endpoint that is no URL, or would be spoken to in clear although the issuer is not.
    #[error("the metadata's `{0}` is no URL that can be used")]
    BadEndpoint(&'static str),
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
}

/// The requests for an issuer's metadata, to be tried in turn: where OpenID Connect Discovery 1.0 (section 4) puts it,
/// and where RFC 8414 (section 3) does.
pub fn metadata_requests(issuer: &str) -> Result<Vec<Request<Full<Bytes>>>, AuthError> {
    let uri = endpoint(issuer)?;
    let path = uri.path().trim_end_matches('/');
    let origin = issuer.trim_end_matches('/').strip_suffix(path).unwrap_or(issuer).trim_end_matches('/');
    let urls = [
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ];
    urls.iter()
        .map(|url| {
            let mut request = Request::new(Full::default());
            *request.uri_mut() = endpoint(url)?;
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
            Ok(request)
        })
        .collect()
}

/// Completes the endpoints that are configured by those that their issuer publishes.
pub fn read_metadata(configured: &Endpoints, body: &[u8]) -> Result<Endpoints, DiscoveryError> {
    let issuer = configured.issuer.as_deref().unwrap_or_default();
    let metadata: Metadata = serde_json::from_slice(body).map_err(|error| {
        let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
        let why =
            if is_json { format!("it is no metadata: {error}") } else { not_an_answer(body).to_string() };
        DiscoveryError::Unreadable(cut(&why))
    })?;
    if metadata.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(DiscoveryError::OtherIssuer(cut(&metadata.issuer)));
    }
    let secure = issuer.starts_with("https:");
    let checked = |name: &'static str, url: Option<String>| match url {
        None => Ok(None),
        Some(url) => {
            let uri: Uri = url.parse().map_err(|_| DiscoveryError::BadEndpoint(name))?;
            let fits = uri.host().is_some()
                && (uri.scheme_str() == Some("https") || (!secure && uri.scheme_str() == Some("http")));
            if fits { Ok(Some(url.into())) } else { Err(DiscoveryError::BadEndpoint(name)) }
        }
    };
    let token = checked("token_endpoint", metadata.token_endpoint)?;
    let authorize = checked("authorization_endpoint", metadata.authorization_endpoint)?;
    let device = checked("device_authorization_endpoint", metadata.device_authorization_endpoint)?;
    let revoke = checked("revocation_endpoint", metadata.revocation_endpoint)?;
    Ok(Endpoints {
        issuer: configured.issuer.clone(),
        token: configured.token.clone().or(token),
        authorize: configured.authorize.clone().or(authorize),
        device: configured.device.clone().or(device),
        revoke: configured.revoke.clone().or(revoke),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(issuer: &str, body: &str) -> Result<Endpoints, DiscoveryError> {
        let configured = Endpoints {
            issuer: Some(issuer.into()),
            revoke: Some("https://own.example/revoke".into()),
            ..Endpoints::default()
        };
        read_metadata(&configured, body.as_bytes())
    }

    #[test]
    fn metadata_is_looked_for_where_both_standards_put_it() {
        let urls = |issuer: &str| {
            let all = metadata_requests(issuer).unwrap();
            all.iter().map(|request| request.uri().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            urls("https://id.example.com/tenant/"),
            [
                "https://id.example.com/tenant/.well-known/openid-configuration",
                "https://id.example.com/.well-known/oauth-authorization-server/tenant",
            ]
        );
        assert_eq!(
            urls("http://127.0.0.1:3000")[1],
            "http://127.0.0.1:3000/.well-known/oauth-authorization-server"
        );
    }

    #[test]
    fn what_is_configured_stands_and_the_rest_is_completed() {
        let body = r#"{"issuer":"https://id.example.com/","token_endpoint":"https://t.example/token",
            "revocation_endpoint":"https://t.example/revoke"}"#;
        let endpoints = check("https://id.example.com", body).unwrap();
        assert_eq!(endpoints.token.as_deref(), Some("https://t.example/token"));
        assert_eq!(endpoints.revoke.as_deref(), Some("https://own.example/revoke"));
        assert_eq!(endpoints.authorize, None);
    }

    #[test]
    fn metadata_of_another_issuer_or_in_clear_is_not_used() {
        let other = check("https://id.example.com", r#"{"issuer":"https://evil.example"}"#).unwrap_err();
        assert_eq!(other, DiscoveryError::OtherIssuer("https://evil.example".to_owned()));
        let clear = r#"{"issuer":"https://id.example.com","token_endpoint":"http://id.example.com/token"}"#;
        assert_eq!(
            check("https://id.example.com", clear).unwrap_err(),
            DiscoveryError::BadEndpoint("token_endpoint")
        );
        let html = check("https://id.example.com", "<title>404</title>").unwrap_err().to_string();
        assert_eq!(html, "the metadata cannot be read: the answer is a page of HTML (\"404\")");
        assert!(
            check("https://id.example.com", "{}").unwrap_err().to_string().contains("missing field `issuer`")
        );
    }
}
