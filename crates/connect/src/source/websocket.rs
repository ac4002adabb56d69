use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sinew_stdx::{ByteSize, Json};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Coming, Data, Delivery, Source, SourceError};
use crate::client::Answer;

/// What is appended to the key before it is hashed (RFC 6455, section 1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The longest wait for a farewell to be written.
const FAREWELL: Duration = Duration::from_secs(1);
/// The longest reason that is told of why a socket was closed.
const REASON_MAX: usize = 200;

/// What is asked of a system that is to speak WebSocket over a connection, and what it has to answer.
pub struct Handshake {
    key: String,
}

impl Handshake {
    /// A handshake of its own key.
    pub fn new() -> Result<Self, SourceError> {
        let mut bytes = [0; 16];
        let random = rand::fill(&mut bytes);
        random.map_err(|_| SourceError::Broken("the machine gives no random numbers".to_owned()))?;
        Ok(Self { key: BASE64_STANDARD.encode(bytes) })
    }

    /// Makes a request ask for it.
    pub fn dress(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        if let Ok(key) = HeaderValue::from_str(&self.key) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
    }

    /// Whether the answer was made for this key.
    fn is_answered(&self, headers: &HeaderMap) -> bool {
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(self.key.as_bytes());
        hash.update(MAGIC);
        let expected = BASE64_STANDARD.encode(hash.finish());
        headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|said| said.as_bytes() == expected.as_bytes())
    }
}

/// A WebSocket (RFC 6455). It has neither ids nor positions: what is sent while nobody listens is lost.
pub struct WebSocketSource {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    from: Arc<str>,
    quiet: Duration,
    heard: Instant,
    asked: bool,
    is_over: bool,
    given: u64,
}

impl WebSocketSource {
    /// Goes on from the answer to a handshake, and says `open` if it is given.
    pub async fn open(
        answer: Answer,
        handshake: &Handshake,
        open: Option<&Json>,
        from: Arc<str>,
        delivery_max: ByteSize,
        quiet: Duration,
    ) -> Result<Self, SourceError> {
        if !handshake.is_answered(&answer.headers) {
            return Err(SourceError::Protocol("the answer to the handshake is not for its key".to_owned()));
        }
        let no_upgrade = || SourceError::Protocol("the system did not switch to WebSocket".to_owned());
        let upgraded = answer.into_upgrade().ok_or_else(no_upgrade)?;
        let upgraded = upgraded.await.map_err(|error| SourceError::Broken(error.to_string()))?;
        let max = usize::try_from(delivery_max.0).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default().max_message_size(Some(max)).max_frame_size(Some(max));
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await;
        if let Some(open) = open {
            let text = open.to::<String>().unwrap_or_else(|_| open.to_string());
            socket.send(Message::text(text)).await.map_err(|error| broken(&error))?;
        }
        Ok(Self { socket, from, quiet, heard: Instant::now(), asked: false, is_over: false, given: 0 })
    }

    async fn message(&mut self) -> Result<Delivery, SourceError> {
        if self.is_over {
            return Err(SourceError::Closed(String::new()));
        }
        loop {
            let silent_until = self.heard + if self.asked { self.quiet } else { self.quiet / 2 };
            let came = tokio::select! {
                biased;
                came = self.socket.next() => came,
                () = sleep_until(silent_until) => {
                    if std::mem::replace(&mut self.asked, true) {
                        return Err(SourceError::Quiet(self.quiet));
                    }
                    // Whoever lives answers this, though there be nothing to tell.
                    self.socket.send(Message::Ping(Bytes::new())).await.map_err(|error| broken(&error))?;
                    continue;
                }
            };
            (self.heard, self.asked) = (Instant::now(), false);
            match came {
                None => return Err(SourceError::Closed(String::new())),
                Some(Ok(Message::Text(text))) => return Ok(self.delivery(Data::Whole(text.into()))),
                Some(Ok(Message::Binary(bytes))) => return Ok(self.delivery(Data::Whole(bytes))),
                // Pings are answered by the protocol's own code.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => return Err(SourceError::Closed(farewell(frame.as_ref()))),
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { size, .. }))) => {
                    self.is_over = true;
                    return Ok(self.delivery(Data::TooLarge { bytes: size as u64 }));
                }
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }

    fn delivery(&mut self, data: Data) -> Delivery {
        self.given += 1;
        Delivery {
            from: Arc::clone(&self.from),
            event: None,
            id: None,
            at: None,
            headers: Vec::new(),
            data,
            identity: None,
            position: None,
            receipt: self.given,
        }
    }
}

impl Source for WebSocketSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.message())
    }

    /// While nothing was read, nothing could be heard.
    fn hold(&mut self) -> Coming<'_, ()> {
        self.heard = Instant::now();
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            // Whether it is heard changes nothing.
            let _ = timeout(FAREWELL, self.socket.close(None)).await;
            Ok(())
        })
    }
}

fn broken(error: &Error) -> SourceError {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => SourceError::Closed(String::new()),
        Error::Protocol(wrong) => SourceError::Protocol(wrong.to_string()),
        Error::Utf8(wrong) => SourceError::Protocol(wrong.clone()),
        other => SourceError::Broken(other.to_string()),
    }
}

/// What a system said when it closed a socket.
fn farewell(frame: Option<&CloseFrame>) -> String {
    let Some(frame) = frame else { return String::new() };
    let reason: String = frame.reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
    let joint = if reason.is_empty() { "" } else { ": " };
    format!(" with code {}{joint}{reason}", u16::from(frame.code))
}
