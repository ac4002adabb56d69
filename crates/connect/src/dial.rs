use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use sinew_model::Egress;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::stream::Stream;
use crate::verify::{self, TlsProblem};
use crate::{Refusal, Tls, check_address};

/// Why no connection was made. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The URL names no host, or a scheme that is not `http` or `https`.
    #[error("the URL names no host that can be called")]
    NoHost,
    /// The name could not be resolved.
    #[error("the host `{host}` cannot be found: {cause}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        cause: String,
    },
    /// The egress policy does not allow the address.
    #[error("the host `{host}` has an address that is {refusal}")]
    Refused {
        /// The name.
        host: String,
        /// The address that it resolved to.
        address: IpAddr,
        /// Why.
        refusal: Refusal,
    },
    /// Without TLS only what is near is spoken to.
    #[error("the host `{host}` is on the public internet, and without TLS only near addresses are spoken to")]
    InClear {
        /// The name.
        host: String,
    },
    /// Nobody answers there.
    #[error("no connection to `{host}`: {cause}")]
    Connect {
        /// The name.
        host: String,
        /// What the operating system says.
        cause: String,
    },
    /// The other side could not prove who it is, or does not speak TLS.
    #[error("no TLS connection to `{host}`: {cause}")]
    Tls {
        /// The name.
        host: String,
        /// What kind of thing is wrong.
        problem: TlsProblem,
        /// What went wrong.
        cause: String,
    },
    /// It took too long.
    #[error("no connection to `{host}` within {limit:?}")]
    Deadline {
        /// The name.
        host: String,
        /// The time it had.
        limit: Duration,
    },
}

/// Makes connections that keep to an egress policy and a deadline.
#[derive(Clone)]
pub(crate) struct Dialer {
    inner: Arc<Inner>,
}

struct Inner {
    egress: Egress,
    deadline: Duration,
    tls: Tls,
}

impl Dialer {
    pub(crate) fn new(egress: Egress, deadline: Duration, tls: Tls) -> Self {
        Self { inner: Arc::new(Inner { egress, deadline, tls }) }
    }

    /// Connects to a host and lets `agree` make of it what the transport needs, all within the deadline for connecting
    /// and no later than `until`.
    pub(crate) async fn reach<T, E: From<DialError>>(
        &self,
        host: &str,
        port: u16,
        until: Instant,
        agree: impl AsyncFnOnce(TcpStream) -> Result<T, E>,
    ) -> Result<T, E> {
        let limit = self.inner.deadline.min(until.saturating_duration_since(Instant::now()));
        let until = Instant::now() + limit;
        let reached = async {
            let addresses = self.inner.resolve(host, port).await?;
            agree(connect(host, &addresses, until).await?).await
        };
        match timeout_at(until, reached).await {
            Ok(made) => made,
            Err(_) => Err(DialError::Deadline { host: host.to_owned(), limit }.into()),
        }
    }

    /// TLS over a connection, which the other side has agreed to.
    pub(crate) async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Stream, DialError> {
        self.inner.secure(host, tcp).await
    }

    /// The connection as it is, if it does not lead over the public internet.
    pub(crate) fn in_clear(host: &str, tcp: TcpStream) -> Result<Stream, DialError> {
        let address = tcp.peer_addr();
        let address =
            address.map_err(|e| DialError::Connect { host: host.to_owned(), cause: e.to_string() })?;
        match check_address(address.ip(), &Egress::default()) {
            Err(Refusal::NotAllowed(_)) => Ok(Stream::Plain(tcp)),
            _ => Err(DialError::InClear { host: host.to_owned() }),
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, DialError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let host = uri.host().ok_or(DialError::NoHost)?.trim_matches(['[', ']']).to_owned();
            let limit = inner.deadline;
            let until = Instant::now() + limit;
            match timeout_at(until, inner.dial(&uri, &host, until)).await {
                Ok(made) => made.map(TokioIo::new),
                Err(_) => Err(DialError::Deadline { host, limit }),
            }
        })
    }
}

impl Inner {
    async fn dial(&self, uri: &Uri, host: &str, until: Instant) -> Result<Stream, DialError> {
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(DialError::NoHost),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses = self.resolve(host, port).await?;
        let tcp = connect(host, &addresses, until).await?;
        if secure { self.secure(host, tcp).await } else { Ok(Stream::Plain(tcp)) }
    }

    /// The addresses of a host, every one of them allowed. One that is not makes the whole host suspect: a name that
    /// resolves to a public and a private address is how private ones are reached behind a policy's back.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let addresses: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(literal) => vec![SocketAddr::new(literal, port)],
            Err(_) => tokio::net::lookup_host((host, port))
                .await
                .map_err(|e| DialError::Resolve { host: host.to_owned(), cause: e.to_string() })?
                .collect(),
        };
        for address in &addresses {
            check_address(address.ip(), &self.egress).map_err(|refusal| DialError::Refused {
                host: host.to_owned(),
                address: address.ip(),
                refusal,
            })?;
        }
        Ok(addresses)
    }

    async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Stream, DialError> {
        let wrong = |problem, cause| DialError::Tls { host: host.to_owned(), problem, cause };
        let config = self.tls.get().map_err(|unusable| wrong(unusable.problem, unusable.cause))?;
        let name = ServerName::try_from(self.tls.server_name().unwrap_or(host).to_owned());
        let name = name.map_err(|e| wrong(TlsProblem::Other, e.to_string()))?;
        let tls = TlsConnector::from(config).connect(name, tcp).await.map_err(|error| {
            let (problem, cause) = verify::problem(&error);
            wrong(problem, cause)
        })?;
        Ok(Stream::Tls(Box::new(tls)))
    }
}

/// Tries the addresses in turn, each for its share of the time that is left.
async fn connect(host: &str, addresses: &[SocketAddr], until: Instant) -> Result<TcpStream, DialError> {
    let mut cause = "it has no address".to_owned();
    for (tried, address) in addresses.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                // Calls are small and wait for their answers; without this the kernel may sit on the last packet.
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY is not to be had");
                }
                return Ok(tcp);
            }
            Ok(Err(error)) => cause = error.to_string(),
            Err(_) => cause = format!("nobody answered within {share:?}"),
        }
        // Addresses are for the operator's log; what users see names the host.
        tracing::debug!(host, %address, cause, "no connection");
    }
    Err(DialError::Connect { host: host.to_owned(), cause })
}
