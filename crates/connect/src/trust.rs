use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sinew_vault::Secret;
use tokio::time::Instant;

use crate::verify::{Explaining, TlsProblem};

/// For how long settings of a connection's own are used before its certificates are read again.
const OWN_FRESH: Duration = Duration::from_mins(1);
/// How many certificates one text may hold.
const CERTIFICATES_MAX: usize = 1000;

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Authorities beyond the machine's own, DER-encoded.
    pub also: Vec<CertificateDer<'static>>,
}

/// What one connection has of its own.
#[derive(Clone, Debug, Default)]
pub struct OwnTls {
    /// Authorities, or certificates of servers, that are trusted beyond the others; PEM.
    pub ca: Option<Secret>,
    /// The certificate, with its intermediate ones, and the key that we prove ourselves with; PEM.
    pub identity: Option<(Secret, Secret)>,
}

/// Gives what a connection has of its own, as it is now; or why not.
pub type OwnSource = Arc<dyn Fn() -> Result<OwnTls, String> + Send + Sync>;

/// TLS settings, made when the first `https` connection needs them: reading the machine's certificates takes time that
/// a project without `https` need not spend.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
    own: Option<Arc<Own>>,
    /// The host that certificates are for, where that is not the URL's.
    server_name: Option<Arc<str>>,
}

struct Shared {
    trust: Trust,
    roots: OnceLock<Arc<RootCertStore>>,
    made: OnceLock<Result<Arc<ClientConfig>, Unusable>>,
}

struct Own {
    source: OwnSource,
    made: Mutex<Option<(Instant, Arc<ClientConfig>)>>,
}

/// Why there are no settings.
#[derive(Clone, Debug)]
pub(crate) struct Unusable {
    pub(crate) problem: TlsProblem,
    pub(crate) cause: String,
}

impl Tls {
    /// Settings that trust these authorities. One is enough for all clients that have nothing of their own.
    pub fn new(trust: Trust) -> Self {
        let shared = Shared { trust, roots: OnceLock::new(), made: OnceLock::new() };
        Self { shared: Arc::new(shared), own: None, server_name: None }
    }

    /// The same with what one connection has of its own.
    pub fn with_own(&self, source: Option<OwnSource>, server_name: Option<Arc<str>>) -> Self {
        let own = source.map(|source| Arc::new(Own { source, made: Mutex::default() }));
        Self { shared: Arc::clone(&self.shared), own, server_name }
    }

    pub(crate) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The settings, or why there are none.
    pub(crate) fn get(&self) -> Result<Arc<ClientConfig>, Unusable> {
        let Some(own) = &self.own else {
            return self.shared.made.get_or_init(|| make(self.shared.roots(), &OwnTls::default())).clone();
        };
        let mut made = own.made.lock();
        if let Some((until, config)) = &*made
            && *until > Instant::now()
        {
            return Ok(Arc::clone(config));
        }
        let parts =
            (own.source)().map_err(|cause| Unusable { problem: TlsProblem::ClientCertificate, cause })?;
        let config = make(self.shared.roots(), &parts)?;
        *made = Some((Instant::now() + OWN_FRESH, Arc::clone(&config)));
        Ok(config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("own", &self.own.is_some()).finish_non_exhaustive()
    }
}

impl Shared {
    fn roots(&self) -> &Arc<RootCertStore> {
        self.roots.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            let native = rustls_native_certs::load_native_certs();
            for error in &native.errors {
                tracing::warn!(%error, "some of the machine's certificate authorities cannot be read");
            }
            roots.add_parsable_certificates(native.certs);
            roots.add_parsable_certificates(self.trust.also.iter().cloned());
            Arc::new(roots)
        })
    }
}

fn make(shared: &Arc<RootCertStore>, own: &OwnTls) -> Result<Arc<ClientConfig>, Unusable> {
    let untrusted = |cause: &str| Unusable { problem: TlsProblem::Untrusted, cause: cause.to_owned() };
    let (mut roots, mut named) = (Arc::clone(shared), Vec::new());
    if let Some(ca) = &own.ca {
        named = certificates(ca).ok_or_else(|| untrusted("`tls.ca` holds no certificate in PEM"))?;
        Arc::make_mut(&mut roots).add_parsable_certificates(named.iter().cloned());
    }
    if roots.is_empty() {
        return Err(untrusted("no certificate authority is trusted: install the system's `ca-certificates`"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let other = |cause: String| Unusable { problem: TlsProblem::Other, cause };
    let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|e| other(e.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| other(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Explaining { inner, named }));
    let Some((certificate, key)) = &own.identity else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let ours = |cause: String| Unusable { problem: TlsProblem::ClientCertificate, cause };
    let chain = certificates(certificate)
        .ok_or_else(|| ours("`tls.certificate` holds no certificate in PEM".to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes())
        .map_err(|_| ours("`tls.key` holds no private key in PEM, or an encrypted one".to_owned()))?;
    let config = builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| ours(format!("`tls.certificate` and `tls.key` do not go together: {e}")))?;
    Ok(Arc::new(config))
}

/// The certificates of a text; `None` if it holds none, or something that is none.
fn certificates(pem: &Secret) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(pem.expose().as_bytes()).take(CERTIFICATES_MAX).collect();
    found.ok().filter(|found| !found.is_empty())
}
