//! What runs again: items of an `each`, and payloads that a trigger could not read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_flow_core::{Action, EachScope, Entry, ItemScope, Machine, Outcome, Record, decode, encode};
use sinew_model::{Failure, Flow, FlowName, Principal, PrincipalKind, Reason, SourceFile, Trace};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{DeadId, IdSource};

const PROJECT: &str = r"
kind: Connector
name: shop
version: '1'
idempotency: Idempotency-Key
operations:
  find: { get: '/things/{id}' }
  make: { post: /things }
---
kind: Connection
name: shop
connector: shop@1
owner: { team: t, contact: c@example.com, runbook: r.md }
base_url: http://127.0.0.1:1
auth: none
access: write
egress: { allow: [loopback] }
";

const BEGIN: Timestamp = Timestamp::from_millis(1_000_000);

fn flow(rest: &str) -> Arc<Flow> {
    let flow =
        format!("kind: Flow\nname: f\nowner: {{ team: t, contact: c@example.com, runbook: r.md }}\n{rest}");
    let files = [
        SourceFile { path: "project.yaml".into(), bytes: PROJECT.into() },
        SourceFile { path: "flow.yaml".into(), bytes: flow.into() },
    ];
    let (snapshot, findings) = sinew_model::load(&files, &BTreeMap::new());
    let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
    Arc::clone(&snapshot.flows[&FlowName::new("f").unwrap()])
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

/// A run's first record.
struct Accepted<'a> {
    trigger: &'a str,
    seed: u64,
    item: Option<ItemScope>,
    unreadable: Option<Failure>,
}

impl Accepted<'_> {
    fn machine(self, flow: &Arc<Flow>, at: Timestamp) -> Machine {
        let record = Record::Accepted {
            version: flow.version.clone(),
            trigger: json(self.trigger),
            principal: me(),
            trace: Trace { trace_id: 1, span_id: 1, sampled: true },
            seed: self.seed,
            ordering_key: None,
            dedupe_key: None,
            parent: None,
            item: self.item.map(Box::new),
            unreadable: self.unreadable.map(Box::new),
        };
        let mut blobs = Vec::new();
        let stored = encode(Entry { at, record }, &mut blobs);
        let entries = decode(&[stored], &blobs).unwrap();
        Machine::fold(IdSource::seeded(self.seed).next(at), Arc::clone(flow), &entries).unwrap()
    }
}

fn me() -> Principal {
    Principal::new(PrincipalKind::User, "me")
}

fn later(by_s: u64) -> Timestamp {
    BEGIN.plus(Duration::from_secs(by_s))
}

fn put(machine: &mut Machine, at: Timestamp, record: Record) {
    machine.apply(&Entry { at, record }).unwrap();
}

/// Calls with their keys, and everything else in words.
fn due(machine: &mut Machine, at: Timestamp) -> Vec<String> {
    let word = |action: &Action| match action {
        Action::Call(call) => format!("call {} {} {}", call.step, call.input, call.idempotency_key),
        Action::Emit { payload, dedupe, .. } => format!("emit {payload} {dedupe}"),
        Action::Die { step, failure, .. } => format!("die at {step}: {}", failure.code),
        Action::Finish { result } => format!("finish {result}"),
        other => format!("{other:?}"),
    };
    machine.actions(at).iter().map(word).collect()
}

/// Everything that an item sends, if it begins at one time and each of its calls takes so long.
fn sent(mut machine: Machine, begin: Timestamp, took: Duration) -> Vec<String> {
    let (mut at, mut all) = (begin, Vec::new());
    loop {
        let actions = due(&mut machine, at);
        at = at.plus(took);
        for action in actions {
            let Some(step) = action.strip_prefix("call ").and_then(|rest| rest.split(' ').next()) else {
                return all;
            };
            let outcome = Outcome::Ok(json(r#"{"id":1}"#));
            put(&mut machine, at, Record::Settled { step: step.into(), outcome, attempts: Vec::new() });
            all.push(action);
        }
    }
}

const CHANCE: &str = "
trigger: manual
steps:
  - all:
      each:
        items: trigger.items
        steps:
          - a: { call: shop.find, with: { id: '$string($millis())' }}
          - b: { call: shop.make, with: { at: $millis(), r: $random(), u: $uuid(), of: a.id }}
";

#[test]
fn an_item_makes_the_same_calls_after_a_crash_and_when_it_is_replayed() {
    let flow = flow(CHANCE);
    let accepted = |seed, item| Accepted { trigger: r#"{"items":[7]}"#, seed, item, unreadable: None };
    let mut run = accepted(7, None).machine(&flow, BEGIN);
    let [Action::Each { step, scope, .. }] = &run.actions(later(1))[..] else { panic!("it is an `each`") };
    let EachScope { names, at } = scope.clone();
    let seed = Some(run.item_seed(step, 0));
    let item = ItemScope {
        run: run.run(),
        each: Arc::clone(step),
        index: 0,
        item: json("7"),
        edits: 0,
        at: Some(at),
        seed,
        scope: names,
    };
    let of_run = |run: &Machine| run.for_item(Arc::new(item.clone()));
    let first = sent(of_run(&run), later(2), Duration::from_millis(10));
    assert_eq!(first.len(), 2, "{first:?}");
    let after_crash = accepted(7, None).machine(&flow, BEGIN);
    assert_eq!(sent(of_run(&after_crash), later(60), Duration::from_secs(1)), first);
    let replayed = accepted(8, Some(item.clone())).machine(&flow, later(3600));
    assert_eq!(replayed.accepted_at(), later(3600));
    assert_eq!(sent(replayed, later(3601), Duration::from_secs(2)), first);
}

#[test]
fn an_item_of_an_older_journal_is_read() {
    let id = IdSource::seeded(1).next(BEGIN);
    let old =
        format!(r#"{{"run":"{id}","each":"all","index":3,"item":{{"n":1}},"scope":[["x",{{"n":2}}]]}}"#);
    let item: ItemScope = serde_json::from_str(&old).unwrap();
    assert_eq!((item.edits, item.at, item.seed), (0, None, None));
    assert_eq!(serde_json::to_string(&item).unwrap(), old.replace(r#","scope""#, r#","edits":0,"scope""#));
}

const EDITED: &str = "
trigger: manual
steps:
  - all:
      each:
        items: trigger.items
        steps:
          - twice: { map: item.n * 2 }
          - told: { emit: { event: told, with: { n: twice }}}
";

#[test]
fn an_item_that_dies_again_is_replayed_as_it_was_edited() {
    let flow = flow(EDITED);
    let of = IdSource::seeded(1).next(BEGIN);
    let item = ItemScope {
        run: of,
        each: "all".into(),
        index: 3,
        item: json(r#"{"n":"x"}"#),
        edits: 1,
        at: Some(BEGIN),
        seed: Some(1),
        scope: Vec::new(),
    };
    let accepted = Accepted { trigger: "null", seed: 2, item: Some(item), unreadable: None };
    let mut run = accepted.machine(&flow, BEGIN);
    assert_eq!(due(&mut run, BEGIN), ["die at twice: SNW-3001"]);
    dies(&mut run, "twice");
    revived(&mut run, "twice", Some(r#"{"n":4}"#));
    // A third version of the item: what the first two may have emitted is another event.
    assert_eq!(due(&mut run, later(1)), [format!(r#"emit {{"n":8}} {of}.all.3.told.edit2"#)]);
    assert_eq!(run.item().unwrap().item, json(r#"{"n":4}"#));
}

fn dies(run: &mut Machine, step: &str) {
    let letter: DeadId = IdSource::seeded(9).next(BEGIN);
    put(run, BEGIN, Record::Dead { step: step.into(), failure: unreadable(), letter });
}

fn revived(run: &mut Machine, step: &str, trigger: Option<&str>) {
    let trigger = trigger.map(json);
    put(run, BEGIN, Record::Revived { step: step.into(), by: me(), input: None, trigger, version: None });
}

fn unreadable() -> Failure {
    Failure::new(Reason::Mapping, sinew_diag::codes::trigger::UNACCEPTABLE_PAYLOAD, "no number")
}

/// What a run does whose payload its trigger could not read, and what after it was edited and replayed.
fn check_unreadable(trigger: &str, payload: &str, edited: &str, expected: &str) {
    let flow = flow(&format!("trigger: {trigger}\nsteps:\n  - told: {{ map: trigger }}\nresult: told\n"));
    let accepted = Accepted { trigger: payload, seed: 1, item: None, unreadable: Some(unreadable()) };
    let mut run = accepted.machine(&flow, BEGIN);
    assert_eq!(due(&mut run, BEGIN), ["die at trigger: SNW-4001"], "{payload}");
    dies(&mut run, "trigger");
    assert!(due(&mut run, BEGIN).is_empty());
    revived(&mut run, "trigger", Some(edited));
    assert_eq!(due(&mut run, BEGIN), [expected], "{payload} as {edited}");
}

#[test]
fn a_payload_that_the_trigger_cannot_read_is_dead_until_it_is_mended() {
    let event = "{ event: { name: ping, when: 'n * 2 > 4' }}";
    check_unreadable(event, r#"{"n":"x"}"#, r#"{"n":3}"#, r#"finish {"n":3}"#);
    check_unreadable(event, r#"{"n":"x"}"#, r#"{"n":1}"#, "finish null");
    check_unreadable(event, r#"{"n":"x"}"#, r#"{"n":"y"}"#, "die at trigger: SNW-4001");
    let poll = "{ poll: { call: shop.find, with: { id: cursor }, every: 1s, start: 0, cursor: n, when: 'n * 2 > 4', batch: true }}";
    check_unreadable(
        poll,
        r#"{"items":[{"n":"x"}]}"#,
        r#"{"items":[{"n":3}]}"#,
        r#"finish {"items":[{"n":3}]}"#,
    );
    check_unreadable(poll, r#"{"items":[{"n":"x"}]}"#, r#"{"items":[{"n":1}]}"#, "finish null");
}
