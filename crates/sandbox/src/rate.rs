use parking_lot::Mutex;
use sinew_stdx::Timestamp;

/// A token bucket over the sandbox's clock.
#[derive(Debug, Default)]
pub(crate) struct TokenBucket {
    state: Mutex<Option<Level>>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    at: Timestamp,
}

/// What the bucket said to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) granted: bool,
    /// Whole tokens left.
    pub(crate) remaining: u64,
    /// Seconds until the bucket is full again, rounded up.
    pub(crate) full_in_s: u64,
    /// Seconds until a token is there, rounded up.
    pub(crate) retry_in_s: u64,
}

impl TokenBucket {
    /// Takes a token if there is one. The bucket starts full.
    pub(crate) fn take(&self, now: Timestamp, rate_per_s: u32, burst: u32) -> Allowance {
        let (rate, burst) = (f64::from(rate_per_s.max(1)), f64::from(burst.max(1)));
        let mut state = self.state.lock();
        let before = state.unwrap_or(Level { tokens: burst, at: now });
        let mut tokens = (before.tokens + now.since(before.at).as_secs_f64() * rate).min(burst);
        let granted = tokens >= 1.0;
        if granted {
            tokens -= 1.0;
        }
        *state = Some(Level { tokens, at: now.max(before.at) });
        Allowance {
            granted,
            remaining: tokens as u64,
            full_in_s: ((burst - tokens) / rate).ceil() as u64,
            retry_in_s: (((1.0 - tokens).max(0.0) / rate).ceil() as u64).max(1),
        }
    }

    pub(crate) fn reset(&self) {
        *self.state.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_any_time_no_more_than_rate_and_burst_pass() {
        let bucket = TokenBucket::default();
        let granted = |ms: i64| {
            (0..5000).filter(|_| bucket.take(Timestamp::from_millis(ms), 1000, 100).granted).count()
        };
        assert_eq!((granted(0), granted(50), granted(1050)), (100, 50, 100));
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let bucket = TokenBucket::default();
        let at = Timestamp::from_millis(0);
        assert!(bucket.take(at, 1, 1).granted);
        let refused = Allowance { granted: false, remaining: 0, full_in_s: 1, retry_in_s: 1 };
        assert_eq!(bucket.take(at, 1, 1), refused);
    }
}
