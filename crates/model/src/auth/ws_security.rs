use std::sync::Arc;

use crate::SecretRef;

/// A user name token in the header of SOAP messages (WS-Security 1.0, UsernameToken Profile).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsSecurity {
    /// User name.
    pub username: Arc<str>,
    /// Password.
    pub password: SecretRef,
    /// Only a digest of the password is sent.
    pub digest: bool,
    /// Each message says when it was made, and until when it holds.
    pub timestamp: bool,
}
