//! Whether more of a flow's runs fail than usual.

use std::collections::VecDeque;
use std::time::Duration;

use sinew_stdx::Timestamp;

/// The window that is looked at, in slices.
const SLICE: Duration = Duration::from_secs(30);
const SLICES: usize = 10;
/// Runs and failures that there must be in it to say anything.
const ENDED_MIN: u64 = 20;
const FAILED_MIN: u64 = 5;
/// A share of failures below this is never a spike, and one that is back below half of what it takes is over.
const SHARE_MIN: f64 = 0.2;
/// How many times its usual share a flow has to reach.
const TIMES_USUAL: f64 = 3.0;
/// How much a slice that leaves the window moves what is usual.
const WEIGHT: f64 = 0.05;

/// The failures of one flow.
#[derive(Debug, Default)]
pub(crate) struct FailureRate {
    slices: VecDeque<Slice>,
    /// The usual share of failures; unknown before the first slice has left the window.
    usual: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    begins: Timestamp,
    ended: u64,
    failed: u64,
}

/// How a flow fares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// As usual.
    Normal,
    /// Neither as usual nor a spike.
    Between,
    /// Far more failures than usual.
    Spike {
        /// Runs that ended in the window.
        ended: u64,
        /// Those that failed.
        failed: u64,
        /// The usual share of failures.
        usual: f64,
    },
}

impl FailureRate {
    /// Adds runs that ended since the last time, and judges. While an alert is open what is usual stays as it was.
    pub(crate) fn judge(&mut self, ended: u64, failed: u64, now: Timestamp, alerted: bool) -> Verdict {
        self.slide(now, alerted);
        if ended > 0 {
            match self.slices.back_mut() {
                Some(slice) if now.since(slice.begins) < SLICE => {
                    slice.ended += ended;
                    slice.failed += failed;
                }
                _ => self.slices.push_back(Slice { begins: now, ended, failed }),
            }
        }
        let ended: u64 = self.slices.iter().map(|slice| slice.ended).sum();
        let failed: u64 = self.slices.iter().map(|slice| slice.failed).sum();
        let usual = self.usual.unwrap_or(0.0);
        let spike_at = (usual * TIMES_USUAL).clamp(SHARE_MIN, 0.95);
        let share = if ended == 0 { 0.0 } else { failed as f64 / ended as f64 };
        match share {
            share if share >= spike_at && ended >= ENDED_MIN && failed >= FAILED_MIN => {
                Verdict::Spike { ended, failed, usual }
            }
            share if share < spike_at / 2.0 => Verdict::Normal,
            _ => Verdict::Between,
        }
    }

    fn slide(&mut self, now: Timestamp, alerted: bool) {
        let window = SLICE * SLICES as u32;
        // A slice that begins later than now comes from a clock that was set back; its time is not known any more.
        while let Some(first) = self.slices.front()
            && (now.since(first.begins) >= window || first.begins > now)
        {
            let share = first.failed as f64 / first.ended as f64;
            if !alerted {
                self.usual = Some(self.usual.map_or(share, |usual| usual + WEIGHT * (share - usual)));
            }
            self.slices.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds (seconds, ended, failed) one slice after another and gives the last verdict.
    fn check(rate: &mut FailureRate, from_s: i64, slices: &[(u64, u64)], alerted: bool) -> Verdict {
        let mut verdict = Verdict::Normal;
        for (i, (ended, failed)) in slices.iter().enumerate() {
            let at = Timestamp::from_millis((from_s + 30 * i as i64) * 1000);
            verdict = rate.judge(*ended, *failed, at, alerted);
        }
        verdict
    }

    #[test]
    fn many_failures_at_once_are_a_spike() {
        let mut rate = FailureRate::default();
        assert_eq!(check(&mut rate, 0, &[(100, 0); 5], false), Verdict::Normal);
        assert_eq!(
            check(&mut rate, 150, &[(500, 450)], false),
            Verdict::Spike { ended: 1000, failed: 450, usual: 0.0 }
        );
    }

    #[test]
    fn few_runs_say_nothing() {
        assert_eq!(check(&mut FailureRate::default(), 0, &[(19, 19)], false), Verdict::Between);
        assert_eq!(check(&mut FailureRate::default(), 0, &[(40, 4)], false), Verdict::Between);
    }

    #[test]
    fn a_flow_that_often_fails_has_its_own_measure() {
        let mut rate = FailureRate::default();
        check(&mut rate, 0, &[(100, 25); 40], true);
        let mut usual = FailureRate { usual: Some(0.25), ..FailureRate::default() };
        assert!(!matches!(check(&mut usual, 0, &[(100, 30); 10], false), Verdict::Spike { .. }));
        assert!(matches!(check(&mut usual, 300, &[(100, 90); 10], false), Verdict::Spike { .. }));
    }

    #[test]
    fn while_an_alert_is_open_failures_do_not_become_usual() {
        let mut rate = FailureRate { usual: Some(0.0), ..FailureRate::default() };
        assert!(matches!(check(&mut rate, 0, &[(100, 50); 100], true), Verdict::Spike { .. }));
    }

    #[test]
    fn a_spike_is_over_when_runs_succeed_again_or_none_come() {
        let mut rate = FailureRate { usual: Some(0.0), ..FailureRate::default() };
        check(&mut rate, 0, &[(100, 100); 3], false);
        assert_eq!(check(&mut rate, 90, &[(100, 0); 11], true), Verdict::Normal);
        check(&mut rate, 1000, &[(100, 100); 3], false);
        assert_eq!(check(&mut rate, 5000, &[(0, 0)], true), Verdict::Normal);
    }
}
