//! Looking at runs.

use std::time::Duration;

use super::Place;
use super::desk::{Desk, at};
use crate::{FlowCounts, NewRun, Phase, RunFilter, RunId, RunProgress, RunStatus};

fn any() -> RunFilter {
    RunFilter::default()
}

/// A page begins where the one before it ended.
pub fn runs_are_listed_newest_first_and_in_pages(place: &dyn Place) {
    let desk = Desk::at(place);
    let ids: Vec<RunId> = (0..25).map(|n| desk.start(if n % 3 == 0 { "f" } else { "g" })).collect();
    for &run in ids.iter().step_by(2) {
        desk.finish(run, 1);
    }
    for filter in [any(), RunFilter { statuses: vec![RunStatus::Running, RunStatus::Finished], ..any() }] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = desk.list(RunFilter { before, limit: 7, ..filter.clone() });
            before = page.last().copied();
            seen.extend(page);
            if seen.len() >= ids.len() || before.is_none() {
                break;
            }
        }
        assert!(seen.iter().eq(ids.iter().rev()), "{filter:?}");
    }
    assert!(desk.list(RunFilter { before: Some(ids[0]), ..any() }).is_empty());
}

/// A watcher asks often, and must not miss anything.
pub fn how_far_a_run_has_come_is_told(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    let progress = || desk.store().run_progress(run).wait().unwrap().unwrap();
    assert_eq!(progress(), RunProgress { status: RunStatus::Running, entries: 1 });
    desk.write(desk.entry(run, 1, Phase::Running)).unwrap();
    assert_eq!(progress(), RunProgress { status: RunStatus::Running, entries: 2 });
    desk.finish(run, 2);
    assert_eq!(progress(), RunProgress { status: RunStatus::Finished, entries: 3 });
    assert_eq!(desk.store().run_progress(desk.id()).wait().unwrap(), None);
}

/// And by several together.
pub fn runs_are_found_by_every_filter(place: &dyn Place) {
    let desk = Desk::at(place);
    let done = desk.start("f");
    let keyed = desk.queue(NewRun { ordering_key: Some("k".into()), ..desk.run("f") });
    let dead = desk.start("g");
    let other = desk.queue(NewRun { ordering_key: Some("k".into()), ..desk.run("g") });
    let newest = desk.queue(NewRun { ordering_key: Some("k".into()), ..desk.run("f") });
    desk.finish(done, 1);
    desk.die(dead, 1, "s", "rejected", false);
    let (flow, key) = (Some("f".into()), Some("k".into()));
    for (filter, expected) in [
        (any(), vec![newest, other, dead, keyed, done]),
        (RunFilter { flow: flow.clone(), ..any() }, vec![newest, keyed, done]),
        (RunFilter { flow: Some("unheard-of".into()), ..any() }, vec![]),
        (RunFilter { statuses: vec![RunStatus::Queued], ..any() }, vec![newest, other, keyed]),
        (RunFilter { statuses: vec![RunStatus::Dead, RunStatus::Finished], ..any() }, vec![dead, done]),
        (RunFilter { statuses: vec![RunStatus::Dead], flow: flow.clone(), ..any() }, vec![]),
        (RunFilter { ordering_key: key.clone(), ..any() }, vec![newest, other, keyed]),
        (RunFilter { ordering_key: key.clone(), flow: flow.clone(), ..any() }, vec![newest, keyed]),
        (RunFilter { ordering_key: key.clone(), flow, before: Some(newest), ..any() }, vec![keyed]),
        (RunFilter { ordering_key: key, statuses: vec![RunStatus::Finished], ..any() }, vec![]),
        (RunFilter { since: Some(keyed.at()), until: Some(newest.at()), ..any() }, vec![other, dead, keyed]),
        (RunFilter { until: Some(keyed.at()), ..any() }, vec![done]),
        (RunFilter { since: Some(newest.at().plus(Duration::from_millis(1))), ..any() }, vec![]),
    ] {
        assert_eq!(desk.list(filter.clone()), expected, "{filter:?}");
    }
}

/// The clock may have jumped between the making of an id and acceptance, or back below the last id.
pub fn times_are_exact_when_ids_tell_another_time(place: &dyn Place) {
    let desk = Desk::at(place);
    let moved = |ms: i64| desk.queue(NewRun { accepted_at: at(ms), ..desk.run("f") });
    let (past, future, usual) = (moved(-5_000_000), moved(9_000_000), moved(10));
    for flow in [None, Some("f".into())] {
        let within = |since: i64, until: i64| {
            desk.list(RunFilter {
                since: Some(at(since)),
                until: Some(at(until)),
                flow: flow.clone(),
                ..any()
            })
        };
        assert_eq!(within(-5_000_000, -4_999_999), [past]);
        assert_eq!(within(0, 1_000_000), [usual]);
        assert_eq!(within(8_000_000, 10_000_000), [future]);
        assert!(within(9_000_001, 10_000_000).is_empty());
    }
}

/// What people ask first.
pub fn a_line_says_what_a_run_waits_for_and_why_it_failed(place: &dyn Place) {
    let desk = Desk::at(place);
    let (resting, dead) = (desk.start("f"), desk.start("f"));
    desk.rest(resting, 1, Some(77), &[("e", None)]);
    desk.die(dead, 1, "invoice", "rejected", false);
    let line = |run| desk.store().run(run).wait().unwrap().unwrap();
    assert_eq!((line(resting).reason.as_deref(), line(resting).due), (Some("event"), Some(at(77))));
    assert_eq!(
        (line(dead).reason.as_deref(), line(dead).step.as_deref()),
        (Some("rejected"), Some("invoice"))
    );
    assert!(desk.store().claim(resting).wait().unwrap());
    assert_eq!((line(resting).reason, line(resting).due), (None, None));
    assert!(desk.store().run(desk.id()).wait().unwrap().is_none());
}

/// At every moment, and after reopening.
pub fn flows_are_counted(place: &dyn Place) {
    let mut desk = Desk::at(place);
    assert!(desk.store().flow_counts().wait().unwrap().is_empty());
    let (running, resting, dead) = (desk.start("f"), desk.start("f"), desk.start("f"));
    desk.queue(desk.run("f"));
    let newest = desk.queue(desk.run("f"));
    let done = desk.start("a");
    desk.rest(resting, 1, None, &[]);
    desk.die(dead, 1, "s", "rejected", false);
    desk.finish(done, 1);
    let f = FlowCounts {
        flow: "f".into(),
        queued: 2,
        running: 1,
        waiting: 1,
        dead: 1,
        last_accepted_at: Some(newest.at()),
    };
    let a = FlowCounts { flow: "a".into(), last_accepted_at: Some(done.at()), ..FlowCounts::default() };
    assert_eq!(desk.store().flow_counts().wait().unwrap(), [a.clone(), f.clone()]);
    assert_eq!(desk.store().stats().wait().unwrap().active, 4);
    desk.reopen();
    assert_eq!(desk.status(running), RunStatus::Queued);
    assert_eq!(desk.store().flow_counts().wait().unwrap(), [a, FlowCounts { queued: 3, running: 0, ..f }]);
}
