//! Bringing runs into memory.

use std::sync::Arc;

use sinew_flow_core::{Machine, decode};
use sinew_store::{RunId, StoredRun};
use tokio::sync::mpsc;

use super::Driver;
use crate::Refusal;
use crate::admission::Slot;
use crate::engine::{Core, Message};

/// Reads a run that this node has taken, and drives it.
pub(crate) async fn load(
    core: Arc<Core>,
    run: RunId,
    mailbox: mpsc::UnboundedReceiver<Message>,
    mut slot: Slot,
) {
    match read(&core, run).await {
        Ok((machine, seq, checkpoints)) => {
            slot.assign(&machine.flow().name.shared());
            let mut driver = Driver::new(core, machine, seq, mailbox, slot);
            driver.performer.checkpoints = checkpoints;
            driver.drive().await;
        }
        Err(refusal) => {
            tracing::error!(%run, code = %refusal.code(), %refusal, "a run cannot be read; it stays in the store");
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
    tokio::spawn(async move { Driver::new(core, machine, seq, mailbox, slot).drive().await });
}

type Checkpoints = Vec<(Arc<str>, Vec<u8>)>;

async fn read(core: &Arc<Core>, run: RunId) -> Result<(Machine, u32, Checkpoints), Refusal> {
    let stored = core.store.load(run).await?.ok_or_else(|| Refusal::Missing(format!("run {run}")))?;
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
