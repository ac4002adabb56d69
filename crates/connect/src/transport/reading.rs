use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::{Pending, Piece, Reader, TransportError};
use crate::Limits;

/// How long a piece waits to be taken before what is held at the system is given up.
pub(super) const UNREAD_MAX: Duration = Duration::from_mins(1);

/// A long answer that a task of its own reads, one piece ahead of whoever takes them.
pub(super) struct ReadAhead {
    pieces: mpsc::Receiver<Result<Piece, TransportError>>,
    task: JoinHandle<()>,
}

/// Where the task puts pieces.
pub(super) struct Shelf(mpsc::Sender<Result<Piece, TransportError>>);

impl Shelf {
    /// Puts a piece there and waits until there is room for it. False if nobody takes pieces any more.
    pub(super) async fn put(&self, piece: Result<Piece, TransportError>) -> bool {
        self.0.send_timeout(piece, UNREAD_MAX).await.is_ok()
    }
}

impl ReadAhead {
    pub(super) fn begin<F>(read: impl FnOnce(Shelf) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, pieces) = mpsc::channel(1);
        Self { pieces, task: tokio::spawn(read(Shelf(sender))) }
    }
}

impl Reader for ReadAhead {
    fn next<'a>(&'a mut self, limits: &'a Limits) -> Pending<'a, Result<Option<Piece>, TransportError>> {
        Box::pin(async move {
            let until = limits.until.min(Instant::now() + limits.connect + limits.read);
            match timeout_at(until, self.pieces.recv()).await {
                Ok(read) => read.transpose(),
                Err(_) => Err(TransportError::deadline(true)),
            }
        })
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.task.abort();
    }
}
