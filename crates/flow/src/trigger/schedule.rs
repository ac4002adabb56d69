//! When a clock fires: cron patterns in time zones, and what was missed. All of it is told the time.
//!
//! A pattern with a free hour (`*` or `*/2`) counts real time: on the night when clocks go back it fires in both of the
//! repeated hours. A pattern that names its hours means the wall clock: a time that is skipped fires once, at the first
//! instant after the gap, and one that is repeated fires once, the first time.

use std::collections::VecDeque;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde::{Deserialize, Serialize};
use sinew_model::{Missed, Schedule};
use sinew_stdx::{Json, Timestamp};

/// Fires that are looked at after a pause; what was missed before them is not known.
const FIRES_MAX: usize = 1000;
/// A fire that is this late is not missed yet.
const GRACE: Duration = Duration::from_secs(30);
/// How far ahead of the clock a schedule may stand. A clock that is corrected goes back by less.
const AHEAD_MAX: Duration = Duration::from_hours(24);
/// Wall clock times tried for one fire; more than fall into the longest night of a change of clocks.
const TRIES_MAX: u32 = 100_000;
/// The first stretch that is looked back on; it grows until it has enough fires.
const LOOK_BACK: Duration = Duration::from_mins(10);

/// A schedule made ready.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    cron: Cron,
    zone: TimeZone,
    /// Whether the hour is free.
    by_real_time: bool,
    missed: Missed,
    /// What the schedule says, by which it is known whether it was changed.
    text: String,
}

/// How far a schedule has come; what its cursor in the store says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// All fires up to here are done with.
    pub(crate) through_ms: i64,
    /// The fire after that.
    pub(crate) next_ms: Option<i64>,
    /// The pattern and time zone that it was for.
    pub(crate) schedule: String,
}

/// A fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fire {
    /// When it was due.
    pub(crate) scheduled_at: Timestamp,
    /// How many missed fires it stands for.
    pub(crate) missed: u64,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Fires that are due, oldest first.
    pub(crate) fires: Vec<Fire>,
    /// Missed fires that are left out.
    pub(crate) skipped: u64,
    /// All fires up to here are done with then.
    pub(crate) through: Timestamp,
    /// When the next fire is due; never, if the pattern fits no more date.
    pub(crate) next: Option<Timestamp>,
}

impl Timetable {
    /// Makes a schedule ready.
    pub(crate) fn new(schedule: &Schedule) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(&schedule.cron).map_err(|error| error.to_string())?;
        let zones = jiff::tz::TimeZoneDatabase::bundled();
        let zone = zones.get(&schedule.timezone).map_err(|error| error.to_string())?;
        let fields: Vec<&str> = schedule.cron.split_whitespace().collect();
        let hour = fields.len().checked_sub(4).and_then(|at| fields.get(at)).copied().unwrap_or_default();
        Ok(Self {
            cron,
            zone,
            by_real_time: hour.starts_with('*'),
            missed: schedule.missed,
            text: format!("{} {}", schedule.cron, schedule.timezone),
        })
    }

    /// The first fire after an instant.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = jiff::Timestamp::from_millisecond(after.as_millis()).ok()?;
        let next = if self.by_real_time { self.next_instant(after) } else { self.next_on_the_wall(after) };
        next.map(|next| Timestamp::from_millis(next.as_millisecond()))
    }

    /// By real time: from one change of clocks to the next, the wall clock runs evenly.
    fn next_instant(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let (mut from, mut inclusive) = (after, false);
        for _ in 0..TRIES_MAX {
            let offset = self.zone.to_offset(from);
            let change = self.zone.following(from).next().map(|change| change.timestamp());
            let wall = self.cron.find_next_occurrence(&offset.to_datetime(from), inclusive).ok()?;
            let instant = offset.to_timestamp(wall).ok()?;
            match change {
                Some(change) if instant >= change => (from, inclusive) = (change, true),
                _ => return Some(instant),
            }
        }
        None
    }

    /// By the wall clock.
    fn next_on_the_wall(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut wall = self.zone.to_datetime(after);
        for _ in 0..TRIES_MAX {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let instant = self.instant(wall)?;
            if instant > after {
                return Some(instant);
            }
        }
        None
    }

    /// When a wall clock shows a time first, or passes it by.
    fn instant(&self, wall: DateTime) -> Option<jiff::Timestamp> {
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                // Read by the later offset, the skipped time lies before the change, which is the end of the gap.
                let before_change = after.to_timestamp(wall).ok()?;
                self.zone.following(before_change).next().map(|change| change.timestamp())
            }
        }
    }

    /// The latest fires after one instant and up to another, oldest first, and how many there are at least.
    fn fires_between(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let mut back = LOOK_BACK;
        loop {
            let from = until.minus(back).max(after);
            let mut latest = VecDeque::new();
            let mut at = from;
            while let Some(next) = self.next_after(at).filter(|next| *next <= until) {
                if latest.len() == FIRES_MAX {
                    latest.pop_front();
                }
                latest.push_back(next);
                at = next;
            }
            if latest.len() == FIRES_MAX || from == after {
                return latest.into();
            }
            back = back.saturating_mul(4);
        }
    }

    /// Where the schedule stands when it was never followed before, or was another.
    pub(crate) fn standing(&self, through: Timestamp) -> Standing {
        let next_ms = self.next_after(through).map(Timestamp::as_millis);
        Standing { through_ms: through.as_millis(), next_ms, schedule: self.text.clone() }
    }

    /// What a cursor of the store says, if it is of this schedule.
    pub(crate) fn read_standing(&self, cursor: &str) -> Option<Standing> {
        let standing: Standing = serde_json::from_str(cursor).ok()?;
        (standing.schedule == self.text).then_some(standing)
    }
}

/// Whether a schedule stands so far ahead of the clock that the clock must have been wrong when it came there. To wait
/// until the time is reached could take years; what fired meanwhile is still recognised by its dedupe key.
pub(crate) fn is_lost(through: Timestamp, now: Timestamp) -> bool {
    through.since(now) > AHEAD_MAX
}

/// What is to be done now. A clock that went back fires nothing again: fires are counted from where the schedule stands.
pub(crate) fn plan(through: Timestamp, now: Timestamp, timetable: &Timetable) -> Plan {
    if now <= through {
        return Plan { fires: Vec::new(), skipped: 0, through, next: timetable.next_after(through) };
    }
    let due = timetable.fires_between(through, now);
    let on_time = due.iter().position(|fire| now.since(*fire) <= GRACE).unwrap_or(due.len());
    let (missed, prompt) = due.split_at(on_time);
    let mut skipped = 0;
    let mut fires: Vec<Fire> = match (timetable.missed, missed.last()) {
        (_, None) => Vec::new(),
        (Missed::Skip, _) => {
            skipped = missed.len() as u64;
            Vec::new()
        }
        (Missed::Once, Some(last)) => vec![Fire { scheduled_at: *last, missed: missed.len() as u64 }],
        (Missed::All, _) => missed.iter().map(|fire| Fire { scheduled_at: *fire, missed: 1 }).collect(),
    };
    fires.extend(prompt.iter().map(|fire| Fire { scheduled_at: *fire, missed: 0 }));
    let through = due.last().copied().unwrap_or(through);
    Plan { fires, skipped, through, next: timetable.next_after(through) }
}

/// What a run is given: when it should have been, when it is, and for how many missed fires it stands.
pub(crate) fn payload(fire: &Fire, fired_at: Timestamp) -> Json {
    let (scheduled_at, fired_at) =
        (Json::of(&fire.scheduled_at.to_string()), Json::of(&fired_at.to_string()));
    Json::object([
        ("scheduled_at", &scheduled_at),
        ("fired_at", &fired_at),
        ("missed", &Json::of(&fire.missed)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(cron: &str, zone: &str, missed: Missed) -> Timetable {
        Timetable::new(&Schedule { cron: cron.into(), timezone: zone.into(), missed }).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let text = if text.ends_with('Z') { text.to_owned() } else { format!("{text}Z") };
        Timestamp::from_millis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// The fires after one instant and up to another, in UTC.
    fn check(cron: &str, zone: &str, after: &str, until: &str) -> Vec<String> {
        let timetable = timetable(cron, zone, Missed::All);
        let (mut from, until) = (at(after), at(until));
        let mut fires = Vec::new();
        while let Some(next) = timetable.next_after(from).filter(|next| *next <= until) {
            fires.push(next.to_string()[5..16].to_owned());
            from = next;
        }
        fires
    }

    fn planned(
        cron: &str,
        missed: Missed,
        through: &str,
        now: &str,
    ) -> (Vec<(String, u64)>, u64, Option<String>) {
        let plan = plan(at(through), at(now), &timetable(cron, "UTC", missed));
        let fires =
            plan.fires.iter().map(|f| (f.scheduled_at.to_string()[11..19].to_owned(), f.missed)).collect();
        (fires, plan.skipped, plan.next.map(|next| next.to_string()[11..19].to_owned()))
    }

    #[test]
    fn a_pattern_fires_by_the_wall_clock_of_its_time_zone() {
        let fires = check("0 6 * * 1-5", "Europe/Berlin", "2026-01-02T00:00:00", "2026-01-06T00:00:00");
        assert_eq!(fires, ["01-02T05:00", "01-05T05:00"]);
        let fires = check("*/20 30 4 * * *", "UTC", "2026-01-02T04:29:59", "2026-01-02T05:00:00");
        assert_eq!(fires.len(), 3, "six fields have seconds first");
    }

    #[test]
    fn a_skipped_time_fires_once_when_the_gap_ends() {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        let night = ("2026-03-28T12:00:00", "2026-03-29T12:00:00");
        assert_eq!(check("30 2 * * *", "Europe/Berlin", night.0, night.1), ["03-29T01:00"]);
        assert_eq!(check("15,45 2 * * *", "Europe/Berlin", night.0, night.1), ["03-29T01:00"]);
        assert_eq!(check("0 2,3 * * *", "Europe/Berlin", night.0, night.1), ["03-29T01:00"]);
        assert_eq!(check("30 3 * * *", "Europe/Berlin", night.0, night.1), ["03-29T01:30"]);
    }

    #[test]
    fn a_repeated_time_fires_once_the_first_time() {
        // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
        let night = ("2026-10-24T12:00:00", "2026-10-25T12:00:00");
        assert_eq!(check("30 2 * * *", "Europe/Berlin", night.0, night.1), ["10-25T00:30"]);
        assert_eq!(check("0 2,3 * * *", "Europe/Berlin", night.0, night.1), ["10-25T00:00", "10-25T02:00"]);
        assert_eq!(
            check("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:40:00", night.1),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_free_hour_counts_real_time_when_clocks_change() {
        let spring = check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00", "2026-03-29T02:00:00");
        assert_eq!(spring, ["03-29T00:30", "03-29T01:00", "03-29T01:30", "03-29T02:00"]);
        let autumn = check("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00", "2026-10-25T02:00:00");
        assert_eq!(autumn, ["10-25T00:30", "10-25T01:00", "10-25T01:30", "10-25T02:00"]);
        let half_hour_zone =
            check("0 * * * *", "Australia/Lord_Howe", "2026-04-04T13:30:00", "2026-04-04T17:00:00");
        assert_eq!(half_hour_zone, ["04-04T14:00", "04-04T15:30", "04-04T16:30"]);
    }

    #[test]
    fn a_pattern_that_fits_no_date_never_fires() {
        assert_eq!(timetable("0 0 30 2 *", "UTC", Missed::All).next_after(at("2026-01-01T00:00:00")), None);
    }

    #[test]
    fn what_is_due_fires_once_and_the_next_follows() {
        let (fires, skipped, next) =
            planned("*/5 * * * *", Missed::Skip, "2026-01-01T10:00:00", "2026-01-01T10:05:01");
        assert_eq!((fires, skipped), (vec![("10:05:00".to_owned(), 0)], 0));
        assert_eq!(next.as_deref(), Some("10:10:00"));
        assert!(
            planned("*/5 * * * *", Missed::All, "2026-01-01T10:05:00", "2026-01-01T10:05:01").0.is_empty()
        );
    }

    #[test]
    fn missed_fires_are_skipped_made_good_once_or_all() {
        let through = "2026-01-01T10:00:00";
        let now = "2026-01-01T10:21:00";
        assert_eq!(planned("*/5 * * * *", Missed::Skip, through, now).1, 4);
        assert!(planned("*/5 * * * *", Missed::Skip, through, now).0.is_empty());
        assert_eq!(planned("*/5 * * * *", Missed::Once, through, now).0, [("10:20:00".to_owned(), 4)]);
        let all: Vec<String> =
            planned("*/5 * * * *", Missed::All, through, now).0.into_iter().map(|f| f.0).collect();
        assert_eq!(all, ["10:05:00", "10:10:00", "10:15:00", "10:20:00"]);
    }

    #[test]
    fn a_fire_on_time_is_not_counted_as_missed_with_those_before_it() {
        let now = "2026-01-01T10:10:02";
        let (fires, ..) = planned("*/5 * * * *", Missed::Once, "2026-01-01T10:00:00", now);
        assert_eq!(fires, [("10:05:00".to_owned(), 1), ("10:10:00".to_owned(), 0)]);
    }

    #[test]
    fn after_a_long_pause_the_latest_thousand_fires_are_made_good() {
        let timetable = timetable("* * * * * *", "UTC", Missed::All);
        let now = at("2026-01-01T00:00:00");
        let plan = plan(at("2016-01-01T00:00:00"), now, &timetable);
        assert_eq!(plan.fires.len(), FIRES_MAX);
        assert_eq!((plan.fires.last().unwrap().scheduled_at, plan.through), (now, now));
    }

    #[test]
    fn a_clock_that_goes_back_fires_nothing_again() {
        let (fires, _, next) =
            planned("*/5 * * * *", Missed::All, "2026-01-01T10:05:00", "2026-01-01T09:00:00");
        assert!(fires.is_empty());
        assert_eq!(next.as_deref(), Some("10:10:00"));
    }

    #[test]
    fn a_schedule_that_stands_more_than_a_day_ahead_of_the_clock_is_lost() {
        let now = at("2026-01-02T10:00:00");
        assert!(!is_lost(at("2026-01-01T00:00:00"), now), "behind the clock it has something to make good");
        assert!(!is_lost(at("2026-01-03T10:00:00"), now));
        assert!(is_lost(at("2026-01-03T10:00:01"), now));
    }

    #[test]
    fn a_standing_counts_for_its_own_schedule_only() {
        let timetable_5 = timetable("*/5 * * * *", "UTC", Missed::All);
        let kept = serde_json::to_string(&timetable_5.standing(at("2026-01-01T10:00:00"))).unwrap();
        assert_eq!(
            timetable_5.read_standing(&kept).unwrap().next_ms,
            Some(at("2026-01-01T10:05:00").as_millis())
        );
        assert_eq!(timetable("*/6 * * * *", "UTC", Missed::All).read_standing(&kept), None);
        assert_eq!(timetable_5.read_standing("not a standing"), None);
    }

    #[test]
    fn the_payload_says_when_it_should_have_been() {
        let fire = Fire { scheduled_at: at("2026-01-01T10:05:00"), missed: 3 };
        assert_eq!(
            payload(&fire, at("2026-01-01T10:21:00")).as_str(),
            r#"{"scheduled_at":"2026-01-01T10:05:00.000Z","fired_at":"2026-01-01T10:21:00.000Z","missed":3}"#
        );
    }
}
