use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rusqlite::Connection;
use sinew_store::StoreError;

use crate::files::open_checkpointer;

/// Pages in the log at which a pass beside the writer begins, again after as many more: 4 MB.
const PASS_PAGES: u32 = 1000;
/// Pages at which the writer finishes what the passes left, so that the log begins anew: 32 MB.
const FINISH_PAGES: u32 = 8000;
/// Pages at which the writer waits for readers to let go of the log: 256 MB.
const WAIT_PAGES: u32 = 64_000;
/// How long it waits for them.
const READERS_MAX: Duration = Duration::from_millis(200);

/// Keeps the write-ahead log short. Most of the work is done by a thread of its own beside the writer.
pub(crate) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    wake: SyncSender<()>,
    /// Pages in the log when a pass was last asked for, and when the writer last did one itself.
    passed_at: u32,
    finished_at: u32,
}

impl Checkpoints {
    /// Watches the writer's connection; the receiver is for [`run`].
    pub(crate) fn watch(writer: &mut Connection) -> rusqlite::Result<(Self, Receiver<()>)> {
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, in_log: std::ffi::c_int| {
            seen.store(in_log.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = sync_channel(1);
        Ok((Self { pages, wake, passed_at: 0, finished_at: 0 }, woken))
    }

    /// After a commit: has the log moved, by the thread beside or, if it has grown long, here.
    pub(crate) fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.passed_at {
            // The log has begun anew.
            (self.passed_at, self.finished_at) = (0, 0);
        }
        if pages >= self.passed_at + PASS_PAGES {
            self.passed_at = pages;
            match self.wake.try_send(()) {
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        }
        if pages >= FINISH_PAGES && pages >= self.finished_at + PASS_PAGES {
            self.finished_at = pages;
            Self::finish(writer, pages >= WAIT_PAGES);
        }
    }

    /// Moves the whole log, so that its room can be used again.
    pub(crate) fn finish(writer: &Connection, wait_for_readers: bool) {
        let mode = if wait_for_readers { "RESTART" } else { "PASSIVE" };
        let done = writer
            .busy_timeout(READERS_MAX)
            .and_then(|()| writer.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())))
            .and_then(|()| writer.busy_timeout(Duration::from_secs(5)));
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
