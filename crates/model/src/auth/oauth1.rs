use std::sync::Arc;

use crate::SecretRef;

/// OAuth 1.0a (RFC 5849).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth1 {
    /// Who the client is.
    pub consumer_key: Arc<str>,
    /// Its secret.
    pub consumer_secret: SecretRef,
    /// The token and its secret; without them the client acts for itself.
    pub token: Option<(SecretRef, SecretRef)>,
    /// How requests are signed.
    pub method: OAuth1Method,
    /// `realm`, which some systems ask for.
    pub realm: Option<Arc<str>>,
}

/// How an OAuth 1.0a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuth1Method {
    /// HMAC-SHA1 (section 3.4.2).
    HmacSha1,
    /// The same with SHA-256, as newer systems want it.
    HmacSha256,
    /// The secrets themselves (section 3.4.4); over `https` alone.
    Plaintext,
}

impl OAuth1 {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        let token = self.token.iter().flat_map(|(token, secret)| [token, secret]);
        std::iter::once(&self.consumer_secret).chain(token).collect()
    }
}
