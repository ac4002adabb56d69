use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{Pending, Piece, Reader, TransportError};
use crate::Limits;

/// How long a piece waits to be taken before what is held at the system is given up.
pub(super) const UNREAD_MAX: Duration = Duration::from_mins(1);

/// How long a piece may take however steadily its bytes come.
const PIECE_MAX: Duration = Duration::from_hours(1);

/// A long answer that a task of its own reads, one piece ahead of whoever takes them.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Piece, TransportError>>,
    task: JoinHandle<()>,
    flow: Flow,
}

/// Where the task puts pieces.
pub(super) struct Shelf {
    pieces: mpsc::Sender<Result<Piece, TransportError>>,
    flow: Flow,
}

/// What has come of an answer, be it in a piece yet or not. One that flows is waited for beyond what a silent one is: a
/// file may be read for minutes up to the place where the next piece begins.
#[derive(Clone, Default)]
pub(super) struct Flow(Arc<AtomicU64>);

impl Flow {
    /// So many bytes more.
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Shelf {
    /// Puts a piece there and waits until there is room for it. False if nobody takes pieces any more.
    pub(super) async fn put(&self, piece: Result<Piece, TransportError>) -> bool {
        self.pieces.send_timeout(piece, UNREAD_MAX).await.is_ok()
    }

    /// Where the task counts what has come, if it can tell.
    pub(super) fn flow(&self) -> Flow {
        self.flow.clone()
    }
}

impl ReadAhead {
    pub(super) fn begin<F>(read: impl FnOnce(Shelf) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, pieces) = mpsc::channel(1);
        let flow = Flow::default();
        let shelf = Shelf { pieces: sender, flow: flow.clone() };
        Self { pieces, task: tokio::spawn(read(shelf)), flow }
    }
}

impl Reader for ReadAhead {
    fn next<'a>(&'a mut self, limits: &'a Limits) -> Pending<'a, Result<Option<Piece>, TransportError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let silence_max = limits.connect + limits.read;
            let mut until = limits.until.min(begun + silence_max);
            loop {
                let sum = self.flow.sum();
                match timeout_at(until, self.pieces.recv()).await {
                    Ok(read) => return read.transpose(),
                    Err(_) if self.flow.sum() == sum => return Err(TransportError::deadline(true)),
                    Err(_) => until = (begun + PIECE_MAX).min(Instant::now() + silence_max),
                }
                if begun.elapsed() >= PIECE_MAX {
                    return Err(TransportError::deadline(true));
                }
            }
        })
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use sinew_stdx::Json;
    use tokio::time::sleep;

    use super::*;

    /// What a piece comes to that takes 5 minutes, if this many bytes come every second.
    async fn check(bytes: usize) -> Result<usize, String> {
        let mut reading = ReadAhead::begin(move |shelf| async move {
            for _ in 0..300 {
                sleep(Duration::from_secs(1)).await;
                shelf.flow().add(bytes);
            }
            shelf.put(Ok(Piece { items: vec![Json::null()], next: None })).await;
        });
        let span = Duration::from_secs(5);
        let limits = Limits { until: Instant::now() + 4 * span, connect: span, read: span };
        let read = reading.next(&limits).await.map_err(|error| error.to_string())?;
        Ok(read.map_or(0, |piece| piece.items.len()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_piece_is_waited_for_as_long_as_its_bytes_come() {
        assert_eq!(check(1).await, Ok(1));
        assert!(check(0).await.is_err());
    }
}
