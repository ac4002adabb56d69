use std::error::Error as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use sinew_model::Egress;
use sinew_stdx::{Coding, Decoding, InvalidCoding};
use tokio::time::{Instant, timeout_at};

use crate::Tls;
use crate::dial::{DialError, Dialer};
use crate::verify::refuses_us;

/// How long an unused connection is kept. Shorter than the 5 s after which common servers close theirs, so that a call
/// hardly ever meets one that is being closed: for a write without a key that would be an unknown outcome.
const IDLE_MAX: Duration = Duration::from_secs(4);

/// What a client is made of.
#[derive(Clone)]
pub struct ClientOptions {
    /// Which addresses it may reach.
    pub egress: Egress,
    /// How long connecting may take, TLS included.
    pub connect: Duration,
    /// How many unused connections are kept to a host.
    pub idle_max: usize,
    /// TLS settings.
    pub tls: Tls,
}

/// How long one exchange may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The end of everything.
    pub until: Instant,
    /// To connect, beside the client's own deadline; what the first byte is waited for includes it.
    pub connect: Duration,
    /// Between two pieces of the answer.
    pub read: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There is no connection; nothing was sent.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection was closed before the request was written; nothing was sent.
    #[error("the connection was closed before the request was sent: {0}")]
    NotWritten(String),
    /// The system did not accept our TLS certificate, or asks for one: it took no request.
    #[error("the system refused our certificate, or asks for one: {0}")]
    CertificateRefused(String),
    /// Time ran out while still connecting; nothing was sent.
    #[error("time ran out before the request was sent")]
    DeadlineBefore,
    /// Time ran out after the request was sent, or while it was.
    #[error("no answer in time")]
    DeadlineAfter,
    /// The connection ended after the request was sent, or while it was.
    #[error("the connection ended before the answer: {0}")]
    Lost(String),
}

impl SendError {
    /// Whether the other side may have received the request.
    pub fn may_have_been_sent(&self) -> bool {
        matches!(self, Self::DeadlineAfter | Self::Lost(_))
    }
}

/// Why an answer's body cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than allowed.
    #[error("the answer is larger than {max} bytes")]
    TooLarge {
        /// The most that is read.
        max: u64,
    },
    /// The next piece did not come.
    #[error("the rest of the answer did not come in time")]
    Deadline,
    /// The connection ended in the middle.
    #[error("the answer was cut off: {0}")]
    CutOff(String),
    /// Its content coding cannot be undone.
    #[error("the answer cannot be read: {0}")]
    Coding(InvalidCoding),
}

impl From<InvalidCoding> for BodyError {
    fn from(invalid: InvalidCoding) -> Self {
        match invalid {
            InvalidCoding::TooLarge { max } => Self::TooLarge { max },
            InvalidCoding::CutOff => Self::CutOff("it is compressed, and ends in the middle".to_owned()),
            InvalidCoding::Broken(_) | InvalidCoding::Unknown(_) => Self::Coding(invalid),
        }
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    upgrade: Option<OnUpgrade>,
}

/// HTTP/1.1 with kept connections, for one connection's calls: the pool is not shared, since another connection's
/// policy may forbid what is open here.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<Dialer, Full<Bytes>>,
}

impl HttpClient {
    /// A client with no connection open.
    pub fn new(options: ClientOptions) -> Self {
        let dialer = Dialer::new(options.egress, options.connect, options.tls);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(options.idle_max)
            .retry_canceled_requests(true)
            .build(dialer);
        Self { client }
    }

    /// Sends a request and waits for the head of the answer. Redirects are not followed. Unless the request says what
    /// it accepts, the answer may come compressed, which [`Answer::read`] undoes.
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        limits: &Limits,
    ) -> Result<Answer, SendError> {
        request.headers_mut().entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("gzip"));
        let captured = capture_connection(&mut request);
        let until = limits.until.min(Instant::now() + limits.connect + limits.read);
        let sent = match timeout_at(until, self.client.request(request)).await {
            Ok(sent) => sent,
            Err(_) if captured.connection_metadata().is_some() => return Err(SendError::DeadlineAfter),
            Err(_) => return Err(SendError::DeadlineBefore),
        };
        let mut answer = sent.map_err(|error| classify(&error))?;
        let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        let upgrade = switches.then(|| hyper::upgrade::on(&mut answer));
        let (head, body) = answer.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body, upgrade })
    }
}

/// Whether an error came before or after the request left. In doubt it may have left.
fn classify(error: &hyper_util::client::legacy::Error) -> SendError {
    let (mut source, mut cause, mut canceled) = (error.source(), error.to_string(), false);
    while let Some(inner) = source {
        if let Some(dial) = inner.downcast_ref::<DialError>() {
            return SendError::Dial(dial.clone());
        }
        if let Some(alert) = refusal(inner) {
            return SendError::CertificateRefused(alert);
        }
        // hyper hands a request back unwritten exactly when it calls it canceled.
        canceled |= inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        cause = inner.to_string();
        source = inner.source();
    }
    if canceled || error.is_connect() { SendError::NotWritten(cause) } else { SendError::Lost(cause) }
}

/// The TLS alert by which a system refuses our certificate. In TLS 1.3 it comes when we think that all is well.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    match inner.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) if refuses_us(*alert) => Some(format!("{alert:?}")),
        _ => None,
    }
}

impl Answer {
    /// The next piece of a body that is not read whole. May be given up while it is waited for.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, String>> {
        let frame = self.body.frame().await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(|error| error.to_string()))
    }

    /// The connection, if the system agreed to speak another protocol over it.
    pub fn into_upgrade(self) -> Option<OnUpgrade> {
        self.upgrade
    }

    /// Reads the body, at most `max` bytes of it, and of what it comes to if it was compressed.
    pub async fn read(mut self, max: u64, limits: &Limits) -> Result<Bytes, BodyError> {
        let declared = self.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        if declared.is_some_and(|length: u64| length > max) {
            return Err(BodyError::TooLarge { max });
        }
        let mut body = match self.coding()? {
            None => Gathered::Plain { first: Bytes::new(), rest: BytesMut::new() },
            Some(coding) => Gathered::Coded(Box::new(Decoding::new(coding, max))),
        };
        let mut length = 0_u64;
        loop {
            let until = limits.until.min(Instant::now() + limits.read);
            let piece = match timeout_at(until, self.body.frame()).await {
                Err(_) => return Err(BodyError::Deadline),
                Ok(None) => return body.whole(),
                Ok(Some(Err(error))) => return Err(BodyError::CutOff(error.to_string())),
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            length += piece.len() as u64;
            if length > max {
                return Err(BodyError::TooLarge { max });
            }
            body.push(piece)?;
        }
    }

    /// How the body was encoded on its way.
    pub fn coding(&self) -> Result<Option<Coding>, InvalidCoding> {
        let mut said = self.headers.get_all(CONTENT_ENCODING).iter();
        let Some(first) = said.next() else { return Ok(None) };
        let first = String::from_utf8_lossy(first.as_bytes());
        match said.next() {
            None => Coding::of(&first),
            Some(second) => Err(InvalidCoding::Unknown(format!(
                "{first}, {}",
                String::from_utf8_lossy(second.as_bytes())
            ))),
        }
    }
}

/// A body as far as it came.
enum Gathered {
    Plain { first: Bytes, rest: BytesMut },
    Coded(Box<Decoding>),
}

impl Gathered {
    fn push(&mut self, piece: Bytes) -> Result<(), InvalidCoding> {
        match self {
            // Most answers come in one piece, which need not be copied.
            Self::Plain { first, rest } if first.is_empty() && rest.is_empty() => *first = piece,
            Self::Plain { first, rest } => {
                if rest.is_empty() {
                    rest.extend_from_slice(first);
                }
                rest.extend_from_slice(&piece);
            }
            Self::Coded(decoding) => decoding.push(&piece)?,
        }
        Ok(())
    }

    fn whole(self) -> Result<Bytes, BodyError> {
        match self {
            Self::Plain { first, rest } => Ok(if rest.is_empty() { first } else { rest.freeze() }),
            Self::Coded(decoding) => Ok(decoding.finish()?.into()),
        }
    }
}
