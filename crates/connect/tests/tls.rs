//! TLS to servers that can prove who they are, and to those that cannot.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails the test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sinew_connect::{ClientOptions, DialError, HttpClient, Limits, SendError, Tls, Trust};
use sinew_model::{AddressKind, Egress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

// A throw-away authority and a server certificate for `localhost` that it issued; its own key is kept nowhere.
const AUTHORITY: &[u8] = include_bytes!("certificates/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("certificates/server.pem");
const KEY: &[u8] = include_bytes!("certificates/server.key");

/// A server on a free port; gives its port.
async fn server() -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
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

async fn check(url: &str, also: Vec<CertificateDer<'static>>) -> Result<Bytes, SendError> {
    let client = HttpClient::new(ClientOptions {
        egress: Egress { allow: [AddressKind::Loopback].into() },
        connect: Duration::from_secs(2),
        idle_max: 1,
        tls: Tls::new(Trust { also }),
    });
    let second = Duration::from_secs(5);
    let limits = Limits { until: Instant::now() + second, connect: second, read: second };
    let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
    let answer = client.send(request, &limits).await?;
    Ok(answer.read(1000, &limits).await.unwrap())
}

fn authority() -> Vec<CertificateDer<'static>> {
    vec![CertificateDer::from_pem_slice(AUTHORITY).unwrap()]
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_trusted_authority_is_called() {
    let url = format!("https://localhost:{}/", server().await);
    assert_eq!(check(&url, authority()).await.unwrap(), "hi");
}

#[tokio::test]
async fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    let port = server().await;
    let unknown_authority = check(&format!("https://localhost:{port}/"), Vec::new()).await;
    let other_name = check(&format!("https://127.0.0.1:{port}/"), authority()).await;
    for outcome in [unknown_authority, other_name] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, SendError::Dial(DialError::Tls { .. })), "{error:?}");
        assert!(!error.may_have_been_sent());
    }
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_given_up_with_nothing_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let error = check(&url, authority()).await.unwrap_err();
    assert!(matches!(error, SendError::Dial(DialError::Deadline { .. })), "{error:?}");
}
