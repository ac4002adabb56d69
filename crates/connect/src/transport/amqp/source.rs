//! A queue that is consumed, and whose messages are acknowledged one by one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sinew_stdx::Timestamp;
use tokio::time::{Instant, timeout, timeout_at};

use super::session::{CHANNEL, Method, Session};
use super::wire::{self, Arguments, Frame, Properties, short_text, u8_of, u64_of};
use crate::source::{Coming, Data, Delivery, Source, SourceError, Wanted};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// Messages that are given without an acknowledgement.
const UNACKNOWLEDGED_MAX: u16 = 128;
/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often each side is heard of if the broker wants nothing of it.
const BEAT: Duration = Duration::from_secs(30);

const QOS_OK: Method = (60, 11);
const CONSUME_OK: Method = (60, 21);
const CANCEL: Method = (60, 30);
const DELIVER: Method = (60, 60);

/// A consumer of a queue.
pub(super) struct AmqpSource {
    session: Session,
    queue: Arc<str>,
    data_max: u64,
    heard: Instant,
    given: u64,
    tags: HashMap<u64, u64>,
    coming: Option<Incoming>,
}

/// A message of which not all is there.
struct Incoming {
    tag: u64,
    redelivered: bool,
    exchange: Arc<str>,
    routing_key: Arc<str>,
    properties: Properties,
    length: Option<u64>,
    data: BytesMut,
    passed: u64,
}

impl AmqpSource {
    /// Begins to consume a queue, which has to be there.
    pub(super) async fn open(mut session: Session, wanted: &Wanted<'_>) -> Result<Self, TransportError> {
        session.say(CHANNEL, (60, 10), &Arguments::default().u32(0).u16(UNACKNOWLEDGED_MAX).u8(0));
        session.expect(QOS_OK).await?;
        let consume = Arguments::default().u16(0).short(wanted.from).short("").u8(0).table(&[], &[]);
        session.say(CHANNEL, (60, 20), &consume);
        session.expect(CONSUME_OK).await?;
        Ok(Self {
            session,
            queue: wanted.from.into(),
            data_max: wanted.delivery_max.0,
            heard: Instant::now(),
            given: 0,
            tags: HashMap::new(),
            coming: None,
        })
    }

    async fn message(&mut self) -> Result<Delivery, SourceError> {
        let beat = self.session.heartbeat.unwrap_or(BEAT);
        loop {
            let (beat_at, silent_at) = (self.session.told + beat / 2, self.heard + beat * 2);
            let Ok(came) = timeout_at(beat_at.min(silent_at), self.session.frame()).await else {
                if self.session.heartbeat.is_some() && Instant::now() >= silent_at {
                    return Err(SourceError::Quiet(beat * 2));
                }
                self.session.beat();
                continue;
            };
            let frame = came?;
            self.heard = Instant::now();
            if let Some(message) = self.take_in(frame)? {
                return Ok(self.delivery(message));
            }
        }
    }

    /// Takes a frame in; gives the message that it completes.
    fn take_in(&mut self, frame: Frame) -> Result<Option<Incoming>, TransportError> {
        let unasked = || wire::wrong("a piece of a message that nobody asked for");
        match frame {
            Frame::Heartbeat => return Ok(None),
            Frame::Method { class, number, arguments } => match (class, number) {
                DELIVER => self.coming = Some(begun(arguments)?),
                CANCEL => return Err(TransportError::new(Kind::NotThere, "the queue is gone")),
                _ => return Ok(None),
            },
            Frame::Header { length, properties } => {
                let coming = self.coming.as_mut().ok_or_else(unasked)?;
                (coming.length, coming.properties) = (Some(length), properties);
            }
            Frame::Body(piece) => {
                let coming = self.coming.as_mut().ok_or_else(unasked)?;
                let length = coming.length.ok_or_else(unasked)?;
                coming.passed += piece.len() as u64;
                if coming.passed > length {
                    return Err(wire::wrong("more of a message than there is"));
                }
                if length <= self.data_max {
                    coming.data.extend_from_slice(&piece);
                }
            }
        }
        Ok(self.coming.take_if(|coming| coming.length == Some(coming.passed)))
    }

    fn delivery(&mut self, message: Incoming) -> Delivery {
        self.given += 1;
        self.tags.insert(self.given, message.tag);
        let Properties { id, kind, sent_s, mut headers } = message.properties;
        headers.extend([
            (Arc::from("exchange"), message.exchange),
            (Arc::from("routing-key"), message.routing_key),
            (Arc::from("redelivered"), Arc::from(if message.redelivered { "true" } else { "false" })),
        ]);
        let length = message.length.unwrap_or_default();
        let whole = length <= self.data_max;
        Delivery {
            from: Arc::clone(&self.queue),
            event: kind,
            identity: id.as_ref().map(|id| format!("{}:{id}", self.queue).into()),
            id,
            at: sent_s.and_then(|s| i64::try_from(s).ok()?.checked_mul(1000)).map(Timestamp::from_millis),
            headers,
            data: if whole { Data::Whole(message.data.freeze()) } else { Data::TooLarge { bytes: length } },
            position: None,
            receipt: self.given,
        }
    }

    async fn write(&mut self) -> Result<(), SourceError> {
        Ok(self.session.line.write(PATIENCE).await?)
    }
}

/// The head of a message.
fn begun(mut arguments: Bytes) -> Result<Incoming, TransportError> {
    short_text(&mut arguments)?;
    Ok(Incoming {
        tag: u64_of(&mut arguments)?,
        redelivered: u8_of(&mut arguments)? & 1 == 1,
        exchange: short_text(&mut arguments)?,
        routing_key: short_text(&mut arguments)?,
        properties: Properties::default(),
        length: None,
        data: BytesMut::new(),
        passed: 0,
    })
}

impl Source for AmqpSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.message())
    }

    fn accepted<'a>(&'a mut self, receipts: &'a [u64]) -> Coming<'a, ()> {
        for receipt in receipts {
            if let Some(tag) = self.tags.remove(receipt) {
                self.session.say(CHANNEL, (60, 80), &Arguments::default().u64(tag).u8(0));
            }
        }
        Box::pin(self.write())
    }

    fn hold(&mut self) -> Coming<'_, ()> {
        self.heard = Instant::now();
        self.session.beat();
        Box::pin(self.write())
    }

    /// What was not acknowledged goes back to the queue.
    fn end(&mut self) -> Coming<'_, ()> {
        self.session.say(0, (10, 50), &Arguments::default().u16(200).short("bye").u16(0).u16(0));
        Box::pin(async {
            // The broker answers by its own farewell, or ends the connection.
            let ended = async { while self.session.frame().await.is_ok() {} };
            let _ = timeout(Duration::from_secs(1), ended).await;
            Ok(())
        })
    }
}
