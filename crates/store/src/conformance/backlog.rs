//! What waits for room.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Place;
use super::desk::Desk;
use crate::{NewRun, RunId, RunStatus};

/// However long the batch work has waited.
pub fn interactive_runs_go_before_batch_runs(place: &dyn Place) {
    let desk = Desk::at(place);
    let batch = desk.queue(NewRun { batch: true, ..desk.run("a") });
    let interactive = [desk.queue(desk.run("b")), desk.queue(desk.run("b"))];
    assert_eq!(desk.claim(1), [interactive[0]]);
    assert_eq!(desk.claim(10), [interactive[1], batch]);
}

/// A flow with a long backlog does not keep others waiting.
pub fn flows_take_turns_and_the_oldest_goes_first(place: &dyn Place) {
    let desk = Desk::at(place);
    let of = |flow: &str, n: usize| (0..n).map(|_| desk.queue(desk.run(flow))).collect::<Vec<RunId>>();
    let (many, two, five) = (of("many", 20), of("two", 2), of("five", 5));
    let claimed: BTreeSet<RunId> = desk.claim(10).into_iter().collect();
    let taken = |ids: &[RunId]| ids.iter().take_while(|id| claimed.contains(id)).count();
    assert_eq!(claimed.len(), taken(&many) + taken(&two) + taken(&five), "the oldest of each flow");
    assert_eq!((taken(&two), taken(&many) + taken(&five)), (2, 8));
    assert!(taken(&many).abs_diff(taken(&five)) <= 1);
    assert_eq!(desk.claim(100).len(), 17);
    assert!(desk.claim(100).is_empty());
}

/// Claiming one at a time is as fair as claiming many.
pub fn turns_go_on_between_claims(place: &dyn Place) {
    let desk = Desk::at(place);
    for flow in ["a", "b", "c"] {
        for _ in 0..4 {
            desk.queue(desk.run(flow));
        }
    }
    let flow_of = |run: RunId| desk.store().run(run).wait().unwrap().unwrap().flow;
    for _ in 0..4 {
        let round: BTreeSet<_> = (0..3).map(|_| flow_of(desk.claim(1)[0])).collect();
        assert_eq!(round.len(), 3, "each flow once in three claims");
    }
}

/// They keep their place.
pub fn flows_that_are_full_are_passed_over(place: &dyn Place) {
    let desk = Desk::at(place);
    let (full, free) = (desk.queue(desk.run("full")), desk.queue(desk.run("free")));
    let room = vec![("full".into(), 0), ("unheard-of".into(), 0)];
    assert_eq!(desk.store().claim_queued(10, room).wait().unwrap(), [(free, "free".into())]);
    assert_eq!(desk.claim(10), [full]);
}

/// Over all lanes; the others take what it leaves.
pub fn no_more_runs_of_a_flow_are_claimed_than_it_has_room_for(place: &dyn Place) {
    let desk = Desk::at(place);
    let few: Vec<RunId> = (0..5).map(|n| desk.queue(NewRun { batch: n > 0, ..desk.run("few") })).collect();
    let other: Vec<RunId> = (0..9).map(|_| desk.queue(desk.run("other"))).collect();
    let claim = |limit, room| desk.store().claim_queued(limit, vec![("few".into(), room)]).wait().unwrap();
    let of = |claimed: &[(RunId, Arc<str>)], flow: &str| -> Vec<RunId> {
        claimed.iter().filter(|(_, f)| &**f == flow).map(|(run, _)| *run).collect()
    };
    let claimed = claim(100, 3);
    assert_eq!(of(&claimed, "few"), few[..3]);
    assert_eq!(of(&claimed, "other"), other);
    assert_eq!(of(&claim(1, 2), "few"), few[3..4]);
    let room = vec![("few".into(), 9), ("few".into(), 0)];
    assert!(desk.store().claim_queued(10, room).wait().unwrap().is_empty(), "the least counts");
}

/// Also when several ask at once.
pub fn a_run_is_claimed_once(place: &dyn Place) {
    let desk = Desk::at(place);
    let all: BTreeSet<RunId> = (0..100).map(|_| desk.queue(desk.run("f"))).collect();
    let claims: Vec<_> = (0..20).map(|_| desk.store().claim_queued(7, Vec::new())).collect();
    let claimed: Vec<RunId> =
        claims.into_iter().flat_map(|claim| claim.wait().unwrap()).map(|(run, _)| run).collect();
    assert_eq!(claimed.len(), 100);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), all);
}

/// What had begun goes on before what had not.
pub fn what_was_running_goes_ahead_after_reopening_under_a_higher_epoch(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let epoch = desk.store().epoch();
    let queued = desk.queue(desk.run("a"));
    let batch = desk.queue(NewRun { batch: true, ..desk.run("a") });
    let running = [desk.start("a"), desk.start("b")];
    let resting = desk.start("a");
    desk.rest(resting, 1, Some(9), &[]);
    desk.reopen();
    assert!(desk.store().epoch() > epoch);
    assert_eq!((desk.status(running[0]), desk.status(resting)), (RunStatus::Queued, RunStatus::Waiting));
    let first: BTreeSet<RunId> = desk.claim(2).into_iter().collect();
    assert_eq!(first, running.into());
    assert_eq!(desk.claim(10), [queued, batch]);
}
