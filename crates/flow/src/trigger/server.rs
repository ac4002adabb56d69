//! The listener: connections, and nothing of what is said on them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::ListenLimits;
use super::webhook::{Hooks, answer};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;
/// How long to wait when no connection can be accepted, as when the process has no file descriptor left.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// Header fields of one request.
const HEADERS_MAX: usize = 64;

pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until it is told to stop, and then until what is under way is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    hooks: Arc<Hooks>,
    limits: ListenLimits,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = told(&mut stop) => break,
        };
        match accepted {
            Ok((stream, place)) => {
                tokio::spawn(connection(stream, Arc::clone(&hooks), limits, stop.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; trying again");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.stop_patience, room.acquire_many(all)).await.is_err() {
        tracing::warn!("some deliveries were not answered before the listener ended");
    }
}

/// Comes back when it is time to stop.
pub(crate) async fn told(stop: &mut watch::Receiver<bool>) {
    // If nobody is left who could tell, it is time too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are small and waited for; without this the kernel may sit on them.
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

async fn connection(
    stream: TcpStream,
    hooks: Arc<Hooks>,
    limits: ListenLimits,
    mut stop: watch::Receiver<bool>,
    place: OwnedSemaphorePermit,
) {
    let service = service_fn(|request| answer(Arc::clone(&hooks), request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_patience)
        .max_buf_size(usize::try_from(limits.head_max.0).unwrap_or(usize::MAX).max(8192))
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = told(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    drop(place);
}
