//! Sources: what another system sends by itself, one delivery at a time.
//!
//! A source gives deliveries and is told which of them are durable; only then does it let go of them. It keeps no more
//! than it was given to read at once, and gives nothing while nobody asks: what comes meanwhile waits with its sender.

mod sse;
mod sse_text;
#[cfg(feature = "websocket")]
mod websocket;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sinew_stdx::{ByteSize, Timestamp};

use crate::transport::{TransportError, TransportErrorKind};

pub use sse::SseSource;
#[cfg(feature = "websocket")]
pub use websocket::{Handshake, WebSocketSource};

/// Something that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it came from: a path, subject, queue or topic.
    pub from: Arc<str>,
    /// What it is called, if things have names there.
    pub event: Option<Arc<str>>,
    /// The sender's id of it.
    pub id: Option<Arc<str>>,
    /// When it was sent, if the sender says.
    pub at: Option<Timestamp>,
    /// What was said about it beside its data.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// What was sent.
    pub data: Data,
    /// By what it is recognised if it comes again, if that is certain.
    pub identity: Option<Arc<str>>,
    /// Where reading goes on behind it, if the sender is asked by a position.
    pub position: Option<Arc<str>>,
    /// What it is let go of by.
    pub receipt: u64,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// All of it.
    Whole(Bytes),
    /// More than is taken; none of it is here.
    TooLarge {
        /// At least so many bytes.
        bytes: u64,
    },
}

impl Data {
    /// The same, if it is not larger than that.
    pub(crate) fn within(self, max: usize) -> Self {
        match self {
            Self::Whole(bytes) if bytes.len() > max => Self::TooLarge { bytes: bytes.len() as u64 },
            data => data,
        }
    }

    /// How much of it is held.
    pub fn held(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::TooLarge { .. } => 0,
        }
    }
}

/// Why a source gives nothing more. Another has to be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It was closed in good order.
    #[error("the other side closed the connection{0}")]
    Closed(String),
    /// It broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing was heard for so long that it is taken for dead.
    #[error("nothing was heard for {0:?}")]
    Quiet(Duration),
    /// What came is not of this protocol.
    #[error("what came cannot be read: {0}")]
    Protocol(String),
    /// The system refuses to go on.
    #[error("{0}")]
    Refused(String),
}

impl From<TransportError> for SourceError {
    fn from(error: TransportError) -> Self {
        match error.kind {
            TransportErrorKind::Unusable => Self::Protocol(error.words),
            TransportErrorKind::Lost | TransportErrorKind::Deadline => Self::Broken(error.words),
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// Who is heard of more often than this may be late for nothing.
#[cfg(any(feature = "amqp", feature = "mqtt"))]
const HEARTBEAT_MIN_S: u16 = 5;
/// Who is heard of more seldom than this may be cut off by what lies between.
#[cfg(any(feature = "amqp", feature = "mqtt"))]
const HEARTBEAT_MAX_S: u16 = 30;

/// What is listened to at a broker.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// A subject, queue, topic or key.
    pub from: &'a str,
    /// Under which name the broker keeps what was not acknowledged.
    pub group: &'a str,
    /// A name that is new there begins with what is there already, not with what comes from now on.
    pub all: bool,
    /// Behind which position reading goes on, where the store keeps that.
    pub position: Option<&'a str>,
    /// The largest delivery whose data is taken.
    pub delivery_max: ByteSize,
    /// How long nothing at all may come.
    pub quiet: Duration,
}

impl Wanted<'_> {
    /// How often each side is to be heard of, in seconds: who is not heard of for twice as long is taken for dead.
    #[cfg(any(feature = "amqp", feature = "mqtt"))]
    pub(crate) fn heartbeat_s(&self) -> u16 {
        u16::try_from(self.quiet.as_secs() / 2).unwrap_or(u16::MAX).clamp(HEARTBEAT_MIN_S, HEARTBEAT_MAX_S)
    }

    /// The largest delivery, as a length here.
    pub(crate) fn data_max(&self) -> usize {
        usize::try_from(self.delivery_max.0).unwrap_or(usize::MAX / 2)
    }
}

/// What a source is asked for comes when it comes.
pub type Coming<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// Where deliveries come from.
pub trait Source: Send {
    /// The next delivery. May be given up while it is waited for; nothing is lost by that.
    fn next(&mut self) -> Coming<'_, Delivery>;

    /// The deliveries with these receipts are durable. Sources that are asked by a position need not be told.
    fn accepted<'a>(&'a mut self, _receipts: &'a [u64]) -> Coming<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Deliveries that were given cannot be accepted yet: they must not be given up for lost meanwhile.
    fn hold(&mut self) -> Coming<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Nothing more is asked: farewell may be said.
    fn end(&mut self) -> Coming<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// How long the sender wants to be left alone before another source is opened.
    fn pause(&self) -> Option<Duration> {
        None
    }
}
