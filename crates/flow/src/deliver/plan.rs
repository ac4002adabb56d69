//! What follows from an attempt. Knows no clock and no chance: both come in.

use std::time::Duration;

use sinew_stdx::{Random, Timestamp};
use sinew_store::Then;

/// Waits between the attempts at a delivery; the last holds on. About 20 attempts in three days.
const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(6),
];
/// Failures in a row after which an endpoint is taken to be down: from then on one delivery tries for all.
pub(super) const DOWN_AFTER: u32 = 4;
/// Failures in a row after which people are told.
pub(super) const TOLD_AFTER: u32 = 8;
/// How long an endpoint that is down is left alone at most.
const PAUSE_MAX: Duration = Duration::from_mins(15);
/// What a `Retry-After` may ask for at most.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// What an attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Taken,
    /// 410: it wants nothing any more.
    Gone,
    /// Anything else, and when it may be tried again if that was said.
    Failed(Option<Duration>),
}

impl Outcome {
    pub(super) fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::Failed(retry_after.map(|span| span.min(RETRY_AFTER_MAX))),
        }
    }
}

/// What becomes of a delivery after its attempt number `attempts` (the first is 0).
pub(super) fn then(
    outcome: Outcome,
    attempts: u32,
    since: Timestamp,
    now: Timestamp,
    retry_for: Duration,
    random: &mut Random,
) -> Then {
    let asked = match outcome {
        Outcome::Taken => return Then::Delivered,
        Outcome::Gone => None,
        Outcome::Failed(asked) => asked,
    };
    if now.since(since) >= retry_for {
        return Then::GivenUp;
    }
    let step = WAITS[(attempts as usize).min(WAITS.len() - 1)];
    let wait = step.mul_f64(0.8 + 0.4 * random.fraction());
    Then::Again(now.plus(wait.max(asked.unwrap_or_default())))
}

/// How long an endpoint that failed so often in a row is left alone.
pub(super) fn pause(failures: u32, asked: Option<Duration>, random: &mut Random) -> Duration {
    let asked = asked.unwrap_or_default();
    let Some(beyond) = failures.checked_sub(DOWN_AFTER) else { return asked };
    let step = Duration::from_secs(5).saturating_mul(2_u32.saturating_pow(beyond.min(20))).min(PAUSE_MAX);
    step.mul_f64(0.8 + 0.4 * random.fraction()).max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_790_000_000_000);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn an_answer_decides_what_follows() {
        for (status, expected) in [
            (200, Outcome::Taken),
            (204, Outcome::Taken),
            (302, Outcome::Failed(None)),
            (400, Outcome::Failed(None)),
            (410, Outcome::Gone),
            (429, Outcome::Failed(None)),
            (500, Outcome::Failed(None)),
        ] {
            assert_eq!(Outcome::of(status, None), expected, "{status}");
        }
        let asked = Some(Duration::from_hours(1000));
        assert_eq!(Outcome::of(503, asked), Outcome::Failed(Some(RETRY_AFTER_MAX)));
    }

    #[test]
    fn a_delivery_is_tried_for_days_and_then_given_up() {
        let mut random = Random::seeded(1);
        let (mut now, mut attempts) = (T0, 0);
        while let Then::Again(at) = then(Outcome::Failed(None), attempts, T0, now, 3 * DAY, &mut random) {
            assert!(at > now);
            (now, attempts) = (at, attempts + 1);
        }
        assert!((15..30).contains(&attempts), "{attempts}");
        assert!(now.since(T0) >= 3 * DAY && now.since(T0) < 4 * DAY);
        let asked = Outcome::Failed(Some(Duration::from_hours(5)));
        let Then::Again(at) = then(asked, 0, T0, T0, DAY, &mut random) else { panic!() };
        assert!(at.since(T0) >= Duration::from_hours(5), "as long as was asked for");
    }

    #[test]
    fn an_endpoint_that_is_down_is_left_alone_for_longer_and_longer() {
        let mut random = Random::seeded(1);
        assert_eq!(pause(DOWN_AFTER - 1, None, &mut random), Duration::ZERO);
        let pauses: Vec<Duration> = (DOWN_AFTER..40).map(|n| pause(n, None, &mut random)).collect();
        assert!(pauses[0] >= Duration::from_secs(4) && pauses[0] <= Duration::from_secs(6));
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_MAX.mul_f64(1.2)));
        assert!(pauses.last().unwrap() >= &PAUSE_MAX.mul_f64(0.8));
        assert!(pause(0, Some(DAY), &mut random) >= DAY);
    }
}
