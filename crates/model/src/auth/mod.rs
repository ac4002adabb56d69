//! How to log in: one file a scheme. What a scheme's fields are called in YAML stands in `read::auth`, what it does to
//! a request in `sinew-connect`.

mod api_key;
mod aws_sigv4;
mod basic;
mod hmac;
mod oauth1;
mod oauth2;
mod session;
mod ssh;
mod ws_security;

pub use api_key::{ApiKey, KeyLocation};
pub use aws_sigv4::AwsSigV4;
pub use basic::BasicLogin;
pub use hmac::{HmacSigning, KeyEncoding, SignatureEncoding, SignatureHash, SignaturePart, TimestampFormat};
pub use oauth1::{OAuth1, OAuth1Method};
pub use oauth2::{
    AuthorizationCode, ClientProof, Endpoints, Grant, JwtAlgorithm, JwtBearer, JwtKey, OAuth2, OAuthClient,
    ScopeIn, TokenExchange, TokenGiven,
};
pub use session::{SessionKeep, SessionLogin, SessionSource, SessionValue};
pub use ssh::SshKey;
pub use ws_security::WsSecurity;

use crate::SecretRef;

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// Keys in headers, the query or cookies.
    ApiKeys(Vec<ApiKey>),
    /// HTTP Basic (RFC 7617).
    Basic(BasicLogin),
    /// A fixed bearer token (RFC 6750).
    Bearer(SecretRef),
    /// OAuth 2.0 (RFC 6749): tokens are fetched, kept and renewed.
    OAuth2(Box<OAuth2>),
    /// OAuth 1.0a (RFC 5849): every request is signed.
    OAuth1(Box<OAuth1>),
    /// AWS Signature Version 4: every request is signed.
    AwsSigV4(Box<AwsSigV4>),
    /// An HMAC over what the vendor says: every request is signed.
    Hmac(Box<HmacSigning>),
    /// A log-in of its own, whose cookie or token is sent with every call.
    Session(Box<SessionLogin>),
    /// The client certificate of the connection's `tls` (RFC 8446, section 4.4.2).
    Certificate,
    /// A user name token in the header of SOAP messages (WS-Security 1.0).
    WsSecurity(Box<WsSecurity>),
    /// A key by which one logs in over SSH.
    Ssh(Box<SshKey>),
}

impl Auth {
    /// The secrets that it needs; the first is the one that it is known by.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::None | Self::Certificate => Vec::new(),
            Self::ApiKeys(keys) => keys.iter().map(|key| &key.key).collect(),
            Self::Basic(login) => login.secrets(),
            Self::Bearer(token) => vec![token],
            Self::OAuth2(oauth) => oauth.secrets(),
            Self::OAuth1(oauth) => oauth.secrets(),
            Self::AwsSigV4(aws) => aws.secrets(),
            Self::Hmac(hmac) => vec![&hmac.key],
            Self::Session(session) => session.secrets(),
            Self::WsSecurity(login) => vec![&login.password],
            Self::Ssh(key) => key.secrets(),
        }
    }

    /// The query parameters that carry a credential, which is never kept with a URL.
    pub fn query_parameters(&self) -> Vec<&str> {
        match self {
            Self::ApiKeys(keys) => keys.iter().filter_map(ApiKey::query_parameter).collect(),
            Self::Hmac(hmac) => hmac.query_parameters(),
            _ => Vec::new(),
        }
    }
}
