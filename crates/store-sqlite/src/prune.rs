//! Deleting what is past, a little at a time.

use sinew_store::{Retention, RunId};

use crate::accept::drop_expired;
use crate::state::State;
use crate::tx::{Done, Tx, place};

/// Runs in one transaction, whatever is asked for: more would hold up acceptance.
const RUNS_MAX: u32 = 200;
/// Dedupe keys and alerts in one transaction.
const OTHERS_MAX: u32 = 500;

/// Deletes one batch of ended runs, with everything that belongs to them. Answers how many.
pub(crate) fn retain(tx: &mut Tx<'_>, retention: Retention) -> Done<u32> {
    let before = retention.ended_before.as_millis();
    drop_expired(tx, before, OTHERS_MAX)?;
    tx.sql(
        "DELETE FROM alerts WHERE (opened_at, key) IN
         (SELECT opened_at, key FROM alerts WHERE open = 0 AND closed_at < ?1 LIMIT ?2)",
    )?
    .execute((before, OTHERS_MAX))?;
    // A dead run whose letters are settled may still hold its key: then it is in the way of others, and stays.
    let past: Vec<(RunId, i64, i64, State)> = tx
        .sql(
            "SELECT id, n, flow, state FROM runs
             WHERE ended_at IS NOT NULL AND open_dead = 0 AND ended_at < ?1
               AND (key IS NULL OR NOT EXISTS (SELECT 1 FROM keyed k WHERE k.flow = runs.flow AND k.key = runs.key AND k.n = runs.n))
             ORDER BY ended_at LIMIT ?2",
        )?
        .query_map((before, retention.batch_max.min(RUNS_MAX)), |r| {
            Ok((RunId::from_bytes(r.get(0)?), r.get(1)?, r.get(2)?, r.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for &(run, n, flow, state) in &past {
        delete(tx, run, n)?;
        tx.mem.count(flow, Some(state), None);
    }
    Ok(past.len() as u32)
}

fn delete(tx: &Tx<'_>, run: RunId, n: i64) -> rusqlite::Result<()> {
    let id = run.to_bytes();
    tx.sql("DELETE FROM journal WHERE place >= ?1 AND place < ?2")?
        .execute((place(n, 0), place(n + 1, 0)))?;
    tx.sql("DELETE FROM checkpoints WHERE n = ?1")?.execute([n])?;
    let blobs: Vec<i64> = tx
        .sql("DELETE FROM blob_refs WHERE n = ?1 RETURNING blob")?
        .query_map([n], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for blob in blobs {
        tx.sql("UPDATE blobs SET refs = refs - 1 WHERE id = ?1")?.execute([blob])?;
        tx.sql("DELETE FROM blobs WHERE id = ?1 AND refs <= 0")?.execute([blob])?;
    }
    let groups: Vec<i64> = tx
        .sql("DELETE FROM dead WHERE run = ?1 RETURNING grp")?
        .query_map([id], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for group in groups {
        tx.sql("UPDATE dead_groups SET n = n - 1 WHERE id = ?1")?.execute([group])?;
    }
    tx.sql("DELETE FROM runs WHERE id = ?1")?.execute([id])?;
    Ok(())
}
