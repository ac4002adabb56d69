//! Copies of the store, and bringing one back.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use sinew_store::StoreError;

use crate::fault::{file_error, store_error};
use crate::files::{Files, beside, make_private, open_reader, sync_dir};
use crate::schema;

/// Pages copied in one go.
const STEP_PAGES: i32 = 1024;

/// Copies the store as of now into a new file, while it is in use. The file appears under its name when it is whole.
pub(crate) fn backup(db: &Path, to: &Path) -> Result<(), StoreError> {
    if to.exists() {
        return Err(StoreError::Failed(
            format!("{} exists already; it is not overwritten", to.display()).into(),
        ));
    }
    let source = open_reader(db)?;
    // The open transaction holds on to this instant: without it every commit would make the copy start again.
    let instant = source.unchecked_transaction().map_err(|e| store_error(&e, db))?;
    schema::version(&instant, db)?;
    copy(&instant, to)
}

/// Makes the copy `from` the store of the folder `dir`. What was there is kept under another name.
pub(crate) fn restore(from: &Path, dir: &Path) -> Result<(), StoreError> {
    if !from.is_file() {
        return Err(StoreError::Missing(Arc::from(from.display().to_string())));
    }
    let files = Files::of(dir);
    let _lock = files.take()?;
    let source = open_reader(from)?;
    if schema::version(&source, from)? == 0 {
        let message = Arc::from("it is empty");
        return Err(StoreError::Damaged { path: from.to_owned(), message });
    }
    check(&source, from)?;
    let fresh = beside(&files.db, ".restoring");
    remove(&fresh)?;
    copy(&source, &fresh)?;
    for end in ["", "-wal", "-shm"] {
        let (old, kept) = (beside(&files.db, end), beside(&beside(&files.db, ".replaced"), end));
        remove(&kept)?;
        if old.exists() {
            std::fs::rename(&old, &kept).map_err(|e| file_error(&e, &old))?;
        }
    }
    std::fs::rename(&fresh, &files.db).map_err(|e| file_error(&e, &fresh))?;
    sync_dir(&files.dir)
}

/// Reads the whole file and fails if something in it is not as it should be.
fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String =
        conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get(0)).map_err(|e| store_error(&e, path))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreError::Damaged { path: path.to_owned(), message: Arc::from(verdict) })
}

fn copy(source: &Connection, to: &Path) -> Result<(), StoreError> {
    let part = beside(to, ".part");
    remove(&part)?;
    let copied = copy_into(source, &part).and_then(|()| {
        std::fs::rename(&part, to).map_err(|e| file_error(&e, &part))?;
        let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(dir)
    });
    if copied.is_err() {
        remove(&part)?;
    }
    copied
}

fn copy_into(source: &Connection, part: &Path) -> Result<(), StoreError> {
    let says = |e: rusqlite::Error| store_error(&e, part);
    make_private(part)?;
    let mut target = Connection::open(part).map_err(says)?;
    target.pragma_update(None, "synchronous", "full").map_err(says)?;
    {
        let backup = Backup::new(source, &mut target).map_err(says)?;
        loop {
            match backup.step(STEP_PAGES).map_err(says)? {
                StepResult::Done => break,
                StepResult::More => {}
                _ => return Err(StoreError::Locked(part.to_owned())),
            }
        }
    }
    // One file, without a log beside it.
    target.pragma_update(None, "journal_mode", "delete").map_err(says)?;
    target.close().map_err(|(_, e)| says(e))?;
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(|e| file_error(&e, part))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(file_error(&e, path)),
        _ => Ok(()),
    }
}
