use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use sinew_stdx::{Timestamp, show_duration};

/// The longest wait that a system is believed to mean.
pub(crate) const WAIT_MAX: Duration = Duration::from_hours(24);

/// Headers that say how many calls are left, each with its partner that says when there are more.
const LEFT_AND_RESET: [(HeaderName, HeaderName); 3] = [
    (HeaderName::from_static("ratelimit-remaining"), HeaderName::from_static("ratelimit-reset")),
    (HeaderName::from_static("x-ratelimit-remaining"), HeaderName::from_static("x-ratelimit-reset")),
    (HeaderName::from_static("x-rate-limit-remaining"), HeaderName::from_static("x-rate-limit-reset")),
];
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// How long a system asks us to wait by `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = seconds(text) {
        return Some(seconds);
    }
    Some(date(text)?.since(now).min(WAIT_MAX))
}

/// A clock that differs by less is as good as ours: most signatures allow as much.
const CLOCK_GAP_MIN: Duration = Duration::from_secs(30);

/// How far a system's clock is from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockGap {
    gap: Duration,
    ours_is_ahead: bool,
}

impl fmt::Display for ClockGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = show_duration(Duration::from_secs(self.gap.as_secs()));
        let direction = if self.ours_is_ahead { "ahead of" } else { "behind" };
        write!(f, "this machine's clock is {gap} {direction} the system's (by its `Date`): check both")
    }
}

/// How far a system's clock is from ours by its `Date`, if that is far enough to be refused for it.
pub(crate) fn clock_gap(headers: &HeaderMap, now: Timestamp) -> Option<ClockGap> {
    let theirs = date(headers.get(http::header::DATE)?.to_str().ok()?.trim())?;
    let ours_is_ahead = now > theirs;
    let gap = if ours_is_ahead { now.since(theirs) } else { theirs.since(now) };
    (gap >= CLOCK_GAP_MIN).then_some(ClockGap { gap, ours_is_ahead })
}

/// A date as HTTP writes it (RFC 9110, section 5.6.7).
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).ok()?))
}

/// How long until a limit that is spent is filled again; `None` unless the system says that nothing is left.
///
/// Reads `RateLimit` (draft-ietf-httpapi-ratelimit-headers, in its current form `"p";r=0;t=5` and its older one
/// `limit=10, remaining=0, reset=5`) and the `X-RateLimit-*` family, whose reset is in seconds or a Unix time.
pub(crate) fn spent_for(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(text) = headers.get(&RATELIMIT).and_then(|value| value.to_str().ok()) {
        // One policy of several is enough to be refused: the longest wait among the spent ones counts.
        let spent = text.split(',').filter_map(spent_policy);
        return spent.chain(spent_policy(text)).max();
    }
    for (left, reset) in &LEFT_AND_RESET {
        let Some(left) = headers.get(left) else { continue };
        if left.to_str().ok()?.trim().parse::<f64>().ok()? >= 1.0 {
            return None;
        }
        return reset_in(headers.get(reset)?.to_str().ok()?.trim(), now);
    }
    None
}

fn spent_policy(text: &str) -> Option<Duration> {
    let (mut left, mut reset) = (None, None);
    for part in text.split([';', ',']) {
        match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("r" | "remaining", value)) => left = value.parse::<f64>().ok(),
            Some(("t" | "reset", value)) => reset = seconds(value),
            _ => {}
        }
    }
    reset.filter(|_| left.is_some_and(|left| left < 1.0))
}

/// A reset in seconds from now, or as a Unix time in seconds or milliseconds: no wait lasts thirty years.
pub(crate) fn reset_in(text: &str, now: Timestamp) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    let at = if number > 1e12 {
        Timestamp::from_millis(number as i64)
    } else if number > 1e9 {
        Timestamp::from_millis((number * 1000.0) as i64)
    } else {
        return seconds(text);
    };
    Some(at.since(now).min(WAIT_MAX))
}

/// So many seconds from now.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(WAIT_MAX.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T08:00:00Z
    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn check(
        read: fn(&HeaderMap, Timestamp) -> Option<Duration>,
        headers: &[(&'static str, &str)],
    ) -> Option<f64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        read(&map, NOW).map(|span| span.as_secs_f64())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(NOW.to_string(), "2026-11-21T08:00:00.000Z");
        for (text, wait) in [
            ("2", Some(2.0)),
            ("0.5", Some(0.5)),
            ("Sat, 21 Nov 2026 08:00:30 GMT", Some(30.0)),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some(0.0)),
            ("99999999999", Some(86_400.0)),
            ("-1", None),
            ("soon", None),
            ("NaN", None),
        ] {
            assert_eq!(check(retry_after, &[("retry-after", text)]), wait, "{text}");
        }
        assert_eq!(check(retry_after, &[]), None);
    }

    #[test]
    fn a_clock_that_is_far_from_ours_is_told() {
        let told = |date: &'static str| {
            let headers = HeaderMap::from_iter([(http::header::DATE, http::HeaderValue::from_static(date))]);
            clock_gap(&headers, NOW).map(|gap| gap.to_string())
        };
        let ahead = told("Sat, 21 Nov 2026 07:52:30 GMT").unwrap();
        assert!(ahead.starts_with("this machine's clock is 7m30s ahead of the system's"), "{ahead}");
        assert!(told("Sat, 21 Nov 2026 09:00:00 GMT").unwrap().contains("1h behind"));
        assert_eq!(told("Sat, 21 Nov 2026 08:00:20 GMT"), None);
        assert_eq!(told("yesterday"), None);
    }

    #[test]
    fn a_spent_limit_is_read_in_every_dialect() {
        for (headers, wait) in [
            (&[("ratelimit", "\"default\";r=0;t=5")][..], Some(5.0)),
            (&[("ratelimit", "\"default\";r=7;t=5")], None),
            (&[("ratelimit", "\"a\";r=9;t=1, \"b\";r=0;t=30")], Some(30.0)),
            (&[("ratelimit", "limit=100, remaining=0, reset=12")], Some(12.0)),
            (&[("ratelimit", "limit=100, remaining=3, reset=12")], None),
            (&[("ratelimit-remaining", "0"), ("ratelimit-reset", "8")], Some(8.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795248010")], Some(10.0)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795248010000")], Some(10.0)),
            (&[("x-ratelimit-remaining", "4"), ("x-ratelimit-reset", "1795248010")], None),
            (&[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "3")], Some(3.0)),
            (&[("x-ratelimit-remaining", "0")], None),
            (&[], None),
        ] {
            assert_eq!(check(spent_for, headers), wait, "{headers:?}");
        }
    }
}
