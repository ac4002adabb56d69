//! TLS to servers that can prove who they are, and to those that cannot.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sinew_connect::{
    ClientOptions, DialError, HttpClient, Limits, OwnTls, SendError, Tls, TlsProblem, Trust,
};
use sinew_model::{AddressKind, Egress};
use sinew_vault::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

// A throw-away authority, whose own key is kept nowhere, and what it issued: certificates for `localhost` (one that has
// expired, one that is not valid yet) and one for a client. `self-signed` is nobody's but its own. All servers have one key.
const AUTHORITY: &str = include_str!("certificates/authority.pem");
const GOOD: &str = include_str!("certificates/server.pem");
const EXPIRED: &str = include_str!("certificates/expired.pem");
const EARLY: &str = include_str!("certificates/early.pem");
const SELF_SIGNED: &str = include_str!("certificates/self-signed.pem");
const KEY: &str = include_str!("certificates/server.key");
const CLIENT: &str = include_str!("certificates/client.pem");
const CLIENT_KEY: &str = include_str!("certificates/client.key");

/// A server on a free port; gives its port.
async fn server(certificate: &str, asks_for_ours: bool) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = if asks_for_ours {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        config.with_client_cert_verifier(verifier)
    } else {
        config.with_no_client_auth()
    };
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = config.with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(socket).await else { continue };
            let _ = tls.read(&mut [0_u8; 4096]).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        }
    });
    port
}

async fn send(url: &str, tls: Tls) -> Result<Bytes, SendError> {
    let client = HttpClient::new(ClientOptions {
        egress: Egress { allow: [AddressKind::Loopback].into() },
        connect: Duration::from_secs(2),
        idle_max: 1,
        tls,
    });
    let second = Duration::from_secs(5);
    let limits = Limits { until: Instant::now() + second, connect: second, read: second };
    let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
    let answer = client.send(request, &limits).await?;
    Ok(answer.read(1000, &limits).await.unwrap())
}

/// Settings of a connection's own.
fn own(ca: Option<&str>, identity: Option<(&str, &str)>, server_name: Option<&str>) -> Tls {
    let parts = OwnTls {
        ca: ca.map(Secret::new),
        identity: identity.map(|(certificate, key)| (Secret::new(certificate), Secret::new(key))),
    };
    let source: sinew_connect::OwnSource = Arc::new(move || Ok(parts.clone()));
    Tls::new(Trust::default()).with_own(Some(source), server_name.map(Arc::from))
}

/// What is wrong with the connection to a server with this certificate, and what is said of it.
async fn wrong(certificate: &str, tls: Tls, host: &str) -> (TlsProblem, String) {
    let url = format!("https://{host}:{}/", server(certificate, false).await);
    let error = send(&url, tls).await.unwrap_err();
    assert!(!error.may_have_been_sent(), "{error:?}");
    match error {
        SendError::Dial(DialError::Tls { problem, cause, .. }) => (problem, cause),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_trusted_authority_is_called() {
    let url = format!("https://localhost:{}/", server(GOOD, false).await);
    let also = vec![CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()];
    assert_eq!(send(&url, Tls::new(Trust { also })).await.unwrap(), "hi");
    assert_eq!(send(&url, own(Some(AUTHORITY), None, None)).await.unwrap(), "hi");
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_nothing_and_its_certificate_is_told() {
    let trusting = || own(Some(AUTHORITY), None, None);
    let trusting_nobody = || Tls::new(Trust::default());
    for (certificate, tls, host, problem, says) in [
        (EXPIRED, trusting(), "localhost", TlsProblem::Expired, "its certificate expired on 2021-03-04"),
        (EARLY, trusting(), "localhost", TlsProblem::Expired, "its certificate is valid from 2100-05-06 on"),
        (
            GOOD,
            trusting_nobody(),
            "localhost",
            TlsProblem::Untrusted,
            "its certificate, for \"localhost\", is issued by \"Sinew test authority\", which is not trusted",
        ),
        (
            SELF_SIGNED,
            trusting_nobody(),
            "localhost",
            TlsProblem::Untrusted,
            "its certificate, for \"printer\", is signed by itself",
        ),
        (GOOD, trusting(), "127.0.0.1", TlsProblem::OtherHost, "its certificate is for localhost"),
    ] {
        assert_eq!(wrong(certificate, tls, host).await, (problem, says.to_owned()));
    }
}

#[tokio::test]
async fn a_certificate_that_the_connection_names_is_trusted_for_its_host_alone() {
    let url = format!("https://localhost:{}/", server(SELF_SIGNED, false).await);
    assert_eq!(send(&url, own(Some(SELF_SIGNED), None, None)).await.unwrap(), "hi");
    let (problem, _) = wrong(SELF_SIGNED, own(Some(SELF_SIGNED), None, None), "127.0.0.1").await;
    assert_eq!(problem, TlsProblem::OtherHost);
    // Naming one certificate trusts no other.
    let (problem, _) = wrong(GOOD, own(Some(SELF_SIGNED), None, None), "localhost").await;
    assert_eq!(problem, TlsProblem::Untrusted);
}

#[tokio::test]
async fn a_server_is_called_by_the_name_that_its_certificate_has() {
    let url = format!("https://127.0.0.1:{}/", server(GOOD, false).await);
    assert_eq!(send(&url, own(Some(AUTHORITY), None, Some("localhost"))).await.unwrap(), "hi");
}

#[tokio::test]
async fn a_server_that_asks_for_our_certificate_gets_it_or_says_that_it_lacks() {
    let url = format!("https://localhost:{}/", server(GOOD, true).await);
    let ours = Some((CLIENT, CLIENT_KEY));
    assert_eq!(send(&url, own(Some(AUTHORITY), ours, None)).await.unwrap(), "hi");
    let without = send(&url, own(Some(AUTHORITY), None, None)).await.unwrap_err();
    assert!(matches!(without, SendError::CertificateRefused(_)), "{without:?}");
    assert!(!without.may_have_been_sent());
    for (identity, says) in [
        ((CLIENT, KEY), "do not go together"),
        (("nonsense", CLIENT_KEY), "no certificate in PEM"),
        ((CLIENT, "nonsense"), "no private key in PEM"),
    ] {
        let error = send(&url, own(Some(AUTHORITY), Some(identity), None)).await.unwrap_err();
        let SendError::Dial(DialError::Tls { problem, cause, .. }) = error else { panic!("{error:?}") };
        assert_eq!(problem, TlsProblem::ClientCertificate);
        assert!(cause.contains(says) && !cause.contains("BEGIN"), "{cause}");
    }
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_given_up_with_nothing_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let error = send(&url, own(Some(AUTHORITY), None, None)).await.unwrap_err();
    assert!(matches!(error, SendError::Dial(DialError::Deadline { .. })), "{error:?}");
}

#[tokio::test]
async fn what_speaks_no_tls_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let error = send(&url, own(Some(AUTHORITY), None, None)).await.unwrap_err();
    assert!(matches!(error, SendError::Dial(DialError::Tls { problem: TlsProblem::Other, .. })), "{error:?}");
}
