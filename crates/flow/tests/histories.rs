//! Journals of the examples' runs as an earlier Sinew wrote them, read by this one: it has to hand out the same calls
//! under the same keys, and come to the same end.
//!
//! A change that reads old journals otherwise fails here, and would send things twice or lose them in somebody's store.
//! To add histories: `cargo xtask demo`; meanwhile, in another terminal, `sinew backup DIR/backup.db` and `sinew restore
//! DIR/backup.db --data DIR/data`; then `SINEW_WRITE_HISTORIES=DIR/data cargo nextest run -p sinew-flow --test
//! histories`. Histories that are there are never written again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_flow_core::{Action, Entry, Machine, Record, RunState, decode};
use sinew_model::{Flow, FlowName, Snapshot, SourceFile};
use sinew_store::{Archive, Blob, FlowVersions, Journal, RunFilter, RunId};
use sinew_store_sqlite::{SqliteOptions, SqliteStore};

/// Runs of one flow that are kept at most.
const OF_A_FLOW: usize = 4;
/// Larger journals tell no more than small ones.
const BYTES_MAX: usize = 60_000;

#[derive(Serialize, Deserialize)]
struct History {
    run: String,
    flow: String,
    status: String,
    /// The flow as it was.
    source: String,
    entries: Vec<String>,
    /// Large values by the hexadecimal of their hash.
    blobs: BTreeMap<String, String>,
    /// What was handed out on the way, in words.
    actions: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

fn examples() -> Snapshot {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(SourceFile::new(path.to_string_lossy().as_ref(), std::fs::read(&path).unwrap()));
            }
        }
    }
    let (snapshot, findings) = sinew_model::load(&files, &BTreeMap::new());
    snapshot.unwrap_or_else(|| panic!("{findings}"))
}

impl History {
    fn flow(&self, snapshot: &Snapshot) -> Arc<Flow> {
        let name = FlowName::new(&self.flow).unwrap();
        sinew_model::flow_from_source(&self.source, &name, snapshot)
            .unwrap_or_else(|findings| panic!("{}: {findings}", self.flow))
    }

    fn decoded(&self) -> Vec<Entry> {
        let blob = |(hash, text): (&String, &String)| Blob {
            hash: blob_hash(hash),
            bytes: Arc::from(text.as_bytes()),
        };
        let blobs: Vec<Blob> = self.blobs.iter().map(blob).collect();
        let entries: Vec<_> = self.entries.iter().map(|entry| entry.clone().into_bytes()).collect();
        decode(&entries, &blobs).unwrap_or_else(|error| panic!("{} {}: {error}", self.flow, self.run))
    }

    /// Folds entry after entry; gives what is handed out, each thing once, and the state at the end.
    fn replayed(&self, snapshot: &Snapshot) -> (Vec<String>, String) {
        let run = RunId::parse(&self.run).unwrap();
        let entries = self.decoded();
        let mut machine = Machine::accepted(run, self.flow(snapshot), &entries[0]).unwrap();
        let mut actions = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            if place > 0 {
                machine
                    .apply(entry)
                    .unwrap_or_else(|e| panic!("{} {} entry {place}: {e}", self.flow, self.run));
            }
            for action in machine.actions(entry.at) {
                let word = word(&action);
                if !actions.contains(&word) {
                    actions.push(word);
                }
            }
        }
        let state = match machine.state() {
            RunState::Going => "going",
            RunState::Dead { .. } => "dead",
            RunState::Ended(status) => status.as_str(),
        };
        (actions, state.to_owned())
    }
}

fn blob_hash(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> =
        (0..32).map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

fn word(action: &Action) -> String {
    match action {
        Action::Call(call) => {
            format!(
                "call {} {}.{} {} {}",
                call.step, call.connection, call.operation, call.idempotency_key, call.input
            )
        }
        Action::Each { step, .. } => format!("each {step}"),
        Action::Park { step, wait } => format!("park {step} for {}", wait.word()),
        Action::Elapse { step } => format!("elapse {step}"),
        Action::Emit { step, event, key, payload, dedupe } => {
            format!("emit {step} {event} {} {payload} {dedupe}", key.as_deref().unwrap_or("-"))
        }
        Action::ParkForChild { step } => format!("park {step} for a child"),
        Action::StartFlow { step, flow, payload, dedupe, .. } => {
            format!("start {step} {flow} {payload} {dedupe}")
        }
        Action::Finish { result } => format!("finish {result}"),
        Action::Die { step, failure, .. } => format!("die at {step}: {}", failure.code),
        Action::Compensate { step, failure } => format!("compensated at {step}: {}", failure.code),
    }
}

fn kept() -> Vec<(PathBuf, History)> {
    let mut kept: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let history = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            (path, history)
        })
        .collect();
    kept.sort_by(|(a, _), (b, _)| a.cmp(b));
    kept
}

#[test]
fn what_earlier_versions_wrote_means_what_it_meant() {
    if let Some(data) = std::env::var_os("SINEW_WRITE_HISTORIES") {
        record(Path::new(&data));
    }
    let snapshot = examples();
    let histories = kept();
    for (path, history) in &histories {
        let (actions, state) = history.replayed(&snapshot);
        assert_eq!(actions, history.actions, "{}", path.display());
        assert_eq!(state, history.status, "{}", path.display());
    }
    let flows: BTreeSet<_> = histories.iter().map(|(_, history)| history.flow.as_str()).collect();
    assert!(flows.len() >= 8, "histories of {flows:?} only");
}

/// Keeps a few runs of each flow that tell the most: those with the most kinds of records.
fn record(data: &Path) {
    let store = SqliteStore::open(SqliteOptions::in_dir(data.to_owned())).unwrap();
    let snapshot = examples();
    let runs = store.runs(RunFilter { limit: 1000, ..RunFilter::default() }).wait().unwrap();
    let mut by_flow: BTreeMap<String, Vec<(BTreeSet<String>, History)>> = BTreeMap::new();
    for line in runs.iter().filter(|line| line.status.is_final()) {
        let stored = store.load(line.run).wait().unwrap().unwrap();
        let source = store.version_source(Arc::clone(&line.flow), Arc::clone(&line.version)).wait().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let hex = |hash: &[u8; 32]| hash.map(|byte| format!("{byte:02x}")).concat();
        let mut history = History {
            run: line.run.to_string(),
            flow: line.flow.to_string(),
            status: line.status.as_str().to_owned(),
            source: source.unwrap().to_string(),
            entries: stored.entries.iter().map(|entry| text(entry)).collect(),
            blobs: stored.blobs.iter().map(|blob| (hex(&blob.hash), text(&blob.bytes))).collect(),
            actions: Vec::new(),
        };
        let size = history.entries.iter().chain(history.blobs.values()).map(String::len).sum::<usize>();
        let entries = history.decoded();
        let changed = |entry: &Entry| matches!(entry.record, Record::Revived { version: Some(_), .. });
        if size > BYTES_MAX || entries.iter().any(changed) {
            continue;
        }
        history.actions = history.replayed(&snapshot).0;
        let kind = |entry: &Entry| {
            let text = format!("{:?}", entry.record);
            text.split([' ', '{']).next().unwrap_or_default().to_owned()
        };
        let kinds = entries.iter().map(kind).chain([history.status.clone()]).collect();
        by_flow.entry(history.flow.clone()).or_default().push((kinds, history));
    }
    store.close();
    for histories in by_flow.values_mut() {
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for _ in 0..OF_A_FLOW {
            let news = |(kinds, _): &(BTreeSet<String>, History)| kinds.difference(&seen).count();
            let Some(place) = (0..histories.len()).max_by_key(|&place| news(&histories[place])) else {
                break;
            };
            if news(&histories[place]) == 0 {
                break;
            }
            let (kinds, history) = histories.swap_remove(place);
            seen.extend(kinds);
            let path = folder().join(format!("{}-{}.json", history.flow, history.run));
            if !path.exists() {
                std::fs::write(path, serde_json::to_vec_pretty(&history).unwrap()).unwrap();
            }
        }
    }
}
