//! Resting runs and what wakes them.

use super::Place;
use super::desk::{Desk, at};
use crate::{RunId, RunStatus};

fn event(desk: &Desk<'_>, name: &str, key: Option<&str>) -> Vec<RunId> {
    desk.store().claim_event(name.into(), key.map(Into::into), None, 100).wait().unwrap()
}

fn due(desk: &Desk<'_>, ms: i64, limit: u32) -> Vec<RunId> {
    desk.store().claim_due(at(ms), limit).wait().unwrap()
}

/// The store tells when to come back.
pub fn what_is_due_is_claimed_once_and_the_earliest_first(place: &dyn Place) {
    let desk = Desk::at(place);
    assert_eq!(desk.store().next_due().wait().unwrap(), None);
    let [late, early, middle] = [300, 100, 200].map(|ms| {
        let run = desk.start("f");
        desk.rest(run, 1, Some(ms), &[]);
        run
    });
    assert_eq!(desk.store().next_due().wait().unwrap(), Some(at(100)));
    assert!(due(&desk, 99, 10).is_empty());
    assert_eq!(due(&desk, 250, 1), [early]);
    assert_eq!(due(&desk, 250, 10), [middle]);
    assert!(due(&desk, 250, 10).is_empty());
    assert_eq!((desk.status(middle), desk.status(late)), (RunStatus::Running, RunStatus::Waiting));
    assert_eq!(desk.store().next_due().wait().unwrap(), Some(at(300)));
    desk.finish(middle, 2);
}

/// An event with a key wakes both; one without wakes only those who do not mind.
pub fn an_event_wakes_those_who_wait_for_its_key_or_for_any(place: &dyn Place) {
    let desk = Desk::at(place);
    let resting = |key| {
        let run = desk.start("f");
        desk.rest(run, 1, None, &[("paid", key)]);
        run
    };
    let (any, one, two) = (resting(None), resting(Some("1")), resting(Some("2")));
    assert!(event(&desk, "shipped", Some("1")).is_empty());
    assert_eq!(event(&desk, "paid", Some("1")), [any, one]);
    assert!(event(&desk, "paid", Some("1")).is_empty());
    let any = resting(None);
    assert_eq!(event(&desk, "paid", None), [any]);
    assert_eq!(event(&desk, "paid", Some("2")), [two]);
}

/// Somebody who waits for the key "" does not wait for any.
pub fn no_key_is_not_the_empty_key(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    desk.rest(run, 1, None, &[("e", Some(""))]);
    assert!(event(&desk, "e", Some("x")).is_empty() && event(&desk, "e", None).is_empty());
    assert_eq!(event(&desk, "e", Some("")), [run]);
}

/// The other is too late: a time, one of several events, a decision.
pub fn whoever_wakes_a_run_first_gets_it(place: &dyn Place) {
    let desk = Desk::at(place);
    let waits: &[(&str, Option<&str>)] = &[("a", None), ("b", Some("k")), ("b", None), ("a", None)];
    let wakes: [&dyn Fn(RunId) -> usize; 4] = [
        &|_| event(&desk, "a", None).len(),
        &|_| event(&desk, "b", Some("k")).len(),
        &|_| due(&desk, 100, 10).len(),
        &|run| usize::from(desk.store().claim(run).wait().unwrap()),
    ];
    for first in wakes {
        let run = desk.start("f");
        desk.rest(run, 1, Some(100), waits);
        assert_eq!(first(run), 1);
        assert_eq!(wakes.iter().map(|wake| wake(run)).sum::<usize>(), 0);
        desk.rest(run, 2, None, &[("c", None)]);
        assert_eq!(wakes[..3].iter().map(|wake| wake(run)).sum::<usize>(), 0, "earlier waits are over");
        assert_eq!(event(&desk, "c", None), [run]);
        desk.finish(run, 3);
    }
}

/// Even if they wait for the same again by then.
pub fn whoever_goes_through_those_who_wait_comes_to_each_once(place: &dyn Place) {
    let desk = Desk::at(place);
    let waits: &[(&str, Option<&str>)] = &[("e", None), ("e", Some("k"))];
    let runs: Vec<RunId> = (0..5).map(|_| desk.start("f")).collect();
    for run in &runs {
        desk.rest(*run, 1, None, waits);
    }
    let next = |after| desk.store().claim_event("e".into(), Some("k".into()), after, 2).wait().unwrap();
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let woken = next(after);
        for run in &woken {
            desk.rest(*run, 2, None, waits);
        }
        let Some(last) = woken.last() else { break };
        after = Some(*last);
        seen.extend(woken);
    }
    assert_eq!(seen, runs);
    assert_eq!(next(None), runs[..2]);
}

/// To go on: resting and dead runs. It is not the turn of one that is queued.
pub fn one_run_is_claimed_by_its_id_if_it_rests_or_is_dead(place: &dyn Place) {
    let desk = Desk::at(place);
    let claim = |run| desk.store().claim(run).wait().unwrap();
    let (queued, resting, dead, finished) =
        (desk.queue(desk.run("f")), desk.start("f"), desk.start("f"), desk.start("f"));
    desk.rest(resting, 1, None, &[]);
    desk.die(dead, 1, "s", "rejected", false);
    desk.finish(finished, 1);
    for run in [resting, dead] {
        assert!(claim(run));
        assert_eq!(desk.status(run), RunStatus::Running);
        assert!(!claim(run), "it runs by now");
    }
    assert!(!claim(finished) && !claim(queued) && !claim(desk.id()));
    assert_eq!(desk.claim(10), [queued]);
}

/// Resting, queued and dead runs can be taken.
pub fn one_run_is_claimed_to_cancel_it_unless_it_runs_or_is_over(place: &dyn Place) {
    let desk = Desk::at(place);
    let claim = |run| desk.store().claim_to_cancel(run).wait().unwrap();
    let (queued, resting, dead, finished) =
        (desk.queue(desk.run("f")), desk.start("f"), desk.start("f"), desk.start("f"));
    desk.rest(resting, 1, None, &[]);
    desk.die(dead, 1, "s", "rejected", false);
    desk.finish(finished, 1);
    for run in [queued, resting, dead] {
        assert!(claim(run));
        assert_eq!(desk.status(run), RunStatus::Running);
        assert!(!claim(run), "it runs by now");
    }
    assert!(!claim(finished) && !claim(desk.id()));
    assert!(desk.claim(10).is_empty());
}

/// Resting runs live in the store only.
pub fn waits_outlive_reopening(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let run = desk.start("f");
    desk.rest(run, 1, Some(500), &[("e", Some("k"))]);
    desk.reopen();
    assert!(desk.claim(10).is_empty());
    assert_eq!(desk.store().next_due().wait().unwrap(), Some(at(500)));
    assert_eq!(event(&desk, "e", Some("k")), [run]);
    assert_eq!(desk.store().next_due().wait().unwrap(), None);
}
