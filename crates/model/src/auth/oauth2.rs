use std::sync::Arc;

use crate::SecretRef;

/// OAuth 2.0 (RFC 6749).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// How a token is obtained.
    pub grant: Grant,
    /// Where.
    pub endpoints: Endpoints,
    /// As whom.
    pub client: OAuthClient,
    /// Scopes asked for.
    pub scopes: Vec<Arc<str>>,
    /// `audience` parameter, which some providers ask for.
    pub audience: Option<Arc<str>>,
    /// Further parameters for the token endpoint.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
}

impl OAuth2 {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        self.client.proof.secret().into_iter().chain(self.grant.secrets()).collect()
    }
}

/// How a token is obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The client acts for itself (RFC 6749, section 4.4).
    ClientCredentials,
}

impl Grant {
    fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::ClientCredentials => Vec::new(),
        }
    }
}

/// Where a provider is spoken to; all absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The token endpoint.
    pub token: Option<Arc<str>>,
}

/// An OAuth client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its id.
    pub id: Arc<str>,
    /// How it shows that it is who it says.
    pub proof: ClientProof,
}

/// How an OAuth client names itself at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret in an HTTP Basic header (RFC 6749, section 2.3.1).
    Basic(SecretRef),
    /// By a secret in the form body (the same section).
    Body(SecretRef),
}

impl ClientProof {
    /// The secret that it takes.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Basic(secret) | Self::Body(secret) => Some(secret),
        }
    }
}
