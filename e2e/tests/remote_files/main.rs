//! Files of other systems: listed, read record by record, written whole or not at all, moved and removed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod s3;
mod sftp;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{Said, World, sinew_with, until};

const PATIENCE: Duration = Duration::from_mins(2);
/// More than the server may ever hold.
const FILE_BYTES: usize = 160 << 20;

const OPERATIONS: &str = "
  files: { list: { folder: in, names: '*.csv' } }
  later: { list: { folder: in, names: '*.csv', since: since } }
  settled: { list: { folder: in, settled: 1h } }
  all: { list: '{+folder}' }
  rows: { read: { path: '{+path}', format: csv } }
  lines: { read: { path: '{+path}', format: csv, page: 100 } }
  text: { read: 'in/{name}' }
  bytes: { read: { path: 'in/{name}', as: base64 } }
  keep: { write: 'out/{day}/{name}.json' }
  create: { write: { path: 'out/{name}', content: body, new: true } }
  done: { move: { path: 'in/{name}', to: 'done/{name}' } }
  same: { move: { path: '{+path}', to: '{+path}' } }
  forget: { remove: '{+path}' }
";

/// Where files are, and a door at its back.
trait Store {
    /// The transport, and what its connection says beside what all say.
    fn connection(&self) -> (&str, String);

    /// The secrets that the connection names.
    fn secrets(&self) -> Vec<(String, String)>;

    /// Puts a file there, which changed at a second, so often as is said behind its first line.
    fn put(&self, path: &str, first: &str, rest: &str, times: usize, changed: Option<u64>);

    fn get(&self, path: &str) -> Option<String>;
}

/// The documents of a store.
fn documents(store: &impl Store) -> String {
    let (transport, connection) = store.connection();
    format!(
        "kind: Connector\nname: shop-files\nversion: \"1\"\ntransport: {transport}\noperations:{OPERATIONS}---\n\
         kind: Connection\nname: store\nconnector: shop-files@1\n\
         owner: {{ team: t, contact: c@example.com, runbook: r.md }}\n{connection}\
         access: write\nresponse_max: 2MB\negress: {{ allow: [loopback] }}\n"
    )
}

/// A world with one flow over a store.
fn world(store: &impl Store, flow: &str) -> World {
    let mut world = World::prepare(1, sinew_sandbox::Tuning::default(), Vec::new());
    world.write_own(&format!("{}---\n{flow}", documents(store)));
    let project = world.project("own");
    world.options.projects.push(project);
    world.options.env.extend(store.secrets());
    world.serve();
    world
}

/// A project of a store's documents.
fn project(documents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), documents).unwrap();
    folder
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &Value, secrets: &[(String, String)]) -> Said {
    let call = format!("store.{call}");
    sinew_with(folder, &["connector", "try", &call, "--input", "-", "--yes"], &input.to_string(), secrets)
}

/// Calls an operation that fails, under this code and with these words.
#[track_caller]
fn check_refused(
    folder: &Path,
    call: &str,
    input: &Value,
    secrets: &[(String, String)],
    code: &str,
    words: &str,
) {
    let said = called(folder, call, input, secrets);
    let told = format!("{}{}", said.out, said.err);
    assert!(said.code != 0 && told.contains(code) && told.contains(words), "{call}: {told}");
    assert!(secrets.iter().all(|(_, secret)| !told.contains(secret.trim())), "a secret shows: {told}");
}

/// Lists, reads, writes, moves and removes; what is not there is called `not_there`.
fn check_all_operations(store: &impl Store, not_there: &str) {
    let folder = project(&documents(store));
    let (at, secrets) = (folder.path(), store.secrets());
    store.put("in/late.csv", "id,total\n", "1,0.10\n2,x\n", 1, None);
    store.put("in/early & odd+.csv", "id\n", "1\n", 1, Some(1_700_000_000));
    store.put("in/a.txt", "", "gr\u{fc}n", 1, None);
    store.put("in/deep/b.csv", "", "id\n", 1, None);
    store.put("in/bad.csv", "a,b\n", "1\n", 1, None);
    let says = |call: &str, input: Value| called(at, call, &input, &secrets).ok().out;
    let list = says("files", json!({}));
    let (early, late) = (list.find("early & odd+.csv").unwrap(), list.find("late.csv").unwrap());
    assert!(early < late && list.contains("2023-11-14T22:13:20.000Z") && !list.contains("deep"), "{list}");
    assert!(!says("settled", json!({})).contains("late.csv"), "it may still be written");
    let later = says("later", json!({ "since": "2023-11-14T22:13:20.001Z" }));
    assert!(later.contains("late.csv") && !later.contains("early"), "{later}");
    let all = says("later", json!({ "since": "" }));
    assert!(
        all.contains("early") && says("later", json!({ "since": "2023-11-14T22:13:20Z" })).contains("early")
    );
    assert!(says("all", json!({ "folder": "in/deep" })).contains("\"path\": \"in/deep/b.csv\""));
    let rows = says("rows", json!({ "path": "in/late.csv" }));
    assert!(rows.contains("\"total\": \"0.10\"") && rows.contains("\"total\": \"x\""), "{rows}");
    assert!(says("rows", json!({ "path": "in/early & odd+.csv" })).contains("\"id\": \"1\""));
    assert!(says("text", json!({ "name": "a.txt" })).contains("gr\u{fc}n"));
    assert!(says("bytes", json!({ "name": "a.txt" })).contains("Z3LDvG4="));
    for total in [5, 6] {
        says("keep", json!({ "day": "2026-11-21", "name": "o 1", "content": { "total": total } }));
        let kept = store.get("out/2026-11-21/o 1.json");
        assert_eq!(kept, Some(format!("{{\"total\":{total}}}")), "also over what was there");
    }
    let large = "z".repeat(3_000_000);
    says("create", json!({ "name": "large", "body": large }));
    assert_eq!(store.get("out/large"), Some(large));
    says("create", json!({ "name": "raw", "body": { "base64": "aGk=" } }));
    assert_eq!(store.get("out/raw").as_deref(), Some("hi"));
    store.put("done/late.csv", "", "an old one", 1, None);
    says("done", json!({ "name": "late.csv" }));
    assert!(store.get("in/late.csv").is_none());
    assert_eq!(store.get("done/late.csv").as_deref(), Some("id,total\n1,0.10\n2,x\n"));
    for _ in 0..2 {
        says("forget", json!({ "path": "out/raw" }));
        assert!(store.get("out/raw").is_none());
    }

    let check = |call: &str, input: Value, code: &str, words: &str| {
        check_refused(at, call, &input, &secrets, code, words);
    };
    store.put("out/raw", "", "there", 1, None);
    check("create", json!({ "name": "raw", "body": "x" }), "SNW-2041", "out/raw` already");
    assert_eq!(store.get("out/raw").as_deref(), Some("there"));
    let left = says("all", json!({ "folder": "out" }));
    assert!(left.contains("out/raw") && !left.contains(".part"), "{left}");
    check("text", json!({ "name": "none" }), "SNW-2042", not_there);
    check("done", json!({ "name": "none" }), "SNW-2042", not_there);
    // What is moved a second time does no harm to what is there by the first.
    check("done", json!({ "name": "late.csv" }), "SNW-2042", not_there);
    says("same", json!({ "path": "done/late.csv" }));
    assert_eq!(store.get("done/late.csv").as_deref(), Some("id,total\n1,0.10\n2,x\n"));
    check("text", json!({ "name": "a/b" }), "SNW-2052", "it holds a slash");
    check("text", json!({ "name": ".." }), "SNW-2052", "it holds `..`");
    check("rows", json!({ "path": "in/../../x" }), "SNW-2052", "it holds `..`");
    check("text", json!({}), "SNW-2051", "`name`");
    check("later", json!({ "since": "yesterday" }), "SNW-2052", "is no time");
    check("rows", json!({ "path": "in/bad.csv" }), "SNW-2053", "line 2");
}

/// Files that come start runs, which move them away.
fn check_new_files_start_runs(store: &impl Store) {
    let flow = "
kind: Flow
name: take-in
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: { poll: { call: store.later, with: { since: cursor }, every: 1s, start: '', cursor: modified, dedupe: path & modified } }
steps:
  - rows:
      each:
        pages: { call: store.rows, with: { path: trigger.path } }
        steps: [{ amount: { map: '{ \"amount\": $number(item.amount) }' } }]
        reduce: { start: { total: 0 }, with: { total: acc.total + result.amount } }
  - told: { call: store.keep, with: { day: '\"sums\"', name: trigger.name, content: rows.reduced } }
  - away: { call: store.done, with: { name: trigger.name } }
";
    store.put("in/a.csv", "amount\n", "1\n2\n", 1, Some(1_700_000_000));
    let mut world = world(store, flow);
    let summed = |name: &str, sum: &str| {
        until("a file to be summed up", PATIENCE, || {
            store.get(&format!("done/{name}")).and(store.get(&format!("out/sums/{name}.json"))).map(|told| {
                assert_eq!(told, sum, "{name}");
            })
        });
        // It may be copied before it is removed.
        until("the file to be gone", PATIENCE, || store.get(&format!("in/{name}")).is_none().then_some(()));
    };
    summed("a.csv", "{\"total\":3}");
    world.kill();
    store.put("in/b.csv", "amount\n", "4\n5\n", 1, None);
    world.serve();
    summed("b.csv", "{\"total\":9}");
    world.stop();
}

/// A file that is larger than what the server may hold is added up.
fn check_large_file(store: &impl Store) {
    let flow = "
kind: Flow
name: add-up
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - rows:
      each:
        pages: { call: store.rows, with: { path: '\"in/large.csv\"' } }
        as: rows
        batch: 1000
        steps: [{ sum: { map: '$sum(rows.$number(amount))' } }]
        reduce: { start: { total: 0 }, with: { total: acc.total + result } }
result: rows
";
    let note = "lorem ".repeat(80);
    let mut block = String::new();
    for n in 0..1000 {
        writeln!(block, "{n},{note}").unwrap();
    }
    let blocks = FILE_BYTES / block.len();
    store.put("in/large.csv", "amount,note\n", &block, blocks, None);
    let mut world = world(store, flow);
    let run = world.start("add-up", &json!({}));
    let run = world.run_in(&run, "finished");
    assert_eq!(run["result"]["reduced"]["total"], json!(blocks * 499_500), "{run}");
    let (_, most_kb) = world.server().memory_kb();
    assert!(most_kb < 100 << 10, "{most_kb} kB at most");
    world.stop();
}

/// A file that is read when the server is killed is read on.
fn check_read_on_after_a_kill(store: &impl Store) {
    let flow = "
kind: Flow
name: copy-rows
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - rows:
      each:
        pages: { call: store.lines, with: { path: '\"in/rows.csv\"' } }
        concurrency: 4
        steps: [{ told: { call: store.keep, with: { day: '\"rows\"', name: item.id, content: item.id } } }]
        reduce: { start: { count: 0 }, with: { count: acc.count + 1 } }
result: rows
";
    let mut rows = String::new();
    for n in 0..1500 {
        writeln!(rows, "{n}").unwrap();
    }
    store.put("in/rows.csv", "id\n", &rows, 1, None);
    let mut world = world(store, flow);
    let run = world.start("copy-rows", &json!({}));
    until("some rows to be copied", PATIENCE, || store.get("out/rows/1000.json"));
    world.kill();
    world.serve();
    let run = world.run_in(&run, "finished");
    assert_eq!(run["result"]["reduced"]["count"], json!(1500), "{run}");
    assert!((0..1500).step_by(100).all(|n| store.get(&format!("out/rows/{n}.json")).is_some()));
    world.stop();
}
