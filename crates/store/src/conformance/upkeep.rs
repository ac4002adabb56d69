//! Looking after the store.

use std::sync::Arc;

use super::Place;
use super::desk::{Desk, at};
use crate::{
    AlertRecord, AlertState, Blob, CursorAdvance, DeadFilter, DeadStatus, Phase, Retention, RunId, RunWrite,
};

fn retain(desk: &Desk<'_>, ended_before: i64, batch_max: u32) -> u32 {
    desk.store().retain(Retention { ended_before: at(ended_before), batch_max }).wait().unwrap()
}

fn gone(desk: &Desk<'_>, run: RunId) -> bool {
    let there = desk.store().load(run).wait().unwrap().is_some();
    assert_eq!(desk.store().run(run).wait().unwrap().is_some(), there);
    !there
}

/// Neither what goes on, nor what ended later, however early it began.
pub fn retention_deletes_what_ended_before_and_nothing_else(place: &dyn Place) {
    let desk = Desk::at(place);
    let (running, resting, queued) = (desk.start("f"), desk.start("f"), desk.queue(desk.run("f")));
    desk.rest(resting, 1, None, &[]);
    let [early, later] = [1000, 2000].map(|ms| {
        let run = desk.start("f");
        desk.write(RunWrite {
            at: at(ms),
            ..desk.entry(run, 1, super::desk::ended(crate::RunStatus::Finished))
        })
        .unwrap();
        run
    });
    assert_eq!(retain(&desk, 1000, 10), 0);
    assert_eq!(retain(&desk, 1001, 10), 1);
    assert_eq!(retain(&desk, 1001, 10), 0);
    assert!(gone(&desk, early));
    assert!([running, resting, queued, later].iter().all(|&run| !gone(&desk, run)));
    assert_eq!(desk.list(crate::RunFilter::default()).len(), 4);
}

/// They wait for somebody, however long that takes.
pub fn retention_keeps_open_dead_letters_and_their_runs(place: &dyn Place) {
    let desk = Desk::at(place);
    let (dead, partly) = (desk.start("f"), desk.start("f"));
    let letters = [desk.die(dead, 1, "s", "rejected", false).id, {
        let item = desk.letter("each", "rejected");
        desk.write(RunWrite { dead: vec![item.clone()], ..desk.entry(partly, 1, Phase::Running) }).unwrap();
        desk.finish(partly, 2);
        item.id
    }];
    assert_eq!(retain(&desk, 5000, 10), 0);
    for (run, letter) in [dead, partly].into_iter().zip(letters) {
        assert!(desk.store().dead_settle(letter, DeadStatus::Discarded).wait().unwrap());
        assert_eq!(retain(&desk, 5000, 10), 1);
        assert!(gone(&desk, run));
        assert_eq!(desk.store().dead_show(letter).wait().unwrap(), None);
    }
    assert_eq!(desk.store().dead_count(DeadFilter::default()).wait().unwrap(), 0);
}

/// So that the store stays usable between two.
pub fn retention_goes_in_batches(place: &dyn Place) {
    let desk = Desk::at(place);
    for _ in 0..25 {
        let run = desk.start("f");
        desk.finish(run, 1);
    }
    let batches: Vec<u32> = (0..5).map(|_| retain(&desk, 5000, 10)).collect();
    assert_eq!(batches, [10, 10, 5, 0, 0]);
}

/// And not before.
pub fn large_values_go_with_the_last_run_that_refers_to_them(place: &dyn Place) {
    let desk = Desk::at(place);
    let blob = Blob { hash: [3; 32], bytes: Arc::from(vec![1; 1000]) };
    let [first, second] = [desk.start("f"), desk.start("f")];
    for run in [first, second] {
        desk.write(RunWrite { blobs: vec![blob.clone()], ..desk.entry(run, 1, Phase::Running) }).unwrap();
    }
    desk.finish(first, 2);
    assert_eq!(retain(&desk, 5000, 10), 1);
    assert_eq!(desk.store().load(second).wait().unwrap().unwrap().blobs, std::slice::from_ref(&blob));
    desk.finish(second, 2);
    assert_eq!(retain(&desk, 5000, 10), 1);
    let other = Blob { bytes: Arc::from(vec![2; 10]), ..blob };
    let third = desk.start("f");
    desk.write(RunWrite { blobs: vec![other.clone()], ..desk.entry(third, 1, Phase::Running) }).unwrap();
    assert_eq!(desk.store().load(third).wait().unwrap().unwrap().blobs, [other], "the earlier value is gone");
}

/// Without accepting anything.
pub fn cursors_are_set_and_read(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let cursor = |name: &str| desk.store().cursor(name.into()).wait().unwrap();
    assert_eq!(cursor("schedule:f"), None);
    for value in ["1", "2"] {
        let advance = CursorAdvance { name: "schedule:f".into(), value: value.into() };
        desk.store().set_cursor(advance).wait().unwrap();
        assert_eq!(cursor("schedule:f").as_deref(), Some(value));
    }
    assert_eq!(cursor("schedule:g"), None);
    desk.reopen();
    assert_eq!(desk.store().cursor("schedule:f".into()).wait().unwrap().as_deref(), Some("2"));
}

/// A run can go on with the text that it started with.
pub fn flow_versions_are_kept(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let keep = |version: &str, text: &str| {
        desk.store().keep_version("f".into(), version.into(), text.into()).wait().unwrap();
    };
    keep("v1", "steps: 1");
    keep("v2", "steps: 2");
    keep("v1", "steps: 1");
    desk.reopen();
    let source =
        |flow: &str, version: &str| desk.store().version_source(flow.into(), version.into()).wait().unwrap();
    assert_eq!(
        (source("f", "v1").as_deref(), source("f", "v2").as_deref()),
        (Some("steps: 1"), Some("steps: 2"))
    );
    assert_eq!((source("f", "v3"), source("g", "v1")), (None, None));
}

/// A new opening is a new alert.
pub fn alerts_replace_their_own_opening(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let alert = |key: &str, opened: i64, count: u64, closed: Option<i64>| AlertRecord {
        key: key.into(),
        kind: "dead_letter".into(),
        subject: "f".into(),
        message: "work gave up".into(),
        state: if closed.is_some() { AlertState::Closed } else { AlertState::Open },
        opened_at: at(opened),
        last_at: at(opened + count as i64),
        count,
        closed_at: closed.map(at),
    };
    let closed = alert("a", 1, 3, Some(9));
    let (again, other) = (alert("a", 20, 1, None), alert("b", 5, 1, None));
    for record in
        [alert("a", 1, 1, None), alert("a", 1, 3, None), closed.clone(), again.clone(), other.clone()]
    {
        desk.store().alert_save(record).wait().unwrap();
    }
    desk.reopen();
    let list = |open_only, limit| desk.store().alert_list(open_only, limit).wait().unwrap();
    assert_eq!(list(false, 10), [again.clone(), other.clone(), closed]);
    assert_eq!(list(true, 10), [again.clone(), other]);
    assert_eq!(list(false, 1), [again]);
}

/// Writes are grouped, so there are never more commits than writes.
pub fn the_store_tells_its_size_and_whether_it_takes_writes(place: &dyn Place) {
    let desk = Desk::at(place);
    desk.store().probe().wait().unwrap();
    let before = desk.store().stats().wait().unwrap();
    let runs: Vec<_> = (0..100).map(|_| desk.store().accept(vec![desk.run("f")], None)).collect();
    for answer in runs {
        answer.wait().unwrap();
    }
    let after = desk.store().stats().wait().unwrap();
    assert_eq!((after.writes - before.writes, after.active), (100, 100));
    assert!(after.commits - before.commits <= 100 && after.bytes > 0);
}
