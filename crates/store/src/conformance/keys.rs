//! Ordering keys: one at a time, in order of acceptance.

use super::Place;
use super::desk::{Desk, ended};
use crate::{Admitted, NewRun, RunStatus, Written};

/// Each is ready when the one before it has ended.
pub fn runs_with_one_key_go_one_at_a_time_in_order_of_acceptance(place: &dyn Place) {
    let desk = Desk::at(place);
    let runs: Vec<NewRun> = (0..4).map(|_| desk.keyed("f", "k")).collect();
    let ids: Vec<_> = runs.iter().map(|run| run.run).collect();
    let answers = desk.store().accept(runs, None).wait().unwrap();
    assert_eq!(answers, [Admitted::Started, Admitted::Queued, Admitted::Queued, Admitted::Queued]);
    assert!(desk.claim(10).is_empty());
    for pair in ids.windows(2) {
        assert_eq!(desk.finish(pair[0], 1), Written { unblocked: Some(pair[1]) });
        assert_eq!(desk.claim(10), [pair[1]]);
    }
    assert_eq!(desk.finish(ids[3], 1), Written { unblocked: None });
    assert_eq!(desk.accept(desk.keyed("f", "k")), Admitted::Started);
}

/// Nor do runs without a key.
pub fn keys_of_other_flows_do_not_matter(place: &dyn Place) {
    let desk = Desk::at(place);
    assert_eq!(desk.accept(desk.keyed("f", "k")), Admitted::Started);
    assert_eq!(desk.accept(desk.keyed("g", "k")), Admitted::Started);
    assert_eq!(desk.accept(desk.keyed("f", "K")), Admitted::Started);
    assert_eq!(desk.accept(desk.keyed("f", "")), Admitted::Started);
    assert_eq!(desk.accept(desk.keyed("f", "")), Admitted::Queued);
    desk.start("f");
}

/// A key is held by the first in its line also while that one is queued.
pub fn an_unblocked_run_waits_in_the_backlog_until_claimed(place: &dyn Place) {
    let desk = Desk::at(place);
    let first = desk.queue(NewRun { start: false, ..desk.keyed("f", "k") });
    let second = desk.queue(desk.keyed("f", "k"));
    let third = desk.queue(desk.keyed("f", "k"));
    assert_eq!(desk.claim(10), [first]);
    assert_eq!(desk.finish(first, 1).unblocked, Some(second));
    assert_eq!((desk.status(second), desk.status(third)), (RunStatus::Queued, RunStatus::Queued));
    assert_eq!(desk.claim(10), [second]);
    assert!(desk.claim(10).is_empty());
}

/// Order would be lost if others passed while it waits.
pub fn a_resting_run_holds_its_key(place: &dyn Place) {
    let desk = Desk::at(place);
    let first = desk.keyed("f", "k");
    let id = first.run;
    assert_eq!(desk.accept(first), Admitted::Started);
    desk.rest(id, 1, Some(5), &[]);
    let second = desk.queue(desk.keyed("f", "k"));
    assert!(desk.claim(10).is_empty());
    assert!(desk.store().claim(id).wait().unwrap());
    assert_eq!(desk.finish(id, 2).unblocked, Some(second));
}

/// The one that holds the key, not the one next in line.
pub fn a_queued_run_knows_whom_it_is_behind(place: &dyn Place) {
    let desk = Desk::at(place);
    let first = desk.keyed("f", "k");
    let holder = first.run;
    assert_eq!(desk.accept(first), Admitted::Started);
    let (second, third) = (desk.queue(desk.keyed("f", "k")), desk.queue(desk.keyed("f", "k")));
    let ahead = |run| desk.store().run_ahead(run).wait().unwrap().map(|line| line.run);
    assert_eq!([holder, second, third].map(ahead), [None, Some(holder), Some(holder)]);
    desk.finish(holder, 1);
    assert_eq!([second, third].map(ahead), [None, Some(second)]);
    let other = desk.queue(NewRun { start: false, ..desk.run("g") });
    assert_eq!(ahead(other), None);
}

/// Until somebody discards it, or it is revived and ends.
pub fn a_dead_run_holds_its_key_if_it_says_so(place: &dyn Place) {
    let desk = Desk::at(place);
    let first = desk.keyed("f", "k");
    let id = first.run;
    desk.accept(first);
    desk.die(id, 1, "s", "rejected", true);
    let second = desk.queue(desk.keyed("f", "k"));
    assert!(desk.claim(10).is_empty());
    assert!(desk.store().claim(id).wait().unwrap());
    let written = desk.write(desk.entry(id, 2, ended(RunStatus::Discarded))).unwrap();
    assert_eq!(written.unblocked, Some(second));
    assert_eq!((desk.status(id), desk.claim(10)), (RunStatus::Discarded, vec![second]));
}

/// If it is revived later, whoever has not begun by then waits for it.
pub fn a_dead_run_that_lets_others_pass_does_not_hold_its_key(place: &dyn Place) {
    let desk = Desk::at(place);
    let runs = [desk.keyed("f", "k"), desk.keyed("f", "k"), desk.keyed("f", "k")];
    let [first, second, third] = [runs[0].run, runs[1].run, runs[2].run];
    desk.store().accept(runs.into(), None).wait().unwrap();
    desk.die(first, 1, "s", "rejected", false);
    assert_eq!(desk.claim(10), [second]);
    assert_eq!(desk.finish(second, 1).unblocked, Some(third));
    assert!(desk.store().claim(first).wait().unwrap());
    assert!(desk.claim(10).is_empty(), "the third was ready and waits again");
    let fourth = desk.queue(desk.keyed("f", "k"));
    assert_eq!(desk.finish(first, 2).unblocked, Some(third));
    assert_eq!(desk.claim(10), [third]);
    assert_eq!(desk.finish(third, 1).unblocked, Some(fourth));
}

/// Two runs with one key never run side by side.
pub fn a_dead_run_is_revived_only_while_no_other_with_its_key_is_under_way(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let runs = [desk.keyed("f", "k"), desk.keyed("f", "k"), desk.keyed("f", "k")];
    let [first, second, third] = [runs[0].run, runs[1].run, runs[2].run];
    desk.store().accept(runs.into(), None).wait().unwrap();
    desk.die(first, 1, "s", "rejected", false);
    let revive = |desk: &Desk<'_>, run| desk.store().claim(run).wait().unwrap();
    assert_eq!(desk.claim(10), [second]);
    assert!(!revive(&desk, first), "the second runs");
    assert_eq!(desk.status(first), RunStatus::Dead);
    desk.rest(second, 1, Some(5), &[]);
    assert!(!revive(&desk, first), "the second rests");
    assert!(revive(&desk, second));
    desk.reopen();
    assert!(!revive(&desk, first), "the second was left running");
    assert_eq!(desk.claim(10), [second]);
    assert_eq!(desk.finish(second, 2).unblocked, Some(third));
    assert!(revive(&desk, first), "the third has not begun");
    assert_eq!(desk.finish(first, 2).unblocked, Some(third));
}

/// Whoever discards it does not run it.
pub fn a_dead_run_is_ended_while_another_with_its_key_is_under_way(place: &dyn Place) {
    let desk = Desk::at(place);
    let runs = [desk.keyed("f", "k"), desk.keyed("f", "k"), desk.keyed("f", "k")];
    let [first, second, third] = [runs[0].run, runs[1].run, runs[2].run];
    desk.store().accept(runs.into(), None).wait().unwrap();
    desk.die(first, 1, "s", "rejected", false);
    assert_eq!(desk.claim(10), [second]);
    assert!(desk.store().claim_to_cancel(first).wait().unwrap());
    assert_eq!(desk.write(desk.entry(first, 2, ended(RunStatus::Discarded))).unwrap().unblocked, None);
    assert!(desk.claim(10).is_empty());
    assert_eq!(desk.finish(second, 1).unblocked, Some(third));
}

/// Whoever signals it is told that it is not its turn.
pub fn a_blocked_run_is_not_claimed_out_of_turn(place: &dyn Place) {
    let desk = Desk::at(place);
    assert_eq!(desk.accept(desk.keyed("f", "k")), Admitted::Started);
    let blocked = desk.queue(desk.keyed("f", "k"));
    assert!(!desk.store().claim(blocked).wait().unwrap());
    assert_eq!(desk.status(blocked), RunStatus::Queued);
}

/// It only leaves the line.
pub fn cancelling_a_blocked_run_frees_no_key(place: &dyn Place) {
    let desk = Desk::at(place);
    let runs = [desk.keyed("f", "k"), desk.keyed("f", "k"), desk.keyed("f", "k")];
    let [first, second, third] = [runs[0].run, runs[1].run, runs[2].run];
    desk.store().accept(runs.into(), None).wait().unwrap();
    assert!(desk.store().claim_to_cancel(second).wait().unwrap());
    assert_eq!(desk.write(desk.entry(second, 1, ended(RunStatus::Cancelled))).unwrap().unblocked, None);
    assert!(desk.claim(10).is_empty());
    assert_eq!(desk.finish(first, 1).unblocked, Some(third));
}

/// The one who ran goes on first; one that had been taken out of turn waits again.
pub fn keys_are_held_after_reopening(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let runs = [desk.keyed("f", "k"), desk.keyed("f", "k"), desk.keyed("f", "k")];
    let [first, second, third] = [runs[0].run, runs[1].run, runs[2].run];
    desk.store().accept(runs.into(), None).wait().unwrap();
    assert!(desk.store().claim_to_cancel(third).wait().unwrap());
    desk.reopen();
    assert_eq!(desk.accept(desk.keyed("f", "k")), Admitted::Queued);
    assert_eq!(desk.claim(10), [first]);
    assert_eq!(desk.finish(first, 1).unblocked, Some(second));
    assert_eq!(desk.claim(10), [second]);
    assert_eq!(desk.finish(second, 1).unblocked, Some(third));
}
