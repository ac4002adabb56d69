//! How to log in: one file a scheme. What a scheme's fields are called in YAML stands in `read::auth`, what it does to
//! a request in `sinew-connect`.

mod api_key;
mod basic;
mod oauth2;

pub use api_key::{ApiKey, KeyLocation};
pub use basic::BasicLogin;
pub use oauth2::{ClientProof, Endpoints, Grant, OAuth2, OAuthClient};

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
}

impl Auth {
    /// The secrets that it needs; the first is the one that it is known by.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::None => Vec::new(),
            Self::ApiKeys(keys) => keys.iter().map(|key| &key.key).collect(),
            Self::Basic(login) => login.secrets(),
            Self::Bearer(token) => vec![token],
            Self::OAuth2(oauth) => oauth.secrets(),
        }
    }

    /// The query parameters that carry a credential, which is never kept with a URL.
    pub fn query_parameters(&self) -> Vec<&str> {
        match self {
            Self::ApiKeys(keys) => keys.iter().filter_map(ApiKey::query_parameter).collect(),
            Self::None | Self::Basic(_) | Self::Bearer(_) | Self::OAuth2(_) => Vec::new(),
        }
    }
}
