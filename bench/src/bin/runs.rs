//! Durable runs: webhook -> GET -> map -> POST -> done; vendor and load generator on the same cores.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use sinew_bench::{Load, LoadResult, Report, median, percentile};
use sinew_e2e::{World, until};
use sinew_sandbox::{TruthDetail, Tuning};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const RUNS: u64 = 40_000;
const WARM_UP: u64 = 5_000;

fn main() {
    let (mut rates, mut p99s, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    let mut report = Report::new("runs");
    for round in 0..ROUNDS as u64 {
        let world = world();
        drive(&world, round, "warm", WARM_UP);
        let (begin, spent) = (Instant::now(), world.server().processor_time());
        let mut load = drive(&world, round, "run", RUNS);
        let rate = RUNS as f64 / begin.elapsed().as_secs_f64();
        let spent_us =
            world.server().processor_time().saturating_sub(spent).as_secs_f64() * 1e6 / RUNS as f64;
        let p99 = percentile(&mut load.latencies_ms, 0.99);
        let (_, peak_kb) = world.server().memory_kb();
        account(&world, RUNS + WARM_UP);
        let accepted = RUNS as f64 / load.took.as_secs_f64();
        report.row(
            &format!("round {}", round + 1),
            &format!("{rate:.0} runs/s, accepted at {accepted:.0}/s, p99 {p99:.1} ms, {} MB, {spent_us:.0} us of the server's each", peak_kb / 1000),
            "",
        );
        rates.push(rate);
        p99s.push(p99);
        peaks.push(peak_kb as f64 / 1000.0);
    }
    report.metric("runs_per_s", "durable runs", median(&mut rates), "runs/s", ">= 5000");
    report.metric("accept_p99_ms", "acceptance p99, 64 connections", median(&mut p99s), "ms", "< 20");
    report.metric("rss_mb", "memory at most", median(&mut peaks), "MB", "< 100");
    report.print();
}

fn world() -> World {
    let tuning = Tuning {
        truth: TruthDetail::Count,
        max_records: 5_000,
        billing_rate_per_s: 0,
        token_seconds: 3600,
        ..Tuning::default()
    };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("projects/runs");
    let mut world = World::prepare(7, tuning, vec![project]);
    world.serve();
    world
}

/// Sends so many webhooks and waits until all their runs have reached the vendor.
fn drive(world: &World, round: u64, word: &'static str, count: u64) -> LoadResult {
    let before = invoices(world);
    let load = Load {
        address: world.options.listen,
        path: "/hooks/bench-runs".to_owned(),
        connections: CONNECTIONS,
        count,
        rate_per_s: 0,
        body: Arc::new(move |n| {
            format!(
                r#"{{"event_id":"{word}-{round}-{n}","contact_id":"{}","title":"Deal {n}","amount":"{}.50","currency":"eur","stage":"closed_won","owner":{{"id":7,"name":"Ada"}},"tags":["a","b"]}}"#,
                n % 5000,
                n % 900 + 10
            )
        }),
    };
    let result = load.run();
    assert_eq!(result.refused, 0, "webhooks were refused");
    until("all runs to reach the vendor", Duration::from_mins(2), || {
        (invoices(world) >= before + count).then_some(())
    });
    result
}

fn summary(world: &World) -> Value {
    world.sandbox.get("/_control/truth/summary").json()
}

fn invoices(world: &World) -> u64 {
    summary(world)["effects"]["billing"]["invoice.created"]["total"].as_u64().unwrap_or(0)
}

/// Nothing lost, nothing doubled.
fn account(world: &World, expected: u64) {
    let created = &summary(world)["effects"]["billing"]["invoice.created"];
    assert_eq!(created["distinct_refs"].as_u64(), Some(expected), "lost runs: {created}");
    assert_eq!(created["doubled_by_ref"].as_u64(), Some(0), "doubled effects: {created}");
}
