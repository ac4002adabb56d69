use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::StoreError;

/// Work handed to the store; completes when it is durable, or read.
#[derive(Debug)]
#[must_use = "the store's answer says whether the work is durable"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

/// The other end of a [`Pending`], held by the backend.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<Result<T, StoreError>>);

/// A pending answer and the end to give it by.
pub fn reply<T>() -> (Reply<T>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    (Reply(sender), Pending(receiver))
}

impl<T> Reply<T> {
    /// Gives the answer; it is dropped if nobody waits any more.
    pub fn give(self, answer: Result<T, StoreError>) {
        let _ = self.0.send(answer);
    }
}

impl<T> Pending<T> {
    /// An answer that is known already.
    pub fn ready(answer: Result<T, StoreError>) -> Self {
        let (give, pending) = reply();
        give.give(answer);
        pending
    }

    /// Blocks the thread until the answer is there; for threads outside an async runtime.
    pub fn wait(self) -> Result<T, StoreError> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}
