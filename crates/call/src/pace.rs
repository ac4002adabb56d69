use std::collections::VecDeque;
use std::time::Duration;

use sinew_stdx::Rate;
use tokio::time::Instant;

/// Below this distance between calls a budget is spread evenly: nobody notices the wait, and no burst meets a vendor's
/// bucket. Above it a whole budget may be spent at once, as its author expects of `100/10s`.
const SPREAD_BELOW: Duration = Duration::from_millis(10);
/// The share of a spread budget that may be spent at once, and is kept back from the steady rate in turn, so that no
/// window of the vendor's, wherever it begins, sees more than the budget.
const BURST_SHARE: f64 = 0.025;
/// How much longer than the vendor's our window is, for calls that overtake each other on the way.
const WINDOW_MARGIN: f64 = 1.02;
/// The most instants that are remembered; larger budgets are spread.
const WINDOW_GRANTS_MAX: u32 = 10_000;

/// When the next call may be made so that a budget holds in every window of its length.
#[derive(Debug)]
pub(crate) enum Pacer {
    /// A generic cell rate algorithm (ITU-T I.371): one call per `interval`, early by at most `tolerance`.
    Spread { interval: Duration, tolerance: Duration, due: Option<Instant> },
    /// The instants of the last `count` calls.
    Window { count: usize, per: Duration, grants: VecDeque<Instant> },
}

impl Pacer {
    pub(crate) fn new(rate: Rate) -> Self {
        let count = rate.count.max(1);
        let per = rate.per.max(Duration::from_millis(1));
        if per / count >= SPREAD_BELOW && count <= WINDOW_GRANTS_MAX {
            let per = per.mul_f64(WINDOW_MARGIN);
            return Self::Window { count: count as usize, per, grants: VecDeque::new() };
        }
        // A tiny budget in a tiny time (2/10ms) is the same as a larger one in a longer time.
        let scale = 40_u32.div_ceil(count);
        let (count, per) = (f64::from(count * scale), per * scale);
        let burst = (count * BURST_SHARE).floor().max(1.0);
        let interval = per.div_f64(count - burst);
        Self::Spread { interval, tolerance: interval.mul_f64(burst - 1.0), due: None }
    }

    /// The first instant at which a call may be made.
    pub(crate) fn next(&self) -> Option<Instant> {
        match self {
            Self::Spread { tolerance, due, .. } => due.and_then(|due| due.checked_sub(*tolerance)),
            Self::Window { count, per, grants } if grants.len() >= *count => {
                grants.front().map(|first| *first + *per)
            }
            Self::Window { .. } => None,
        }
    }

    /// Takes note of a call that is made now.
    pub(crate) fn take(&mut self, now: Instant) {
        match self {
            Self::Spread { interval, due, .. } => {
                *due = Some(due.map_or(now, |due| due.max(now)) + *interval);
            }
            Self::Window { count, grants, .. } => {
                if grants.len() >= *count {
                    grants.pop_front();
                }
                grants.push_back(now);
            }
        }
    }

    /// The mean time between calls.
    pub(crate) fn interval(&self) -> Duration {
        match self {
            Self::Spread { interval, .. } => *interval,
            Self::Window { count, per, .. } => *per / u32::try_from(*count).unwrap_or(u32::MAX).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes calls as fast as the pacer lets for so long; gives their instants, counted from the start.
    fn instants(rate: &str, during: Duration) -> Vec<Duration> {
        let mut pacer = Pacer::new(rate.parse().unwrap());
        let start = Instant::now();
        let (mut now, mut calls) = (start, Vec::new());
        while now < start + during {
            if let Some(next) = pacer.next().filter(|next| *next > now) {
                now = next;
                continue;
            }
            pacer.take(now);
            calls.push(now - start);
        }
        calls
    }

    #[test]
    fn no_window_sees_more_than_the_budget_and_most_of_it_is_used() {
        for (rate, count, per) in [
            ("1000/s", 1000, Duration::from_secs(1)),
            ("200/s", 200, Duration::from_secs(1)),
            ("100/10s", 100, Duration::from_secs(10)),
            ("5/m", 5, Duration::from_mins(1)),
            ("100000/1d", 100_000, Duration::from_hours(24)),
        ] {
            let calls = instants(rate, per * 4);
            let mut from = 0;
            for (i, last) in calls.iter().enumerate() {
                while calls[from] + per <= *last {
                    from += 1;
                }
                assert!(i - from < count, "{rate}: {} calls in a window", i - from + 1);
            }
            let used = calls.len() as f64 / (4 * count) as f64;
            assert!(used >= 0.95, "{rate}: only {used} of the budget is used");
        }
    }

    #[test]
    fn a_high_rate_is_spread_and_a_low_one_may_come_at_once() {
        let at_once = |rate| instants(rate, Duration::from_secs(1)).iter().filter(|at| at.is_zero()).count();
        assert_eq!(at_once("1000/s"), 25);
        assert_eq!(at_once("100/10s"), 100);
        assert_eq!(at_once("2/10ms"), 1);
    }
}
