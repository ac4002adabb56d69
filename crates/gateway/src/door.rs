//! The gateway as the rest of the house sees it.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::record::{AccessSink, Recorder};
use crate::table::Table;
use crate::worker::{Orders, Worker, work};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// Batches of records that wait to be kept.
const BATCHES_MAX: usize = 256;

/// How a gateway is opened.
#[derive(Clone, Debug)]
pub struct DoorOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How many threads work.
    pub workers: usize,
    /// How long what is under way may take once the gateway closes.
    pub grace: Duration,
    /// What chance begins with.
    pub seed: u64,
}

/// Why a gateway cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum NotOpened {
    /// It cannot listen there.
    #[error("the gateway cannot listen on {address}: {cause}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("a worker of the gateway cannot be started: {0}")]
    Thread(std::io::Error),
}

/// An open gateway.
pub struct Door {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    workers: Vec<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
}

impl Door {
    /// Listens, and begins to work.
    pub fn open(
        options: &DoorOptions,
        table: &Arc<Table>,
        sink: Box<dyn AccessSink>,
    ) -> Result<Self, NotOpened> {
        let (to_sink, batches) = mpsc::sync_channel(BATCHES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let mut address = options.listen;
        let mut listeners = Vec::new();
        for _ in 0..options.workers.max(1) {
            let listener = listen(address).map_err(|cause| NotOpened::Listen { address, cause })?;
            // The first one chooses the port, if any will do.
            address = listener.local_addr().map_err(|cause| NotOpened::Listen { address, cause })?;
            listeners.push(listener);
        }
        let keeper = std::thread::Builder::new().name("gateway-records".to_owned());
        let mut sink = sink;
        let keeper = keeper.spawn(move || batches.into_iter().for_each(|batch| sink.take(batch)));
        let keeper = Some(keeper.map_err(NotOpened::Thread)?);
        let (orders, _) = watch::channel(Orders { table: Arc::clone(table), close: false });
        let mut workers = Vec::new();
        let begun = Instant::now();
        for (number, listener) in listeners.into_iter().enumerate() {
            let told = orders.subscribe();
            let (table, grace) = (Arc::clone(table), options.grace);
            let recorder = Recorder::new(to_sink.clone(), Arc::clone(&lost));
            let seed = options.seed.wrapping_add(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(NotOpened::Thread)?;
            let thread = std::thread::Builder::new().name(format!("gateway-{number}"));
            let thread = thread.spawn(move || {
                runtime.block_on(async move {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => {
                            work(Worker::new(table, recorder, begun, seed), listener, told, grace).await;
                        }
                        Err(error) => tracing::error!(%error, "a worker of the gateway cannot listen"),
                    }
                });
            });
            workers.push(thread.map_err(NotOpened::Thread)?);
        }
        Ok(Self { address, orders, workers, keeper, lost })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests that begin from now on go by this table.
    pub fn go(&self, table: &Arc<Table>) {
        self.orders.send_modify(|orders| orders.table = Arc::clone(table));
    }

    /// How many records nobody kept.
    pub fn records_lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Accepts nothing more, and waits until what is under way has ended. Blocks.
    pub fn close(mut self) {
        self.orders.send_modify(|orders| orders.close = true);
        let ended = self.workers.drain(..).map(JoinHandle::join);
        if ended.filter(Result::is_err).count() > 0 {
            tracing::error!("a worker of the gateway has panicked");
        }
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
