//! Accepting runs.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;
use sinew_store::{Admitted, CursorAdvance, NewRun, RunId};

use crate::memory::{Running, Tally};
use crate::state::State;
use crate::tx::{Done, Tx};

/// After how many added dedupe keys expired ones are deleted, twice as many, so that they cannot pile up.
const EXPIRED_EVERY: u32 = 32;

/// How long an expired dedupe key is kept: a clock that is set back by less than that finds it again.
const EXPIRED_GRACE_MS: i64 = 3_600_000;

/// Accepts runs, and moves a cursor with them. A page that comes with a cursor is taken whole or not at all, or the
/// cursor would pass by what the backlog had no room for; whole also if it does not fit, or a page that is larger than
/// the backlog would never be taken.
pub(crate) fn accept(
    tx: &mut Tx<'_>,
    runs: &[NewRun],
    cursor: Option<&CursorAdvance>,
) -> Done<Vec<Admitted>> {
    let Some(cursor) = cursor else {
        return runs.iter().map(|run| admit(tx, run, None)).collect();
    };
    let before = tx.mem.tallies.clone();
    tx.conn.execute_batch("SAVEPOINT page")?;
    let answers = runs.iter().map(|run| admit(tx, run, Some(&before))).collect::<Done<Vec<_>>>()?;
    if answers.contains(&Admitted::BacklogFull) {
        tx.conn.execute_batch("ROLLBACK TO page; RELEASE page")?;
        for (flow, tally) in &mut tx.mem.tallies {
            tally.restore(before.get(flow));
        }
        tx.mem.words.forget();
        for run in runs {
            tx.mem.forget(&run.run);
        }
        return Ok(vec![Admitted::BacklogFull; runs.len()]);
    }
    set_cursor(tx, cursor)?;
    tx.conn.execute_batch("RELEASE page")?;
    Ok(answers)
}

/// Sets a cursor.
pub(crate) fn set_cursor(tx: &Tx<'_>, cursor: &CursorAdvance) -> Done<()> {
    tx.sql("INSERT INTO cursors VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")?
        .execute((&cursor.name, &cursor.value))?;
    Ok(())
}

/// Takes a run, unless the flow's backlog has no room, as it is now or as it was `before` the page.
fn admit(tx: &mut Tx<'_>, run: &NewRun, before: Option<&BTreeMap<i64, Tally>>) -> Done<Admitted> {
    let flow = tx.mem.words.number(tx.conn, &run.flow)?;
    if let Some(earlier) = duplicate_of(tx, flow, run)? {
        return Ok(Admitted::Duplicate(earlier));
    }
    let free = match &run.ordering_key {
        Some(key) => tx.key_head(flow, key)?.is_none(),
        None => true,
    };
    let state = match (free, run.start) {
        (false, _) => State::Blocked,
        (true, true) => State::Running,
        (true, false) => State::ready(run.batch),
    };
    let queued = before.unwrap_or(&tx.mem.tallies).get(&flow).map_or(0, Tally::queued);
    if state != State::Running && queued >= run.backlog_max {
        return Ok(Admitted::BacklogFull);
    }
    insert(tx, flow, state, run)?;
    Ok(if state == State::Running { Admitted::Started } else { Admitted::Queued })
}

fn duplicate_of(tx: &Tx<'_>, flow: i64, run: &NewRun) -> Done<Option<RunId>> {
    let Some((key, _)) = &run.dedupe else { return Ok(None) };
    let earlier = tx
        .sql("SELECT run FROM dedupe WHERE flow = ?1 AND key = ?2 AND expires > ?3")?
        .query_row((flow, key, run.accepted_at.as_millis()), |r| r.get(0).map(RunId::from_bytes))
        .optional()?;
    Ok(earlier)
}

fn insert(tx: &mut Tx<'_>, flow: i64, state: State, run: &NewRun) -> Done<()> {
    let n = tx.mem.next_n;
    let id = run.run.to_bytes();
    let version = tx.mem.words.number(tx.conn, &run.version)?;
    let parent = run.parent.as_ref().map(|(run, step)| (run.to_bytes(), step));
    tx.sql(
        "INSERT INTO runs (id, n, flow, version, state, batch, accepted_at, key, parent, parent_step, trace)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        id,
        n,
        flow,
        version,
        state,
        run.batch,
        run.accepted_at.as_millis(),
        &run.ordering_key,
        parent.map(|p| p.0),
        parent.map(|p| p.1),
        run.trace_id.to_be_bytes(),
    ))?;
    tx.mem.next_n += 1;
    tx.append(n, 0, std::slice::from_ref(&run.entry))?;
    tx.keep_blobs(n, &run.blobs)?;
    if let Some(key) = &run.ordering_key {
        tx.key_join(flow, key, n, run.run)?;
    }
    if let Some((key, until)) = &run.dedupe {
        tx.sql("INSERT OR REPLACE INTO dedupe VALUES (?1, ?2, ?3, ?4)")?.execute((
            flow,
            key,
            id,
            until.as_millis(),
        ))?;
        tx.mem.deduped = (tx.mem.deduped + 1) % EXPIRED_EVERY;
        if tx.mem.deduped == 0 {
            drop_expired(tx, run.accepted_at.as_millis(), 2 * EXPIRED_EVERY)?;
        }
    }
    tx.note_skew(run.run, run.accepted_at)?;
    tx.mem.count(flow, None, Some(state));
    tx.mem.accepted(flow, run.accepted_at.as_millis());
    if state == State::Running {
        let key = run.ordering_key.clone();
        tx.mem.remember(run.run, Running { n, flow, key, next_seq: 1 });
    }
    Ok(())
}

/// Deletes dedupe keys whose window is over, a few at a time.
pub(crate) fn drop_expired(tx: &Tx<'_>, now_ms: i64, max: u32) -> rusqlite::Result<()> {
    tx.sql(
        "DELETE FROM dedupe WHERE (flow, key) IN
         (SELECT flow, key FROM dedupe WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
    )?
    .execute((now_ms.saturating_sub(EXPIRED_GRACE_MS), max))?;
    Ok(())
}
