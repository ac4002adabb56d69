use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::Connection;
use sinew_store::RunId;

use crate::state::State;
use crate::words::Words;

/// Running runs remembered at most; the rest is looked up.
const RUNNING_MAX: usize = 100_000;

/// What the writer knows without asking the file. All of it can be read back, and is after a transaction that failed.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) words: Words,
    pub(crate) tallies: BTreeMap<i64, Tally>,
    touched: Vec<i64>,
    running: HashMap<RunId, Running>,
    /// The number of the next accepted run.
    pub(crate) next_n: i64,
    /// How far an id's time and the time of what it names were ever apart.
    pub(crate) skew_ms: i64,
    /// Dedupe keys added since expired ones were last deleted.
    pub(crate) deduped: u32,
    /// The flow that was served last, by lane.
    pub(crate) turns: [i64; State::LANES.len()],
}

/// A flow's runs, counted by state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    counts: [u64; State::ALL.len()],
    changed: u16,
    pub(crate) last_accepted_at: Option<i64>,
    accepted: bool,
}

impl Tally {
    pub(crate) const fn of(&self, state: State) -> u64 {
        self.counts[state as usize]
    }

    /// Takes the counts of an earlier moment of this transaction; they are written again, changed or not.
    pub(crate) fn restore(&mut self, earlier: Option<&Self>) {
        let none = Self::default();
        let earlier = earlier.unwrap_or(&none);
        self.counts = earlier.counts;
        self.last_accepted_at = earlier.last_accepted_at;
        self.accepted &= self.last_accepted_at.is_some();
    }

    /// Waiting for room or a key.
    pub(crate) fn queued(&self) -> u64 {
        State::LANES.iter().map(|&lane| self.of(lane)).sum::<u64>() + self.of(State::Blocked)
    }
}

/// What a write to a running run has to know.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) n: i64,
    pub(crate) flow: i64,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) next_seq: u32,
}

impl Memory {
    /// Reads it from the file.
    pub(crate) fn read(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let turns = self.turns;
        *self = Self { turns, ..Self::default() };
        self.skew_ms = conn.query_row("SELECT skew_ms FROM node", [], |r| r.get(0))?;
        // Every run has an entry 0, so that the last place tells the last number.
        let last: Option<i64> = conn.query_row("SELECT max(place) FROM journal", [], |r| r.get(0))?;
        self.next_n = last.map_or(1, |place| crate::tx::run_of(place) + 1);
        let mut counts = conn.prepare_cached("SELECT flow, state, n FROM run_counts")?;
        let mut rows = counts.query([])?;
        while let Some(row) = rows.next()? {
            let tally = self.tallies.entry(row.get(0)?).or_default();
            tally.counts[row.get::<_, State>(1)? as usize] = row.get::<_, i64>(2)?.unsigned_abs();
        }
        let mut flows = conn.prepare_cached("SELECT flow, last_accepted_at FROM flows")?;
        let mut rows = flows.query([])?;
        while let Some(row) = rows.next()? {
            self.tallies.entry(row.get(0)?).or_default().last_accepted_at = Some(row.get(1)?);
        }
        Ok(())
    }

    /// Counts a run that comes to a state (`to`) or leaves one (`from`).
    pub(crate) fn count(&mut self, flow: i64, from: Option<State>, to: Option<State>) {
        let tally = self.tallies.entry(flow).or_default();
        if tally.changed == 0 && !tally.accepted {
            self.touched.push(flow);
        }
        if let Some(from) = from {
            tally.counts[from as usize] = tally.counts[from as usize].saturating_sub(1);
            tally.changed |= 1 << from as u16;
        }
        if let Some(to) = to {
            tally.counts[to as usize] += 1;
            tally.changed |= 1 << to as u16;
        }
    }

    /// Notes when a flow's newest run was accepted.
    pub(crate) fn accepted(&mut self, flow: i64, at: i64) {
        let tally = self.tallies.entry(flow).or_default();
        if tally.last_accepted_at.is_none_or(|last| last < at) {
            if tally.changed == 0 && !tally.accepted {
                self.touched.push(flow);
            }
            tally.last_accepted_at = Some(at);
            tally.accepted = true;
        }
    }

    /// Writes the counts that have changed; the last act of a transaction.
    pub(crate) fn write_counts(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        for flow in self.touched.drain(..) {
            let Some(tally) = self.tallies.get_mut(&flow) else { continue };
            let changed = std::mem::take(&mut tally.changed);
            for state in State::ALL.into_iter().filter(|&s| changed & (1 << s as u16) != 0) {
                conn.prepare_cached(
                    "INSERT INTO run_counts VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = excluded.n",
                )?
                .execute((flow, state, tally.of(state) as i64))?;
            }
            if std::mem::take(&mut tally.accepted) {
                conn.prepare_cached(
                    "INSERT INTO flows VALUES (?1, ?2) ON CONFLICT DO UPDATE SET last_accepted_at = excluded.last_accepted_at",
                )?
                .execute((flow, tally.last_accepted_at))?;
            }
        }
        Ok(())
    }

    pub(crate) fn running(&self, run: &RunId) -> Option<&Running> {
        self.running.get(run)
    }

    pub(crate) fn remember(&mut self, run: RunId, running: Running) {
        if self.running.len() >= RUNNING_MAX {
            self.running.clear();
        }
        self.running.insert(run, running);
    }

    pub(crate) fn forget(&mut self, run: &RunId) {
        self.running.remove(run);
    }
}
