use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use sinew_store::StoreError;

use crate::fault::store_error;
use crate::outbox;

/// Marks the file as ours (SQLite's `application_id`): "SNEW".
const APPLICATION_ID: i32 = 0x534E_4557;

/// One step from one version of the schema to the next. Steps are only ever added.
struct Migration {
    sql: &'static str,
    /// The oldest version whose programs can still use the file afterwards.
    usable_from: u32,
}

const MIGRATIONS: &[Migration] =
    &[Migration { sql: V1, usable_from: 1 }, Migration { sql: outbox::SCHEMA, usable_from: 1 }];

/// The latest version known here.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Ids are 16 bytes, big-endian, so that they sort as ids do; times are milliseconds since 1970; flows and versions are
/// numbers from `words`. A run's `n` counts acceptances: it is the run's place in its key's queue and, shifted, the
/// `rowid` of its journal entries, which are therefore always appended.
const V1: &str = "
CREATE TABLE node (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL, skew_ms INTEGER NOT NULL, probe INTEGER NOT NULL);
INSERT INTO node VALUES (1, 0, 0, 0);

CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);

CREATE TABLE runs (
    id BLOB NOT NULL PRIMARY KEY,
    n INTEGER NOT NULL,
    flow INTEGER NOT NULL,
    version INTEGER NOT NULL,
    state INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    ended_at INTEGER,
    due INTEGER,
    key TEXT,
    reason TEXT,
    step TEXT,
    parent BLOB,
    parent_step TEXT,
    trace BLOB NOT NULL,
    open_dead INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX runs_by_state ON runs (flow, state, id);
CREATE INDEX runs_by_key ON runs (key, flow, state, id) WHERE key IS NOT NULL;
CREATE INDEX runs_due ON runs (due, id) WHERE due IS NOT NULL;
CREATE INDEX runs_ended ON runs (ended_at) WHERE ended_at IS NOT NULL AND open_dead = 0;

CREATE TABLE run_counts (flow INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (flow, state)) WITHOUT ROWID;
CREATE TABLE flows (flow INTEGER PRIMARY KEY, last_accepted_at INTEGER NOT NULL);

CREATE TABLE keyed (flow INTEGER NOT NULL, key TEXT NOT NULL, n INTEGER NOT NULL, run BLOB NOT NULL, PRIMARY KEY (flow, key, n)) WITHOUT ROWID;

CREATE TABLE journal (place INTEGER PRIMARY KEY, entry BLOB NOT NULL);
CREATE TABLE checkpoints (n INTEGER NOT NULL, path TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (n, path)) WITHOUT ROWID;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, refs INTEGER NOT NULL, bytes BLOB NOT NULL);
CREATE TABLE blob_refs (n INTEGER NOT NULL, blob INTEGER NOT NULL, PRIMARY KEY (n, blob)) WITHOUT ROWID;

CREATE TABLE dedupe (flow INTEGER NOT NULL, key TEXT NOT NULL, run BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (flow, key)) WITHOUT ROWID;
CREATE INDEX dedupe_expires ON dedupe (expires);

CREATE TABLE waits (event TEXT NOT NULL, key TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (event, key, run)) WITHOUT ROWID;
CREATE INDEX waits_by_run ON waits (run);

CREATE TABLE dead_groups (id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, step TEXT NOT NULL, reason TEXT NOT NULL, status INTEGER NOT NULL, n INTEGER NOT NULL, UNIQUE (flow, step, reason, status));
CREATE TABLE dead (
    place INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    grp INTEGER NOT NULL,
    run BLOB NOT NULL,
    at INTEGER NOT NULL,
    edited INTEGER NOT NULL DEFAULT 0,
    item INTEGER,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    payload TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX dead_by_group ON dead (grp, id, at);
CREATE INDEX dead_by_run ON dead (run, grp, id, at);

CREATE TABLE cursors (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE flow_versions (flow TEXT NOT NULL, version TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (flow, version));

CREATE TABLE alerts (
    key TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    closed_at INTEGER,
    open INTEGER NOT NULL,
    PRIMARY KEY (opened_at, key)
) WITHOUT ROWID;
CREATE INDEX alerts_open ON alerts (opened_at, key) WHERE open = 1;
CREATE INDEX alerts_closed ON alerts (closed_at) WHERE open = 0;
";

/// Brings the file to the latest version, or says why it is not ours to use.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, path);
    let found = version(conn, path)?;
    if found >= KNOWN {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(says)?;
    if found == 0 {
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(says)?;
        tx.execute_batch(
            "CREATE TABLE schema_versions (version INTEGER PRIMARY KEY, usable_from INTEGER NOT NULL);",
        )
        .map_err(says)?;
    }
    for (migration, version) in MIGRATIONS.iter().zip(1_u32..).skip(found as usize) {
        tx.execute_batch(migration.sql).map_err(says)?;
        tx.execute("INSERT INTO schema_versions VALUES (?1, ?2)", (version, migration.usable_from))
            .map_err(says)?;
    }
    tx.commit().map_err(says)
}

/// The version of a file, 0 if it is empty. Fails if it is not ours, or if programs of this version cannot use it.
pub(crate) fn version(conn: &Connection, path: &Path) -> Result<u32, StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, path);
    let application: i32 = conn.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(says)?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(says)?;
    if tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        let message = Arc::from("it is a SQLite database of another program");
        return Err(StoreError::Damaged { path: path.to_owned(), message });
    }
    let latest: Option<(u32, u32)> = conn
        .query_row(
            "SELECT version, usable_from FROM schema_versions ORDER BY version DESC LIMIT 1",
            [],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )
        .optional()
        .map_err(says)?;
    let (found, usable_from) = latest.unwrap_or((0, 0));
    if usable_from > KNOWN {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN });
    }
    Ok(found)
}
