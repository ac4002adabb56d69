use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use sinew_stdx::Timestamp;

use crate::exchange::{Call, Reply, form_value};

/// Tokens valid at one time; beyond that the expired go, then none is issued.
const TOKENS_MAX: usize = 10_000;

/// An OAuth 2 token endpoint for one client (RFC 6749, client credentials) and the tokens it issued.
#[derive(Debug)]
pub(crate) struct TokenIssuer {
    client_id: &'static str,
    client_secret: &'static str,
    expiry: Mutex<HashMap<String, Timestamp>>,
}

/// Why a bearer token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenRefused {
    Missing,
    Expired,
    Unknown,
}

impl TokenRefused {
    /// What `WWW-Authenticate` says (RFC 6750).
    pub(crate) fn challenge(self, realm: &str) -> String {
        match self {
            Self::Missing => format!("Bearer realm=\"{realm}\""),
            Self::Expired | Self::Unknown => {
                format!(
                    "Bearer realm=\"{realm}\", error=\"invalid_token\", error_description=\"{}\"",
                    self.message()
                )
            }
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Missing => "No access token was given",
            Self::Expired => "The access token has expired",
            Self::Unknown => "The access token is unknown or was revoked",
        }
    }
}

impl TokenIssuer {
    pub(crate) fn new(client_id: &'static str, client_secret: &'static str) -> Self {
        Self { client_id, client_secret, expiry: Mutex::default() }
    }

    /// Whether this token is good now.
    pub(crate) fn check(&self, token: Option<&str>, now: Timestamp) -> Result<(), TokenRefused> {
        let token = token.ok_or(TokenRefused::Missing)?;
        match self.expiry.lock().get(token) {
            Some(&expiry) if now < expiry => Ok(()),
            Some(_) => Err(TokenRefused::Expired),
            None => Err(TokenRefused::Unknown),
        }
    }

    /// All tokens issued so far are void.
    pub(crate) fn revoke_all(&self) {
        self.expiry.lock().clear();
    }

    /// Answers a request to the token endpoint.
    pub(crate) fn issue(&self, call: &Call, lifetime_s: u32) -> Reply {
        let form = std::str::from_utf8(&call.body).unwrap_or_default();
        let field = |name| form_value(form, name);
        let (id, secret) =
            call.basic().or_else(|| Some((field("client_id")?, field("client_secret")?))).unwrap_or_default();
        if id != self.client_id || secret != self.client_secret {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client", "unknown client or wrong secret")
                .with("www-authenticate", "Basic realm=\"crm\"");
        }
        match field("grant_type").as_deref() {
            Some("client_credentials") => {}
            Some(_) => {
                return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "use client_credentials");
            }
            None => return refused(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing"),
        }
        let Some(token) = self.remember(call.now, lifetime_s) else {
            return refused(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "too many tokens are valid",
            );
        };
        let answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime_s,
            "scope": field("scope").unwrap_or_else(|| "contacts deals notes".to_owned()),
        });
        Reply::of(StatusCode::OK, &answer).with("cache-control", "no-store")
    }

    fn remember(&self, now: Timestamp, lifetime_s: u32) -> Option<String> {
        let mut bytes = [0_u8; 24];
        rand::fill(&mut bytes).ok()?;
        let token = format!("crm_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let mut expiry = self.expiry.lock();
        if expiry.len() >= TOKENS_MAX {
            expiry.retain(|_, expiry| now < *expiry);
        }
        if expiry.len() >= TOKENS_MAX {
            return None;
        }
        expiry.insert(token.clone(), now.plus(Duration::from_secs(u64::from(lifetime_s))));
        Some(token)
    }
}

fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    Reply::of(status, &json!({ "error": error, "error_description": description }))
}
