//! Bulk: 50,000 contacts against a vendor that takes 1,000 a second; then again with a kill in the middle.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::fs::File;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sinew_bench::Report;
use sinew_e2e::{World, until};
use sinew_sandbox::{Tuning, write_contacts_csv};

const CONTACTS: u64 = 50_000;
const RATE_PER_S: u64 = 1_000;
const PATIENCE: Duration = Duration::from_mins(5);
/// Where the second run is killed, as a share of the contacts.
const KILL_AT: f64 = 0.4;

fn main() {
    let limit_s = CONTACTS as f64 / RATE_PER_S as f64;
    let mut report = Report::new("bulk");
    let mut world = world();
    let begin = Instant::now();
    let run = start(&world);
    finish(&world, &run);
    let took = begin.elapsed().as_secs_f64();
    let peak_mb = world.server().memory_kb().1 as f64 / 1000.0;
    let (requests, refused) = asked(&world);
    let figures = result(&world, &run);
    assert_eq!(figures["total"], json!(CONTACTS), "{figures}");
    report.row("contacts", &CONTACTS.to_string(), "");
    report.row("took", &format!("{took:.1} s"), "");
    report.metric("ratio_to_limit", "ratio to what the limit allows", took / limit_s, "x", "<= 1.05");
    report.metric("rss_mb", "memory at most", peak_mb, "MB", "< 100");
    report.metric("rate_429", "share of 429", refused as f64 / requests as f64, "", "< 0.005");

    world.sandbox.post("/_control/reset", &Value::Null);
    let begin = Instant::now();
    let run = start(&world);
    until("the middle of the second run", PATIENCE, || {
        (asked_total(&world) as f64 >= CONTACTS as f64 * KILL_AT).then_some(())
    });
    world.kill();
    world.serve();
    finish(&world, &run);
    let again = result(&world, &run);
    let same = again == figures;
    let again_asked = asked_total(&world);
    report.row("killed in the middle: took", &format!("{:.1} s", begin.elapsed().as_secs_f64()), "");
    report.row("  asked again after the kill", &format!("{}", again_asked.saturating_sub(CONTACTS)), "");
    report.metric("resumed_same", "  same figures at the end", f64::from(u8::from(same)), "(1 = yes)", "1");
    report.print();
    assert!(same, "after the kill: {again}, without: {figures}");
}

fn world() -> World {
    let projects = vec![sinew_e2e::examples("vendors"), sinew_e2e::examples("bulk-enrich")];
    let mut world = World::prepare(7, Tuning::default(), projects);
    // The contacts lie in a project folder of their own, so that nothing is written into the examples.
    let folder = world.folder().join("contacts");
    std::fs::create_dir_all(&folder).expect("a folder for the contacts");
    let file = File::create(folder.join("contacts.csv")).expect("the contacts' file");
    write_contacts_csv(std::io::BufWriter::new(file), 7, CONTACTS).expect("the contacts can be written");
    world.options.projects.push(folder);
    world.serve();
    world
}

fn start(world: &World) -> String {
    world.start("bulk-enrich", &json!({ "file": "contacts.csv", "job": "bench", "save": false }))
}

fn finish(world: &World, run: &str) {
    until("the bulk run to finish", PATIENCE, || {
        let line = world.run(run);
        let status = line["run"]["status"].as_str().unwrap_or_default();
        assert!(!matches!(status, "dead" | "cancelled"), "the run ended as {status}");
        (status == "finished").then_some(())
    });
}

fn result(world: &World, run: &str) -> Value {
    world.run(run)["result"].clone()
}

/// Requests that the enrichment vendor saw, and how many it refused.
fn asked(world: &World) -> (u64, u64) {
    let stats = world.sandbox.get("/_control/stats").json();
    let all = stats["by_vendor"]["enrich"].as_u64().unwrap_or(0);
    (all, stats["rate_limited"]["enrich"].as_u64().unwrap_or(0))
}

fn asked_total(world: &World) -> u64 {
    asked(world).0
}
