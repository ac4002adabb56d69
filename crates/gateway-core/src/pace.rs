//! How often something may happen: GCRA, the generic cell rate algorithm (ITU-T I.371), with one number a meter.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A rate, and how much of it may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Nanoseconds from one to the next.
    every_ns: u64,
    /// How far ahead of time the last one of a burst comes.
    tolerance_ns: u64,
    burst: u32,
}

impl Pace {
    /// So many in so long, of which `burst` may come at once.
    pub fn new(count: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let per_ns = u64::try_from(per.as_nanos()).unwrap_or(u64::MAX);
        let every_ns = (per_ns / u64::from(count.get())).max(1);
        let tolerance_ns = every_ns.saturating_mul(u64::from(burst.get()) - 1);
        Self { every_ns, tolerance_ns, burst: burst.get() }
    }

    /// How many may come at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How long until all of a burst may come again, after it has.
    pub fn window(&self) -> Duration {
        Duration::from_nanos(self.tolerance_ns.saturating_add(self.every_ns))
    }
}

/// What has come of something: when the next one would come if all came evenly, in nanoseconds since the process began.
/// Shared by all who let it come; each of them is exact.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

/// Whether one more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It may.
    Open {
        /// How many more may come at once.
        left: u32,
        /// Until as many may come as at the beginning.
        whole_in: Duration,
    },
    /// It may not, until then.
    Held {
        /// When the next one may.
        next_in: Duration,
        /// Until as many may come as at the beginning.
        whole_in: Duration,
    },
}

impl Meter {
    /// Lets one come, if it may. `now_ns` is the time since the process began.
    pub fn take(&self, pace: &Pace, now_ns: u64) -> Passage {
        let mut even = self.0.load(Ordering::Relaxed);
        loop {
            let due = even.max(now_ns);
            let ahead = due - now_ns;
            if ahead > pace.tolerance_ns {
                let next_in = Duration::from_nanos(ahead - pace.tolerance_ns);
                return Passage::Held { next_in, whole_in: Duration::from_nanos(ahead) };
            }
            let next = due.saturating_add(pace.every_ns);
            match self.0.compare_exchange_weak(even, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    let left = (pace.tolerance_ns - ahead) / pace.every_ns;
                    let left = u32::try_from(left).unwrap_or(u32::MAX);
                    return Passage::Open { left, whole_in: Duration::from_nanos(next - now_ns) };
                }
                Err(now) => even = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// What comes of requests at these milliseconds: what is left, or in how many milliseconds the next may come.
    fn check(rate: (u32, u64), burst: u32, at_ms: &[u64]) -> Vec<Result<u32, u64>> {
        let of = |count| NonZeroU32::new(count).unwrap();
        let pace = Pace::new(of(rate.0), Duration::from_secs(rate.1), of(burst));
        let meter = Meter::default();
        let take = |at: &u64| match meter.take(&pace, SECOND + at * 1_000_000) {
            Passage::Open { left, .. } => Ok(left),
            Passage::Held { next_in, .. } => Err(next_in.as_millis() as u64),
        };
        at_ms.iter().map(take).collect()
    }

    #[test]
    fn a_burst_passes_and_then_what_the_rate_allows() {
        assert_eq!(check((10, 1), 3, &[0, 0, 0, 0, 99, 100]), [Ok(2), Ok(1), Ok(0), Err(100), Err(1), Ok(0)]);
    }

    #[test]
    fn what_was_not_used_comes_back_up_to_the_burst() {
        assert_eq!(check((10, 1), 2, &[0, 0, 5000, 5000, 5000]), [Ok(1), Ok(0), Ok(1), Ok(0), Err(100)]);
    }

    #[test]
    fn who_is_held_uses_nothing_up() {
        assert_eq!(check((1, 1), 1, &[0, 1, 2, 3, 1000]), [Ok(0), Err(999), Err(998), Err(997), Ok(0)]);
    }

    #[test]
    fn all_threads_together_get_what_the_rate_allows() {
        let (of, meter) = (|count| NonZeroU32::new(count).unwrap(), Meter::default());
        let pace = Pace::new(of(100), Duration::from_secs(1), of(100));
        let passed = std::thread::scope(|scope| {
            let take =
                || (0..1000).filter(|_| matches!(meter.take(&pace, SECOND), Passage::Open { .. })).count();
            let all: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 100);
    }
}
