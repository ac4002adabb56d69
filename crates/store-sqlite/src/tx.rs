use rusqlite::{CachedStatement, Connection, OptionalExtension};
use sinew_stdx::Timestamp;
use sinew_store::{Blob, RunId};

use crate::fault::Fault;
use crate::memory::Memory;
use crate::state::State;

/// Bits of a journal row's `place` that hold the sequence number; the run's number is above them.
const SEQ_BITS: u32 = 24;
/// Entries that a run can have.
pub(crate) const ENTRIES_MAX: u32 = 1 << SEQ_BITS;

/// Where a journal entry lies.
pub(crate) const fn place(n: i64, seq: u32) -> i64 {
    (n << SEQ_BITS) | seq as i64
}

/// The number of the run whose entry lies there.
pub(crate) const fn run_of(place: i64) -> i64 {
    place >> SEQ_BITS
}

/// The sequence number of the entry that lies there.
pub(crate) const fn seq_of(place: i64) -> u32 {
    (place & ((1 << SEQ_BITS) - 1)) as u32
}

/// One transaction of the writer's, with what the writer knows.
pub(crate) struct Tx<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) mem: &'a mut Memory,
}

/// What an operation on the writer's transaction gives.
pub(crate) type Done<T> = Result<T, Fault>;

/// A run's row, as far as moving it to another state needs it.
pub(crate) struct Stand {
    pub(crate) n: i64,
    pub(crate) flow: i64,
    pub(crate) state: State,
    pub(crate) key: Option<std::sync::Arc<str>>,
}

impl<'a> Tx<'a> {
    pub(crate) fn sql(&self, text: &str) -> rusqlite::Result<CachedStatement<'a>> {
        self.conn.prepare_cached(text)
    }

    /// Where a run stands.
    pub(crate) fn stand(&self, run: RunId) -> rusqlite::Result<Option<Stand>> {
        self.sql("SELECT n, flow, state, key FROM runs WHERE id = ?1")?
            .query_row([run.to_bytes()], |r| {
                Ok(Stand { n: r.get(0)?, flow: r.get(1)?, state: r.get(2)?, key: r.get(3)? })
            })
            .optional()
    }

    /// Makes a claimed run this node's: it waits for nothing any more.
    pub(crate) fn take(&mut self, run: RunId, flow: i64, from: State) -> rusqlite::Result<()> {
        let id = run.to_bytes();
        if from == State::Waiting {
            self.sql("UPDATE runs SET state = ?2, due = NULL, reason = NULL WHERE id = ?1")?
                .execute((id, State::Running))?;
            self.sql("DELETE FROM waits WHERE run = ?1")?.execute([id])?;
        } else {
            self.sql("UPDATE runs SET state = ?2 WHERE id = ?1")?.execute((id, State::Running))?;
        }
        self.mem.count(flow, Some(from), Some(State::Running));
        Ok(())
    }

    /// The run at the head of an ordering key, which holds it.
    pub(crate) fn key_head(&self, flow: i64, key: &str) -> rusqlite::Result<Option<RunId>> {
        self.sql("SELECT run FROM keyed WHERE flow = ?1 AND key = ?2 ORDER BY n LIMIT 1")?
            .query_row((flow, key), |r| r.get(0).map(RunId::from_bytes))
            .optional()
    }

    /// Puts a run into its key's queue.
    pub(crate) fn key_join(&self, flow: i64, key: &str, n: i64, run: RunId) -> rusqlite::Result<()> {
        self.sql("INSERT OR IGNORE INTO keyed VALUES (?1, ?2, ?3, ?4)")?.execute((
            flow,
            key,
            n,
            run.to_bytes(),
        ))?;
        Ok(())
    }

    /// Takes a run out of its key's queue. Answers with the run that is ready by that.
    pub(crate) fn key_leave(&mut self, flow: i64, key: &str, n: i64) -> rusqlite::Result<Option<RunId>> {
        self.sql("DELETE FROM keyed WHERE flow = ?1 AND key = ?2 AND n = ?3")?.execute((flow, key, n))?;
        let Some(head) = self.key_head(flow, key)? else { return Ok(None) };
        let (state, batch): (State, bool) = self
            .sql("SELECT state, batch FROM runs WHERE id = ?1")?
            .query_row([head.to_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))?;
        if state != State::Blocked {
            return Ok(None);
        }
        self.sql("UPDATE runs SET state = ?2 WHERE id = ?1")?
            .execute((head.to_bytes(), State::ready(batch)))?;
        self.mem.count(flow, Some(state), Some(State::ready(batch)));
        Ok(Some(head))
    }

    /// Keeps large values once, and that this run refers to them.
    pub(crate) fn keep_blobs(&self, n: i64, blobs: &[Blob]) -> rusqlite::Result<()> {
        for blob in blobs {
            let known: Option<i64> = self
                .sql("SELECT id FROM blobs WHERE hash = ?1")?
                .query_row([blob.hash], |r| r.get(0))
                .optional()?;
            let id: i64 = match known {
                Some(id) => id,
                None => self
                    .sql("INSERT INTO blobs (hash, refs, bytes) VALUES (?1, 0, ?2) RETURNING id")?
                    .query_row((blob.hash, &*blob.bytes), |r| r.get(0))?,
            };
            if self.sql("INSERT OR IGNORE INTO blob_refs VALUES (?1, ?2)")?.execute((n, id))? == 1 {
                self.sql("UPDATE blobs SET refs = refs + 1 WHERE id = ?1")?.execute([id])?;
            }
        }
        Ok(())
    }

    /// Appends journal entries; who calls has made sure that their places are free.
    pub(crate) fn append(
        &self,
        n: i64,
        first_seq: u32,
        entries: &[impl AsRef<[u8]>],
    ) -> rusqlite::Result<()> {
        let mut insert = self.sql("INSERT INTO journal VALUES (?1, ?2)")?;
        for (entry, seq) in entries.iter().zip(first_seq..) {
            insert.execute((place(n, seq), entry.as_ref()))?;
        }
        Ok(())
    }

    /// Keeps in mind how far an id's time and `at` are apart, so that lists by time can go by ids.
    pub(crate) fn note_skew(&mut self, id: RunId, at: Timestamp) -> rusqlite::Result<()> {
        let skew = id.at().as_millis().saturating_sub(at.as_millis()).saturating_abs();
        if skew > self.mem.skew_ms {
            self.sql("UPDATE node SET skew_ms = ?1")?.execute([skew])?;
            self.mem.skew_ms = skew;
        }
        Ok(())
    }
}
