//! What starts flows from outside: deliveries to `/hooks/<path>`, clocks, asking systems for what is new, and listening to
//! what they send by themselves.
//!
//! Whatever the trigger, work is durable before its sender is answered or its cursor moves. Knows no step: it reads
//! payloads as the flow's trigger says and hands them to the engine.

mod body;
mod challenge;
mod envelope;
mod keys;
mod login;
mod payload;
mod poll;
mod position;
mod probe;
mod reply;
mod routes;
pub(crate) mod schedule;
mod sent;
mod server;
mod stream;
mod subscription;
mod ticking;
mod verify;
mod webhook;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sinew_diag::{Code, codes};
use sinew_stdx::ByteSize;
use sinew_vault::SecretSource;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Engine;
use crate::alert::Monitor;
pub(crate) use keys::standard as signing_key;
pub(crate) use server::told;
use ticking::Ticking;
use webhook::Hooks;

/// How triggers are set up.
pub struct TriggerOptions {
    /// Where deliveries are taken; port 0 for any that is free.
    pub listen: SocketAddr,
    /// Where the control API is reached, such as `https://sinew.example.com`; runs are at `/v1/runs/<id>` below it.
    /// Without it senders are not told their runs' addresses: this listener knows no runs.
    pub public_url: Option<String>,
    /// Where senders reach this listener, such as `https://hooks.example.com`; some sign the URL that they call.
    pub hooks_url: Option<String>,
    /// Where the secrets are that deliveries are signed with.
    pub secrets: Arc<dyn SecretSource>,
    /// Who is told of polls and streams that fail.
    pub monitor: Option<Arc<Monitor>>,
    /// The bounds of the listener.
    pub limits: ListenLimits,
}

impl TriggerOptions {
    /// The usual limits, with nobody told of polls and streams that fail.
    pub fn new(listen: SocketAddr, secrets: Arc<dyn SecretSource>) -> Self {
        Self {
            listen,
            public_url: None,
            hooks_url: None,
            secrets,
            monitor: None,
            limits: ListenLimits::default(),
        }
    }
}

/// The bounds of the listener. Each flow bounds its own bodies besides (`body_max`).
#[derive(Clone, Copy, Debug)]
pub struct ListenLimits {
    /// Connections at one time; more wait to be accepted.
    pub connections_max: usize,
    /// The head of a request.
    pub head_max: ByteSize,
    /// How long a head may take to arrive; also how long a connection is kept without one.
    pub head_patience: Duration,
    /// How long a body may take to arrive.
    pub body_patience: Duration,
    /// Memory for large bodies that are being read, all together.
    pub bodies_max: ByteSize,
    /// How long deliveries under way are waited for at the end.
    pub stop_patience: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            head_max: ByteSize(16 << 10),
            head_patience: Duration::from_secs(30),
            body_patience: Duration::from_secs(30),
            bodies_max: ByteSize(256 << 20),
            stop_patience: Duration::from_secs(10),
        }
    }
}

/// Why triggers did not start.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

impl TriggerError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Listen { .. } => codes::trigger::LISTEN_FAILED,
        }
    }
}

/// Triggers, to be started.
#[derive(Debug)]
pub struct Triggers;

impl Triggers {
    /// Starts to take deliveries, to follow clocks, to poll and to listen, for the flows of the engine's snapshot. Has to be
    /// called inside an async runtime.
    pub fn start(engine: Engine, options: TriggerOptions) -> Result<RunningTriggers, TriggerError> {
        let (address, limits) = (options.listen, options.limits);
        let wrong = |source| TriggerError::Listen { address, source };
        let door = Door::open().map_err(wrong)?;
        let listener = door.enter(|| server::bind(address)).map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let (stop, stopped) = watch::channel(false);
        let ticking = Ticking::new(engine.clone(), options.monitor.clone(), options.hooks_url.clone());
        let hooks = Arc::new(Hooks::new(engine, options));
        let listening = door.spawn(server::serve(listener, Arc::clone(&hooks), limits, stopped));
        ticking.follow();
        Ok(RunningTriggers { address, hooks, ticking, stop, listening, _door: door })
    }
}

/// The thread on which deliveries are taken: senders are answered soon, however busy the runs keep the others.
struct Door(Option<Runtime>);

impl Door {
    fn open() -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).thread_name("triggers").enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Does something as if on that thread.
    fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.0.as_ref().map(Runtime::enter);
        work()
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.enter(|| tokio::spawn(work))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // It may be dropped on a thread that must not wait.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Triggers at work.
pub struct RunningTriggers {
    address: SocketAddr,
    hooks: Arc<Hooks>,
    ticking: Ticking,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    _door: Door,
}

impl RunningTriggers {
    /// Where deliveries are taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Follows the snapshot that the engine has now. Deliveries under way are finished by the earlier one.
    pub fn reload(&self) {
        self.hooks.follow();
        self.ticking.follow();
    }

    /// Takes nothing more; deliveries under way are answered first.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.ticking.stop().await;
        if let Err(error) = self.listening.await {
            tracing::error!(%error, "the webhook listener did not end by itself");
        }
    }
}
