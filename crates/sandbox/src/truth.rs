use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;

use parking_lot::Mutex;
use serde::Serialize;
use sinew_stdx::Timestamp;

use crate::exchange::Call;
use crate::options::TruthDetail;

/// Entries kept in memory; the oldest go first. Counts are exact beyond that.
const ENTRIES_MAX: usize = 1_000_000;
/// Hashes kept per effect. Beyond that doubled effects are no longer found, and the summary says so.
const HASHES_MAX: usize = 16_000_000;
/// Doubled references shown per effect.
const DOUBLED_SHOWN_MAX: usize = 100;

/// An effect that was really done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effect<'a> {
    pub(crate) vendor: &'static str,
    /// Such as `invoice.created`.
    pub(crate) name: &'static str,
    /// The business reference: two effects with the same one are a doubled effect.
    pub(crate) reference: Option<&'a str>,
    pub(crate) id: &'a str,
}

#[derive(Clone, Debug, Serialize)]
struct Entry {
    seq: u64,
    at_ms: Timestamp,
    vendor: &'static str,
    effect: &'static str,
    key: Option<Box<str>>,
    #[serde(rename = "ref")]
    reference: Option<Box<str>>,
    id: Box<str>,
    traceparent: Option<Box<str>>,
}

/// What really happened, so that tests can count lost and doubled effects.
#[derive(Debug)]
pub(crate) struct TruthLog {
    state: Mutex<State>,
    file: Option<Mutex<File>>,
}

/// The line that tells what was before a reset.
#[derive(Debug, Serialize)]
struct Mark {
    reset_at_ms: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    detail: TruthDetail,
    last_seq: u64,
    entries: VecDeque<Entry>,
    tallies: BTreeMap<&'static str, BTreeMap<&'static str, Tally>>,
    replays: BTreeMap<&'static str, u64>,
    file_errors: u64,
}

#[derive(Debug, Default)]
struct Tally {
    total: u64,
    without_ref: u64,
    doubled_by_ref: u64,
    doubled_by_key: u64,
    untracked: u64,
    refs: HashSet<u64>,
    keys: HashSet<u64>,
    doubled_refs: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TallyView<'a> {
    total: u64,
    distinct_keys: usize,
    distinct_refs: usize,
    without_ref: u64,
    doubled_by_ref: u64,
    doubled_by_key: u64,
    #[serde(skip_serializing_if = "is_zero")]
    untracked: u64,
    doubled_refs: &'a [String],
}

#[derive(Debug, Serialize)]
struct SummaryView<'a> {
    mode: TruthDetail,
    entries: usize,
    last_seq: u64,
    effects: BTreeMap<&'static str, BTreeMap<&'static str, TallyView<'a>>>,
    replays: &'a BTreeMap<&'static str, u64>,
    doubled: u64,
    #[serde(skip_serializing_if = "is_zero")]
    file_errors: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands skip_serializing_if a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl TruthLog {
    pub(crate) fn new(detail: TruthDetail, file: Option<File>) -> Self {
        Self { state: Mutex::new(State { detail, ..State::default() }), file: file.map(Mutex::new) }
    }

    /// Records an effect that `call` had.
    pub(crate) fn record(&self, call: &Call, effect: Effect<'_>) {
        let key = call.idempotency_key();
        let mut state = self.state.lock();
        state.last_seq += 1;
        let seq = state.last_seq;
        state.tallies.entry(effect.vendor).or_default().entry(effect.name).or_default().count(&effect, key);
        if self.file.is_none() && state.detail == TruthDetail::Count {
            return;
        }
        let entry = Entry {
            seq,
            at_ms: call.now,
            vendor: effect.vendor,
            effect: effect.name,
            key: key.map(Into::into),
            reference: effect.reference.map(Into::into),
            id: effect.id.into(),
            traceparent: call.header("traceparent").map(Into::into),
        };
        if !self.append(&entry) {
            state.file_errors += 1;
        }
        if state.detail == TruthDetail::Entries {
            if state.entries.len() == ENTRIES_MAX {
                state.entries.pop_front();
            }
            state.entries.push_back(entry);
        }
    }

    /// Counts an answer that was replayed by its idempotency key.
    pub(crate) fn replayed(&self, vendor: &'static str) {
        *self.state.lock().replays.entry(vendor).or_default() += 1;
    }

    /// Entries after `since_seq` as NDJSON, at most about `bytes_max`, and the position to go on from.
    pub(crate) fn page(
        &self,
        filter: &TruthFilter,
        since_seq: u64,
        bytes_max: usize,
    ) -> (Vec<u8>, Option<u64>) {
        let state = self.state.lock();
        let start = state.entries.partition_point(|entry| entry.seq <= since_seq);
        let mut text = Vec::new();
        for entry in state.entries.range(start..) {
            if filter.admits(entry) && serde_json::to_writer(&mut text, entry).is_ok() {
                text.push(b'\n');
            }
            if text.len() >= bytes_max {
                return (text, Some(entry.seq));
            }
        }
        (text, None)
    }

    /// The account: per vendor and effect how many, and how many doubled.
    pub(crate) fn summary(&self) -> Vec<u8> {
        let state = self.state.lock();
        let mut doubled = 0;
        let mut effects: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (vendor, tallies) in &state.tallies {
            for (effect, tally) in tallies {
                doubled += tally.doubled_by_ref;
                effects.entry(*vendor).or_default().insert(*effect, tally.view());
            }
        }
        let view = SummaryView {
            mode: state.detail,
            entries: state.entries.len(),
            last_seq: state.last_seq,
            effects,
            replays: &state.replays,
            doubled,
            file_errors: state.file_errors,
        };
        serde_json::to_vec(&view).unwrap_or_default()
    }

    /// Which of these references never had this effect.
    pub(crate) fn missing(&self, vendor: &str, effect: &str, refs: &[String]) -> Vec<String> {
        let state = self.state.lock();
        let tally = state.tallies.get(vendor).and_then(|tallies| tallies.get(effect));
        refs.iter()
            .filter(|reference| tally.is_none_or(|tally| !tally.refs.contains(&digest(reference))))
            .cloned()
            .collect()
    }

    pub(crate) fn set_detail(&self, detail: TruthDetail) {
        let mut state = self.state.lock();
        state.detail = detail;
        if detail == TruthDetail::Count {
            state.entries = VecDeque::new();
        }
    }

    pub(crate) fn reset(&self, now: Timestamp, detail: TruthDetail) {
        let mut state = self.state.lock();
        *state = State { detail, ..State::default() };
        if !self.append(&Mark { reset_at_ms: now }) {
            state.file_errors += 1;
        }
    }

    /// Appends a line to the file if there is one; false if that failed.
    fn append(&self, line: &impl Serialize) -> bool {
        let Some(file) = &self.file else { return true };
        let Ok(mut text) = serde_json::to_vec(line) else { return false };
        text.push(b'\n');
        let written = file.lock().write_all(&text);
        if let Err(error) = &written {
            tracing::error!(%error, "the truth log cannot be written");
        }
        written.is_ok()
    }
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct TruthFilter {
    pub(crate) vendor: Option<String>,
    pub(crate) effect: Option<String>,
}

impl TruthFilter {
    fn admits(&self, entry: &Entry) -> bool {
        self.vendor.as_deref().is_none_or(|vendor| vendor == entry.vendor)
            && self.effect.as_deref().is_none_or(|effect| effect == entry.effect)
    }
}

impl Tally {
    fn count(&mut self, effect: &Effect<'_>, key: Option<&str>) {
        self.total += 1;
        if self.refs.len() >= HASHES_MAX || self.keys.len() >= HASHES_MAX {
            self.untracked += 1;
            return;
        }
        if key.is_some_and(|key| !self.keys.insert(digest(key))) {
            self.doubled_by_key += 1;
        }
        let Some(reference) = effect.reference else {
            self.without_ref += 1;
            return;
        };
        if !self.refs.insert(digest(reference)) {
            self.doubled_by_ref += 1;
            if self.doubled_refs.len() < DOUBLED_SHOWN_MAX {
                self.doubled_refs.push(reference.to_owned());
            }
        }
    }

    fn view(&self) -> TallyView<'_> {
        TallyView {
            total: self.total,
            distinct_keys: self.keys.len(),
            distinct_refs: self.refs.len(),
            without_ref: self.without_ref,
            doubled_by_ref: self.doubled_by_ref,
            doubled_by_key: self.doubled_by_key,
            untracked: self.untracked,
            doubled_refs: &self.doubled_refs,
        }
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
