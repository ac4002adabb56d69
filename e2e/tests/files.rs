//! Files of records through `each`: however large they are, the server stays small.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::json;
use sinew_e2e::World;
use sinew_sandbox::Tuning;

/// More than the server may ever hold.
const FILE_BYTES: usize = 160 << 20;
const MEMORY_KB_MAX: u64 = 100 << 10;

/// Writes a beginning, a block of a thousand records as often as it fits, and an end; gives how many records there are.
fn write(path: &Path, begin: &str, record: impl Fn(usize) -> String, end: &str) -> usize {
    let block: String = (0..1000).map(record).collect();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(begin.as_bytes()).unwrap();
    let blocks = FILE_BYTES / block.len();
    for _ in 0..blocks {
        file.write_all(block.as_bytes()).unwrap();
    }
    file.write_all(end.as_bytes()).unwrap();
    blocks * 1000
}

/// Adds up the amounts of a file's records in batches.
fn check(name: &str, format: &str, write: impl FnOnce(&Path) -> usize) {
    let flow = format!(
        "kind: Flow\nname: add\nowner: {{ team: t, contact: c@example.com, runbook: r.md }}\ntrigger: manual\n\
         steps:\n  - rows:\n      each:\n        file: {{ path: '\"{name}\"', format: {format} }}\n        as: rows\n        \
         batch: 1000\n        steps: [{{ sum: {{ map: '$sum(rows.$number(amount))' }} }}]\n        \
         reduce: {{ start: {{ total: 0 }}, with: {{ total: acc.total + result }} }}\nresult: rows\n"
    );
    let mut world = World::prepare(1, Tuning::default(), Vec::new());
    world.write_own(&flow);
    let own = world.project("own");
    let records = write(&own.join(name));
    world.options.projects.push(own.clone());
    world.serve();
    let run = world.start("add", &json!({}));
    let run = world.run_in(&run, "finished");
    // Of each thousand the amounts are 0 to 999.
    assert_eq!(run["result"]["reduced"]["total"], json!(records / 1000 * 499_500), "{run}");
    let (_, most_kb) = world.server().memory_kb();
    assert!(most_kb < MEMORY_KB_MAX, "{most_kb} kB at most");
    world.stop();
    fs::remove_file(own.join(name)).unwrap();
}

/// Something long that nobody reads.
fn note() -> String {
    "lorem ".repeat(80)
}

#[test]
fn rows_of_csv_are_streamed() {
    let row = |n: usize| format!("{n};Ren\u{e9};\"{}\";{n}\n", note());
    check("rows.csv", "{ csv: { separator: ';' } }", |path| write(path, "id;name;note;amount\n", row, ""));
}

#[test]
fn elements_of_xml_are_streamed() {
    let order = |n: usize| {
        format!("<o:order id=\"{n}\"><note>{} &amp; so on</note><amount>{n}</amount></o:order>\n", note())
    };
    let begin = "<?xml version=\"1.0\"?>\n<o:orders xmlns:o=\"urn:orders\">\n";
    check("orders.xml", "{ xml: { record: order } }", |path| write(path, begin, order, "</o:orders>\n"));
}

#[test]
fn lines_of_fixed_width_are_streamed() {
    let line = |n: usize| format!("{n:08}{n:>6} {}\n", note());
    check("lines.txt", "{ fixed: { columns: { id: 1-8, amount: 9-14 } } }", |path| write(path, "", line, ""));
}
