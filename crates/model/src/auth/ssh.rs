use std::sync::Arc;

use crate::SecretRef;

/// A key by which one logs in over SSH (RFC 4252, section 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    /// User name.
    pub username: Arc<str>,
    /// The private key, in OpenSSH's or PEM's form.
    pub key: SecretRef,
    /// What the key is sealed under.
    pub passphrase: Option<SecretRef>,
}

impl SshKey {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        std::iter::once(&self.key).chain(&self.passphrase).collect()
    }
}
