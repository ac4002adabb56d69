//! Verification of servers: as webpki does it, with what the certificate said where that fails.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sinew_stdx::Timestamp;

use crate::certificate::{Said, day, said};

/// How many of a certificate's names are repeated.
const NAMES_SHOWN: usize = 10;

/// What is wrong with a TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsProblem {
    /// The certificate has expired, or is not valid yet.
    Expired,
    /// Nobody who is trusted vouches for the certificate.
    Untrusted,
    /// The certificate is for another host.
    OtherHost,
    /// Our own certificate is missing, refused, or cannot be used.
    ClientCertificate,
    /// Anything else: no TLS there, no version in common.
    Other,
}

/// What a certificate said that was not accepted.
#[derive(Clone, Debug)]
pub(crate) struct Explained {
    pub(crate) problem: TlsProblem,
    text: String,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Explained {}

/// Verifies servers. A certificate that the connection names itself is accepted as it is, if it is valid now and for the
/// host: those that are signed by themselves are no authorities to webpki.
#[derive(Debug)]
pub(crate) struct Explaining {
    pub(crate) inner: Arc<WebPkiServerVerifier>,
    /// The certificates that the connection names.
    pub(crate) named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(error) = verified else { return verified };
        if self.named.iter().any(|named| named.as_ref() == end_entity.as_ref()) {
            return named(end_entity, server_name, now);
        }
        Err(explained(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A certificate that the connection names: it still has to be for this host, and valid now.
fn named(
    end_entity: &CertificateDer<'_>,
    host: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let parsed = ParsedCertificate::try_from(end_entity)?;
    verify_server_name(&parsed, host).map_err(|error| explained(error, end_entity))?;
    let said = said(end_entity).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let now: String = stamp(now).chars().filter(char::is_ascii_digit).take(14).collect();
    if now < said.not_before {
        return Err(explained(Error::InvalidCertificate(CertificateError::NotValidYet), end_entity));
    }
    if now > said.not_after {
        return Err(explained(Error::InvalidCertificate(CertificateError::Expired), end_entity));
    }
    Ok(ServerCertVerified::assertion())
}

fn stamp(at: UnixTime) -> String {
    Timestamp::from_millis(i64::try_from(at.as_secs().saturating_mul(1000)).unwrap_or(i64::MAX)).to_string()
}

/// The error with what the certificate said; others stay as they are.
fn explained(error: Error, certificate: &CertificateDer<'_>) -> Error {
    let Error::InvalidCertificate(kind) = &error else { return error };
    let said = said(certificate).unwrap_or_else(|| Said {
        subject: "nobody".to_owned(),
        issuer: "nobody".to_owned(),
        self_signed: false,
        not_before: String::new(),
        not_after: String::new(),
    });
    let (problem, text) = match kind {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (TlsProblem::Expired, format!("its certificate expired on {}", day(&said.not_after)))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (TlsProblem::Expired, format!("its certificate is valid from {} on", day(&said.not_before)))
        }
        CertificateError::NotValidForName => {
            (TlsProblem::OtherHost, "its certificate is for other hosts".to_owned())
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().take(NAMES_SHOWN).map(|name| plain(name)).collect();
            let names = if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") };
            (TlsProblem::OtherHost, format!("its certificate is for {names}"))
        }
        CertificateError::UnknownIssuer | CertificateError::Other(_) if said.self_signed => {
            let text = format!("its certificate, for \"{}\", is signed by itself", said.subject);
            (TlsProblem::Untrusted, text)
        }
        CertificateError::UnknownIssuer => {
            let text = format!(
                "its certificate, for \"{}\", is issued by \"{}\", which is not trusted",
                said.subject, said.issuer
            );
            (TlsProblem::Untrusted, text)
        }
        _ => return error,
    };
    let other: Arc<dyn std::error::Error + Send + Sync> = Arc::new(Explained { problem, text });
    Error::InvalidCertificate(CertificateError::Other(OtherError(other)))
}

/// `DnsName("a.example")` as `a.example`.
fn plain(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}

/// What a failed handshake means, and its words.
pub(crate) fn problem(error: &std::io::Error) -> (TlsProblem, String) {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) => {
            match other.downcast_ref::<Explained>() {
                Some(explained) => (explained.problem, explained.to_string()),
                None => (TlsProblem::Untrusted, error.to_string()),
            }
        }
        Some(Error::InvalidCertificate(_)) => (TlsProblem::Untrusted, error.to_string()),
        Some(Error::AlertReceived(alert)) if refuses_us(*alert) => {
            (TlsProblem::ClientCertificate, format!("it refused us with the TLS alert {alert:?}"))
        }
        _ => (TlsProblem::Other, error.to_string()),
    }
}

/// Whether an alert is about our certificate (RFC 8446, section 6.2).
pub(crate) fn refuses_us(alert: rustls::AlertDescription) -> bool {
    use rustls::AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
    )
}
