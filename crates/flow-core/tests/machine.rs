//! The state machine through its public face: what is handed out, and what records lead to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_flow_core::{
    Action, Decision, Entry, Machine, Outcome, ParkedFor, Record, RunState, Signal, decode, encode,
};
use sinew_model::{Failure, Flow, FlowName, Principal, PrincipalKind, Reason, SourceFile, Trace};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{IdSource, RunId, RunStatus};

const PROJECT: &str = r"
kind: Connector
name: shop
version: '1'
idempotency: Idempotency-Key
operations:
  find: { get: '/things/{id}' }
  make: { post: /things }
  drop: { delete: '/things/{id}' }
---
kind: Connection
name: shop
connector: shop@1
owner: { team: t, contact: c@example.com, runbook: r.md }
base_url: http://127.0.0.1:1
auth: none
access: write
egress: { allow: [loopback] }
---
kind: Flow
name: g
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps: [{ a: { map: '1' }}]
";

fn flow(steps: &str) -> Arc<Flow> {
    let flow = format!(
        "kind: Flow\nname: f\nowner: {{ team: t, contact: c@example.com, runbook: r.md }}\ntrigger: manual\n{steps}"
    );
    let files = [
        SourceFile { path: "project.yaml".into(), bytes: PROJECT.into() },
        SourceFile { path: "flow.yaml".into(), bytes: flow.into() },
    ];
    let (snapshot, findings) = sinew_model::load(&files, &BTreeMap::new());
    let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
    Arc::clone(&snapshot.flows[&FlowName::new("f").unwrap()])
}

/// A run under test: folds records at ascending times and keeps them as its journal.
struct Run {
    machine: Machine,
    journal: Vec<Entry>,
    now: Timestamp,
    ids: IdSource,
}

impl Run {
    fn of(steps: &str, trigger: &str) -> Self {
        let flow = flow(steps);
        let mut ids = IdSource::seeded(1);
        let now = Timestamp::from_millis(1_000_000);
        let record = Record::Accepted {
            version: flow.version.clone(),
            trigger: Json::parse(trigger.as_bytes()).unwrap(),
            principal: Principal::new(PrincipalKind::User, "me"),
            trace: Trace { trace_id: 1, span_id: 1, sampled: true },
            seed: 7,
            ordering_key: None,
            dedupe_key: None,
            parent: None,
            item: None,
            unreadable: None,
        };
        let entry = Entry { at: now, record };
        let machine = Machine::accepted(ids.next(now), flow, &entry).unwrap();
        Self { machine, journal: vec![entry], now, ids }
    }

    fn put(&mut self, record: Record) -> &mut Self {
        self.now = Timestamp::from_millis(self.now.as_millis() + 10);
        let entry = Entry { at: self.now, record };
        self.machine.apply(&entry).unwrap();
        self.journal.push(entry);
        self
    }

    fn ok(&mut self, step: &str, value: &str) -> &mut Self {
        let outcome = Outcome::Ok(Json::parse(value.as_bytes()).unwrap());
        self.put(Record::Settled { step: step.into(), outcome, attempts: Vec::new() })
    }

    fn fails(&mut self, step: &str, reason: Reason) -> &mut Self {
        let outcome = Outcome::Failed(failure(reason));
        self.put(Record::Settled { step: step.into(), outcome, attempts: Vec::new() })
    }

    /// What is due, in words.
    fn due(&mut self) -> Vec<String> {
        self.machine.actions(self.now).iter().map(word).collect()
    }

    /// What is due after a crash: from the journal as it is stored, with nothing else known.
    fn due_after_crash(&self) -> Vec<String> {
        let mut blobs = Vec::new();
        let stored: Vec<_> = self.journal.iter().map(|entry| encode(entry.clone(), &mut blobs)).collect();
        let entries = decode(&stored, &blobs).unwrap();
        assert_eq!(entries, self.journal);
        let mut machine =
            Machine::fold(self.machine.run(), Arc::clone(self.machine.flow()), &entries).unwrap();
        machine.actions(self.now).iter().map(word).collect()
    }

    fn id(&mut self) -> RunId {
        self.ids.next(self.now)
    }
}

fn failure(reason: Reason) -> Failure {
    Failure::new(reason, sinew_diag::codes::engine::STATE_CONFLICT, "it did not work")
}

fn word(action: &Action) -> String {
    match action {
        Action::Call(call) => {
            let uncertain = if call.uncertain { " (uncertain)" } else { "" };
            let doubtful = if call.doubtful { " (doubtful)" } else { "" };
            format!("call {} {}{uncertain}{doubtful}", call.step, call.input)
        }
        Action::Each { step, .. } => format!("each {step}"),
        Action::Park { step, wait } => format!("park {step} for {}", wait.word()),
        Action::ParkForChild { step } => format!("park {step} for a child"),
        Action::Elapse { step } => format!("elapse {step}"),
        Action::Emit { step, event, payload, .. } => format!("emit {step} {event} {payload}"),
        Action::StartFlow { step, flow, payload, .. } => format!("start {step} {flow} {payload}"),
        Action::Finish { result } => format!("finish {result}"),
        Action::Die { step, failure, input } => {
            format!("die at {step}: {} {}", failure.reason.as_str(), input.as_ref().map_or("-", Json::as_str))
        }
        Action::Compensate { step, .. } => format!("compensated after {step}"),
    }
}

#[test]
fn steps_go_one_after_another_and_see_what_came_before() {
    let mut run = Run::of(
        "steps:\n  - a: { call: shop.find, with: { id: trigger.id }}\n  - b: { map: { twice: a.n * 2 }}\n  - c: { call: shop.make, with: { n: b.twice }}\nresult: { made: c.id }\n",
        r#"{"id":9007199254740993}"#,
    );
    assert_eq!(run.due(), [r#"call a {"id":9007199254740993}"#]);
    assert!(run.due().is_empty(), "nothing is handed out twice");
    assert_eq!(run.due_after_crash(), [r#"call a {"id":9007199254740993}"#], "but again after a crash");
    run.ok("a", r#"{"n":21}"#);
    assert_eq!(run.due(), [r#"call c {"n":42}"#]);
    run.ok("c", r#"{"id":"x"}"#);
    assert_eq!(run.due(), [r#"finish {"made":"x"}"#]);
    assert_eq!(run.due_after_crash(), [r#"finish {"made":"x"}"#]);
}

#[test]
fn pure_steps_give_the_same_values_when_computed_again() {
    let steps = "steps:\n  - a: { map: { r: $random(), t: $millis(), u: $uuid() }}\n  - b: { call: shop.make, with: a }\n";
    let mut run = Run::of(steps, "{}");
    let first = run.due();
    run.now = run.now.plus(std::time::Duration::from_hours(1));
    assert_eq!(run.due_after_crash(), first);
}

#[test]
fn a_write_with_an_intent_and_no_answer_is_uncertain() {
    let mut run = Run::of("steps:\n  - a: { call: shop.make, with: { n: 1 }}\n", "{}");
    assert_eq!(run.due(), [r#"call a {"n":1}"#]);
    run.put(Record::Intent { step: "a".into() });
    assert!(run.due().is_empty(), "while it is under way nothing is due");
    assert_eq!(run.due_after_crash(), [r#"call a {"n":1} (uncertain)"#]);
}

#[test]
fn arms_run_together_and_a_failed_one_waits_for_the_others() {
    let steps = "steps:\n  - p:\n      parallel:\n        l: [{ a: { call: shop.find, with: { id: 1 }}}]\n        r: [{ b: { call: shop.find, with: { id: 2 }}}]\nresult: p\n";
    let mut run = Run::of(steps, "{}");
    assert_eq!(run.due(), [r#"call a {"id":1}"#, r#"call b {"id":2}"#]);
    run.fails("a", Reason::Rejected);
    assert!(run.due().is_empty());
    run.ok("b", "2");
    assert_eq!(run.due(), [r#"die at a: rejected {"id":1}"#]);
}

#[test]
fn a_caught_failure_is_a_value() {
    let steps = "steps:\n  - a:\n      call: shop.find\n      with: { id: 1 }\n      catch: { on: [rejected], steps: [{ none: { map: { why: error.reason, at: error.step }}}]}\nresult: a\n";
    let mut run = Run::of(steps, "{}");
    run.due();
    run.fails("a", Reason::Rejected);
    assert_eq!(run.due(), [r#"finish {"why":"rejected","at":"a"}"#]);
    let mut run = Run::of(steps, "{}");
    run.due();
    run.fails("a", Reason::Unavailable);
    assert_eq!(run.due(), [r#"die at a: unavailable {"id":1}"#]);
}

const UNDO: &str = "steps:\n  - a: { call: shop.make, with: { n: 1 }, undo: { call: shop.drop, with: { id: a.id }}}\n  - b: { call: shop.make, with: { n: 2 }, undo: { call: shop.drop, with: { id: b.id }}}\n  - c: { call: shop.make, with: { n: 3 }}\non_failure: undo\n";

fn undoing() -> Run {
    let mut run = Run::of(UNDO, "{}");
    run.due();
    run.ok("a", r#"{"id":"x"}"#).due();
    run.ok("b", r#"{"id":"y"}"#).due();
    run.fails("c", Reason::Rejected);
    run
}

#[test]
fn what_was_done_is_undone_the_last_first() {
    let mut run = undoing();
    assert_eq!(run.due(), [r#"call b~undo {"id":"y"}"#]);
    assert!(run.due().is_empty());
    run.put(Record::Undone { step: "b".into() });
    assert_eq!(run.due_after_crash(), [r#"call a~undo {"id":"x"}"#]);
    assert_eq!(run.due(), [r#"call a~undo {"id":"x"}"#]);
    run.put(Record::Undone { step: "a".into() });
    assert_eq!(run.due(), ["compensated after c"]);
}

#[test]
fn an_undo_that_fails_is_a_dead_letter_and_goes_on_when_replayed() {
    let mut run = undoing();
    run.due();
    run.fails("b~undo", Reason::Unavailable);
    assert_eq!(run.due(), [r#"die at b~undo: undo_failed {"id":"y"}"#]);
    let letter = run.id();
    run.put(Record::Dead { step: "b~undo".into(), failure: failure(Reason::UndoFailed), letter });
    assert!(matches!(run.machine.state(), RunState::Dead { .. }));
    let by = Principal::new(PrincipalKind::User, "me");
    run.put(Record::Revived { step: "b~undo".into(), by, input: None, trigger: None, version: None });
    assert_eq!(run.due(), [r#"call b~undo {"id":"y"}"#]);
}

#[test]
fn what_may_have_taken_effect_is_not_passed_over_by_an_undo() {
    for reason in [Reason::Unknown, Reason::Drift] {
        let mut run = Run::of(UNDO, "{}");
        run.due();
        run.ok("a", r#"{"id":"x"}"#).due();
        run.fails("b", reason);
        let wanted = [format!(r#"die at b: {} {{"n":2}}"#, reason.as_str())];
        assert_eq!((run.due_after_crash(), run.due()), (wanted.to_vec(), wanted.to_vec()));
    }
}

#[test]
fn an_arm_that_may_have_taken_effect_is_not_hidden_behind_one_that_did_not() {
    let steps = "on_failure: undo\nsteps:\n  - p:\n      parallel:\n        l: [{ a: { call: shop.make, with: { n: 1 }}}]\n        r: [{ b: { call: shop.make, with: { n: 2 }}}]\n";
    let mut run = Run::of(steps, "{}");
    run.due();
    run.fails("a", Reason::Rejected).due();
    run.fails("b", Reason::Unknown);
    assert_eq!(run.due(), [r#"die at b: unknown {"n":2}"#]);
}

#[test]
fn a_sub_flow_whose_input_cannot_be_made_fails_before_anything_waits_for_it() {
    let steps = "steps:\n  - s: { flow: g, with: { n: '1 + trigger.n' }, catch: { steps: [{ c: { map: '\"caught\"' }}]}}\nresult: s\n";
    let mut run = Run::of(steps, r#"{"n":"x"}"#);
    assert_eq!(run.due(), [r#"finish "caught""#]);
}

#[test]
fn a_replay_of_what_may_have_taken_effect_says_so_unless_it_is_another_call() {
    let replayed = |reason, input: Option<Json>| {
        let mut run = Run::of("steps: [{ a: { call: shop.make, with: { n: 1 } } }]\n", "{}");
        run.due();
        run.fails("a", reason).due();
        let letter = run.id();
        run.put(Record::Dead { step: "a".into(), failure: failure(reason), letter });
        let by = Principal::new(PrincipalKind::User, "me");
        run.put(Record::Revived { step: "a".into(), by, input, trigger: None, version: None });
        run.due_after_crash()
    };
    assert_eq!(replayed(Reason::Unknown, None), [r#"call a {"n":1} (doubtful)"#]);
    assert_eq!(replayed(Reason::Drift, None), [r#"call a {"n":1} (doubtful)"#]);
    assert_eq!(replayed(Reason::Rejected, None), [r#"call a {"n":1}"#]);
    assert_eq!(replayed(Reason::Unknown, Some(Json::from_printed(r#"{"n":2}"#))), [r#"call a {"n":2}"#]);
}

#[test]
fn a_replay_keeps_earlier_results_and_an_edit_makes_another_call() {
    let steps =
        "steps:\n  - a: { call: shop.find, with: { id: 1 }}\n  - b: { call: shop.make, with: { n: a.n }}\n";
    let mut run = Run::of(steps, "{}");
    run.due();
    run.ok("a", r#"{"n":"bad"}"#);
    let keys = |actions: &[Action]| match &actions[0] {
        Action::Call(call) => call.idempotency_key.to_string(),
        other => panic!("{other:?}"),
    };
    let before = keys(&run.machine.actions(run.now));
    run.fails("b", Reason::Rejected);
    run.due();
    let letter = run.id();
    run.put(Record::Dead { step: "b".into(), failure: failure(Reason::Rejected), letter });
    let by = Principal::new(PrincipalKind::User, "me");
    let input = Some(Json::parse(br#"{"n":5}"#).unwrap());
    run.put(Record::Revived { step: "b".into(), by, input, trigger: None, version: None });
    assert_eq!(run.due_after_crash(), [r#"call b {"n":5}"#]);
    assert_ne!(keys(&run.machine.actions(run.now)), before);
}

#[test]
fn waits_end_by_time_event_or_decision() {
    let steps = "steps:\n  - t: { wait: { for: 1h }}\n  - e: { wait: { event: paid, key: trigger.id, timeout: 1d }}\n  - ok: { approve: { message: '\"Go?\"' }}\nresult: { e: e.sum, by: ok.by }\n";
    let mut run = Run::of(steps, r#"{"id":"k"}"#);
    assert_eq!(run.due(), ["park t for time"]);
    let until = run.now.plus(std::time::Duration::from_hours(1));
    run.put(Record::Parked { step: "t".into(), wait: ParkedFor::Until(until) });
    assert!(run.due().is_empty() && run.machine.is_resting());
    assert_eq!(run.machine.next_due(), Some(until));
    run.now = until;
    assert_eq!(run.due(), ["elapse t"]);
    run.put(Record::Signalled { step: "t".into(), signal: Signal::Elapsed, emission: None });
    assert_eq!(run.due(), ["park e for event"]);
    let wait = ParkedFor::Event { event: "paid".into(), key: Some("k".into()), deadline: None };
    run.put(Record::Parked { step: "e".into(), wait });
    run.put(Record::Signalled {
        step: "e".into(),
        signal: Signal::Event(Json::parse(br#"{"sum":5}"#).unwrap()),
        emission: None,
    });
    assert_eq!(run.due(), ["park ok for approval"]);
    let wait = ParkedFor::Approval { message: "Go?".into(), by: Vec::new(), deadline: None };
    run.put(Record::Parked { step: "ok".into(), wait });
    let decision = Decision { approved: true, by: "dana".into(), note: None };
    run.put(Record::Signalled { step: "ok".into(), signal: Signal::Decided(decision), emission: None });
    assert_eq!(run.due_after_crash(), [r#"finish {"e":5,"by":"dana"}"#]);
}

#[test]
fn a_sub_flow_is_named_before_it_is_started_and_ensured_after_a_crash() {
    let steps = "steps:\n  - s: { flow: other, with: { n: 1 }}\nresult: s\n";
    let other = "kind: Flow\nname: other\nowner: { team: t, contact: c@example.com, runbook: r.md }\ntrigger: manual\nsteps:\n  - m: { map: { a: 1 }}\n";
    let mut run = Run::of(&format!("{steps}---\n{other}"), "{}");
    assert_eq!(run.due(), ["park s for a child"]);
    let child = run.id();
    run.put(Record::Parked { step: "s".into(), wait: ParkedFor::Child { run: child } });
    assert_eq!(run.due(), [r#"start s other {"n":1}"#]);
    assert!(run.due().is_empty() && run.machine.is_resting());
    assert_eq!(run.due_after_crash(), [r#"start s other {"n":1}"#]);
    run.put(Record::Signalled {
        step: "s".into(),
        signal: Signal::Child(Outcome::Ok(Json::of(&7))),
        emission: None,
    });
    assert_eq!(run.due(), ["finish 7"]);
}

#[test]
fn a_replayed_step_starts_another_sub_flow_that_is_not_taken_for_the_first() {
    let other = "kind: Flow\nname: other\nowner: { team: t, contact: c@example.com, runbook: r.md }\ntrigger: manual\nsteps:\n  - m: { map: { a: 1 }}\n";
    let mut run = Run::of(&format!("steps:\n  - s: {{ flow: other }}\n---\n{other}"), "{}");
    let starts = |run: &mut Run| {
        run.due();
        let child = run.id();
        run.put(Record::Parked { step: "s".into(), wait: ParkedFor::Child { run: child } });
        match &run.machine.actions(run.now)[0] {
            Action::StartFlow { dedupe, .. } => dedupe.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let first = starts(&mut run);
    let signal = Signal::Child(Outcome::Failed(failure(Reason::SubFlow)));
    run.put(Record::Signalled { step: "s".into(), signal, emission: None }).due();
    let letter = run.id();
    run.put(Record::Dead { step: "s".into(), failure: failure(Reason::SubFlow), letter });
    let by = Principal::new(PrincipalKind::User, "me");
    run.put(Record::Revived { step: "s".into(), by, input: None, trigger: None, version: None });
    assert_ne!(starts(&mut run), first);
}

#[test]
fn a_failing_expression_is_a_dead_letter_with_the_trigger_to_edit() {
    let mut run = Run::of(
        "steps:\n  - a: { map: { n: trigger.n * 2 }}\n  - b: { call: shop.make, with: { n: a.n }}\n",
        r#"{"n":"x"}"#,
    );
    assert_eq!(run.due(), ["die at a: mapping -"]);
    let letter = run.id();
    run.put(Record::Dead { step: "a".into(), failure: failure(Reason::Mapping), letter });
    let by = Principal::new(PrincipalKind::User, "me");
    let trigger = Some(Json::parse(br#"{"n":4}"#).unwrap());
    run.put(Record::Revived { step: "a".into(), by, input: None, trigger, version: None });
    assert_eq!(run.due(), [r#"call b {"n":8}"#]);
}

#[test]
fn what_cannot_follow_is_refused() {
    let mut run = Run::of("steps:\n  - a: { call: shop.find, with: { id: 1 }}\n", "{}");
    let at = run.now;
    let settled = |step: &str| Entry {
        at,
        record: Record::Settled {
            step: step.into(),
            outcome: Outcome::Ok(Json::null()),
            attempts: Vec::new(),
        },
    };
    assert!(run.machine.apply(&settled("nothing")).is_err(), "an unknown step");
    run.machine.apply(&settled("a")).unwrap();
    assert!(run.machine.apply(&settled("a")).is_err(), "settled twice");
    let finished = Entry { at, record: Record::Finished { result: Json::null() } };
    run.machine.apply(&finished).unwrap();
    assert_eq!(run.machine.state(), &RunState::Ended(RunStatus::Finished));
    assert!(run.machine.apply(&finished).is_err(), "ended twice");
}

#[test]
fn a_journal_cut_anywhere_goes_on_to_the_same_end() {
    let steps = "steps:\n  - a: { call: shop.find, with: { id: 1 }}\n  - w: { wait: { for: 1s }}\n  - b: { call: shop.make, with: { n: a.n }}\nresult: { b: b.id }\n";
    let mut run = Run::of(steps, "{}");
    run.due();
    run.ok("a", r#"{"n":1}"#).due();
    let until = run.now.plus(std::time::Duration::from_secs(1));
    run.put(Record::Parked { step: "w".into(), wait: ParkedFor::Until(until) });
    run.now = until;
    run.due();
    run.put(Record::Signalled { step: "w".into(), signal: Signal::Elapsed, emission: None }).due();
    run.ok("b", r#"{"id":"x"}"#);
    let expected = [
        vec![r#"call a {"id":1}"#],
        vec!["park w for time"],
        vec!["elapse w"],
        vec![r#"call b {"n":1}"#],
        vec![r#"finish {"b":"x"}"#],
    ];
    for (length, expected) in (1..=run.journal.len()).zip(expected) {
        let mut machine =
            Machine::fold(run.machine.run(), Arc::clone(run.machine.flow()), &run.journal[..length]).unwrap();
        let due: Vec<_> = machine.actions(run.now).iter().map(word).collect();
        assert_eq!(due, expected, "cut after {length} records");
    }
}
