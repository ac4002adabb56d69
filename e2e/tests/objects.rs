//! Objects of a store that speaks as Amazon S3 does, and that checks every signature.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{Http, Peer, Said, World, sinew_with, until};

const PATIENCE: Duration = Duration::from_mins(2);
/// More than the server may ever hold.
const FILE_BYTES: usize = 160 << 20;

const CONNECTOR: &str = r#"
kind: Connector
name: shop-files
version: "1"
transport: s3
operations:
  files: { list: { folder: in, names: '*.csv' } }
  settled: { list: { folder: in, settled: 1h } }
  all: { list: '{+folder}' }
  rows: { read: { path: '{+path}', format: csv } }
  lines: { read: { path: '{+path}', format: csv, page: 100 } }
  text: { read: 'in/{name}' }
  bytes: { read: { path: 'in/{name}', as: base64 } }
  keep: { write: 'out/{day}/{name}.json' }
  create: { write: { path: 'out/{name}', content: body, new: true } }
  done: { move: { path: 'in/{name}', to: 'done/{name}' } }
  forget: { remove: '{+path}' }
"#;

/// A store with its keys, and a door at its back.
struct Store {
    peer: Peer,
}

impl Store {
    fn start(test: &str) -> Option<Self> {
        Peer::of_python(test, "moto").map(|peer| Self { peer })
    }

    fn part(&self, index: usize) -> &str {
        self.peer.url().split(' ').nth(index).unwrap()
    }

    /// Puts an object there, without being asked for a signature.
    fn put(&self, key: &str, body: &str) {
        let kind = [("content-type", "application/octet-stream")];
        let answer = Http::new(self.part(3), None).post_bytes(&format!("/{key}"), body.as_bytes(), &kind);
        assert!(answer.is_ok(), "{key}: {answer:?}");
    }

    fn get(&self, key: &str) -> Option<String> {
        let answer = Http::new(self.part(3), None).get(&format!("/{key}"));
        answer.is_ok().then_some(answer.text)
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let secret = |name: &str, value: &str| (format!("SINEW_SECRET_STORE_{name}"), value.to_owned());
        vec![secret("ID", self.part(1)), secret("KEY", self.part(2))]
    }

    fn connection(&self) -> String {
        format!(
            "---\nkind: Connection\nname: store\nconnector: shop-files@1\n\
             owner: {{ team: t, contact: c@example.com, runbook: r.md }}\nbase_url: {}/shop\n\
             auth:\n  aws_sigv4:\n    access_key: secret:store/id\n    secret_key: secret:store/key\n    \
             region: eu-central-1\n    service: s3\n\
             access: write\nresponse_max: 2MB\negress: {{ allow: [loopback] }}\n",
            self.part(0)
        )
    }

    /// A world with one flow over this store.
    fn world(&self, flow: &str) -> World {
        let own = format!("{CONNECTOR}{}---\n{flow}", self.connection());
        let mut world = World::prepare(1, sinew_sandbox::Tuning::default(), Vec::new());
        world.write_own(&own);
        let project = world.project("own");
        world.options.projects.push(project);
        world.options.env.extend(self.secrets());
        world.serve();
        world
    }
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &Value, secrets: &[(String, String)]) -> Said {
    let call = format!("store.{call}");
    sinew_with(folder, &["connector", "try", &call, "--input", &input.to_string(), "--yes"], "", secrets)
}

#[test]
fn objects_are_listed_read_written_moved_and_removed() {
    let Some(store) = Store::start("objects_are_listed_read_written_moved_and_removed") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), format!("{CONNECTOR}{}", store.connection())).unwrap();
    let (at, secrets) = (folder.path(), store.secrets());
    store.put("in/late.csv", "id,total\n1,0.10\n2,x\n");
    store.put("in/early%20%26%20odd+.csv?modified=1700000000", "id\n1\n");
    store.put("in/a.txt", "gr\u{fc}n");
    store.put("in/deep/b.csv", "id\n");
    store.put("in/bad.csv", "a,b\n1\n");
    let says = |call: &str, input: Value| called(at, call, &input, &secrets).ok().out;
    let list = says("files", json!({}));
    let (early, late) = (list.find("early & odd+.csv").unwrap(), list.find("late.csv").unwrap());
    assert!(early < late && list.contains("2023-11-14T22:13:20.000Z") && !list.contains("deep"), "{list}");
    assert!(!says("settled", json!({})).contains("late.csv"), "it may still be written");
    assert!(says("all", json!({ "folder": "in/deep" })).contains("\"path\": \"in/deep/b.csv\""));
    let rows = says("rows", json!({ "path": "in/late.csv" }));
    assert!(rows.contains("\"total\": \"0.10\"") && rows.contains("\"total\": \"x\""), "{rows}");
    assert!(says("rows", json!({ "path": "in/early & odd+.csv" })).contains("\"id\": \"1\""));
    assert!(says("text", json!({ "name": "a.txt" })).contains("gr\u{fc}n"));
    assert!(says("bytes", json!({ "name": "a.txt" })).contains("Z3LDvG4="));
    says("keep", json!({ "day": "2026-11-21", "name": "o 1", "content": { "total": 5 } }));
    assert_eq!(store.get("out/2026-11-21/o%201.json").as_deref(), Some("{\"total\":5}"));
    says("create", json!({ "name": "raw", "body": { "base64": "aGk=" } }));
    assert_eq!(store.get("out/raw").as_deref(), Some("hi"));
    says("done", json!({ "name": "late.csv" }));
    assert!(store.get("in/late.csv").is_none() && store.get("done/late.csv").is_some());
    says("forget", json!({ "path": "out/raw" }));
    assert!(store.get("out/raw").is_none());

    let check = |call: &str, input: Value, code: &str, words: &str| {
        let said = called(at, call, &input, &secrets);
        let told = format!("{}{}", said.out, said.err);
        assert!(said.code != 0 && told.contains(code) && told.contains(words), "{call}: {told}");
        assert!(!told.contains(&secrets[1].1), "the key shows: {told}");
    };
    store.put("out/raw", "there");
    check("create", json!({ "name": "raw", "body": "x" }), "SNW-2041", "there is a file `out/raw` already");
    check("text", json!({ "name": "none" }), "SNW-2042", "NoSuchKey");
    check("text", json!({ "name": "a/b" }), "SNW-2052", "it holds a slash");
    check("text", json!({ "name": ".." }), "SNW-2052", "it holds `..`");
    check("rows", json!({ "path": "in/../../x" }), "SNW-2052", "it holds `..`");
    check("text", json!({}), "SNW-2051", "`name`");
    check("rows", json!({ "path": "in/bad.csv" }), "SNW-2053", "line 2");
    check("forget", json!({ "path": "kept/x" }), "SNW-2022", "AccessDenied");
    let wrong = [secrets[0].clone(), (secrets[1].0.clone(), "wrong".to_owned())];
    let said = called(at, "files", &json!({}), &wrong);
    assert!(said.code != 0 && said.err.contains("SNW-2021"), "{}", said.err);
    assert!(said.err.contains("SignatureDoesNotMatch"), "{}", said.err);
}

#[test]
fn files_that_are_new_start_runs_and_are_moved_away() {
    let Some(store) = Store::start("files_that_are_new_start_runs_and_are_moved_away") else { return };
    let flow = "
kind: Flow
name: take-in
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: { poll: { call: store.files, every: 1s, start: '', cursor: modified, dedupe: path & modified } }
steps:
  - rows:
      each:
        pages: { call: store.rows, with: { path: trigger.path } }
        steps: [{ amount: { map: '{ \"amount\": $number(item.amount) }' } }]
        reduce: { start: { total: 0 }, with: { total: acc.total + result.amount } }
  - told: { call: store.keep, with: { day: '\"sums\"', name: trigger.name, content: rows.reduced } }
  - away: { call: store.done, with: { name: trigger.name } }
";
    store.put("in/a.csv?modified=1700000000", "amount\n1\n2\n");
    let mut world = store.world(flow);
    let summed = |name: &str, sum: &str| {
        until("a file to be summed up", PATIENCE, || {
            store.get(&format!("done/{name}")).and(store.get(&format!("out/sums/{name}.json"))).map(|told| {
                assert_eq!(told, sum, "{name}");
            })
        });
        // It is copied before it is removed.
        until("the file to be gone", PATIENCE, || store.get(&format!("in/{name}")).is_none().then_some(()));
    };
    summed("a.csv", "{\"total\":3}");
    world.kill();
    store.put("in/b.csv", "amount\n4\n5\n");
    world.serve();
    summed("b.csv", "{\"total\":9}");
    world.stop();
}

#[test]
fn a_large_object_is_never_held_whole() {
    let Some(store) = Store::start("a_large_object_is_never_held_whole") else { return };
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
    store.put(&format!("in/large.csv?times={blocks}&begin=amount,note%0A"), &block);
    let mut world = store.world(flow);
    let run = world.start("add-up", &json!({}));
    let run = world.run_in(&run, "finished");
    assert_eq!(run["result"]["reduced"]["total"], json!(blocks * 499_500), "{run}");
    let (_, most_kb) = world.server().memory_kb();
    assert!(most_kb < 100 << 10, "{most_kb} kB at most");
    world.stop();
}

#[test]
fn an_object_is_read_on_behind_what_was_done_before_a_kill() {
    let Some(store) = Store::start("an_object_is_read_on_behind_what_was_done_before_a_kill") else { return };
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
    let mut rows = "id\n".to_owned();
    for n in 0..1500 {
        writeln!(rows, "{n}").unwrap();
    }
    store.put("in/rows.csv", &rows);
    let mut world = store.world(flow);
    let run = world.start("copy-rows", &json!({}));
    until("some rows to be copied", PATIENCE, || store.get("out/rows/1000.json"));
    world.kill();
    world.serve();
    let run = world.run_in(&run, "finished");
    assert_eq!(run["result"]["reduced"]["count"], json!(1500), "{run}");
    assert!((0..1500).step_by(100).all(|n| store.get(&format!("out/rows/{n}.json")).is_some()));
    // What was done before is not even fetched again.
    let ranges = store.get("?ranges").unwrap();
    assert!(ranges.contains("bytes=") && !ranges.contains("bytes=0-"), "{ranges}");
    world.stop();
}
