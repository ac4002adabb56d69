use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use sinew_store::StoreError;

use crate::fault::{file_error, store_error};
use crate::options::SqliteOptions;

/// How long a connection waits for another of this process, in the rare moments when SQLite makes it.
pub(crate) const BUSY_MAX: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; there are fewer kinds than that.
const STATEMENTS_MAX: usize = 128;

/// What a folder that holds a store has in it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) dir: PathBuf,
    /// The database; SQLite keeps `-wal` and `-shm` beside it.
    pub(crate) db: PathBuf,
    /// Locked for as long as a process has the store open; the system unlocks it when the process dies.
    pub(crate) lock: PathBuf,
    /// Room kept aside for a full disk.
    pub(crate) reserve: PathBuf,
}

impl Files {
    pub(crate) fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            db: dir.join("sinew.db"),
            lock: dir.join("sinew.lock"),
            reserve: dir.join("sinew.reserve"),
        }
    }

    /// Makes the folder if need be, for its owner's eyes only, and takes it for this process, until the file is dropped.
    pub(crate) fn take(&self) -> Result<File, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|e| file_error(&e, &self.dir))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock)
            .map_err(|e| file_error(&e, &self.lock))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(self.db.clone())),
            Err(TryLockError::Error(e)) => Err(file_error(&e, &self.lock)),
        }
    }

    /// Bytes on disk, the reserve not counted.
    pub(crate) fn bytes(&self) -> u64 {
        ["", "-wal", "-shm"]
            .iter()
            .filter_map(|end| std::fs::metadata(beside(&self.db, end)).ok())
            .map(|file| file.len())
            .sum()
    }
}

/// The path with something put behind its name.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Makes the file if it is not there, so that nobody but its owner may read it: payloads and history stand in it. `SQLite`
/// would let the machine's default decide, and gives what it keeps beside a database the database's own rights.
pub(crate) fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = File::options().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map(drop).map_err(|e| file_error(&e, path))
}

/// Makes a rename in this folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| file_error(&e, dir))
}

/// A connection that writes. Checkpoints are not its business, so that no commit has to wait for one.
pub(crate) fn open_writer(files: &Files, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, &files.db);
    if !files.db.exists() {
        make_private(&files.db)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&files.db, flags).map_err(says)?;
    prepare(&conn, 8 << 10).map_err(says)?;
    conn.pragma_update(None, "journal_mode", "wal").map_err(says)?;
    conn.pragma_update(None, "synchronous", "full").map_err(says)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0).map_err(says)?;
    limit_size(&conn, options.bytes_max).map_err(says)?;
    Ok(conn)
}

/// Sets what the file may grow to.
pub(crate) fn limit_size(conn: &Connection, bytes_max: Option<u64>) -> rusqlite::Result<()> {
    let Some(bytes) = bytes_max else { return Ok(()) };
    let page: u64 = conn.pragma_query_value(None, "page_size", |r| r.get::<_, i64>(0))?.unsigned_abs();
    let pages = (bytes / page.max(1)).clamp(1, 0xFFFF_FFFE) as i64;
    conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// A connection that moves the write-ahead log into the database.
pub(crate) fn open_checkpointer(db: &Path) -> Result<Connection, StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, db);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(db, flags).map_err(says)?;
    prepare(&conn, 256).map_err(says)?;
    conn.pragma_update(None, "synchronous", "full").map_err(says)?;
    Ok(conn)
}

/// A connection that only reads.
pub(crate) fn open_reader(db: &Path) -> Result<Connection, StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, db);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(db, flags).map_err(says)?;
    prepare(&conn, 2 << 10).map_err(says)?;
    Ok(conn)
}

fn prepare(conn: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_MAX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    conn.pragma_update(None, "cache_size", -cache_kib)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    conn.pragma_update(None, "mmap_size", 0)
}
