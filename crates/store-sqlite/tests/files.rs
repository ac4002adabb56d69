//! The files of a store: whose they are, which version, what a full disk does, copies.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use sinew_stdx::Timestamp;
use sinew_store::{
    Admitted, Archive as _, IdSource, Journal as _, NewRun, Phase, RunFilter, RunId, RunStatus, RunWrite,
    StoreError, Upkeep as _,
};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};

fn options(dir: &Path) -> SqliteOptions {
    SqliteOptions { reserve_bytes: 6 << 20, ..SqliteOptions::in_dir(dir) }
}

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(options(dir))
}

fn new_run(ids: &mut IdSource, entry: usize) -> NewRun {
    let run = ids.next(Timestamp::from_millis(1_767_225_600_000));
    NewRun {
        run,
        flow: "f".into(),
        version: "v1".into(),
        accepted_at: run.at(),
        batch: false,
        ordering_key: None,
        dedupe: None,
        parent: None,
        trace_id: 1,
        entry: vec![1; entry],
        blobs: Vec::new(),
        start: true,
        backlog_max: 10,
    }
}

fn finish(store: &SqliteStore, run: RunId) -> Result<(), StoreError> {
    let write = RunWrite {
        run,
        first_seq: 1,
        entries: vec![vec![2; 100]],
        blobs: Vec::new(),
        checkpoints: Vec::new(),
        phase: Phase::Ended { status: RunStatus::Finished, holds_key: false, reason: None, step: None },
        dead: Vec::new(),
        settles: Vec::new(),
        at: run.at(),
    };
    store.write(write).wait().map(drop)
}

#[test]
fn a_store_in_use_is_not_opened_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(StoreError::Locked(_))));
    store.close();
    assert!(matches!(store.probe().wait(), Err(StoreError::Closed)));
    assert!(matches!(store.flow_counts().wait(), Err(StoreError::Closed)));
    assert!(open(dir.path()).unwrap().epoch() > store.epoch());
}

#[test]
fn what_is_no_store_is_left_alone() {
    let text = |dir: &Path| std::fs::write(dir.join("sinew.db"), "no database ".repeat(1000)).unwrap();
    let foreign = |dir: &Path| {
        let conn = rusqlite::Connection::open(dir.join("sinew.db")).unwrap();
        conn.execute_batch("CREATE TABLE theirs (x)").unwrap();
    };
    for make in [&text as &dyn Fn(&Path), &foreign] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_store_of_a_later_version_is_left_alone_unless_it_says_that_we_can_use_it() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).unwrap().close();
    let set = |usable_from: u32| {
        let conn = rusqlite::Connection::open(dir.path().join("sinew.db")).unwrap();
        conn.execute("INSERT OR REPLACE INTO schema_versions VALUES (99, ?1)", [usable_from]).unwrap();
    };
    set(99);
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    set(1);
    open(dir.path()).unwrap().probe().wait().unwrap();
}

#[test]
fn an_operation_that_sqlite_refuses_does_not_fail_its_neighbours() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut ids = IdSource::seeded(1);
    let twice = new_run(&mut ids, 10);
    let runs: Vec<NewRun> =
        (0..50).map(|n| if n % 25 == 0 { twice.clone() } else { new_run(&mut ids, 10) }).collect();
    let answers: Vec<_> = runs.into_iter().map(|run| store.accept(vec![run], None)).collect();
    let answers: Vec<_> = answers.into_iter().map(sinew_store::Pending::wait).collect();
    let refused: Vec<usize> = (0..50).filter(|&n| answers[n].is_err()).collect();
    assert_eq!(refused, [25]);
    assert!(matches!(&answers[25], Err(StoreError::Failed(_))));
    assert_eq!(store.flow_counts().wait().unwrap()[0].running, 49);
}

/// Accepts until the disk is full; then what was accepted is read and finished. `make_room` ends the misery.
fn check_full_disk(options: SqliteOptions, make_room: impl FnOnce(&SqliteStore)) {
    let store = SqliteStore::open(options).unwrap();
    let mut ids = IdSource::seeded(1);
    let mut accepted = Vec::new();
    let error = loop {
        let run = new_run(&mut ids, 20_000);
        match store.accept(vec![run.clone()], None).wait() {
            Ok(_) => accepted.push(run.run),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(accepted.len() > 20);
    assert!(matches!(store.accept(vec![new_run(&mut ids, 10)], None).wait(), Err(StoreError::Full(_))));
    assert!(matches!(store.probe().wait(), Err(StoreError::Full(_))));
    let filter = RunFilter { limit: 1000, ..RunFilter::default() };
    assert_eq!(store.runs(filter).wait().unwrap().len(), accepted.len());
    for &run in &accepted {
        assert_eq!(store.load(run).wait().unwrap().unwrap().entries[0].len(), 20_000);
        finish(&store, run).unwrap();
    }
    make_room(&store);
    let begun = Instant::now();
    while let Err(error) = store.accept(vec![new_run(&mut ids, 10)], None).wait() {
        assert!(matches!(error, StoreError::Full(_)) && begun.elapsed() < Duration::from_secs(20), "{error}");
        std::thread::yield_now();
    }
    assert_eq!(store.flow_counts().wait().unwrap()[0].running, 1);
}

#[test]
fn a_full_file_stops_acceptance_only_and_recovers_when_runs_are_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let limited = SqliteOptions { bytes_max: Some(4 << 20), ..options(dir.path()) };
    check_full_disk(limited, |store| {
        let all = sinew_store::Retention { ended_before: Timestamp::from_millis(i64::MAX), batch_max: 100 };
        while store.retain(all).wait().unwrap() > 0 {}
    });
}

#[test]
fn a_copy_is_made_while_the_store_is_in_use_and_becomes_a_store() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = other.path().join("copy.db");
    let store = open(dir.path()).unwrap();
    let mut ids = IdSource::seeded(1);
    let mut accept = |n: usize| -> Vec<RunId> {
        let runs: Vec<NewRun> = (0..n).map(|_| new_run(&mut ids, 3000)).collect();
        let answers: Vec<_> = runs.iter().map(|run| store.accept(vec![run.clone()], None)).collect();
        for answer in answers {
            assert_eq!(answer.wait().unwrap(), [Admitted::Started]);
        }
        runs.into_iter().map(|run| run.run).collect()
    };
    let before = accept(2000);
    let backup = store.backup(copy.clone());
    let meanwhile = accept(500);
    backup.wait().unwrap();
    assert!(matches!(store.backup(copy.clone()).wait(), Err(StoreError::Failed(_))), "it overwrites nothing");
    assert!(matches!(SqliteStore::restore(&copy, dir.path()), Err(StoreError::Locked(_))));
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 1, "one file, and nothing beside it");

    let target = other.path().join("data");
    SqliteStore::restore(&copy, &target).unwrap();
    let restored = open(&target).unwrap();
    assert!(before.iter().all(|&run| restored.load(run).wait().unwrap().is_some()));
    let also = meanwhile.iter().map(|&run| restored.load(run).wait().unwrap().is_some()).collect::<Vec<_>>();
    assert!(also.is_sorted_by(|a, b| a >= b), "as of one instant");
    restored.close();
    SqliteStore::restore(&copy, &target).unwrap();
    assert!(target.join("sinew.db.replaced").exists(), "what was there is kept");
}

/// What the owner, the group and others may do with it.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nobody_else_reads_a_store_a_copy_or_a_restored_store() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (own, copy) = (dir.path().join("own"), other.path().join("copy.db"));
    let store = open(&own).unwrap();
    store.backup(copy.clone()).wait().unwrap();
    assert_eq!((mode(&own), mode(&copy)), (0o700, 0o600));
    for file in ["sinew.db", "sinew.db-wal", "sinew.db-shm"] {
        assert_eq!(mode(&own.join(file)), 0o600, "{file}");
    }
    // One folder that everybody may look into, and one that is made.
    let open_to_all = other.path().join("open");
    std::fs::create_dir(&open_to_all).unwrap();
    std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o755)).unwrap();
    let made = other.path().join("made");
    for target in [&open_to_all, &made] {
        SqliteStore::restore(&copy, target).unwrap();
        assert_eq!(mode(&target.join("sinew.db")), 0o600, "{}", target.display());
    }
    assert_eq!(mode(&made), 0o700);
}

#[test]
fn a_damaged_copy_changes_nothing() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = other.path().join("copy.db");
    let store = open(dir.path()).unwrap();
    let mut ids = IdSource::seeded(1);
    for _ in 0..200 {
        store.accept(vec![new_run(&mut ids, 2000)], None).wait().unwrap();
    }
    store.backup(copy.clone()).wait().unwrap();
    store.close();
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0xEE);
    std::fs::write(&copy, bytes).unwrap();
    let error = SqliteStore::restore(&copy, dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(matches!(
        SqliteStore::restore(&other.path().join("none"), dir.path()),
        Err(StoreError::Missing(_))
    ));
    assert_eq!(open(dir.path()).unwrap().flow_counts().wait().unwrap()[0].queued, 200);
}
