//! How a system says that it is called too often, as its connector tells; what all systems have in common is in
//! [`told`].

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use sinew_mapping::Expression;
use sinew_model::{Clock, Left, LimitHabit, ToldLimit, ToldWait, WaitSource};
use sinew_stdx::{Json, Timestamp};

use crate::respond::{evaluate, holds};
use crate::told;

/// Whether an error says "too often". `spent` is how long a limit that the answer calls spent stays so.
pub(crate) fn too_often(
    habit: &LimitHabit,
    status: StatusCode,
    body: Option<&Json>,
    spent: Option<Duration>,
    now: Timestamp,
) -> bool {
    let says = |when: &Expression| body.is_some_and(|body| holds(when, body, now));
    status == StatusCode::TOO_MANY_REQUESTS
        || habit.statuses.contains(&status.as_u16())
        || habit.when.as_ref().is_some_and(says)
        // Some systems say it with 403.
        || (status == StatusCode::FORBIDDEN && spent.is_some())
}

/// How long the system asks to wait: by `Retry-After`, or as its connector tells.
pub(crate) fn asked(
    habit: &LimitHabit,
    headers: &HeaderMap,
    body: Option<&Json>,
    now: Timestamp,
) -> Option<Duration> {
    told::retry_after(headers, now).or_else(|| said(habit.wait.as_ref()?, headers, body, now))
}

fn said(wait: &ToldWait, headers: &HeaderMap, body: Option<&Json>, now: Timestamp) -> Option<Duration> {
    match &wait.source {
        WaitSource::Header(name) => until(wait.clock, text(headers, name)?, now),
        WaitSource::Body(expression) => {
            let found = evaluate(expression, body?, now)?;
            let text = found.to::<String>().unwrap_or_else(|_| found.as_str().to_owned());
            until(wait.clock, &text, now)
        }
    }
}

/// How long until a limit that is spent is filled again; `None` unless the system says that nothing is left.
pub(crate) fn spent_for(habit: &LimitHabit, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let of_its_own = habit.told.iter().filter_map(|limit| spent(limit, headers, now)).max();
    // Where it tells its own way, what looks like the common way means the same or something else.
    if habit.told.is_empty() { told::spent_for(headers, now) } else { of_its_own }
}

fn spent(limit: &ToldLimit, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let is_spent = match &limit.left {
        Left::Remaining(name) => number(text(headers, name)?)? < 1.0,
        Left::Used(used, of) => {
            let text_of_used = text(headers, used)?;
            let (used, of) = if let Some(of) = of {
                (number(text_of_used)?, number(text(headers, of)?)?)
            } else {
                let (used, of) = text_of_used.split_once('/')?;
                // Some put a name before it: `api-usage=18/5000`.
                (number(used.rsplit('=').next()?)?, number(of)?)
            };
            used >= of
        }
    };
    if !is_spent {
        return None;
    }
    let told = limit.reset.as_ref().and_then(|(name, clock)| until(*clock, text(headers, name)?, now));
    told.or(limit.window)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The number at the start of a text: `10`, and the first of `10, 10;w=1`.
fn number(text: &str) -> Option<f64> {
    text.split([',', ';']).next()?.trim().parse().ok()
}

/// How long from now until what a text says.
fn until(clock: Clock, text: &str, now: Timestamp) -> Option<Duration> {
    let at = match clock {
        Clock::Auto => return told::reset_in(text, now),
        Clock::Seconds => return told::seconds(text),
        Clock::Millis => return told::seconds(text).map(|span| span / 1000),
        Clock::Span => return span(text).map(|span| span.min(told::WAIT_MAX)),
        Clock::Epoch => Timestamp::from_millis((number(text)? * 1000.0) as i64),
        Clock::EpochMillis => Timestamp::from_millis(number(text)? as i64),
        Clock::HttpDate => told::date(text)?,
        Clock::Timestamp => Timestamp::from_millis(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()),
    };
    Some(at.since(now).min(told::WAIT_MAX))
}

/// A span with units, its numbers perhaps with fractions: `1m30.5s`, `120ms`.
fn span(text: &str) -> Option<Duration> {
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let count: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        seconds += count
            * match &rest[digits..unit_end] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T08:00:00Z
    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_point_in_time_is_read_as_the_connector_says() {
        for (clock, text, wait) in [
            (Clock::Auto, "1795248010", Some(10.0)),
            (Clock::Auto, "12", Some(12.0)),
            (Clock::Seconds, "12", Some(12.0)),
            (Clock::Seconds, "soon", None),
            (Clock::Millis, "1500", Some(1.5)),
            (Clock::Epoch, "1795248010", Some(10.0)),
            (Clock::Epoch, "1795247990", Some(0.0)),
            (Clock::EpochMillis, "1795248000500", Some(0.5)),
            (Clock::HttpDate, "Sat, 21 Nov 2026 08:00:30 GMT", Some(30.0)),
            (Clock::Timestamp, "2026-11-21T08:01:00Z", Some(60.0)),
            (Clock::Timestamp, "2026-11-21", None),
            (Clock::Span, "6m0s", Some(360.0)),
            (Clock::Span, "1m30.5s", Some(90.5)),
            (Clock::Span, "120ms", Some(0.12)),
            (Clock::Span, "99999d", Some(86_400.0)),
            (Clock::Span, "12", None),
            (Clock::Span, "", None),
        ] {
            assert_eq!(until(clock, text, NOW).map(|span| span.as_secs_f64()), wait, "{clock:?} {text}");
        }
    }

    #[test]
    fn a_limit_of_its_own_is_spent_when_nothing_is_left() {
        let limit = |left| ToldLimit { left, reset: Some(("x-reset".into(), Clock::Seconds)), window: None };
        let window = |left| ToldLimit { reset: None, window: Some(Duration::from_secs(7)), ..limit(left) };
        for (limit, told, wait) in [
            (limit(Left::Remaining("x-left".into())), &[("x-left", "0"), ("x-reset", "5")][..], Some(5)),
            (limit(Left::Remaining("x-left".into())), &[("x-left", "3"), ("x-reset", "5")], None),
            (window(Left::Remaining("x-left".into())), &[("x-left", "0")], Some(7)),
            (window(Left::Used("x-calls".into(), None)), &[("x-calls", "40/40")], Some(7)),
            (window(Left::Used("x-calls".into(), None)), &[("x-calls", "api-usage=39/40")], None),
            (window(Left::Used("x-calls".into(), None)), &[("x-calls", "many")], None),
            (window(Left::Used("x-u".into(), Some("x-of".into()))), &[("x-u", "9"), ("x-of", "9")], Some(7)),
            (window(Left::Used("x-u".into(), Some("x-of".into()))), &[("x-u", "8"), ("x-of", "9")], None),
        ] {
            let habit = LimitHabit { told: vec![limit], ..LimitHabit::default() };
            assert_eq!(spent_for(&habit, &headers(told), NOW), wait.map(Duration::from_secs), "{told:?}");
        }
    }
}
