use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Authorities beyond the machine's own, DER-encoded.
    pub also: Vec<CertificateDer<'static>>,
}

/// TLS settings, made when the first `https` connection needs them: reading the machine's certificates takes time that
/// a project without `https` need not spend.
#[derive(Clone)]
pub struct Tls {
    trust: Arc<Trust>,
    made: Arc<OnceLock<Result<Arc<ClientConfig>, String>>>,
}

impl Tls {
    /// Settings that trust these authorities. One is enough for all clients.
    pub fn new(trust: Trust) -> Self {
        Self { trust: Arc::new(trust), made: Arc::default() }
    }

    /// The settings, or why there are none.
    pub(crate) fn get(&self) -> Result<Arc<ClientConfig>, String> {
        self.made.get_or_init(|| make(&self.trust)).clone()
    }
}

fn make(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the machine's certificate authorities cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    roots.add_parsable_certificates(trust.also.iter().cloned());
    if roots.is_empty() {
        return Err("no certificate authority is trusted: install the system's `ca-certificates`".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
