//! History: a million runs in the store; pages of the run list, and retention beside acceptance.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sinew_bench::{Load, Report, percentile};
use sinew_e2e::{Http, World};
use sinew_sandbox::{TruthDetail, Tuning};
use sinew_stdx::Timestamp;
use sinew_store::{Archive, IdSource, Journal, NewRun, Phase, RunFilter, RunStatus, RunWrite};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};

const RUNS: u64 = 1_000_000;
const CHUNK: u64 = 2_000;
const PAGES: usize = 400;
/// Ended this long ago, so that retention wants them.
const AGE_MS: i64 = 40 * 86_400_000;

fn main() {
    let tuning =
        Tuning { truth: TruthDetail::Count, max_records: 5_000, billing_rate_per_s: 0, ..Tuning::default() };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("projects/runs");
    let mut world = World::prepare(7, tuning, vec![project]);
    std::fs::create_dir_all(&world.options.data).expect("the server's folder");
    let mut report = Report::new("history");
    let begin = Instant::now();
    fill(&world.options.data);
    report.row("runs in the store", &RUNS.to_string(), "");
    report.row("filled in", &format!("{:.0} s", begin.elapsed().as_secs_f64()), "");
    // First without retention, to look; then with it, to delete all of them beside acceptance.
    world.options.arguments = vec!["--retention".into(), "365d".into()];
    world.serve();
    let mut pages = look(world.control());
    report.row("run list page, median", &format!("{:.2} ms", percentile(&mut pages, 0.5)), "");
    report.metric("page_p99_ms", "run list page p99", percentile(&mut pages, 0.99), "ms", "< 50");
    let calm = accept_p99(world.options.listen, "calm");
    world.stop();
    world.options.arguments = vec!["--retention".into(), "30d".into()];
    world.serve();
    let busy = accept_p99(world.options.listen, "retaining");
    report.metric("accept_p99_ms", "acceptance p99 without retention", calm, "ms", "");
    report.metric("accept_p99_retaining_ms", "acceptance p99 beside retention", busy, "ms", "");
    report.print();
}

/// Writes a million ended runs of ten flows through the store's own face.
fn fill(data: &Path) {
    let store = SqliteStore::open(SqliteOptions::in_dir(data)).expect("a new store");
    let mut ids = IdSource::seeded(1);
    let begin = Timestamp::from_millis(now_ms() - AGE_MS);
    for chunk in 0..RUNS / CHUNK {
        let at = begin.plus(Duration::from_millis(chunk * 100));
        let runs: Vec<NewRun> = (0..CHUNK).map(|n| new_run(&mut ids, chunk * CHUNK + n, at)).collect();
        let ends: Vec<RunWrite> = runs.iter().enumerate().map(|(n, run)| end(run, n, at)).collect();
        store.accept(runs, None).wait().expect("runs are accepted");
        let pending: Vec<_> = ends.into_iter().map(|end| store.write(end)).collect();
        for answer in pending {
            answer.wait().expect("a run ends");
        }
    }
    let page = store.runs(RunFilter { limit: 1, ..RunFilter::default() }).wait().expect("a page");
    assert_eq!(page.len(), 1);
    store.close();
}

fn new_run(ids: &mut IdSource, n: u64, at: Timestamp) -> NewRun {
    NewRun {
        run: ids.next(at),
        flow: Arc::from(format!("flow-{}", n % 10)),
        version: Arc::from("0123456789abcdef"),
        accepted_at: at,
        batch: false,
        ordering_key: Some(Arc::from(format!("key-{n}"))),
        dedupe: None,
        parent: None,
        trace_id: u128::from(n) + 1,
        entry: br#"{"at":1,"do":{"cancelled":{"by":{"kind":"user","name":"bench"}}}}"#.to_vec(),
        blobs: Vec::new(),
        start: true,
        backlog_max: u64::MAX,
    }
}

fn end(run: &NewRun, n: usize, at: Timestamp) -> RunWrite {
    let status = match n % 50 {
        0 => RunStatus::Cancelled,
        1 => RunStatus::Undone,
        _ => RunStatus::Finished,
    };
    RunWrite {
        run: run.run,
        first_seq: 1,
        entries: vec![br#"{"at":1,"do":{"finished":{"result":{"v":null}}}}"#.to_vec()],
        blobs: Vec::new(),
        checkpoints: Vec::new(),
        phase: Phase::Ended { status, holds_key: false, reason: None, step: None },
        dead: Vec::new(),
        settles: Vec::new(),
        at: at.plus(Duration::from_millis(20)),
    }
}

/// Pages of the list: the newest, deep ones, and filtered ones.
fn look(control: &Http) -> Vec<f64> {
    let queries = ["", "&flow=flow-3", "&status=cancelled", "&flow=flow-7&status=undone", "&status=dead"];
    let (mut times, mut before) = (Vec::new(), String::new());
    for n in 0..PAGES {
        let query = queries[n % queries.len()];
        let begin = Instant::now();
        let answer = control.get(&format!("/v1/runs?limit=50{query}{before}"));
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        assert!(answer.is_ok(), "a page of the run list: {answer:?}");
        if query.is_empty() {
            let page = answer.json();
            let last = page["items"].as_array().and_then(|items| items.last().cloned()).unwrap_or_default();
            before = last["run"]
                .as_str()
                .or(last["id"].as_str())
                .map_or(String::new(), |id| format!("&before={id}"));
        }
    }
    times
}

fn accept_p99(address: SocketAddr, word: &'static str) -> f64 {
    let load = Load {
        address,
        path: "/hooks/bench-runs".to_owned(),
        connections: 64,
        count: 15_000,
        rate_per_s: 1_500,
        body: Arc::new(move |n| {
            format!(
                r#"{{"event_id":"{word}-{n}","contact_id":"{}","title":"T","amount":"1","currency":"eur"}}"#,
                n % 1000
            )
        }),
    };
    let mut result = load.run();
    assert_eq!(result.refused, 0, "webhooks were refused");
    percentile(&mut result.latencies_ms, 0.99)
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}
