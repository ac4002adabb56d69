//! Opening the store: whose it is, which version, what the last node left behind.

use std::fs::File;

use rusqlite::{Connection, TransactionBehavior};
use sinew_store::{Epoch, StoreError};

use crate::fault::store_error;
use crate::files::{Files, open_writer};
use crate::memory::Memory;
use crate::options::SqliteOptions;
use crate::schema;
use crate::state::State;

/// A store that is this process's, ready to be written to.
pub(crate) struct Opened {
    pub(crate) lock: File,
    pub(crate) conn: Connection,
    pub(crate) memory: Memory,
    pub(crate) epoch: Epoch,
}

/// Takes the folder, brings the file to the latest version, and takes over what earlier epochs left running.
pub(crate) fn open(files: &Files, options: &SqliteOptions) -> Result<Opened, StoreError> {
    let lock = files.take()?;
    let (conn, memory, epoch) = match take_over(files, options) {
        Err(StoreError::Full(_)) if std::fs::remove_file(&files.reserve).is_ok() => {
            take_over(files, options)?
        }
        other => other?,
    };
    Ok(Opened { lock, conn, memory, epoch })
}

fn take_over(files: &Files, options: &SqliteOptions) -> Result<(Connection, Memory, Epoch), StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, &files.db);
    let mut conn = open_writer(files, options)?;
    schema::migrate(&mut conn, &files.db)?;
    let mut memory = Memory::default();
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(says)?;
    let epoch: i64 =
        tx.query_row("UPDATE node SET epoch = epoch + 1 RETURNING epoch", [], |r| r.get(0)).map_err(says)?;
    memory.read(&tx).map_err(says)?;
    requeue(&tx, &mut memory).map_err(says)?;
    memory.write_counts(&tx).map_err(says)?;
    tx.commit().map_err(says)?;
    Ok((conn, memory, Epoch(epoch.unsigned_abs())))
}

/// Puts runs that were under way back into the backlog, ahead of those that never started. One that was claimed while
/// another held its key waits for the key again.
fn requeue(conn: &Connection, memory: &mut Memory) -> rusqlite::Result<()> {
    let busy: Vec<i64> = memory
        .tallies
        .iter()
        .filter(|(_, tally)| tally.of(State::Running) > 0)
        .map(|(&flow, _)| flow)
        .collect();
    for flow in busy {
        let runs: Vec<([u8; 16], bool, bool)> = conn
            .prepare_cached(
                "SELECT id, batch, key IS NOT NULL AND n > (SELECT min(k.n) FROM keyed k WHERE k.flow = runs.flow AND k.key = runs.key)
                 FROM runs WHERE flow = ?1 AND state = ?2",
            )?
            .query_map((flow, State::Running), |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, Option<bool>>(2)?.unwrap_or(false))))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, batch, behind) in runs {
            let state = if behind { State::Blocked } else { State::returned(batch) };
            conn.prepare_cached("UPDATE runs SET state = ?2 WHERE id = ?1")?.execute((id, state))?;
            memory.count(flow, Some(State::Running), Some(state));
        }
    }
    Ok(())
}
