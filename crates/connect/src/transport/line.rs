//! A connection's bytes, both ways, so that waiting for them can be given up at any time without losing any.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::time::timeout;

use super::{TransportError, TransportErrorKind as Kind};
use crate::stream::Stream;

/// What is read at once.
const PIECE: usize = 16 << 10;
/// What an idle connection may have brought before it is asked whether it still stands.
const IDLE_PIECES: usize = 16;

/// A connection with what was read and not yet taken, and what is still to be written.
pub(super) struct Line {
    io: Stream,
    /// What was read.
    pub(super) input: BytesMut,
    /// What is to be written.
    pub(super) output: BytesMut,
    piece: Box<[u8]>,
    unflushed: bool,
    /// Bytes that were written so far.
    written: u64,
    /// So many have to be written until what is asked is on its way.
    asked: u64,
}

impl Line {
    pub(super) fn new(io: Stream) -> Self {
        let piece = vec![0; PIECE].into_boxed_slice();
        Self {
            io,
            input: BytesMut::new(),
            output: BytesMut::new(),
            piece,
            unflushed: false,
            written: 0,
            asked: 0,
        }
    }

    /// Reads some more, and writes meanwhile what is to be written: neither waits for the other.
    pub(super) async fn read(&mut self) -> Result<(), TransportError> {
        poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.poll_written(context) {
                return Poll::Ready(Err(lost(&error)));
            }
            let mut piece = ReadBuf::new(&mut self.piece);
            match ready!(Pin::new(&mut self.io).poll_read(context, &mut piece)) {
                Ok(()) if piece.filled().is_empty() => Poll::Ready(Err(closed())),
                Ok(()) => {
                    self.input.extend_from_slice(piece.filled());
                    Poll::Ready(Ok(()))
                }
                Err(error) => Poll::Ready(Err(lost(&error))),
            }
        })
        .await
    }

    /// Writes what is to be written, within a time.
    pub(super) async fn write(&mut self, patience: Duration) -> Result<(), TransportError> {
        let written = timeout(patience, poll_fn(|context| self.poll_written(context))).await;
        let late = || TransportError::new(Kind::Lost, format!("nothing could be written for {patience:?}"));
        written.map_err(|_| late())?.map_err(|error| lost(&error))
    }

    fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.has_remaining() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            self.written += written as u64;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Something will be asked: nothing of it is on its way.
    pub(super) fn ask(&mut self) {
        self.asked = u64::MAX;
    }

    /// All of what is asked is where it will be written from.
    pub(super) fn asked(&mut self) {
        self.asked = self.written + self.output.len() as u64;
    }

    /// Whether all of what was asked may be on its way, whatever else is to be written.
    pub(super) fn is_written(&self) -> bool {
        self.written >= self.asked
    }

    /// Whether an idle connection still stands, as far as can be told without asking.
    pub(super) fn stands(&mut self) -> bool {
        for _ in 0..IDLE_PIECES {
            match self.read().now_or_never() {
                None => return true,
                Some(Ok(())) => {}
                Some(Err(_)) => return false,
            }
        }
        false
    }
}

fn lost(error: &io::Error) -> TransportError {
    TransportError::new(Kind::Lost, format!("the connection broke: {error}"))
}

fn closed() -> TransportError {
    TransportError::new(Kind::Lost, "the other side closed the connection")
}
