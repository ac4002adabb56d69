//! The whole of a run.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use sinew_store::{Blob, RunId, StoredRun};

use crate::state::State;
use crate::tx::place;

/// Reads a run with everything that belongs to it.
pub(crate) fn load(conn: &Connection, run: RunId) -> rusqlite::Result<Option<StoredRun>> {
    let head = conn
        .prepare_cached(
            "SELECT r.n, f.word, v.word, r.state, r.parent, r.parent_step
             FROM runs r JOIN words f ON f.id = r.flow JOIN words v ON v.id = r.version WHERE r.id = ?1",
        )?
        .query_row([run.to_bytes()], |r| {
            let stored = StoredRun {
                run,
                flow: r.get(1)?,
                version: r.get(2)?,
                status: r.get::<_, State>(3)?.status(),
                parent: parent(r, 4, 5)?,
                entries: Vec::new(),
                blobs: Vec::new(),
                checkpoints: Vec::new(),
            };
            Ok((r.get::<_, i64>(0)?, stored))
        })
        .optional()?;
    let Some((n, mut stored)) = head else { return Ok(None) };
    stored.entries = conn
        .prepare_cached("SELECT entry FROM journal WHERE place >= ?1 AND place < ?2 ORDER BY place")?
        .query_map((place(n, 0), place(n + 1, 0)), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    stored.blobs = conn
        .prepare_cached(
            "SELECT b.hash, b.bytes FROM blob_refs x JOIN blobs b ON b.id = x.blob WHERE x.n = ?1 ORDER BY x.blob",
        )?
        .query_map([n], |r| Ok(Blob { hash: r.get(0)?, bytes: r.get::<_, Arc<[u8]>>(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    stored.checkpoints = conn
        .prepare_cached("SELECT path, data FROM checkpoints WHERE n = ?1 ORDER BY path")?
        .query_map([n], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(stored))
}

/// The run and step that started a run as a sub-flow.
fn parent(row: &Row<'_>, run: usize, step: usize) -> rusqlite::Result<Option<(RunId, Arc<str>)>> {
    let run: Option<[u8; 16]> = row.get(run)?;
    let step: Option<Arc<str>> = row.get(step)?;
    Ok(run.map(RunId::from_bytes).zip(step))
}
