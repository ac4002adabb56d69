//! Answers that go on and on: events that are sent as they happen, over a feed or a socket, with the ways in which such
//! connections end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use crate::body::{AnswerBody, CutOff};

/// Events kept; nothing is added beyond.
pub(crate) const EVENTS_MAX: usize = 1_000_000;
/// Pieces on their way to one listener.
const UNDER_WAY_MAX: usize = 16;
/// A sign of life while nothing happens.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// An event; its number is its place in the log, from 1.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) name: String,
    pub(crate) data: Bytes,
}

/// How connections to a feed end.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Habits {
    /// Feeds break off in the middle of an event after so many, sockets are closed after them with code 1001.
    pub(crate) cut_every: Option<u64>,
    /// So many events before the asked one are sent again.
    pub(crate) repeat: u64,
    /// How long listeners are asked to stay away.
    pub(crate) retry_ms: Option<u64>,
    /// Feeds answer 204: nobody is to come back.
    pub(crate) over: bool,
}

/// What happened, for all who listen.
pub(crate) struct Log {
    events: Mutex<Vec<Happened>>,
    count: watch::Sender<u64>,
    pub(crate) habits: Mutex<Habits>,
    listeners: AtomicUsize,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::default(),
            count: watch::Sender::new(0),
            habits: Mutex::default(),
            listeners: AtomicUsize::new(0),
        })
    }

    pub(crate) fn reset(&self) {
        self.events.lock().clear();
        *self.habits.lock() = Habits::default();
        self.count.send_replace(0);
    }

    /// Adds events, and gives the number of the last.
    pub(crate) fn add(&self, events: impl IntoIterator<Item = Happened>) -> u64 {
        let mut log = self.events.lock();
        for event in events {
            if log.len() < EVENTS_MAX {
                log.push(event);
            }
        }
        let count = log.len() as u64;
        drop(log);
        self.count.send_replace(count);
        count
    }

    pub(crate) fn count(&self) -> u64 {
        *self.count.borrow()
    }

    pub(crate) fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    fn after(&self, number: u64) -> Option<Happened> {
        self.events.lock().get(usize::try_from(number).ok()?).cloned()
    }
}

/// Somebody who wants to hear what comes after an event.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) log: Arc<Log>,
    /// The number of the last event that is known there.
    pub(crate) after: u64,
}

/// The answer that a listener gets.
#[derive(Clone)]
pub(crate) enum Live {
    /// Server-Sent Events.
    Feed(Listener),
    /// A WebSocket; what happens is told once something was sent that asks for it.
    Socket(Listener),
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Feed(_) => "feed",
            Self::Socket(_) => "socket",
        })
    }
}

/// Counts a listener while it is there.
struct Counted(Arc<Log>);

impl Counted {
    fn new(log: &Arc<Log>) -> Self {
        log.listeners.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(log))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    /// The body that tells it.
    pub(crate) fn body(self) -> AnswerBody {
        let (pieces, body) = mpsc::channel(UNDER_WAY_MAX);
        tokio::spawn(async move {
            let gone = pieces.clone();
            tokio::select! {
                () = self.feed(pieces) => {}
                () = gone.closed() => {}
            }
        });
        AnswerBody::Live(body)
    }

    async fn feed(mut self, pieces: mpsc::Sender<Result<Bytes, CutOff>>) {
        let _counted = Counted::new(&self.log);
        let habits = *self.log.habits.lock();
        let hello = habits.retry_ms.map_or_else(String::new, |ms| format!("retry: {ms}\n"));
        if pieces.send(Ok(format!("\u{feff}: welcome\n{hello}\n").into())).await.is_err() {
            return;
        }
        let mut told = 0;
        loop {
            let Some(event) = self.next().await else {
                if pieces.send(Ok(Bytes::from_static(b": still here\n\n"))).await.is_err() {
                    return;
                }
                continue;
            };
            let text = text(self.after, &event);
            told += 1;
            if habits.cut_every.is_some_and(|every| told > every) {
                let _ = pieces.send(Ok(text.slice(..text.len() / 2))).await;
                let _ = pieces.send(Err(CutOff)).await;
                return;
            }
            if pieces.send(Ok(text)).await.is_err() {
                return;
            }
        }
    }

    /// The next event, or nothing after a while.
    async fn next(&mut self) -> Option<Happened> {
        let mut count = self.log.count.subscribe();
        let after = self.after;
        let more = count.wait_for(|count| *count > after);
        tokio::time::timeout(SIGN_OF_LIFE, more).await.ok()?.ok()?;
        let event = self.log.after(self.after)?;
        self.after += 1;
        Some(event)
    }

    /// Speaks over a socket whose handshake is done.
    pub(crate) async fn speak(mut self, stream: TcpStream) {
        let _counted = Counted::new(&self.log);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let habits = *self.log.habits.lock();
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(_))) => break,
                Some(Ok(_)) => {}
                _ => return,
            }
        }
        let mut told = 0;
        loop {
            let event = tokio::select! {
                event = self.next() => event,
                // What is said meanwhile is not of interest; pings are answered by the protocol's own code.
                said = socket.next() => match said {
                    Some(Ok(_)) => continue,
                    _ => return,
                },
            };
            let message = match event {
                None => Message::Ping(Bytes::new()),
                Some(_) if habits.cut_every.is_some_and(|every| told >= every) => {
                    let frame = CloseFrame { code: CloseCode::Away, reason: "going away".into() };
                    let _ = socket.close(Some(frame)).await;
                    return;
                }
                Some(event) => {
                    told += 1;
                    let data = String::from_utf8_lossy(&event.data).into_owned();
                    Message::text(data)
                }
            };
            if socket.send(message).await.is_err() {
                return;
            }
        }
    }
}

/// An event as a feed writes it: senders end their lines in all three ways.
fn text(number: u64, event: &Happened) -> Bytes {
    let end = ["\n", "\r\n", "\r"][usize::try_from(number % 3).unwrap_or(0)];
    let lines: Vec<_> =
        String::from_utf8_lossy(&event.data).lines().map(|line| format!("data: {line}{end}")).collect();
    let data = lines.concat();
    let Happened { name, .. } = event;
    Bytes::from(format!("id: {number}{end}event:{name}{end}{data}{end}"))
}

/// Goes on over a connection that a request has turned into a socket.
pub(crate) async fn go_on(listener: Listener, io: TokioIo<TcpStream>) {
    listener.speak(io.into_inner()).await;
}
