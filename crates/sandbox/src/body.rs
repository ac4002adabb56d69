use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::truth::{TruthFilter, TruthLog};

const CHUNK: usize = 64 * 1024;
/// How many pieces a slow body is dripped in.
const DRIPS: u32 = 20;

/// The body ended on purpose before its announced length.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut off on purpose")]
pub(crate) struct CutOff;

/// A body on the wire: most are whole, some misbehave.
pub(crate) enum AnswerBody {
    Whole(Bytes),
    /// Announces `announced` bytes, sends `sent`, then breaks the connection.
    Truncated {
        sent: Option<Bytes>,
        announced: u64,
        flushed: bool,
    },
    /// A few bytes at a time.
    Slow {
        rest: Bytes,
        piece: usize,
        pause: Duration,
        sleep: Option<Pin<Box<Sleep>>>,
    },
    /// `{"padding":"xxx.."}` of a given size, never held in memory.
    Padded {
        head: Option<Bytes>,
        left: u64,
        tail: Option<Bytes>,
    },
    /// What happens, as it happens.
    Live(mpsc::Receiver<Result<Bytes, CutOff>>),
    /// The truth log as NDJSON, page by page.
    Truth {
        log: Arc<TruthLog>,
        filter: TruthFilter,
        next: Option<u64>,
    },
}

impl AnswerBody {
    pub(crate) fn truncated(body: &Bytes) -> Self {
        let sent = body.slice(..body.len() / 2);
        Self::Truncated { sent: Some(sent), announced: (body.len() as u64).max(1), flushed: false }
    }

    pub(crate) fn slow(body: Bytes, over: Duration) -> Self {
        let piece = body.len().div_ceil(DRIPS as usize).max(1);
        let drips = u32::try_from(body.len().div_ceil(piece)).unwrap_or(DRIPS).max(1);
        Self::Slow { rest: body, piece, pause: over / drips, sleep: None }
    }

    pub(crate) fn padded(bytes: u64) -> Self {
        const HEAD: &[u8] = b"{\"padding\":\"";
        const TAIL: &[u8] = b"\"}";
        Self::Padded {
            head: Some(Bytes::from_static(HEAD)),
            left: bytes.saturating_sub((HEAD.len() + TAIL.len()) as u64),
            tail: Some(Bytes::from_static(TAIL)),
        }
    }

    /// The length to announce, if it is known.
    fn announced(&self) -> Option<u64> {
        match self {
            Self::Whole(body) => Some(body.len() as u64),
            Self::Truncated { announced, .. } => Some(*announced),
            Self::Slow { rest, .. } => Some(rest.len() as u64),
            Self::Padded { head, left, tail } => {
                let ends = [head, tail].into_iter().flatten().map(|end| end.len() as u64).sum::<u64>();
                Some(left + ends)
            }
            Self::Live(_) | Self::Truth { .. } => None,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let piece = match self.get_mut() {
            Self::Whole(body) => Some(std::mem::take(body)).filter(|body| !body.is_empty()),
            Self::Truncated { sent, flushed, .. } => match sent.take().filter(|sent| !sent.is_empty()) {
                Some(sent) => Some(sent),
                // One turn of the loop, so that what was sent is flushed before the connection breaks.
                None if !*flushed => {
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => return Poll::Ready(Some(Err(CutOff))),
            },
            Self::Slow { rest, piece, pause, sleep } => {
                if rest.is_empty() {
                    return Poll::Ready(None);
                }
                let timer = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(*pause)));
                std::task::ready!(timer.as_mut().poll(cx));
                *sleep = None;
                Some(rest.split_to((*piece).min(rest.len())))
            }
            Self::Padded { head, left, tail } => {
                head.take().or_else(|| padding(left)).or_else(|| tail.take())
            }
            Self::Live(pieces) => return pieces.poll_recv(cx).map(|piece| Some(piece?.map(Frame::data))),
            Self::Truth { log, filter, next } => {
                let Some(since) = *next else { return Poll::Ready(None) };
                let (page, more) = log.page(filter, since, CHUNK);
                *next = more;
                (!page.is_empty()).then(|| Bytes::from(page))
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(body) if body.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        self.announced().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn padding(left: &mut u64) -> Option<Bytes> {
    static X: [u8; CHUNK] = [b'x'; CHUNK];
    let size = (*left).min(CHUNK as u64);
    *left -= size;
    (size > 0).then(|| Bytes::from_static(&X[..size as usize]))
}
