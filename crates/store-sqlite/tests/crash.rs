//! The process is killed at any instant: nothing that was answered is missing afterwards.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use sinew_stdx::{Random, Timestamp};
use sinew_store::{
    Admitted, Archive as _, IdSource, Journal as _, NewRun, Phase, RunFilter, RunId, RunStatus, RunWrite,
    Upkeep as _,
};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};

const KILLS: u64 = 10;
/// Tells the child where to write; it is this same test, started again.
const DIR: &str = "SINEW_CRASH_DIR";
const ROUND: &str = "SINEW_CRASH_ROUND";

fn options(dir: &Path) -> SqliteOptions {
    SqliteOptions { reserve_bytes: 0, ..SqliteOptions::in_dir(dir) }
}

fn new_run(run: RunId, n: usize) -> NewRun {
    NewRun {
        run,
        flow: format!("flow-{}", n % 5).into(),
        version: "v1".into(),
        accepted_at: run.at(),
        batch: false,
        ordering_key: n.is_multiple_of(3).then(|| format!("key-{}", n % 20).into()),
        dedupe: None,
        parent: None,
        trace_id: 0,
        entry: vec![7; 50 + n % 3000],
        blobs: Vec::new(),
        start: true,
        backlog_max: u64::MAX,
    }
}

/// Accepts and finishes runs for ever, and says after each answer how far each run is.
fn child(dir: &Path, round: u64) {
    let store = SqliteStore::open(options(dir)).unwrap();
    let mut ids = IdSource::seeded(round);
    let mut out = std::io::stdout().lock();
    for wave in 0.. {
        let now = Timestamp::from_millis(1_767_225_600_000 + (round as i64) * 1_000_000 + wave);
        let runs: Vec<NewRun> = (0..40).map(|n| new_run(ids.next(now), n)).collect();
        let accepted: Vec<_> =
            runs.iter().map(|run| (run.run, store.accept(vec![run.clone()], None))).collect();
        let mut writes = Vec::new();
        for (run, answer) in accepted {
            let admitted = answer.wait().unwrap()[0];
            writeln!(out, "DURABLE {run} 1").unwrap();
            for seq in (1..=2).filter(|_| admitted == Admitted::Started) {
                let status = RunStatus::Finished;
                let ended = Phase::Ended { status, holds_key: false, reason: None, step: None };
                let phase = if seq == 2 { ended } else { Phase::Running };
                let write = RunWrite {
                    run,
                    first_seq: seq,
                    entries: vec![vec![9; 100]],
                    blobs: Vec::new(),
                    checkpoints: Vec::new(),
                    phase,
                    dead: Vec::new(),
                    settles: Vec::new(),
                    at: now,
                };
                writes.push((run, seq, store.write(write)));
            }
        }
        for (run, seq, answer) in writes {
            answer.wait().unwrap();
            writeln!(out, "DURABLE {run} {}", seq + 1).unwrap();
        }
    }
}

/// Starts the child, reads what it says, and kills it after so many lines.
fn one_life(dir: &Path, round: u64, lines: u64, durable: &mut BTreeMap<RunId, usize>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_answered_is_missing_after_a_kill", "--nocapture"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heard = 0;
    let mut note = |line: &str| {
        // The first line shares its row with what the test harness prints.
        let Some((_, rest)) = line.split_once("DURABLE ") else { return false };
        let Some((run, entries)) = rest.split_once(' ') else { return false };
        let (Ok(run), Ok(entries)) = (RunId::parse(run), entries.parse()) else { return false };
        durable.insert(run, entries);
        true
    };
    while heard < lines {
        let line = said.next().unwrap().unwrap();
        heard += u64::from(note(&line));
    }
    child.kill().unwrap();
    // What it had said before it died counts, too.
    said.map_while(Result::ok).for_each(|line| {
        note(&line);
    });
    assert!(!child.wait().unwrap().success());
}

fn check(dir: &Path, durable: &BTreeMap<RunId, usize>) {
    let store = SqliteStore::open(options(dir)).unwrap();
    let mut unfinished = 0;
    for (&run, &entries) in durable {
        let stored = store.load(run).wait().unwrap().unwrap_or_else(|| panic!("run {run} is lost"));
        assert!(stored.entries.len() >= entries, "run {run} has lost entries");
        assert_eq!(stored.status == RunStatus::Finished, stored.entries.len() == 3);
        unfinished += u64::from(stored.status == RunStatus::Queued);
    }
    let counts = store.flow_counts().wait().unwrap();
    assert!(counts.iter().map(|flow| flow.queued).sum::<u64>() >= unfinished);
    assert!(counts.iter().all(|flow| flow.running == 0));
    let active = store.stats().wait().unwrap().active;
    assert_eq!(
        active,
        counts.iter().map(|flow| flow.queued).sum::<u64>(),
        "the counts are those of the runs"
    );
    let page = RunFilter { statuses: vec![RunStatus::Queued], limit: 1000, ..RunFilter::default() };
    assert!(store.runs(page).wait().unwrap().len() as u64 <= active);
    store.close();
    let conn = rusqlite::Connection::open(dir.join("sinew.db")).unwrap();
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    let counted: i64 = conn.query_row("SELECT sum(n) FROM run_counts", [], |r| r.get(0)).unwrap();
    let there: i64 = conn.query_row("SELECT count(*) FROM runs", [], |r| r.get(0)).unwrap();
    assert_eq!((verdict.as_str(), counted), ("ok", there));
}

#[test]
fn nothing_answered_is_missing_after_a_kill() {
    if let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) {
        return child(Path::new(&dir), round.parse().unwrap());
    }
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let mut random = Random::seeded(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut durable = BTreeMap::new();
    for round in 0..KILLS {
        one_life(dir.path(), round, 1 + random.below(600), &mut durable);
        check(dir.path(), &durable);
    }
    assert!(durable.len() > 20);
}
