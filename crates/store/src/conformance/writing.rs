//! Writing more of a run.

use std::sync::Arc;

use super::Place;
use super::desk::{Desk, ended};
use crate::{Blob, CursorAdvance, DeadFilter, NewRun, Phase, RunStatus, RunWrite, StoreError};

/// The journal is a row without holes.
pub fn entries_are_appended_and_gaps_and_repetitions_refused(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    desk.write(desk.entry(run, 1, Phase::Running)).unwrap();
    let two = RunWrite {
        entries: vec![b"entry 2".to_vec(), b"entry 3".to_vec()],
        ..desk.entry(run, 2, Phase::Running)
    };
    desk.write(two).unwrap();
    for given in [0, 1, 3, 5, u32::MAX] {
        let error = desk.write(desk.entry(run, given, Phase::Running)).unwrap_err();
        let StoreError::OutOfSequence { run: whose, expected, given: refused } = error else {
            panic!("{error}")
        };
        assert_eq!((whose, expected, refused), (run, 4, given));
    }
    desk.finish(run, 4);
    assert_eq!(desk.entries(run), ["accepted", "entry 1", "entry 2", "entry 3", "entry 4"]);
}

/// A write is done whole or not at all.
pub fn a_refused_write_leaves_nothing_behind(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = desk.start("f");
    let write = RunWrite {
        blobs: vec![Blob { hash: [1; 32], bytes: Arc::from(vec![1]) }],
        checkpoints: vec![("each".into(), vec![1])],
        dead: vec![desk.letter("s", "rejected")],
        ..desk.entry(run, 2, ended(RunStatus::Dead))
    };
    assert!(matches!(desk.write(write), Err(StoreError::OutOfSequence { .. })));
    let stored = desk.store().load(run).wait().unwrap().unwrap();
    assert_eq!((stored.entries.len(), stored.status), (1, RunStatus::Running));
    assert!(stored.blobs.is_empty() && stored.checkpoints.is_empty());
    assert_eq!(desk.store().dead_count(DeadFilter::default()).wait().unwrap(), 0);
}

/// Whoever writes has claimed the run, or accepted it.
pub fn only_running_runs_are_written_to(place: &dyn Place) {
    let desk = Desk::at(place);
    let (queued, resting, finished) = (desk.queue(desk.run("f")), desk.start("f"), desk.start("f"));
    desk.rest(resting, 1, None, &[("e", None)]);
    desk.finish(finished, 1);
    for (run, seq) in [(queued, 1), (resting, 2), (finished, 2)] {
        assert!(
            matches!(desk.write(desk.entry(run, seq, Phase::Running)), Err(StoreError::NotClaimed(r)) if r == run)
        );
    }
    let nobody = desk.id();
    assert!(matches!(desk.write(desk.entry(nobody, 0, Phase::Running)), Err(StoreError::Missing(_))));
    assert!(desk.store().claim(resting).wait().unwrap());
    desk.write(desk.entry(resting, 2, Phase::Running)).unwrap();
}

/// Nobody has to wait for one answer before the next write.
pub fn writes_handed_in_at_once_keep_their_order(place: &dyn Place) {
    let desk = Desk::at(place);
    let run = NewRun { start: true, ..desk.run("f") };
    let id = run.run;
    let accepted = desk.store().accept(vec![run], None);
    let phase = |seq| if seq == 200 { ended(RunStatus::Finished) } else { Phase::Running };
    let pending: Vec<_> = (1..=200).map(|seq| desk.store().write(desk.entry(id, seq, phase(seq)))).collect();
    accepted.wait().unwrap();
    for answer in pending {
        answer.wait().unwrap();
    }
    assert_eq!(desk.entries(id).len(), 201);
    assert_eq!(desk.entries(id)[137], "entry 137");
}

/// By their hash, however many runs and writes refer to them.
pub fn large_values_are_kept_once_and_come_back(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let big = Blob { hash: [9; 32], bytes: Arc::from(vec![7; 3 << 20]) };
    let small = Blob { hash: [8; 32], bytes: Arc::from(Vec::new()) };
    let [a, b] = [desk.start("f"), desk.start("f")];
    for (run, blobs) in [(a, vec![big.clone()]), (b, vec![big.clone(), small.clone()])] {
        desk.write(RunWrite { blobs: blobs.clone(), ..desk.entry(run, 1, Phase::Running) }).unwrap();
        desk.write(RunWrite { blobs, ..desk.entry(run, 2, Phase::Running) }).unwrap();
    }
    assert!(desk.store().stats().wait().unwrap().bytes < 20 << 20);
    desk.reopen();
    let blobs = |run| desk.store().load(run).wait().unwrap().unwrap().blobs;
    assert_eq!(blobs(a), std::slice::from_ref(&big));
    let mut of_b = blobs(b);
    of_b.sort_unstable_by_key(|blob| blob.hash);
    assert_eq!(of_b, [small, big]);
}

/// Progress is where it stands, not how it came there.
pub fn a_checkpoint_replaces_the_one_under_its_path(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let run = desk.start("f");
    let checkpoints =
        |list: &[(&str, u8)]| list.iter().map(|&(path, n)| (Arc::from(path), vec![n])).collect::<Vec<_>>();
    let step = |given: &[(&str, u8)]| RunWrite {
        entries: Vec::new(),
        checkpoints: checkpoints(given),
        ..desk.entry(run, 1, Phase::Running)
    };
    desk.write(step(&[("b", 1), ("a", 1)])).unwrap();
    desk.write(step(&[("b", 2)])).unwrap();
    desk.reopen();
    assert_eq!(
        desk.store().load(run).wait().unwrap().unwrap().checkpoints,
        checkpoints(&[("a", 1), ("b", 2)])
    );
}

/// Whatever was answered.
pub fn what_was_written_is_there_after_reopening(place: &dyn Place) {
    let mut desk = Desk::at(place);
    let (going, done) = (desk.start("f"), desk.start("f"));
    desk.write(desk.entry(going, 1, Phase::Running)).unwrap();
    desk.finish(done, 1);
    desk.reopen();
    assert_eq!((desk.entries(going).len(), desk.entries(done).len()), (2, 2));
    assert_eq!((desk.status(going), desk.status(done)), (RunStatus::Queued, RunStatus::Finished));
    assert_eq!(desk.claim(9), [going]);
    desk.finish(going, 2);
    assert_eq!(desk.entries(going), ["accepted", "entry 1", "entry 2"]);
}

/// A node that wakes up late can do no harm.
pub fn an_overtaken_store_writes_nothing_more(place: &dyn Place) {
    let desk = Desk::at(place);
    let (run, queued) = (desk.start("f"), desk.queue(desk.run("f")));
    let epoch = desk.store().epoch().0;
    desk.overtake();
    let fenced = |error: StoreError| matches!(error, StoreError::Fenced(e) if e == epoch);
    let write = desk.write(desk.entry(run, 1, Phase::Running));
    assert!(fenced(write.unwrap_err()));
    assert!(fenced(desk.store().accept(vec![desk.run("f")], None).wait().unwrap_err()));
    assert!(fenced(desk.store().claim_queued(1, Vec::new()).wait().unwrap_err()));
    assert!(fenced(desk.store().claim_to_cancel(queued).wait().unwrap_err()));
    let cursor = CursorAdvance { name: "c".into(), value: "v".into() };
    assert!(fenced(desk.store().set_cursor(cursor).wait().unwrap_err()));
    assert_eq!((desk.entries(run).len(), desk.status(queued)), (1, RunStatus::Queued));
}
