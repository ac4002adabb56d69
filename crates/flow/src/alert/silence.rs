//! Whether a flow should have been triggered by now.

use std::time::Duration;

use sinew_model::{Flow, Trigger};
use sinew_stdx::{Timestamp, show_duration};

use crate::trigger::schedule::Timetable;

/// How late a schedule may be.
const LATE_MAX: Duration = Duration::from_mins(2);
/// After a start triggers have so long before their silence counts: while Sinew was down nobody could be heard.
const AFTER_START: Duration = Duration::from_mins(10);

/// Whether a flow can be silent for too long.
pub(crate) fn is_watched(flow: &Flow) -> bool {
    flow.silence.is_some() || matches!(flow.trigger, Trigger::Schedule(_))
}

/// Why a flow's silence is wrong; `None` if it is not. `since` is when this flow was first watched, in this life.
pub(crate) fn wrong(
    flow: &Flow,
    last_accepted: Option<Timestamp>,
    since: Timestamp,
    now: Timestamp,
) -> Option<String> {
    for_too_long(flow, last_accepted, since, now).or_else(|| not_fired(flow, last_accepted, since, now))
}

fn for_too_long(
    flow: &Flow,
    last_accepted: Option<Timestamp>,
    since: Timestamp,
    now: Timestamp,
) -> Option<String> {
    let silence = flow.silence?;
    if now.since(since) < silence.min(AFTER_START) || now.since(last_accepted.unwrap_or(since)) < silence {
        return None;
    }
    let last = last_accepted.map_or("never yet".to_owned(), |at| format!("last at {at}"));
    Some(format!("not triggered for {} ({last})", show_duration(silence)))
}

fn not_fired(
    flow: &Flow,
    last_accepted: Option<Timestamp>,
    since: Timestamp,
    now: Timestamp,
) -> Option<String> {
    let Trigger::Schedule(schedule) = &flow.trigger else { return None };
    let counted_from = last_accepted.map_or(since, |last| last.max(since));
    let due = Timetable::new(schedule).ok()?.next_after(counted_from)?;
    let late = now.since(due);
    (late > LATE_MAX).then(|| format!("the schedule `{}` should have fired at {due}", schedule.cron))
}
