use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

/// Connections served at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a caller may take to say what it wants.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait when the system gives no connection (no file handles left).
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A control API that is served.
#[derive(Debug)]
pub struct RunningControl {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
}

impl RunningControl {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: no new connections; requests under way are answered within so long.
    pub async fn stop(&self, patience: Duration) {
        self.stopping.send_replace(true);
        // Every connection and the listener hold a receiver; when all are gone, all is answered.
        let _ = tokio::time::timeout(patience, self.stopping.closed()).await;
    }
}

/// Serves on tasks of its own.
pub(crate) fn start(router: Router, listener: TcpListener) -> io::Result<RunningControl> {
    let address = listener.local_addr()?;
    let (stopping, stop) = watch::channel(false);
    tokio::spawn(accept(listener, router, stop));
    Ok(RunningControl { address, stopping })
}

async fn accept(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move {
                    connection(stream, router, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control API cannot accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| router.clone().call(request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control API ended early");
    }
}
