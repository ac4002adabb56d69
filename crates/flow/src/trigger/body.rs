//! Reading a request's body: no more than its flow takes, and no longer than it may last.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use sinew_diag::codes::trigger;
use sinew_stdx::{ByteSize, Coding, Decoding, InvalidCoding};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::reply::Rejection;

/// Bodies up to this size are many and short-lived; larger ones need room that all share.
const LARGE: u64 = 64 << 10;
/// What is counted as one in the shared room.
const UNIT: u64 = 1 << 10;
/// What is still read of a body that is refused, so that its sender finds the answer instead of a broken connection.
const DRAIN_MAX: u64 = 8 << 20;
const DRAIN_FOR: Duration = Duration::from_millis(500);

/// Reads bodies within a memory that all share.
pub(crate) struct BodyReader {
    room: Arc<Semaphore>,
    units: u32,
    patience: Duration,
}

/// A body that arrived whole; large ones give their room back when this is dropped.
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl BodyReader {
    pub(crate) fn new(room: ByteSize, patience: Duration) -> Self {
        let units = u32::try_from(room.0 / UNIT).unwrap_or(u32::MAX).max(1);
        let permits = (units as usize).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(permits)), units, patience }
    }

    /// The whole body, of at most `max` bytes.
    pub(crate) async fn read(&self, mut body: Incoming, max: u64) -> Result<WholeBody, Rejection> {
        let outcome = match body.size_hint().exact() {
            Some(length) if length > max => Err(too_large(max)),
            length => {
                let reading = self.collect(&mut body, max, length.unwrap_or(0));
                tokio::time::timeout(self.patience, reading).await.unwrap_or_else(|_| Err(late()))
            }
        };
        if outcome.is_err() {
            tokio::spawn(drain(body));
        }
        outcome
    }

    async fn collect(&self, body: &mut Incoming, max: u64, expected: u64) -> Result<WholeBody, Rejection> {
        let mut room = if expected > LARGE { Some(self.take_room(expected)?) } else { None };
        let (mut first, mut rest, mut length) = (Bytes::new(), BytesMut::new(), 0_u64);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| cut_off(&error))?;
            let piece = frame.into_data().unwrap_or_default();
            length += piece.len() as u64;
            if length > max {
                return Err(too_large(max));
            }
            if room.is_none() && length > LARGE {
                room = Some(self.take_room(max)?);
            }
            // Most bodies come in one piece, which need not be copied.
            if length == piece.len() as u64 {
                first = piece;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&piece);
            }
        }
        let bytes = if rest.is_empty() { first } else { rest.freeze() };
        Ok(WholeBody { bytes, _room: room })
    }

    /// What the body comes to if it was compressed on its way; of at most `max` bytes. Its signature is over what came.
    pub(crate) fn decode(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        max: u64,
    ) -> Result<Option<WholeBody>, Rejection> {
        let mut said = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (said.next(), said.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => Coding::of(&String::from_utf8_lossy(only.as_bytes())),
            (Some(_), Some(_)) => Err(InvalidCoding::Unknown("several".to_owned())),
        };
        let Some(coding) = coding.map_err(|invalid| not_decoded(&invalid))? else { return Ok(None) };
        let room = if max > LARGE { Some(self.take_room(max)?) } else { None };
        let mut decoding = Decoding::new(coding, max);
        let decoded =
            decoding.push(body).and_then(|()| decoding.finish()).map_err(|invalid| not_decoded(&invalid))?;
        Ok(Some(WholeBody { bytes: decoded.into(), _room: room }))
    }

    fn take_room(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Rejection> {
        let units = u32::try_from(bytes / UNIT + 1).unwrap_or(u32::MAX).min(self.units);
        Arc::clone(&self.room).try_acquire_many_owned(units).map_err(|_| {
            Rejection::busy(trigger::OVERLOADED, "too many large bodies are being read; send again later")
        })
    }
}

async fn drain(mut body: Incoming) {
    let draining = async {
        let mut left = DRAIN_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |piece| piece.len() as u64);
            match left.checked_sub(length) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_FOR, draining).await;
}

fn too_large(max: u64) -> Rejection {
    let detail = format!("the body is larger than {}, the most that this flow takes", ByteSize(max));
    Rejection::new(413, trigger::BODY_TOO_LARGE, detail).closing()
}

fn not_decoded(invalid: &InvalidCoding) -> Rejection {
    let status = match invalid {
        InvalidCoding::TooLarge { max } => return too_large(*max),
        InvalidCoding::Unknown(_) => 415,
        InvalidCoding::CutOff | InvalidCoding::Broken(_) => 400,
    };
    Rejection::new(status, trigger::UNACCEPTABLE_PAYLOAD, format!("the body cannot be read: {invalid}"))
}

fn late() -> Rejection {
    Rejection::new(408, trigger::BODY_INCOMPLETE, "the body did not come in time").closing()
}

fn cut_off(error: &hyper::Error) -> Rejection {
    let detail = format!("the body broke off: {error}");
    Rejection::new(400, trigger::BODY_INCOMPLETE, detail).closing()
}
