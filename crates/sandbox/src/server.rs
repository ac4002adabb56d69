use std::error::Error as _;
use std::fs::OpenOptions;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};

use crate::body::AnswerBody;
use crate::clock::Clock;
use crate::control;
use crate::exchange::{Call, Reply, percent_decode};
use crate::live::{Listener, go_on};
use crate::options::SandboxOptions;
use crate::router::{Hangup, Router, SharedRouter, on_the_wire};
use crate::truth::TruthLog;
use crate::vendors;
use crate::webhooks::Webhooks;
use crate::world::World;

/// Largest request body.
const BODY_MAX: usize = 16 << 20;
/// Connections served at one time; more wait in the accept queue.
const CONNECTIONS_MAX: usize = 4096;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The truth log cannot be written.
    #[error("cannot open the truth log {}", path.display())]
    TruthLog {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A webhook target that cannot be called.
    #[error("webhook target: {0}")]
    WebhookTarget(String),
    /// No thread or runtime for it.
    #[error("cannot start the sandbox's thread")]
    Thread(#[source] io::Error),
}

/// The simulated vendors, to be started.
#[derive(Debug)]
pub struct Sandbox;

impl Sandbox {
    /// Starts the vendors on a thread of their own and returns once they listen.
    ///
    /// It needs no async runtime and disturbs none: it may be called from anywhere.
    pub fn start(options: SandboxOptions) -> Result<RunningSandbox, StartError> {
        let router = Arc::new(build(&options)?);
        let vendors = router.doors.iter().map(|door| door.vendor.name()).collect();
        let (ready, started) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || run(&options, router, &ready, stopped))
            .map_err(StartError::Thread)?;
        let gone = |_| StartError::Thread(io::Error::other("the sandbox's thread ended before it listened"));
        let address = started.recv().map_err(gone)??;
        Ok(RunningSandbox { address, vendors, stop: Some(stop), thread: Some(thread) })
    }
}

/// Vendors that are listening. They end when this is dropped.
#[derive(Debug)]
pub struct RunningSandbox {
    address: SocketAddr,
    vendors: Vec<&'static str>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RunningSandbox {
    /// Where the vendors listen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, such as `http://127.0.0.1:7480`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The vendors, by the first word of their paths.
    pub fn vendors(&self) -> &[&'static str] {
        &self.vendors
    }

    /// Ends the vendors: connections break, state is gone.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn build(options: &SandboxOptions) -> Result<Router, StartError> {
    let file = match &options.truth_log {
        None => None,
        Some(path) => Some(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|source| StartError::TruthLog { path: path.clone(), source })?,
        ),
    };
    let clock = Clock::start();
    let truth = TruthLog::new(options.tuning.truth, file);
    let webhooks =
        Webhooks::new(options.webhook_targets.clone(), &clock).map_err(StartError::WebhookTarget)?;
    let world = World::new(options.seed, options.tuning, truth, webhooks, clock);
    Ok(Router::new(world, vendors::all(options.seed)))
}

fn run(
    options: &SandboxOptions,
    router: SharedRouter,
    ready: &mpsc::SyncSender<Result<SocketAddr, StartError>>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(StartError::Thread(error)))),
    };
    runtime.block_on(async {
        let bound = bind(options.listen).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = match bound {
            Ok(bound) => bound,
            Err(source) => {
                return drop(ready.send(Err(StartError::Listen { address: options.listen, source })));
            }
        };
        if ready.send(Ok(address)).is_ok() {
            tokio::select! {
                () = accept(listener, router) => {}
                _ = stopped => {}
            }
        }
    });
    runtime.shutdown_background();
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, router: SharedRouter) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = Arc::clone(&router);
                tokio::spawn(async move {
                    serve_connection(stream, router).await;
                    drop(slot);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: wait for connections to end instead of spinning.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, router: SharedRouter) {
    let stats = &router.world.stats;
    stats.connections_accepted.fetch_add(1, Ordering::Relaxed);
    stats.connections_open.fetch_add(1, Ordering::Relaxed);
    // Without it answers would wait for the peer's acknowledgement; if it fails, they do.
    let _ = stream.set_nodelay(true);
    // Who speaks over the connection once it is a socket.
    let becomes = Arc::new(Mutex::new(None::<Listener>));
    // Boxed, because polling the connection without its shutdown wants a service that can move.
    let service = service_fn(|request| Box::pin(heed(Arc::clone(&router), request, Arc::clone(&becomes))));
    let mut connection = http1::Builder::new()
        .keep_alive(true)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let hangup = ended
        .as_ref()
        .err()
        .and_then(|error| error.source())
        .and_then(|cause| cause.downcast_ref::<Hangup>());
    if hangup.is_some_and(|hangup| hangup.reset) {
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    } else if let Some(listener) = { becomes.lock().take() } {
        go_on(listener, connection.into_parts().io).await;
    }
    router.world.stats.connections_open.fetch_sub(1, Ordering::Relaxed);
}

/// Serves a request, and takes note of who speaks when it turns the connection into a socket.
async fn heed(
    router: SharedRouter,
    request: Request<Incoming>,
    becomes: Arc<Mutex<Option<Listener>>>,
) -> Result<Response<AnswerBody>, Hangup> {
    let mut response = serve(router, request).await?;
    if let Some(listener) = response.extensions_mut().remove::<Listener>() {
        *becomes.lock() = Some(listener);
    }
    Ok(response)
}

async fn serve(router: SharedRouter, request: Request<Incoming>) -> Result<Response<AnswerBody>, Hangup> {
    let (head, incoming) = request.into_parts();
    let body = match read(incoming).await {
        Ok(body) => body,
        Err(reply) => return Ok(on_the_wire(reply, AnswerBody::Whole)),
    };
    let mut segments = head.uri.path().split('/').filter(|segment| !segment.is_empty());
    let place = segments.next().unwrap_or_default();
    let call = Call {
        segments: segments.map(|segment| percent_decode(segment, false).into_owned()).collect(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        method: head.method,
        headers: head.headers,
        body,
        now: router.world.clock.now(),
    };
    if place == "_control" {
        return Ok(control::answer(&router, &call).await);
    }
    match router.door(place) {
        Some(door) => router.visit(door, &call).await,
        None => Ok(on_the_wire(control::index(&router, place), AnswerBody::Whole)),
    }
}

async fn read(incoming: Incoming) -> Result<Bytes, Reply> {
    if incoming.is_end_stream() {
        return Ok(Bytes::new());
    }
    match Limited::new(incoming, BODY_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => {
            let reply = if error.is::<http_body_util::LengthLimitError>() {
                let message = format!("{{\"error\":\"a request body has at most {BODY_MAX} bytes\"}}");
                Reply::json(StatusCode::PAYLOAD_TOO_LARGE, message)
            } else {
                Reply::json(StatusCode::BAD_REQUEST, &b"{\"error\":\"the request body ended early\"}"[..])
            };
            Err(reply.with("connection", "close"))
        }
    }
}
