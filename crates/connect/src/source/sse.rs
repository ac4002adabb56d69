use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use sinew_stdx::ByteSize;
use tokio::time::{Instant, timeout_at};

use super::sse_text::{Event, Reader};
use super::{Coming, Data, Delivery, Source, SourceError};
use crate::client::Answer;

/// Server-Sent Events in the body of an answer. Its position is the last id that the sender gave.
pub struct SseSource {
    answer: Answer,
    reader: Reader,
    ready: VecDeque<Event>,
    from: Arc<str>,
    quiet: Duration,
    heard: Instant,
    given: u64,
}

impl SseSource {
    /// Reads the body of an answer, events of at most so much data, on behind an id.
    pub fn new(
        answer: Answer,
        from: Arc<str>,
        last_id: Option<Arc<str>>,
        delivery_max: ByteSize,
        quiet: Duration,
    ) -> Self {
        let data_max = usize::try_from(delivery_max.0).unwrap_or(usize::MAX / 2);
        Self {
            answer,
            reader: Reader::new(data_max, last_id),
            ready: VecDeque::new(),
            from,
            quiet,
            heard: Instant::now(),
            given: 0,
        }
    }

    async fn event(&mut self) -> Result<Delivery, SourceError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(self.delivery(event));
            }
            let piece = timeout_at(self.heard + self.quiet, self.answer.piece()).await;
            match piece {
                Err(_) => return Err(SourceError::Quiet(self.quiet)),
                Ok(None) => return Err(SourceError::Closed(String::new())),
                Ok(Some(Err(why))) => return Err(SourceError::Broken(why)),
                Ok(Some(Ok(piece))) => {
                    self.heard = Instant::now();
                    self.reader.read(&piece, &mut self.ready);
                }
            }
        }
    }

    fn delivery(&mut self, event: Event) -> Delivery {
        self.given += 1;
        let id = event.last_id.clone().filter(|_| event.own_id);
        let none = Bytes::new();
        let data = event.data.as_ref().unwrap_or(&none);
        // The standard does not forbid that different events have one id, so that their content counts too.
        let identity = id.as_ref().map(|id| identity(&[id.as_bytes(), event.name.as_bytes(), data]));
        Delivery {
            from: Arc::clone(&self.from),
            event: Some(event.name),
            id,
            at: None,
            headers: Vec::new(),
            data: event.data.map_or_else(|bytes| Data::TooLarge { bytes }, Data::Whole),
            identity,
            position: event.last_id,
            receipt: self.given,
        }
    }
}

/// A short name for what has these parts.
fn identity(parts: &[&[u8]]) -> Arc<str> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]).into()
}

impl Source for SseSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.event())
    }

    /// While nothing was read, nothing could be heard.
    fn hold(&mut self) -> Coming<'_, ()> {
        self.heard = Instant::now();
        Box::pin(async { Ok(()) })
    }

    fn pause(&self) -> Option<Duration> {
        self.reader.retry
    }
}
