//! Alerts, flow versions, and the store itself.

use rusqlite::{Connection, OptionalExtension, Row};
use sinew_stdx::Timestamp;
use sinew_store::{AlertRecord, AlertState};

use crate::list::PAGE_MAX;
use crate::state::State;
use crate::tx::{Done, Tx};

/// Keeps the text of a flow's version.
pub(crate) fn keep_version(tx: &Tx<'_>, flow: &str, version: &str, source: &str) -> Done<()> {
    tx.sql("INSERT OR IGNORE INTO flow_versions VALUES (?1, ?2, ?3)")?.execute((flow, version, source))?;
    Ok(())
}

/// The text of a flow's version.
pub(crate) fn version_source(
    conn: &Connection,
    flow: &str,
    version: &str,
) -> rusqlite::Result<Option<std::sync::Arc<str>>> {
    conn.prepare_cached("SELECT source FROM flow_versions WHERE flow = ?1 AND version = ?2")?
        .query_row((flow, version), |r| r.get(0))
        .optional()
}

/// Where a cursor stands.
pub(crate) fn cursor(conn: &Connection, name: &str) -> rusqlite::Result<Option<std::sync::Arc<str>>> {
    conn.prepare_cached("SELECT value FROM cursors WHERE name = ?1")?
        .query_row([name], |r| r.get(0))
        .optional()
}

/// When the next resting run is due.
pub(crate) fn next_due(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    conn.prepare_cached("SELECT due FROM runs WHERE due IS NOT NULL ORDER BY due LIMIT 1")?
        .query_row([], |r| r.get(0).map(Timestamp::from_millis))
        .optional()
}

/// Writes an alert.
pub(crate) fn alert_save(tx: &Tx<'_>, alert: &AlertRecord) -> Done<()> {
    tx.sql(
        "INSERT INTO alerts (key, opened_at, kind, subject, message, last_at, count, closed_at, open)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT DO UPDATE SET kind = excluded.kind, subject = excluded.subject, message = excluded.message,
             last_at = excluded.last_at, count = excluded.count, closed_at = excluded.closed_at, open = excluded.open",
    )?
    .execute((
        &alert.key,
        alert.opened_at.as_millis(),
        &alert.kind,
        &alert.subject,
        &alert.message,
        alert.last_at.as_millis(),
        alert.count as i64,
        alert.closed_at.map(Timestamp::as_millis),
        alert.state == AlertState::Open,
    ))?;
    Ok(())
}

/// The newest alerts.
pub(crate) fn alert_list(
    conn: &Connection,
    open_only: bool,
    limit: u32,
) -> rusqlite::Result<Vec<AlertRecord>> {
    let which = if open_only { "WHERE open = 1" } else { "" };
    conn.prepare_cached(&format!(
        "SELECT key, kind, subject, message, open, opened_at, last_at, count, closed_at
         FROM alerts {which} ORDER BY opened_at DESC, key DESC LIMIT ?1"
    ))?
    .query_map([limit.min(PAGE_MAX)], alert)?
    .collect()
}

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    Ok(AlertRecord {
        key: row.get(0)?,
        kind: row.get(1)?,
        subject: row.get(2)?,
        message: row.get(3)?,
        state: if row.get(4)? { AlertState::Open } else { AlertState::Closed },
        opened_at: Timestamp::from_millis(row.get(5)?),
        last_at: Timestamp::from_millis(row.get(6)?),
        count: row.get::<_, i64>(7)? as u64,
        closed_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
    })
}

/// Runs that are not in a final state.
pub(crate) fn active(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT coalesce(sum(n), 0) FROM run_counts WHERE state <= ?1")?
        .query_row([State::Waiting], |r| r.get::<_, i64>(0))
        .map(i64::unsigned_abs)
}

/// Changes a number, so that the disk is written to.
pub(crate) fn probe(tx: &Tx<'_>) -> Done<()> {
    tx.sql("UPDATE node SET probe = probe + 1")?.execute([])?;
    Ok(())
}
