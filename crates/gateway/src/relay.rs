//! Bytes of an answer, and of what is no HTTP any more.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::client::{Client, Gone, WRITE};
use crate::pool::Lent;
use crate::stream::{Buffer, Stream};
use crate::transfer::Transfer;

/// Up to how many bytes are copied behind a head to be written with it.
const TOGETHER: usize = 16 * 1024;

/// What became of an answer.
pub(crate) struct Relayed {
    pub(crate) bytes: u64,
    pub(crate) whole: bool,
}

/// Writes an answer's head, which is in `out`, and its body.
pub(crate) async fn relay(
    client: &mut Client,
    lent: &mut Lent,
    upstream: &mut Buffer,
    out: &mut Vec<u8>,
    body: &mut Transfer,
    idle: Duration,
) -> Relayed {
    let mut relayed = Relayed { bytes: 0, whole: false };
    loop {
        let unused = upstream.unused();
        let direct = body.as_it_is(unused.len()).filter(|_| !body.is_done());
        let written = match direct {
            Some(count) if count > TOGETHER => {
                let both = match client.write_all(out).await {
                    Ok(()) => client.write_all(&unused[..count]).await,
                    Err(Gone) => Err(Gone),
                };
                relayed.bytes += (out.len() + count) as u64;
                body.passed(count);
                upstream.take(count);
                both
            }
            _ => {
                let Ok(taken) = body.take(unused, out) else { return relayed };
                upstream.take(taken);
                relayed.bytes += out.len() as u64;
                client.write_all(out).await
            }
        };
        out.clear();
        if written.is_err() {
            return relayed;
        }
        if body.is_done() {
            relayed.whole = true;
            return relayed;
        }
        client.guard.set(Instant::now() + idle);
        match fill(client, &mut lent.stream, upstream).await {
            Err(Gone) => return relayed,
            Ok(0) => {
                if body.end(out).is_err() {
                    return relayed;
                }
                relayed.bytes += out.len() as u64;
                relayed.whole = client.write_all(out).await.is_ok();
                return relayed;
            }
            Ok(_) => client.guard.set(Instant::now() + WRITE),
        }
    }
}

async fn fill(client: &Client, from: &mut Stream, into: &mut Buffer) -> Result<usize, Gone> {
    poll_fn(|cx| match client.guard.poll(cx) {
        Poll::Ready(_) => Poll::Ready(Err(Gone)),
        Poll::Pending => into.poll_fill(from, cx).map_err(|_| Gone),
    })
    .await
}

/// Lets bytes pass both ways until both sides have ended, or neither has said anything for long. Gives how many went to
/// the caller.
pub(crate) async fn tunnel(
    client: &mut Client,
    lent: &mut Lent,
    input: &mut Buffer,
    upstream: &mut Buffer,
    head: &[u8],
    idle: Duration,
) -> u64 {
    let mut bytes = head.len() as u64;
    if client.write_all(head).await.is_err() {
        return bytes;
    }
    let (mut there, mut back) = (Side::default(), Side::default());
    client.guard.set(Instant::now() + idle);
    let guard = std::rc::Rc::clone(&client.guard);
    poll_fn(|cx| {
        loop {
            if guard.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let moved_there = there.pass(cx, &mut client.stream, input, &mut lent.stream);
            let moved_back = back.pass(cx, &mut lent.stream, upstream, &mut client.stream);
            match (moved_there, moved_back) {
                (Err(Gone), _) | (_, Err(Gone)) => return Poll::Ready(()),
                (Ok(0), Ok(0)) if there.ended && back.ended => return Poll::Ready(()),
                (Ok(0), Ok(0)) => return Poll::Pending,
                (Ok(_), Ok(to_client)) => {
                    bytes += to_client;
                    guard.set(Instant::now() + idle);
                }
            }
        }
    })
    .await;
    bytes
}

/// One way of a tunnel.
#[derive(Default)]
struct Side {
    /// The one side has ended, and the other was told.
    ended: bool,
    read_all: bool,
}

impl Side {
    /// Lets pass what can. Gives how many bytes were read or written; none, if both sides have to be waited for.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        buffer: &mut Buffer,
        to: &mut Stream,
    ) -> Result<u64, Gone> {
        let mut moved = 0;
        while !buffer.is_empty() {
            match to.poll_write(cx, buffer.unused()) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    buffer.take(written);
                    moved += written as u64;
                }
                Poll::Ready(_) => return Err(Gone),
                Poll::Pending => return Ok(moved),
            }
        }
        if self.read_all {
            if !self.ended && to.poll_shutdown(cx).is_ready() {
                self.ended = true;
            }
            return Ok(moved);
        }
        match buffer.poll_fill(from, cx) {
            Poll::Ready(Ok(0)) => {
                self.read_all = true;
                Ok(moved.max(1))
            }
            Poll::Ready(Ok(read)) => Ok(moved.max(read as u64)),
            Poll::Ready(Err(_)) => Err(Gone),
            Poll::Pending => Ok(moved),
        }
    }
}
