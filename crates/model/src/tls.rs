use std::sync::Arc;

use crate::SecretRef;

/// How a connection proves itself by TLS, and whom it trusts beyond the machine's authorities. Nothing here turns
/// verification off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Whether TLS is used where both sides have to agree on it.
    pub mode: TlsMode,
    /// Authorities, or certificates of servers, that are trusted beyond the machine's.
    pub ca: Option<Pem>,
    /// Our certificate and its key.
    pub identity: Option<(SecretRef, SecretRef)>,
    /// The host that the system's certificate is for, if that is not the URL's.
    pub server_name: Option<Arc<str>>,
}

/// Whether TLS is used where both sides have to agree on it. Where the scheme of the URL tells, it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// It is, or nothing is sent.
    #[default]
    Required,
    /// It is not. Refused where the address is public.
    None,
}

/// Certificates in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// The text itself.
    Text(Arc<str>),
    /// Where secrets are kept.
    Secret(SecretRef),
}

impl TlsOptions {
    /// The secrets that it needs.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let ca = self.ca.iter().filter_map(|ca| match ca {
            Pem::Secret(secret) => Some(secret),
            Pem::Text(_) => None,
        });
        ca.chain(self.identity.iter().flat_map(|(certificate, key)| [certificate, key])).collect()
    }
}
