//! Bringing runs into memory.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sinew_flow_core::{Machine, decode};
use sinew_store::{Phase, RunId, RunWrite, StoredRun};
use tokio::sync::mpsc;

use super::Driver;
use super::keep::{is_passing, repair};
use crate::Refusal;
use crate::admission::Slot;
use crate::engine::{Core, Message};

/// Times that a failing store is asked again.
const READ_TRIES: u32 = 5;
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Reads a run that this node has taken, and drives it.
pub(crate) async fn load(
    core: Arc<Core>,
    run: RunId,
    mailbox: mpsc::UnboundedReceiver<Message>,
    mut slot: Slot,
) {
    match read(&core, run).await {
        Ok((machine, seq, progress)) => {
            slot.assign(&machine.flow().name.shared());
            let mut driver = Driver::new(Arc::clone(&core), machine, seq, mailbox, slot);
            driver.performer.progress = progress;
            guarded(core, run, driver).await;
        }
        Err(refusal) => {
            tracing::error!(%run, code = %refusal.code(), %refusal, "a run cannot be read; it is tried again in a minute");
            lay_to_rest(&core, run).await;
            core.abandon(run);
        }
    }
}

/// Drives a run that was just accepted.
pub(crate) fn spawn(
    core: Arc<Core>,
    machine: Machine,
    seq: u32,
    mailbox: mpsc::UnboundedReceiver<Message>,
    slot: Slot,
) {
    let run = machine.run();
    let driver = Driver::new(Arc::clone(&core), machine, seq, mailbox, slot);
    let runtime = core.runtime.clone();
    runtime.spawn(guarded(core, run, driver));
}

/// Drives a run so that a bug that ends its task does not strand it: what is durable is tried again later.
async fn guarded(core: Arc<Core>, run: RunId, driver: Driver) {
    if AssertUnwindSafe(driver.drive()).catch_unwind().await.is_err() {
        tracing::error!(%run, "a bug ended the run's task; it is tried again in a minute from its journal");
        lay_to_rest(&core, run).await;
        core.abandon(run);
    }
}

/// Lets a run rest in the store as it is, to be tried again.
async fn lay_to_rest(core: &Core, run: RunId) {
    let at = core.now();
    let write = RunWrite {
        run,
        first_seq: 0,
        entries: Vec::new(),
        blobs: Vec::new(),
        checkpoints: Vec::new(),
        phase: Phase::Waiting(repair(at)),
        dead: Vec::new(),
        settles: Vec::new(),
        at,
    };
    if let Err(error) = core.store.write(write).await {
        tracing::error!(%run, %error, "the run stays with this node until the next start");
    }
}

type Progress = Vec<(Arc<str>, Vec<u8>)>;

async fn read(core: &Arc<Core>, run: RunId) -> Result<(Machine, u32, Progress), Refusal> {
    let mut tries = 1;
    let stored = loop {
        match core.store.load(run).await {
            Err(error) if is_passing(&error) && tries < READ_TRIES => {
                tries += 1;
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            answer => break answer?.ok_or_else(|| Refusal::Missing(format!("run {run}")))?,
        }
    };
    let (machine, entries) = fold(core, &stored).await?;
    Ok((machine, entries, stored.checkpoints))
}

/// A stored run's machine, and how many entries its journal has.
pub(crate) async fn fold(core: &Core, stored: &StoredRun) -> Result<(Machine, u32), Refusal> {
    let conflict = |message: String| Refusal::Conflict(message);
    let entries = decode(&stored.entries, &stored.blobs).map_err(|e| conflict(e.to_string()))?;
    let version = Machine::version_of(&entries)
        .ok_or_else(|| conflict(format!("run {} has no beginning", stored.run)))?;
    let flow = core.versions.find(&*core.store, &core.snapshot(), &stored.flow, &version).await?;
    let machine = Machine::fold(stored.run, flow, &entries).map_err(|e| conflict(e.to_string()))?;
    Ok((machine, u32::try_from(entries.len()).unwrap_or(u32::MAX)))
}
