//! The vault's records, in a small file of their own that any number of processes may have open.
//!
//! One thread a process does all work. A write is one `BEGIN IMMEDIATE` transaction, so that whoever compares is the one
//! who swaps; who comes second waits for the first, in SQLite.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior};
use sinew_store::custody::{Change, Custody, Kept, Kind, Revision, Swap};
use sinew_store::{Pending, Reply, StoreError, reply};

use crate::fault::{file_error, store_error};
use crate::files::make_private;

/// How long a write waits for another process's.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// Work that may wait for the thread; whoever hands in more waits at the door.
const QUEUE_MAX: usize = 1024;
/// Marks the file as a vault's (SQLite's `application_id`): "SNVT".
const APPLICATION_ID: i32 = 0x534E_5654;
/// The version of the schema.
const SCHEMA_VERSION: u32 = 1;

/// `one` counts changes; a record's revision is the count at its last change.
const SCHEMA: &str = "
CREATE TABLE changes (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
INSERT INTO changes VALUES (1, 0);
CREATE TABLE kept (kind INTEGER NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
";

/// The vault's records in an SQLite file. A handle: clones share the thread, which ends with the last of them.
#[derive(Clone)]
pub struct SqliteCustody {
    desk: Arc<Desk>,
}

struct Desk {
    work: Mutex<Option<SyncSender<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Work {
    Kept(Kind, Arc<str>, Reply<Option<Kept>>),
    List(Kind, Option<Arc<str>>, u32, Reply<Vec<Kept>>),
    Change(Change, Reply<Swap>),
}

impl SqliteCustody {
    /// Opens the file, which is made if it is not there, readable by its owner only.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let conn = connect(path)?;
        let (work, queue) = sync_channel(QUEUE_MAX);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("vault-store".to_owned())
            .spawn(move || serve(conn, &path, &queue))
            .map_err(|e| StoreError::Failed(Arc::from(e.to_string())))?;
        let desk = Desk { work: Mutex::new(Some(work)), thread: Mutex::new(Some(thread)) };
        Ok(Self { desk: Arc::new(desk) })
    }

    /// The file within a data folder.
    pub fn file_in(data: &Path) -> PathBuf {
        data.join("vault.db")
    }

    fn hand_in<T>(&self, work: impl FnOnce(Reply<T>) -> Work) -> Pending<T> {
        let (give, pending) = reply();
        let door = self.desk.work.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Work that is not taken drops its reply, and with that answers that the store is closed.
        if let Some(door) = door {
            let _ = door.send(work(give));
        }
        pending
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(self.work.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Custody for SqliteCustody {
    fn kept(&self, kind: Kind, name: Arc<str>) -> Pending<Option<Kept>> {
        self.hand_in(|reply| Work::Kept(kind, name, reply))
    }

    fn kept_list(&self, kind: Kind, after: Option<Arc<str>>, limit: u32) -> Pending<Vec<Kept>> {
        self.hand_in(|reply| Work::List(kind, after, limit, reply))
    }

    fn change(&self, change: Change) -> Pending<Swap> {
        self.hand_in(|reply| Work::Change(change, reply))
    }
}

fn serve(mut conn: Connection, path: &Path, queue: &Receiver<Work>) {
    let says = |e: rusqlite::Error| store_error(&e, path);
    while let Ok(work) = queue.recv() {
        match work {
            Work::Kept(kind, name, reply) => reply.give(one(&conn, kind, &name).map_err(says)),
            Work::List(kind, after, limit, reply) => {
                reply.give(list(&conn, kind, after.as_deref(), limit).map_err(says));
            }
            Work::Change(change, reply) => reply.give(swap(&mut conn, &change).map_err(says)),
        }
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, path);
    if let Some(dir) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|e| file_error(&e, dir))?;
    }
    if !path.exists() {
        make_private(path)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(says)?;
    conn.busy_timeout(BUSY_MAX).map_err(says)?;
    conn.pragma_update(None, "journal_mode", "wal").map_err(says)?;
    conn.pragma_update(None, "synchronous", "full").map_err(says)?;
    // What was removed is overwritten, sealed though it is.
    conn.pragma_update(None, "secure_delete", true).map_err(says)?;
    migrate(&mut conn, path)?;
    Ok(conn)
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, path);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(says)?;
    let number = |name: &str| tx.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    let (application, version) =
        (number("application_id").map_err(says)?, number("user_version").map_err(says)?);
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).map_err(says)?;
    match version {
        0 if tables == 0 => {
            tx.execute_batch(SCHEMA).map_err(says)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(says)?;
            tx.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(says)?;
        }
        _ if application != i64::from(APPLICATION_ID) => {
            return Err(StoreError::Damaged { path: path.to_owned(), message: "not a vault".into() });
        }
        found if found > i64::from(SCHEMA_VERSION) => {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
        }
        _ => {}
    }
    tx.commit().map_err(says)
}

const fn number(kind: Kind) -> i64 {
    match kind {
        Kind::Keyring => 1,
        Kind::Secret => 2,
        Kind::Session => 3,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let bytes: Vec<u8> = row.get(2)?;
    let revision = Revision(row.get::<_, i64>(1)?.unsigned_abs());
    Ok(Kept { name: row.get(0)?, revision, bytes: bytes.into() })
}

fn one(conn: &Connection, kind: Kind, name: &str) -> rusqlite::Result<Option<Kept>> {
    conn.prepare_cached("SELECT name, revision, bytes FROM kept WHERE kind = ?1 AND name = ?2")?
        .query_row((number(kind), name), read)
        .optional()
}

fn list(conn: &Connection, kind: Kind, after: Option<&str>, limit: u32) -> rusqlite::Result<Vec<Kept>> {
    conn.prepare_cached(
        "SELECT name, revision, bytes FROM kept WHERE kind = ?1 AND (?2 IS NULL OR name > ?2) ORDER BY name LIMIT ?3",
    )?
    .query_map((number(kind), after, limit), read)?
    .collect()
}

fn swap(conn: &mut Connection, change: &Change) -> rusqlite::Result<Swap> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let revision = |kind: Kind, name: &str| -> rusqlite::Result<Option<i64>> {
        tx.prepare_cached("SELECT revision FROM kept WHERE kind = ?1 AND name = ?2")?
            .query_row((number(kind), name), |r| r.get(0))
            .optional()
    };
    let is = |found: Option<i64>, seen: Option<Revision>| found.map(i64::unsigned_abs) == seen.map(|r| r.0);
    if let Some((keyring, seen)) = &change.under
        && !is(revision(Kind::Keyring, keyring)?, Some(*seen))
    {
        return Ok(Swap::Outdated);
    }
    if !is(revision(change.kind, &change.name)?, change.seen) {
        return Ok(Swap::Overtaken);
    }
    let next: i64 =
        tx.prepare_cached("UPDATE changes SET n = n + 1 RETURNING n")?.query_row([], |r| r.get(0))?;
    let (kind, name) = (number(change.kind), &*change.name);
    match &change.bytes {
        Some(bytes) => tx
            .prepare_cached(
                "INSERT INTO kept (kind, name, revision, bytes) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (kind, name) DO UPDATE SET revision = ?3, bytes = ?4",
            )?
            .execute((kind, name, next, bytes))?,
        None => tx.prepare_cached("DELETE FROM kept WHERE kind = ?1 AND name = ?2")?.execute((kind, name))?,
    };
    tx.commit()?;
    Ok(Swap::Done(Revision(next.unsigned_abs())))
}
