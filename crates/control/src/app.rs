use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use parking_lot::Mutex;
use sinew_flow::Engine;
use sinew_flow::deliver::Deliveries;
use sinew_stdx::Timestamp;
use sinew_store::Store;
use tokio::net::TcpListener;

use crate::http::{self, serve::RunningControl};
use crate::{ControlToken, Meters, Reloader};

/// What the control API is made of.
pub struct ControlOptions {
    /// The engine.
    pub engine: Engine,
    /// How the project is read again.
    pub reloader: Arc<Reloader>,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// Who may ask.
    pub token: ControlToken,
    /// What subscribers to events are sent.
    pub deliveries: Arc<Deliveries>,
    /// Where browsers come back to after a log-in.
    pub callback: String,
    /// Names that this server goes by, besides addresses and `localhost`.
    pub hosts: Vec<String>,
}

/// The control API, ready to be served.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) token: ControlToken,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) callback: String,
    pub(crate) hosts: Vec<String>,
    pub(crate) since: Instant,
    /// Whether the store took a write when it was last tried; whoever asks often, without a token, does not write often.
    pub(crate) probed: Mutex<Option<(Instant, bool)>>,
}

impl Control {
    /// The API over an engine.
    pub fn new(options: ControlOptions) -> Self {
        let ControlOptions { engine, reloader, meters, token, deliveries, callback, hosts } = options;
        Self {
            inner: Arc::new(Inner {
                engine,
                reloader,
                meters,
                token,
                deliveries,
                callback,
                hosts,
                since: Instant::now(),
                probed: Mutex::default(),
            }),
        }
    }

    /// Its router, for whoever serves it otherwise.
    pub fn router(&self) -> Router {
        http::router(self)
    }

    /// Serves on a listener, on tasks of its own, until it is stopped.
    pub fn start(&self, listener: TcpListener) -> io::Result<RunningControl> {
        http::serve::start(self.router(), listener)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &**self.inner.engine.store()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.engine.clock().now()
    }
}
