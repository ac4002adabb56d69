use std::time::Duration;

use crate::Random;

/// Exponential backoff with full jitter: attempt `n` waits a random time in `0..=min(max, base * 2^n)`.
///
/// Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub base: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait before retry number `retry` (0 is the first retry).
    pub fn wait(self, retry: u32, random: &mut Random) -> Duration {
        let ceiling = self.base.saturating_mul(2_u32.saturating_pow(retry.min(31))).min(self.max);
        ceiling.mul_f64(random.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_maximum_and_never_pass_it() {
        let backoff = Backoff { base: Duration::from_millis(100), max: Duration::from_secs(2) };
        let mut random = Random::seeded(3);
        for retry in 0..100 {
            let ceiling = Duration::from_millis(100 << retry.min(5)).min(backoff.max);
            assert!(backoff.wait(retry, &mut random) <= ceiling);
        }
    }
}
