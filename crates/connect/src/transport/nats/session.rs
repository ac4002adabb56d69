use std::fmt::Write as _;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use sinew_vault::Secret;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use zeroize::Zeroizing;

use super::wire::{Message, Reader, Said, wrong};
use crate::transport::broker::Who;
use crate::transport::line::Line;
use crate::transport::unique;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What a server may leave unread while it asks whether we are there, beyond the largest message.
const UNREAD_MAX: usize = 16 << 20;
/// The longest that a server says of itself.
const INFO_MAX: usize = 64 << 10;
/// What an answer of the server may hold.
const ANSWER_MAX: usize = 64 << 10;
/// The largest message that servers take, if they say nothing of it.
const PAYLOAD_MAX: usize = 1 << 20;

/// What a server says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    /// It goes on in TLS only.
    tls_required: bool,
    /// It would go on in TLS.
    tls_available: bool,
    /// It knows headers.
    headers: bool,
    /// The largest message that it takes, headers included.
    max_payload: Option<usize>,
}

impl Info {
    /// Whether it goes on in TLS, if we do.
    pub(super) fn speaks_tls(&self) -> bool {
        self.tls_required || self.tls_available
    }
}

/// Reads what a server begins with, and nothing behind it: what follows may be TLS.
pub(super) async fn hello(io: &mut (impl AsyncRead + Unpin)) -> Result<Info, TransportError> {
    let mut line = BytesMut::new();
    while !line.ends_with(b"\r\n") {
        let byte = io.read_u8().await.map_err(|error| {
            TransportError::new(Kind::Lost, format!("the server ended the connection: {error}"))
        })?;
        line.extend_from_slice(&[byte]);
        if line.len() > INFO_MAX {
            return Err(wrong("a greeting without an end"));
        }
    }
    match Reader::new(0).take(&mut line)? {
        Some(Said::Info(info)) => {
            serde_json::from_slice(&info).map_err(|_| wrong("a greeting that is no JSON"))
        }
        _ => Err(wrong("no greeting as NATS has it")),
    }
}

#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    lang: &'a str,
    version: &'a str,
    name: &'a str,
    protocol: u8,
    headers: bool,
    no_responders: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<&'a str>,
}

/// A session with a server, which knows us.
pub(in crate::transport) struct Session {
    pub(super) line: Line,
    reader: Reader,
    /// What our own subjects begin with.
    pub(super) inbox: String,
    /// The largest message that the server takes, headers included.
    pub(super) payload_max: usize,
    /// Questions so far.
    asked: u64,
}

impl Session {
    /// Logs in, and waits until the server agrees.
    pub(super) async fn begin(
        mut line: Line,
        info: Info,
        who: Who<'_>,
        data_max: usize,
    ) -> Result<Self, TransportError> {
        if !info.headers {
            return Err(TransportError::new(Kind::Refused, "the server is too old: it knows no headers"));
        }
        let connect = Connect {
            verbose: false,
            pedantic: false,
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            name: "sinew",
            protocol: 1,
            headers: true,
            no_responders: true,
            user: who.user,
            pass: who.password.map(Secret::expose),
        };
        let connect = Zeroizing::new(serde_json::to_string(&connect).unwrap_or_default());
        let inbox = format!("_INBOX.{}", unique()?);
        for text in ["CONNECT ", &connect, "\r\nSUB ", &inbox, ".* 1\r\nPING\r\n"] {
            line.output.extend_from_slice(text.as_bytes());
        }
        let mut session = Self {
            line,
            reader: Reader::new(data_max.max(ANSWER_MAX)),
            inbox,
            payload_max: info.max_payload.unwrap_or(PAYLOAD_MAX),
            asked: 0,
        };
        // The answer to our ping comes behind its judgement of our log-in.
        loop {
            match session.said().await? {
                Said::Nothing => return Ok(session),
                Said::Error(words) => return Err(refused(words)),
                _ => {}
            }
        }
    }

    async fn said(&mut self) -> Result<Said, TransportError> {
        loop {
            match self.reader.take(&mut self.line.input)? {
                // Who asks without reading is not answered for ever.
                Some(Said::Ping) if self.line.output.len() > UNREAD_MAX => {
                    return Err(TransportError::new(Kind::Unusable, "the server asks and does not read"));
                }
                Some(Said::Ping) => self.line.output.extend_from_slice(b"PONG\r\n"),
                Some(said) => return Ok(said),
                None => self.line.read().await?,
            }
        }
    }

    /// The next message. May be given up while it is waited for. `None` is another sign of life.
    pub(super) async fn message(&mut self) -> Result<Option<Message>, TransportError> {
        match self.said().await? {
            Said::Message(message) => Ok(Some(message)),
            Said::Error(words) => Err(refused(words)),
            Said::Info(_) | Said::Ping | Said::Nothing => Ok(None),
        }
    }

    /// Puts a message where it will be written from. Subject and headers hold no line breaks.
    pub(super) fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: &[(&str, &str)],
        data: &[u8],
    ) {
        let block = header_block(headers);
        let total = block.len() + data.len();
        let (mut head, reply) = (String::new(), reply.map_or_else(String::new, |reply| format!(" {reply}")));
        // Writing into a String does not fail.
        let _ = if block.is_empty() {
            write!(head, "PUB {subject}{reply} {total}\r\n")
        } else {
            write!(head, "HPUB {subject}{reply} {} {total}\r\n", block.len())
        };
        for piece in [head.as_bytes(), block.as_bytes(), data, b"\r\n"] {
            self.line.output.extend_from_slice(piece);
        }
        self.line.asked();
    }

    /// Asks, and waits for the answer. What else comes meanwhile is not of interest.
    pub(super) async fn ask(
        &mut self,
        subject: &str,
        headers: &[(&str, &str)],
        data: &[u8],
    ) -> Result<Message, TransportError> {
        self.asked += 1;
        let reply = format!("{}.{}", self.inbox, self.asked);
        self.publish(subject, Some(&reply), headers, data);
        loop {
            match self.message().await? {
                Some(message) if message.subject == reply => return Ok(message),
                _ => {}
            }
        }
    }

    /// Asks whether the server is there.
    pub(super) fn ping(&mut self) {
        self.line.output.extend_from_slice(b"PING\r\n");
    }
}

/// Headers as they go before a message; nothing if there are none.
pub(super) fn header_block(headers: &[(&str, &str)]) -> String {
    if headers.is_empty() {
        return String::new();
    }
    let mut block = "NATS/1.0\r\n".to_owned();
    for (name, value) in headers {
        for piece in [name, ": ", value, "\r\n"] {
            block.push_str(piece);
        }
    }
    block.push_str("\r\n");
    block
}

/// What a server's error means. What it refuses has no effect.
fn refused(words: String) -> TransportError {
    let lower = words.to_ascii_lowercase();
    let kind = if lower.starts_with("permissions violation") {
        Kind::Forbidden
    } else if lower.contains("authorization") || lower.contains("authentication") {
        Kind::Login
    } else if lower.contains("maximum connections") || lower.contains("slow consumer") {
        Kind::Busy
    } else {
        Kind::Refused
    };
    TransportError::new(kind, words)
}
