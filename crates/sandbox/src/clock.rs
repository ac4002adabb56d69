use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sinew_stdx::Timestamp;

/// The sandbox's clock: real time, which control can move forward (never back).
///
/// It is monotonic even if the machine's clock jumps, so tokens and rate limits stay explicable.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    epoch_ms: i64,
    advanced_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            epoch_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX / 2),
            advanced_ms: AtomicI64::new(0),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX / 4);
        Timestamp::from_millis(self.epoch_ms + elapsed_ms + self.advanced_ms.load(Ordering::Relaxed))
    }

    /// Moves the clock forward, by at most a hundred years in all.
    pub(crate) fn advance(&self, ms: u32) {
        const CENTURY_MS: i64 = 100 * 366 * 86_400_000;
        let moved = self.advanced_ms.load(Ordering::Relaxed).saturating_add(i64::from(ms));
        self.advanced_ms.store(moved.min(CENTURY_MS), Ordering::Relaxed);
    }
}
