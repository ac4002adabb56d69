use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use rusqlite::Connection;
use sinew_stdx::{Json, Timestamp};
use sinew_store::{
    Admitted, AlertRecord, Alerts, Archive, CursorAdvance, Cursors, DeadFilter, DeadId, DeadLetter,
    DeadLetters, DeadStatus, Epoch, FlowCounts, FlowVersions, Journal, NewRun, Pending, Retention, RunFilter,
    RunId, RunProgress, RunSummary, RunWrite, StoreError, StoreStats, StoredRun, Upkeep, Written, reply,
};

use crate::checkpoint::{self, Checkpoints};
use crate::fault::store_error;
use crate::files::Files;
use crate::options::SqliteOptions;
use crate::queue::Queue;
use crate::reader::{self, Questions, question};
use crate::space::Space;
use crate::tx::{Done, Tx};
use crate::writer::{Counters, Kind, Tasks, Writer, task};
use crate::{accept, advance, backup, claim, dead_list, letters, list, load, open, prune, upkeep};

/// Questions that may wait for a reader; whoever asks more waits at the door.
const QUESTIONS_MAX: usize = 4096;
/// What an operation is taken to weigh beside its payload, in bytes.
const OPERATION_BYTES: usize = 256;

/// A store in one SQLite file. A handle: clones share the store, and the last one to go closes it.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    files: Files,
    epoch: Epoch,
    tasks: Arc<Tasks>,
    questions: Arc<Questions>,
    counters: Arc<Counters>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Holds the store for this process until everything else is closed.
    lock: Mutex<Option<std::fs::File>>,
}

impl SqliteStore {
    /// Opens the store, made if it is not there. Another process that has it open makes this fail with
    /// [`StoreError::Locked`]; a store of a later version with [`StoreError::Newer`]; anything that is no store with
    /// [`StoreError::Damaged`].
    #[expect(clippy::needless_pass_by_value, reason = "what a store was opened with is nobody else's")]
    pub fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        let files = Files::of(&options.dir);
        let open::Opened { lock, mut conn, memory, epoch } = open::open(&files, &options)?;
        let (checkpoints, woken) = Checkpoints::watch(&mut conn).map_err(|e| store_error(&e, &files.db))?;
        let store = Self {
            inner: Arc::new(Inner {
                epoch,
                tasks: Arc::new(Queue::new(options.queue_max.max(1))),
                questions: Arc::new(Queue::new(QUESTIONS_MAX)),
                counters: Arc::default(),
                threads: Mutex::default(),
                lock: Mutex::new(Some(lock)),
                files: files.clone(),
            }),
        };
        let writer = Writer {
            conn,
            db: files.db.clone(),
            epoch,
            memory,
            stale: false,
            space: Space::new(&files, &options),
            checkpoints,
            counters: Arc::clone(&store.inner.counters),
            batch_max: options.batch_max.max(1),
        };
        let tasks = Arc::clone(&store.inner.tasks);
        store.spawn("store-writer", move || writer.run(&tasks))?;
        let db = files.db.clone();
        store.spawn("store-checkpoint", move || report(checkpoint::run(&db, &woken)))?;
        for _ in 0..options.readers.max(1) {
            let (db, questions) = (files.db.clone(), Arc::clone(&store.inner.questions));
            store.spawn("store-reader", move || report(reader::run(&db, &questions)))?;
        }
        Ok(store)
    }

    /// Does what is queued, then closes the files and ends the threads. Whoever comes later is told
    /// [`StoreError::Closed`].
    pub fn close(&self) {
        self.inner.close();
    }

    /// Makes a copy from [`Upkeep::backup`] the store of a folder; what is there is kept as `sinew.db.replaced`. Fails
    /// with [`StoreError::Locked`] if the store there is in use, and changes nothing if the copy is damaged or newer.
    pub fn restore(from: &Path, to_dir: &Path) -> Result<(), StoreError> {
        backup::restore(from, to_dir)
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|e| StoreError::Failed(format!("no thread for {name}: {e}").into()))?;
        self.inner.threads.lock().push(thread);
        Ok(())
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        kind: Kind,
        bytes: usize,
        work: impl Fn(&mut Tx<'_>) -> Done<T> + Send + 'static,
    ) -> Pending<T> {
        let (give, pending) = reply();
        if let Some(refused) = self.inner.tasks.push(task(kind, OPERATION_BYTES + bytes, give, work)) {
            refused.finish(Err(StoreError::Closed));
        }
        pending
    }

    pub(crate) fn carry_on<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Tx<'_>) -> Done<T> + Send + 'static,
    ) -> Pending<T> {
        self.write(Kind::CarriesOn, 0, work)
    }

    pub(crate) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Pending<T> {
        let (give, pending) = reply();
        // A question that is refused is dropped, and its asker told that the store is closed.
        drop(self.inner.questions.push(question(give, read)));
        pending
    }
}

/// A thread that could not open its file leaves the work to its siblings.
fn report(done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::error!(%error, "a thread of the store has ended");
    }
}

impl Inner {
    fn close(&self) {
        self.tasks.close();
        self.questions.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
        drop(self.lock.lock().take());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("db", &self.inner.files.db)
            .field("epoch", &self.inner.epoch)
            .finish()
    }
}

impl Journal for SqliteStore {
    fn accept(&self, runs: Vec<NewRun>, cursor: Option<CursorAdvance>) -> Pending<Vec<Admitted>> {
        let bytes = runs.iter().map(|run| run.entry.len() + blob_bytes(&run.blobs)).sum();
        self.write(Kind::Accepts, bytes, move |tx| accept::accept(tx, &runs, cursor.as_ref()))
    }

    fn write(&self, write: RunWrite) -> Pending<Written> {
        let bytes = write.entries.iter().map(Vec::len).sum::<usize>() + blob_bytes(&write.blobs);
        self.write(Kind::CarriesOn, bytes, move |tx| advance::advance(tx, &write))
    }

    fn load(&self, run: RunId) -> Pending<Option<StoredRun>> {
        self.read(move |conn| load::load(conn, run))
    }

    fn claim_queued(&self, limit: u32, room: Vec<(Arc<str>, u32)>) -> Pending<Vec<(RunId, Arc<str>)>> {
        self.carry_on(move |tx| claim::queued(tx, limit, &room))
    }

    fn claim_due(&self, now: Timestamp, limit: u32) -> Pending<Vec<RunId>> {
        self.carry_on(move |tx| claim::due(tx, now, limit))
    }

    fn claim_event(
        &self,
        event: Arc<str>,
        key: Option<Arc<str>>,
        after: Option<RunId>,
        limit: u32,
    ) -> Pending<Vec<RunId>> {
        self.carry_on(move |tx| claim::event(tx, &event, key.as_deref(), after, limit))
    }

    fn claim(&self, run: RunId) -> Pending<bool> {
        self.carry_on(move |tx| claim::one(tx, run, claim::Purpose::GoOn))
    }

    fn claim_to_cancel(&self, run: RunId) -> Pending<bool> {
        self.carry_on(move |tx| claim::one(tx, run, claim::Purpose::Cancel))
    }

    fn next_due(&self) -> Pending<Option<Timestamp>> {
        self.read(upkeep::next_due)
    }

    fn epoch(&self) -> Epoch {
        self.inner.epoch
    }
}

fn blob_bytes(blobs: &[sinew_store::Blob]) -> usize {
    blobs.iter().map(|blob| blob.bytes.len()).sum()
}

impl Cursors for SqliteStore {
    fn cursor(&self, name: Arc<str>) -> Pending<Option<Arc<str>>> {
        self.read(move |conn| upkeep::cursor(conn, &name))
    }

    fn set_cursor(&self, advance: CursorAdvance) -> Pending<()> {
        self.carry_on(move |tx| accept::set_cursor(tx, &advance))
    }
}

impl FlowVersions for SqliteStore {
    fn keep_version(&self, flow: Arc<str>, version: Arc<str>, source: Arc<str>) -> Pending<()> {
        self.write(Kind::CarriesOn, source.len(), move |tx| {
            upkeep::keep_version(tx, &flow, &version, &source)
        })
    }

    fn version_source(&self, flow: Arc<str>, version: Arc<str>) -> Pending<Option<Arc<str>>> {
        self.read(move |conn| upkeep::version_source(conn, &flow, &version))
    }
}

impl DeadLetters for SqliteStore {
    fn dead_list(&self, filter: DeadFilter) -> Pending<Vec<DeadLetter>> {
        self.read(move |conn| dead_list::list(conn, &filter))
    }

    fn dead_count(&self, filter: DeadFilter) -> Pending<u64> {
        self.read(move |conn| dead_list::count(conn, &filter))
    }

    fn dead_show(&self, id: DeadId) -> Pending<Option<DeadLetter>> {
        self.read(move |conn| dead_list::show(conn, id))
    }

    fn dead_edit(&self, id: DeadId, payload: Json) -> Pending<bool> {
        self.carry_on(move |tx| letters::edit(tx, id, &payload))
    }

    fn dead_settle(&self, id: DeadId, status: DeadStatus) -> Pending<bool> {
        self.carry_on(move |tx| letters::settle(tx, id, status))
    }
}

impl Archive for SqliteStore {
    fn runs(&self, filter: RunFilter) -> Pending<Vec<RunSummary>> {
        self.read(move |conn| list::runs(conn, &filter))
    }

    fn run(&self, run: RunId) -> Pending<Option<RunSummary>> {
        self.read(move |conn| list::run(conn, run))
    }

    fn run_progress(&self, run: RunId) -> Pending<Option<RunProgress>> {
        self.read(move |conn| list::progress(conn, run))
    }

    fn run_ahead(&self, run: RunId) -> Pending<Option<RunSummary>> {
        self.read(move |conn| list::run_ahead(conn, run))
    }

    fn flow_counts(&self) -> Pending<Vec<FlowCounts>> {
        self.read(list::flow_counts)
    }
}

impl Alerts for SqliteStore {
    fn alert_save(&self, alert: AlertRecord) -> Pending<()> {
        self.carry_on(move |tx| upkeep::alert_save(tx, &alert))
    }

    fn alert_list(&self, open_only: bool, limit: u32) -> Pending<Vec<AlertRecord>> {
        self.read(move |conn| upkeep::alert_list(conn, open_only, limit))
    }
}

impl Upkeep for SqliteStore {
    fn retain(&self, retention: Retention) -> Pending<u32> {
        self.carry_on(move |tx| prune::retain(tx, retention))
    }

    fn backup(&self, to: PathBuf) -> Pending<()> {
        let (give, pending) = reply();
        let db = self.inner.files.db.clone();
        // A thread of its own: a large copy must not take a reader away.
        match std::thread::Builder::new()
            .name("store-backup".to_owned())
            .spawn(move || give.give(backup::backup(&db, &to)))
        {
            Ok(thread) => {
                let mut threads = self.inner.threads.lock();
                threads.retain(|thread| !thread.is_finished());
                threads.push(thread);
                pending
            }
            Err(e) => {
                Pending::ready(Err(StoreError::Failed(format!("no thread for the backup: {e}").into())))
            }
        }
    }

    fn stats(&self) -> Pending<StoreStats> {
        let (files, counters) = (self.inner.files.clone(), Arc::clone(&self.inner.counters));
        self.read(move |conn| {
            Ok(StoreStats {
                bytes: files.bytes(),
                commits: counters.commits.load(Ordering::Relaxed),
                writes: counters.writes.load(Ordering::Relaxed),
                active: upkeep::active(conn)?,
            })
        })
    }

    fn probe(&self) -> Pending<()> {
        self.write(Kind::Accepts, 0, |tx| upkeep::probe(tx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_writer_leaves_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let store =
            SqliteStore::open(SqliteOptions { reserve_bytes: 0, ..SqliteOptions::in_dir(dir.path()) })
                .unwrap();
        let before = store.probe();
        let panics: Pending<()> = store.carry_on(|_| panic!("on purpose"));
        let behind = store.probe();
        before.wait().ok();
        assert!(matches!(panics.wait(), Err(StoreError::Closed)));
        assert!(matches!(behind.wait(), Err(StoreError::Closed)));
        assert!(matches!(store.probe().wait(), Err(StoreError::Closed)));
        assert_eq!(store.stats().wait().unwrap().active, 0, "reading goes on");
    }

    #[test]
    fn a_panic_of_a_reader_fails_its_question_only() {
        let dir = tempfile::tempdir().unwrap();
        let options = SqliteOptions { readers: 1, reserve_bytes: 0, ..SqliteOptions::in_dir(dir.path()) };
        let store = SqliteStore::open(options).unwrap();
        let panics: Pending<()> = store.read(|_| panic!("on purpose"));
        assert!(matches!(panics.wait(), Err(StoreError::Closed)));
        assert_eq!(store.next_due().wait().unwrap(), None);
    }
}
