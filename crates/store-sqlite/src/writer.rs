use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use sinew_store::{Epoch, Reply, StoreError};

use crate::checkpoint::Checkpoints;
use crate::fault::{Fault, is_of_one_operation, store_error};
use crate::memory::Memory;
use crate::queue::Queue;
use crate::space::Space;
use crate::tx::{Done, Tx};

/// Bytes that one transaction takes in, beyond its first operation.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What an operation is to a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Adds work: refused while the disk is full.
    Accepts,
    /// Carries work on.
    CarriesOn,
}

/// An operation on its way through the writer.
pub(crate) trait Task: Send {
    /// Does it within a transaction; may be asked again after a rollback.
    fn perform(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()>;
    /// Answers whoever waits, once the transaction's fate is known.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
    fn kind(&self) -> Kind;
    fn bytes(&self) -> usize;
}

/// The queue to the writer.
pub(crate) type Tasks = Queue<Box<dyn Task>>;

struct Work<T, F> {
    act: F,
    kind: Kind,
    bytes: usize,
    answer: Option<Result<T, StoreError>>,
    reply: Reply<T>,
}

/// An operation from what it does and where its answer goes.
pub(crate) fn task<T, F>(kind: Kind, bytes: usize, reply: Reply<T>, act: F) -> Box<dyn Task>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Done<T> + Send + 'static,
{
    Box::new(Work { act, kind, bytes, answer: None, reply })
}

impl<T: Send, F: Fn(&mut Tx<'_>) -> Done<T> + Send> Task for Work<T, F> {
    fn perform(&mut self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        self.answer = Some(match (self.act)(tx) {
            Ok(answer) => Ok(answer),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { answer, reply, .. } = *self;
        reply.give(outcome.and_then(|()| answer.unwrap_or(Err(StoreError::Closed))));
    }

    fn kind(&self) -> Kind {
        self.kind
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What others may know of the writer.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
}

/// The only one who writes: takes what is queued, does it in one transaction, then answers.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) db: PathBuf,
    pub(crate) epoch: Epoch,
    pub(crate) memory: Memory,
    /// Whether the memory may differ from the file.
    pub(crate) stale: bool,
    pub(crate) space: Space,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) counters: Arc<Counters>,
    pub(crate) batch_max: usize,
}

/// If the writer's thread panics, whoever waits for it learns that the store is closed.
struct Abandon<'a>(&'a Tasks);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self, tasks: &Tasks) {
        let abandon = Abandon(tasks);
        loop {
            let (mut count, mut bytes) = (0, 0);
            let batch = tasks.take(|task| {
                (count, bytes) = (count + 1, bytes + task.bytes());
                count <= self.batch_max && bytes <= BATCH_BYTES_MAX
            });
            if batch.is_empty() {
                break;
            }
            self.process(batch);
        }
        drop(abandon);
    }

    fn process(&mut self, mut batch: Vec<Box<dyn Task>>) {
        self.space.try_recover(&self.conn);
        if self.space.is_tight() {
            batch = self.refuse_accepting(batch);
        }
        let mut outcome = self.transact(&mut batch);
        if matches!(outcome, Err(StoreError::Full(_))) {
            // With the reserve given up and the log begun anew there is room to carry on what was accepted.
            self.space.give_up_reserve(&self.conn);
            Checkpoints::finish(&self.conn, true);
            batch = self.refuse_accepting(batch);
            outcome = self.transact(&mut batch);
        }
        if outcome.as_ref().is_err_and(is_of_one_operation) && batch.len() > 1 {
            return self.process_singly(batch);
        }
        if outcome.is_ok() {
            self.counters.writes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        }
        for task in batch {
            task.finish(outcome.clone());
        }
        self.checkpoints.after_commit(&self.conn);
    }

    /// One of them fails the transaction: each gets its own, so that the others succeed.
    fn process_singly(&mut self, batch: Vec<Box<dyn Task>>) {
        for mut task in batch {
            let outcome = self.transact(std::slice::from_mut(&mut task));
            if outcome.is_ok() {
                self.counters.writes.fetch_add(1, Ordering::Relaxed);
            }
            task.finish(outcome);
        }
    }

    fn refuse_accepting(&self, batch: Vec<Box<dyn Task>>) -> Vec<Box<dyn Task>> {
        let (refused, rest): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|task| task.kind() == Kind::Accepts);
        for task in refused {
            task.finish(Err(StoreError::Full(self.db.clone())));
        }
        rest
    }

    fn transact(&mut self, batch: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let done = self.attempt(batch);
        if done.is_err() {
            self.stale = true;
            if !self.conn.is_autocommit()
                && let Err(error) = self.conn.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
        }
        done
    }

    fn attempt(&mut self, batch: &mut [Box<dyn Task>]) -> Result<(), StoreError> {
        let db = &self.db;
        let says = |error: rusqlite::Error| store_error(&error, db);
        self.conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut s| s.execute([])).map_err(says)?;
        if self.stale {
            self.memory.read(&self.conn).map_err(says)?;
            self.stale = false;
        }
        let epoch: i64 = self
            .conn
            .prepare_cached("SELECT epoch FROM node")
            .and_then(|mut s| s.query_row([], |r| r.get(0)))
            .map_err(says)?;
        if epoch.unsigned_abs() != self.epoch.0 {
            return Err(StoreError::Fenced(self.epoch.0));
        }
        let mut tx = Tx { conn: &self.conn, mem: &mut self.memory };
        for task in batch {
            task.perform(&mut tx).map_err(says)?;
        }
        self.memory.write_counts(&self.conn).map_err(says)?;
        self.conn.prepare_cached("COMMIT").and_then(|mut s| s.execute([])).map_err(says)?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
