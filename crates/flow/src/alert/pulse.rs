//! What the monitor counts of every run, without a queue: a few atomics a flow.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use sinew_stdx::Timestamp;
use sinew_store::RunId;

/// Runs of one flow whose time is watched.
const WATCHED_MAX: usize = 100_000;

/// The flows by name.
#[derive(Debug, Default)]
pub(crate) struct Pulses {
    flows: RwLock<HashMap<Arc<str>, Arc<Pulse>>>,
}

/// One flow.
#[derive(Debug)]
pub(crate) struct Pulse {
    accepted_ms: AtomicI64,
    ended: AtomicU64,
    failed: AtomicU64,
    /// Runs under way, of flows with a time budget, with the time they were accepted.
    under_way: Mutex<HashMap<RunId, Timestamp>>,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            accepted_ms: AtomicI64::new(i64::MIN),
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            under_way: Mutex::default(),
        }
    }
}

impl Pulses {
    pub(crate) fn of(&self, flow: &str) -> Arc<Pulse> {
        if let Some(pulse) = self.flows.read().get(flow) {
            return Arc::clone(pulse);
        }
        Arc::clone(self.flows.write().entry(flow.into()).or_default())
    }
}

impl Pulse {
    pub(crate) fn accepted(&self, at: Timestamp) {
        self.accepted_ms.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// When a run was last accepted, if one ever was.
    pub(crate) fn last_accepted(&self) -> Option<Timestamp> {
        let ms = self.accepted_ms.load(Ordering::Relaxed);
        (ms != i64::MIN).then(|| Timestamp::from_millis(ms))
    }

    pub(crate) fn ended(&self, failed: bool) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// Runs that ended and failed since this was last asked.
    pub(crate) fn take_ended(&self) -> (u64, u64) {
        // A run between the two counts as a failure without an end at most once; the window is far longer.
        let failed = self.failed.swap(0, Ordering::Relaxed);
        (self.ended.swap(0, Ordering::Relaxed).max(failed), failed)
    }

    pub(crate) fn watch(&self, run: RunId, accepted: Timestamp) {
        let mut under_way = self.under_way.lock();
        if under_way.len() < WATCHED_MAX {
            under_way.insert(run, accepted);
        }
    }

    /// A run has ended; whether it was still watched, and so not yet told to be late.
    pub(crate) fn leave(&self, run: RunId) -> bool {
        self.under_way.lock().remove(&run).is_some()
    }

    /// Runs accepted at or before an instant and still under way; each is given once.
    pub(crate) fn take_older(&self, than: Timestamp) -> Vec<(RunId, Timestamp)> {
        let mut under_way = self.under_way.lock();
        let older: Vec<_> =
            under_way.iter().filter(|(_, at)| **at <= than).map(|(run, at)| (*run, *at)).collect();
        for (run, _) in &older {
            under_way.remove(run);
        }
        older
    }
}
