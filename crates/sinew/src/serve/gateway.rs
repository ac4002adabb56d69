//! The gateway as part of the server: it opens with the first API, and follows the project.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_diag::codes::control;
use sinew_gateway::{AccessLog, AccessSink, Batch, Door, DoorOptions, Pepper, Registry, Table, compile};
use sinew_model::{SecretRef, Snapshot};
use sinew_vault::SecretSource;

use super::chance;
use crate::cli::Serve;
use crate::error::{CliError, Exit};

/// How the gateway is opened.
struct Opening {
    listen: SocketAddr,
    workers: usize,
    grace: Duration,
    log: Option<PathBuf>,
}

/// The gateway, open or not.
pub(super) struct Gateway {
    opening: Opening,
    secrets: Arc<dyn SecretSource>,
    pepper: Pepper,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    registry: Registry,
    door: Option<Door>,
}

impl Gateway {
    /// Opens it, if there is anything to expose.
    pub(super) fn start(
        options: &Serve,
        secrets: Arc<dyn SecretSource>,
        snapshot: &Snapshot,
    ) -> Result<Arc<Self>, CliError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let opening = Opening {
            listen: options.gateway,
            workers: options.gateway_workers.unwrap_or(cores).max(1),
            grace: options.drain,
            log: options.access_log.clone(),
        };
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| {
            CliError::new(Exit::Machine, control::INTERNAL, "the machine gives no random numbers")
        })?;
        let gateway = Arc::new(Self { opening, secrets, pepper: Pepper::new(key), state: Mutex::default() });
        gateway.follow(snapshot)?;
        Ok(gateway)
    }

    /// Goes by a new snapshot. If it cannot, it goes on by the old one.
    pub(super) fn follow(&self, snapshot: &Snapshot) -> Result<(), CliError> {
        let mut state = self.state.lock();
        let State { registry, door } = &mut *state;
        if snapshot.apis.is_empty() && door.is_none() {
            return Ok(());
        }
        let secret = |name: &SecretRef| self.secrets.resolve(name).map_err(|error| error.to_string());
        let table = compile(snapshot, &self.pepper, &secret, registry).map_err(|findings| {
            let mut error = CliError::new(
                Exit::Machine,
                control::PROJECT_INVALID,
                "the gateway cannot go by this project",
            );
            error.findings = sinew_control::findings(&findings);
            error
        })?;
        let table = Arc::new(table);
        match door {
            Some(door) => door.go(&table),
            None => *door = Some(self.open(&table)?),
        }
        Ok(())
    }

    fn open(&self, table: &Arc<Table>) -> Result<Door, CliError> {
        let Opening { listen, workers, grace, log } = &self.opening;
        let sink: Box<dyn AccessSink> = match log {
            Some(path) => Box::new(AccessLog::open(path).map_err(|error| CliError::file(path, &error))?),
            None => Box::new(Unlogged),
        };
        let options = DoorOptions { listen: *listen, workers: *workers, grace: *grace, seed: chance() };
        Door::open(&options, table, sink).map_err(|error| {
            CliError::new(Exit::Machine, control::CANNOT_LISTEN, error.to_string())
                .help("choose another address with `--gateway`")
        })
    }

    /// Where it listens, if it does.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.state.lock().door.as_ref().map(Door::address)
    }

    /// Takes nothing more, and lets what is under way come to its end.
    pub(super) async fn stop(&self) {
        let door = self.state.lock().door.take();
        if let Some(door) = door {
            let _ = tokio::task::spawn_blocking(move || door.close()).await;
        }
    }
}

/// Nobody asked for a log.
struct Unlogged;

impl AccessSink for Unlogged {
    fn take(&mut self, _: Batch) {}
}
