//! Accepting runs.

use std::sync::Arc;
use std::time::Duration;

use super::Place;
use super::desk::{Desk, at};
use crate::{Admitted, Blob, CursorAdvance, NewRun, Retention, RunStatus};

fn deduped(desk: &Desk<'_>, flow: &str, key: &str, window: Duration) -> NewRun {
    let run = desk.run(flow);
    NewRun { dedupe: Some((key.into(), run.accepted_at.plus(window))), ..run }
}

/// Everything that was said about a run when it was accepted can be read after the store was closed and opened.
pub fn what_was_accepted_is_there_after_reopening(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let parent = desk.start("parent");
    let blob = Blob { hash: [5; 32], bytes: Arc::from(vec![1, 2, 3]) };
    let run = NewRun {
        ordering_key: Some("k".into()),
        parent: Some((parent, "call-child".into())),
        blobs: vec![blob.clone()],
        ..desk.run("child")
    };
    desk.queue(run.clone());
    desk.reopen();
    let stored = desk.store().load(run.run).wait().unwrap().unwrap();
    assert_eq!((stored.run, &*stored.flow, &*stored.version), (run.run, "child", "v1"));
    assert_eq!((stored.status, stored.parent), (RunStatus::Queued, Some((parent, "call-child".into()))));
    assert_eq!((stored.entries, stored.blobs), (vec![b"accepted".to_vec()], vec![blob]));
    let line = desk.store().run(run.run).wait().unwrap().unwrap();
    assert_eq!((line.accepted_at, line.trace_id, line.parent), (run.accepted_at, 0xABCD, Some(parent)));
    assert_eq!(line.ordering_key.as_deref(), Some("k"));
    assert!(desk.store().load(desk.id()).wait().unwrap().is_none());
}

/// `start` decides, if no key is in the way.
pub fn a_run_starts_at_once_if_there_is_room_and_else_waits(place: &dyn Place) {
    let desk = Desk::at(place);
    let started = desk.start("f");
    let queued = desk.queue(desk.run("f"));
    assert_eq!((desk.status(started), desk.status(queued)), (RunStatus::Running, RunStatus::Queued));
    assert_eq!(desk.claim(10), [queued]);
}

/// Within the window, in the same flow, whatever became of the first run; also within one call.
pub fn a_second_run_with_the_same_dedupe_key_is_a_duplicate(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let hour = Duration::from_hours(1);
    let [first, second, other] = ["f", "f", "g"].map(|flow| deduped(&desk, flow, "order-1", hour));
    let id = first.run;
    let answers = desk.store().accept(vec![first, second.clone(), other], None).wait().unwrap();
    assert_eq!(answers, [Admitted::Queued, Admitted::Duplicate(id), Admitted::Queued]);
    assert!(desk.store().load(second.run).wait().unwrap().is_none());
    assert!(desk.claim(1).len() == 1 && desk.claim(1).len() == 1);
    desk.finish(id, 1);
    desk.reopen();
    assert_eq!(desk.accept(deduped(&desk, "f", "order-1", hour)), Admitted::Duplicate(id));
    assert_eq!(desk.accept(deduped(&desk, "f", "order-2", hour)), Admitted::Queued);
}

/// The window ends at the instant given, and a new one begins with the next run.
pub fn a_dedupe_key_is_free_again_after_its_window(place: &dyn Place) {
    let desk = Desk::at(place);
    let window = Duration::from_mins(1);
    let first = deduped(&desk, "f", "k", window);
    let first_id = desk.queue(first.clone());
    let late = |ms: i64| {
        let accepted_at = first.accepted_at.plus(Duration::from_millis(ms.unsigned_abs()));
        NewRun { accepted_at, dedupe: Some(("k".into(), accepted_at.plus(window))), ..desk.run("f") }
    };
    assert_eq!(desk.accept(late(59_999)), Admitted::Duplicate(first_id));
    let second_id = desk.queue(late(60_000));
    assert_eq!(desk.accept(late(60_001)), Admitted::Duplicate(second_id));
}

/// A sender who repeats itself late is recognised although the run has been deleted.
pub fn a_dedupe_key_outlives_its_run(place: &dyn Place) {
    let desk = Desk::at(place);
    let hour = Duration::from_hours(1);
    let run = NewRun { start: true, ..deduped(&desk, "f", "k", hour) };
    let id = run.run;
    assert_eq!(desk.accept(run), Admitted::Started);
    desk.finish(id, 1);
    let retention = Retention { ended_before: at(1000), batch_max: 10 };
    assert_eq!(desk.store().retain(retention).wait().unwrap(), 1);
    assert_eq!(desk.accept(deduped(&desk, "f", "k", hour)), Admitted::Duplicate(id));
}

/// The backlog is what waits for room or a key, by flow.
pub fn a_full_backlog_refuses_what_would_wait_but_not_what_starts(place: &dyn Place) {
    let desk = Desk::at(place);
    let small = |flow: &str| NewRun { backlog_max: 2, ..desk.run(flow) };
    desk.queue(small("f"));
    assert_eq!(desk.accept(NewRun { start: true, ..small("f") }), Admitted::Started);
    desk.queue(small("f"));
    let refused = small("f");
    assert_eq!(desk.accept(refused.clone()), Admitted::BacklogFull);
    assert!(desk.store().load(refused.run).wait().unwrap().is_none());
    assert_eq!(desk.accept(NewRun { start: true, ..small("f") }), Admitted::Started);
    desk.queue(small("g"));
    assert_eq!(desk.claim(1).len(), 1);
    desk.queue(small("f"));

    assert_eq!(desk.accept(desk.keyed("h", "k")), Admitted::Started);
    desk.queue(NewRun { backlog_max: 1, ..desk.keyed("h", "k") });
    assert_eq!(desk.accept(NewRun { backlog_max: 1, ..desk.keyed("h", "k") }), Admitted::BacklogFull);
}

/// A poll never passes by what it has not accepted.
pub fn a_cursor_moves_in_the_same_transaction_as_its_runs(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let cursor = |value: &str| Some(CursorAdvance { name: "poll:f".into(), value: value.into() });
    let run = desk.run("f");
    assert_eq!(desk.store().cursor("poll:f".into()).wait().unwrap(), None);
    assert_eq!(desk.store().accept(vec![run.clone()], cursor("page 1")).wait().unwrap(), [Admitted::Queued]);
    assert!(desk.store().accept(Vec::new(), cursor("page 2")).wait().unwrap().is_empty());
    desk.reopen();
    assert_eq!(desk.store().cursor("poll:f".into()).wait().unwrap().as_deref(), Some("page 2"));
    assert_eq!(desk.status(run.run), RunStatus::Queued);
}

/// All of a page, or none; whole also if it is larger than the room that is left.
pub fn a_page_is_taken_whole_if_the_backlog_was_below_its_limit(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let cursor = |value: &str| Some(CursorAdvance { name: "poll:f".into(), value: value.into() });
    let page = |n: usize| -> Vec<NewRun> {
        let run = |_| NewRun {
            backlog_max: 3,
            ..deduped(&desk, "f", &desk.id().to_string(), Duration::from_secs(9))
        };
        (0..n).map(run).collect()
    };
    let (first, larger, refused) = (page(2), page(5), page(2));
    assert_eq!(desk.store().accept(first, cursor("1")).wait().unwrap(), [Admitted::Queued; 2]);
    assert_eq!(desk.store().accept(larger, cursor("2")).wait().unwrap(), [Admitted::Queued; 5]);
    let mut with_others = vec![desk.run("g")];
    with_others.extend(refused.clone());
    let answers = desk.store().accept(with_others, cursor("3")).wait().unwrap();
    assert_eq!(answers, [Admitted::BacklogFull; 3]);
    assert_eq!(desk.store().cursor("poll:f".into()).wait().unwrap().as_deref(), Some("2"));
    assert!(desk.store().load(refused[0].run).wait().unwrap().is_none());
    assert_eq!(desk.store().flow_counts().wait().unwrap().iter().map(|c| c.queued).sum::<u64>(), 7);
    assert_eq!(desk.claim(4).len(), 4);
    assert_eq!(desk.store().accept(refused.clone(), cursor("3")).wait().unwrap()[0], Admitted::BacklogFull);
    assert_eq!(desk.claim(1).len(), 1);
    assert_eq!(desk.store().accept(refused, cursor("3")).wait().unwrap(), [Admitted::Queued; 2]);
    desk.reopen();
    assert_eq!(desk.store().flow_counts().wait().unwrap()[0].queued, 4 + 5);
}

/// Also when some are refused.
pub fn answers_are_in_the_order_of_the_runs(place: &dyn Place) {
    let desk = Desk::at(place);
    let runs: Vec<NewRun> =
        (0..6).map(|n| NewRun { start: n % 2 == 0, backlog_max: 2, ..desk.run("f") }).collect();
    let answers = desk.store().accept(runs, None).wait().unwrap();
    let (started, queued) = (Admitted::Started, Admitted::Queued);
    assert_eq!(answers, [started, queued, started, queued, started, Admitted::BacklogFull]);
}
