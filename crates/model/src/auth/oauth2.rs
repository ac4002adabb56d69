use std::sync::Arc;
use std::time::Duration;

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
    /// What stands between scopes: a blank (section 3.3), or the comma that some providers want.
    pub scope_separator: char,
    /// `audience` parameter, which some providers ask for.
    pub audience: Option<Arc<str>>,
    /// `resource` parameter (RFC 8707).
    pub resource: Option<Arc<str>>,
    /// Whether the provider gives a new refresh token at each renewal and takes the old one no more; `None` if nobody says.
    pub rotates: Option<bool>,
    /// Further parameters for the token endpoint.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
}

impl OAuth2 {
    /// The scopes as one parameter; `None` if none are asked for.
    pub fn scope(&self) -> Option<String> {
        let separator = self.scope_separator.to_string();
        (!self.scopes.is_empty()).then(|| self.scopes.join(separator.as_str()))
    }

    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        self.client.proof.secret().into_iter().chain(self.grant.secrets()).collect()
    }
}

/// How a token is obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The client acts for itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// A refresh token that was obtained elsewhere (RFC 6749, section 6).
    RefreshToken {
        /// The token.
        token: SecretRef,
    },
    /// A person logs in at a browser, once (RFC 6749, section 4.1, with RFC 7636).
    AuthorizationCode(AuthorizationCode),
    /// A service account signs an assertion (RFC 7523, section 2.1).
    JwtBearer(JwtBearer),
    /// A person logs in on another device, once (RFC 8628).
    DeviceCode,
    /// A token is given for a token (RFC 8693).
    TokenExchange(TokenExchange),
}

impl Grant {
    /// Whether a person has to log in before tokens can be had; what was granted is then kept as a session.
    pub fn needs_person(&self) -> bool {
        matches!(self, Self::AuthorizationCode(_) | Self::DeviceCode)
    }

    fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::ClientCredentials | Self::AuthorizationCode(_) | Self::DeviceCode => Vec::new(),
            Self::RefreshToken { token } => vec![token],
            Self::JwtBearer(bearer) => vec![&bearer.key.key],
            Self::TokenExchange(exchange) => {
                std::iter::once(&exchange.subject).chain(&exchange.actor).map(|token| &token.token).collect()
            }
        }
    }
}

/// What a log-in at a browser takes beyond what all grants have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// Where the provider sends the browser back to; without it, this server's own address.
    pub redirect: Option<Arc<str>>,
    /// Whether the code is bound to who asked for it (RFC 7636). Only for providers that refuse it is it not.
    pub pkce: bool,
    /// Further parameters for the authorization endpoint, such as `prompt=consent`.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
}

/// A private key that signs assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtKey {
    /// The key: PEM (PKCS #8, PKCS #1 or SEC 1), or the JSON file of a Google service account.
    pub key: SecretRef,
    /// `kid`, by which the provider finds the public key.
    pub key_id: Option<Arc<str>>,
    /// How it signs; without it, what the key is made for.
    pub algorithm: Option<JwtAlgorithm>,
}

/// Signature algorithms (RFC 7518, section 3.1; RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// A service account (RFC 7523, section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtBearer {
    /// What it signs with.
    pub key: JwtKey,
    /// `iss`; without it the `client_email` of a Google key, or the client's id.
    pub issuer: Option<Arc<str>>,
    /// `sub`: for whom; without it the issuer itself.
    pub subject: Option<Arc<str>>,
    /// `aud`; without it the token endpoint.
    pub audience: Option<Arc<str>>,
    /// How long an assertion lives.
    pub lives: Duration,
    /// How far its start is dated back, so that a provider whose clock is behind takes it.
    pub back: Duration,
    /// Where the scopes stand.
    pub scope_in: ScopeIn,
    /// Further claims.
    pub claims: Vec<(Arc<str>, Arc<str>)>,
}

/// Where the scopes of an assertion stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeIn {
    /// In the assertion, as `scope`.
    Claims,
    /// Beside it, as a parameter.
    Parameters,
}

/// A token for a token (RFC 8693).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenExchange {
    /// On whose behalf.
    pub subject: TokenGiven,
    /// Who acts, if that is somebody else.
    pub actor: Option<TokenGiven>,
    /// What is asked for; without it, what the provider gives.
    pub requested_type: Option<Arc<str>>,
}

/// A token that is given for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGiven {
    /// The token.
    pub token: SecretRef,
    /// What it is, as a URI (RFC 8693, section 3).
    pub kind: Arc<str>,
}

/// Where a provider is spoken to; all absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Whose published metadata names the endpoints that are not given here.
    pub issuer: Option<Arc<str>>,
    /// The token endpoint.
    pub token: Option<Arc<str>>,
    /// Where people log in.
    pub authorize: Option<Arc<str>>,
    /// Where devices begin (RFC 8628).
    pub device: Option<Arc<str>>,
    /// Where tokens are given back (RFC 7009).
    pub revoke: Option<Arc<str>>,
}

/// An OAuth client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its id; service accounts may have none.
    pub id: Option<Arc<str>>,
    /// How it shows that it is who it says.
    pub proof: ClientProof,
}

/// How an OAuth client names itself at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By its id alone: a public client.
    None,
    /// By a secret in an HTTP Basic header (RFC 6749, section 2.3.1).
    Basic(SecretRef),
    /// By a secret in the form body (the same section).
    Body(SecretRef),
    /// By an assertion that it signs (RFC 7523, section 2.2).
    PrivateKey {
        /// What it signs with.
        key: JwtKey,
        /// `aud`; without it the token endpoint.
        audience: Option<Arc<str>>,
    },
    /// By its TLS certificate, with its id in the form (RFC 8705).
    Certificate,
}

impl ClientProof {
    /// The secret that it takes.
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::None | Self::Certificate => None,
            Self::Basic(secret) | Self::Body(secret) => Some(secret),
            Self::PrivateKey { key, .. } => Some(&key.key),
        }
    }
}
