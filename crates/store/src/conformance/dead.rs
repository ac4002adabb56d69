//! Work that gave up.

use sinew_stdx::Json;

use super::Place;
use super::desk::{Desk, at, ended};
use crate::{DeadFilter, DeadId, DeadStatus, NewDeadLetter, Phase, RunFilter, RunStatus, RunWrite};

fn list(desk: &Desk<'_>, filter: DeadFilter) -> Vec<DeadId> {
    let letters = desk.store().dead_list(DeadFilter { limit: 100, ..filter.clone() }).wait().unwrap();
    assert_eq!(desk.store().dead_count(filter).wait().unwrap(), letters.len() as u64);
    letters.into_iter().map(|letter| letter.letter.id).collect()
}

/// Everything that somebody needs to understand and mend it.
pub fn a_dead_letter_is_kept_whole(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let run = desk.start("f");
    let letter = NewDeadLetter {
        item: Some(41),
        payload: Json::parse(br#"{"id":9007199254740993}"#).unwrap(),
        ..desk.letter("import.row", "rejected")
    };
    let write = RunWrite { dead: vec![letter.clone()], ..desk.entry(run, 1, Phase::Running) };
    let when = write.at;
    desk.write(write).unwrap();
    desk.reopen();
    let kept = desk.store().dead_show(letter.id).wait().unwrap().unwrap();
    assert_eq!((kept.run, &*kept.flow, kept.at), (run, "f", when));
    assert_eq!((kept.status, kept.edited, &kept.letter), (DeadStatus::Open, false, &letter));
    assert_eq!(
        desk.store().dead_list(DeadFilter { limit: 9, ..DeadFilter::default() }).wait().unwrap(),
        [kept]
    );
    assert_eq!(desk.store().dead_show(run).wait().unwrap(), None);
}

/// Newest first.
pub fn letters_are_listed_by_every_filter_and_in_pages(place: &dyn Place) {
    let desk = Desk::at(place);
    let mut ids = Vec::new();
    let mut runs = Vec::new();
    for (flow, step, reason) in
        [("f", "a", "rejected"), ("f", "b", "rejected"), ("g", "a", "unknown"), ("f", "a", "unknown")]
    {
        let run = desk.start(flow);
        runs.push(run);
        ids.push(desk.die(run, 1, step, reason, false).id);
    }
    assert!(desk.store().dead_settle(ids[3], DeadStatus::Replayed).wait().unwrap());
    let times: Vec<_> =
        ids.iter().map(|&id| desk.store().dead_show(id).wait().unwrap().unwrap().at).collect();
    let any = DeadFilter::default;
    for (filter, expected) in [
        (any(), vec![3, 2, 1, 0]),
        (DeadFilter { flow: Some("f".into()), ..any() }, vec![3, 1, 0]),
        (DeadFilter { flow: Some("unheard-of".into()), ..any() }, vec![]),
        (DeadFilter { step: Some("a".into()), ..any() }, vec![3, 2, 0]),
        (DeadFilter { reason: Some("unknown".into()), ..any() }, vec![3, 2]),
        (DeadFilter { status: Some(DeadStatus::Open), ..any() }, vec![2, 1, 0]),
        (DeadFilter { status: Some(DeadStatus::Replayed), flow: Some("f".into()), ..any() }, vec![3]),
        (DeadFilter { run: Some(runs[1]), ..any() }, vec![1]),
        (DeadFilter { run: Some(runs[1]), step: Some("a".into()), ..any() }, vec![]),
        (DeadFilter { since: Some(times[1]), until: Some(times[3]), ..any() }, vec![2, 1]),
        (DeadFilter { since: Some(times[1]), run: Some(runs[0]), ..any() }, vec![]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|n: usize| ids[n]).collect();
        assert_eq!(list(&desk, filter.clone()), expected, "{filter:?}");
    }
    let page = |before| {
        let filter = DeadFilter { before, limit: 3, ..any() };
        desk.store().dead_list(filter).wait().unwrap().into_iter().map(|l| l.letter.id).collect::<Vec<_>>()
    };
    assert_eq!((page(None), page(Some(ids[1]))), (vec![ids[3], ids[2], ids[1]], vec![ids[0]]));
}

/// Then it is as it went.
pub fn a_payload_is_edited_while_its_letter_is_open(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    let id = desk.die(run, 1, "s", "rejected", false).id;
    let edit = |id, n: i32| desk.store().dead_edit(id, Json::of(&n)).wait().unwrap();
    assert!(edit(id, 5) && !edit(desk.id(), 5));
    assert!(desk.store().dead_settle(id, DeadStatus::Discarded).wait().unwrap());
    assert!(!edit(id, 6));
    let letter = desk.store().dead_show(id).wait().unwrap().unwrap();
    assert_eq!((letter.edited, letter.letter.payload), (true, Json::of(&5)));
}

/// Of two who try at the same time, one succeeds.
pub fn a_letter_is_settled_once(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    let id = desk.die(run, 1, "s", "rejected", false).id;
    assert!(!desk.store().dead_settle(id, DeadStatus::Open).wait().unwrap());
    let tries = [DeadStatus::Replayed, DeadStatus::Discarded, DeadStatus::Replayed];
    let answers =
        tries.map(|status| desk.store().dead_settle(id, status)).map(|answer| answer.wait().unwrap());
    assert_eq!(answers, [true, false, false]);
    assert_eq!(desk.store().dead_show(id).wait().unwrap().unwrap().status, DeadStatus::Replayed);
    assert_eq!(desk.store().flow_counts().wait().unwrap()[0].dead, 0);
    assert!(!desk.store().dead_settle(desk.id(), DeadStatus::Replayed).wait().unwrap());
}

/// Both are there, or none.
pub fn a_letter_is_settled_with_what_its_run_does_next(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    let id = desk.die(run, 1, "s", "rejected", false).id;
    let status = || desk.store().dead_show(id).wait().unwrap().unwrap().status;
    let revived = |seq| RunWrite {
        settles: vec![(id, DeadStatus::Replayed), (desk.id(), DeadStatus::Discarded)],
        ..desk.entry(run, seq, Phase::Running)
    };
    assert!(desk.write(revived(2)).is_err(), "nobody has claimed the run");
    assert_eq!(status(), DeadStatus::Open);
    desk.store().claim(run).wait().unwrap();
    desk.write(revived(2)).unwrap();
    assert_eq!(status(), DeadStatus::Replayed);
    assert!(!desk.store().dead_settle(id, DeadStatus::Discarded).wait().unwrap());
    assert_eq!(desk.store().flow_counts().wait().unwrap()[0].dead, 0);
}

/// A replay goes on with the journal that there is.
pub fn a_dead_run_is_revived_and_finished(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    desk.die(run, 1, "s", "rejected", false);
    let line = || desk.store().run(run).wait().unwrap().unwrap();
    assert_eq!(
        (line().status, line().reason.as_deref(), line().step.as_deref()),
        (RunStatus::Dead, Some("rejected"), Some("s"))
    );
    assert!(line().ended_at.is_some());
    assert!(desk.store().claim(run).wait().unwrap());
    assert_eq!((line().ended_at, line().reason, line().step), (None, None, None));
    desk.write(desk.entry(run, 2, ended(RunStatus::Finished))).unwrap();
    assert_eq!(desk.entries(run), ["accepted", "entry 1", "entry 2"]);
    assert_eq!(desk.list(RunFilter { statuses: vec![RunStatus::Finished], ..RunFilter::default() }), [run]);
    assert!(line().ended_at.is_some_and(|ended| ended > at(0)));
}
