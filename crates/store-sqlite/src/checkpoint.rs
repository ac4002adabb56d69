use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rusqlite::Connection;
use sinew_store::StoreError;

use crate::files::{BUSY_MAX, open_checkpointer};

/// Pages in the log at which a pass beside the writer begins, again after as many more: 4 MB.
const PASS_PAGES: u32 = 1000;
/// Pages at which the writer finishes what the passes left, so that the log begins anew: 32 MB.
const FINISH_PAGES: u32 = 8000;
/// Pages at which the writer waits for readers to let go of the log: 256 MB.
const WAIT_PAGES: u32 = 64_000;
/// How long it waits for them.
const READERS_MAX: Duration = Duration::from_millis(50);

/// Keeps the write-ahead log short. Most of the work is done by a thread of its own beside the writer.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    wake: SyncSender<()>,
    /// Pages in the log at which a pass is asked for next, the writer does one itself, and it waits for readers.
    pass_at: u32,
    finish_at: u32,
    wait_at: u32,
    /// Pages in the log after the commit before the last.
    seen: u32,
}

impl Checkpoints {
    /// Watches the writer's connection; the receiver is for [`run`].
    pub(crate) fn watch(writer: &mut Connection) -> rusqlite::Result<(Self, Receiver<()>)> {
        let pages = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, in_log: std::ffi::c_int| {
            counted.store(in_log.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = sync_channel(1);
        let (pass_at, finish_at, wait_at) = (PASS_PAGES, FINISH_PAGES, WAIT_PAGES);
        Ok((Self { pages, wake, pass_at, finish_at, wait_at, seen: 0 }, woken))
    }

    /// After a commit: has the log moved, by the thread beside or, if it has grown long, here.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.seen {
            // The log has begun anew.
            (self.pass_at, self.finish_at, self.wait_at) = (PASS_PAGES, FINISH_PAGES, WAIT_PAGES);
        }
        self.seen = pages;
        if pages >= self.pass_at {
            self.pass_at = pages + PASS_PAGES;
            match self.wake.try_send(()) {
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
        if pages >= self.finish_at {
            let waits = pages >= self.wait_at;
            Self::finish(writer, waits);
            self.finish_at = pages + PASS_PAGES;
            if waits {
                // Whoever holds on to the log, such as a backup, may do so for long: waiting again soon is no use.
                self.wait_at = pages.saturating_mul(2);
            }
        }
    }

    /// Moves the whole log, so that its room can be used again.
    pub(crate) fn finish(writer: &Connection, wait_for_readers: bool) {
        let mode = if wait_for_readers { "RESTART" } else { "PASSIVE" };
        let done = writer
            .busy_timeout(READERS_MAX)
            .and_then(|()| writer.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())))
            .and_then(|()| writer.busy_timeout(BUSY_MAX));
        if let Err(error) = done {
            tracing::warn!(%error, "the write-ahead log could not be moved into the file");
        }
    }
}

/// The thread beside the writer: a pass whenever it is woken, until the writer is gone.
pub(crate) fn run(db: &Path, woken: &Receiver<()>) -> Result<(), StoreError> {
    let conn = open_checkpointer(db)?;
    while woken.recv().is_ok() {
        if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the write-ahead log could not be moved into the file");
        }
    }
    Ok(())
}
