//! Every call of every example fails in turn, at every stage, once and for as long as it is tried. Each time the run ends
//! as its policy says, and when all is mended and replayed nothing is lost and nothing doubled.
//!
//! The calls are read from the examples' files, and what must happen is computed from what those say: a new step is
//! covered as soon as it is written.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod expect;
mod fault;
mod work;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sinew_e2e::{CallStep, Project, Truth, World, fast};

use expect::{End, expected};
use fault::ATTEMPTS;
use work::{Work, drive};

/// What is put at the end of a flow to see its undo.
const BROKEN: &str = "broken_on_purpose";

/// One flow of an example, whose every call is made to fail.
struct Stage {
    world: World,
    project: Project,
    flow: &'static str,
    work: Work,
    /// How often each effect happens when nothing fails.
    reference: BTreeMap<String, usize>,
    cases: usize,
}

/// What has happened since a moment.
struct Since(u64);

impl Stage {
    /// A world for one flow; with `broken` its last step always fails, so that what was done is taken back.
    fn set(seed: u64, example: &str, flow: &'static str, work: Work, broken: bool) -> Self {
        let mut change = |document: &mut Value| {
            fast(document);
            work::by_hand(document);
            if broken && document["name"] == flow {
                let steps = document["steps"].as_array_mut().expect("a flow has steps");
                steps.push(json!({ BROKEN: { "map": "$error(\"broken on purpose\")" } }));
            }
        };
        let world = World::with_changed(seed, &[example], &mut change);
        let project = Project::read(&world.options.projects);
        let mut stage = Self { world, project, flow, work, reference: BTreeMap::new(), cases: 0 };
        stage.work.prepare(&stage.world);
        let since = stage.now();
        let run = stage.start("reference");
        let end = drive(&stage.world, &run, stage.work);
        let wanted = if broken { "undone" } else { "finished" };
        assert_eq!(end["run"]["status"], wanted, "{flow} without a fault: {:#}", end["failure"]);
        stage.world.settled();
        stage.reference = stage.effects(&since);
        stage
    }

    fn start(&mut self, word: &str) -> String {
        self.cases += 1;
        let input = self.work.input(&self.world, &format!("{word}-{}", self.cases));
        self.world.start(self.flow, &input)
    }

    fn now(&self) -> Since {
        Since(self.world.truth().effects.last().and_then(|entry| entry["seq"].as_u64()).unwrap_or(0))
    }

    fn truth(&self, since: &Since) -> Truth {
        let mut truth = self.world.truth();
        truth.effects.retain(|entry| entry["seq"].as_u64() > Some(since.0));
        truth
    }

    /// How often each effect happened; updates are harmless, and contacts without a number of ours may have been there.
    fn effects(&self, since: &Since) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.truth(since).effects {
            let effect = entry["effect"].as_str().unwrap_or_default().to_owned();
            let there_before = effect == "contact.created" && entry["ref"].is_null();
            let alert = effect == "message.posted" && entry["ref"].is_null();
            let counted = !effect.ends_with(".updated") && !there_before && !alert;
            if counted && effect != "order.created" {
                *counts.entry(effect).or_default() += 1;
            }
        }
        counts
    }

    /// Every call of the flow, every fault.
    fn every_call_fails(mut self) {
        let calls: Vec<CallStep> = self.project.calls_of(self.flow).cloned().collect();
        for (index, call) in calls.iter().enumerate() {
            if !self.work.reaches(&call.step) {
                continue;
            }
            let before = calls[..index].iter().filter(|earlier| self.same_request(earlier, call)).count();
            for (fault, lasts) in fault::all() {
                let operation = self.project.operation(&call.call).clone();
                let Some(armed) = fault.arm(&operation, &path_of(call, &operation.path), before, lasts)
                else {
                    continue;
                };
                let undoing = self.project.undoing.iter().any(|flow| flow == self.flow);
                let end = expected(fault, lasts, call, &operation, undoing);
                self.check(
                    &format!("{}/{} {fault:?} {lasts:?}", self.flow, call.step),
                    &operation.vendor,
                    &armed,
                    &end,
                );
            }
        }
        assert!(self.cases > 10, "hardly anything was tried: {} cases", self.cases);
    }

    /// Every undo of a flow whose last step fails, every fault.
    fn every_undo_fails(mut self) {
        let calls: Vec<CallStep> = self.project.calls_of(self.flow).cloned().collect();
        for (index, call) in calls.iter().enumerate() {
            let Some(undo) = call.undo.clone() else { continue };
            let undo =
                CallStep { call: undo, undo: None, step: format!("{}~undo", call.step), ..call.clone() };
            // Taken back the last first: what stands behind it has been undone by then.
            let earlier = calls.iter().filter(|forward| self.same_request(forward, &undo)).count();
            let undone = calls[index + 1..].iter().filter_map(|later| later.undo.clone());
            let undone = undone.filter(|later| self.same_operation_path(later, &undo.call)).count();
            for (fault, lasts) in fault::all() {
                let operation = self.project.operation(&undo.call).clone();
                let Some(armed) = fault.arm(&operation, &operation.path, earlier + undone, lasts) else {
                    continue;
                };
                let end = match expected(fault, lasts, &undo, &operation, false) {
                    End::Finished => End::Undone,
                    End::Dead(_) => End::Dead("undo_failed"),
                    other => other,
                };
                self.check(
                    &format!("{}/{} {fault:?} {lasts:?}", self.flow, undo.step),
                    &operation.vendor,
                    &armed,
                    &end,
                );
            }
        }
        assert!(self.cases > 10, "hardly anything was tried: {} cases", self.cases);
    }

    fn same_request(&self, one: &CallStep, other: &CallStep) -> bool {
        let (a, b) = (self.project.operation(&one.call), self.project.operation(&other.call));
        let path = path_of(other, &b.path);
        a.vendor == b.vendor && a.method == b.method && path_of(one, &a.path).starts_with(&path)
    }

    fn same_operation_path(&self, one: &str, other: &str) -> bool {
        let (a, b) = (self.project.operation(one), self.project.operation(other));
        a.vendor == b.vendor && a.method == b.method && a.path.starts_with(&b.path)
    }

    /// One run under one fault: its end, then mended and replayed, and what really happened.
    fn check(&mut self, case: &str, vendor: &str, fault: &Value, wanted: &End) {
        let since = self.now();
        self.world.fault(vendor, fault);
        let run = self.start("case");
        let end = drive(&self.world, &run, self.work);
        let applied = self.world.sandbox.get(&format!("/_control/{vendor}/faults")).text;
        let letters = self.world.dead();
        let status = end["run"]["status"].as_str().unwrap_or_default();
        let reason = letters.first().and_then(|letter| letter["reason"].as_str()).unwrap_or_default();
        let got = format!("{status} {reason}");
        assert_eq!(
            got.trim(),
            wanted.words(),
            "{case}\nrun {run}: {:#}\n{letters:#?}\n{applied}",
            end["failure"]
        );
        assert!(letters.len() <= 1, "{case}: more than one dead letter: {letters:#?}");
        assert!(was_applied(&applied), "{case}: the fault struck nothing: {applied}");
        self.world.mend();
        for letter in &letters {
            self.see_to(letter, &since);
        }
        self.world.settled();
        let replayed = if letters.is_empty() { end } else { drive(&self.world, &run, self.work) };
        assert!(self.world.dead().is_empty(), "{case}: not over after a replay: {:#?}", self.world.dead());
        self.account(case, &replayed, wanted, &since);
    }

    /// What a person would do: look whether an unknown effect is there, and replay whatever is not done.
    fn see_to(&self, letter: &Value, since: &Since) {
        let id = letter["id"].as_str().expect("a dead letter has an id");
        let nobody_knows = letter["reason"] == "unknown" && self.flow == "print-label";
        if nobody_knows && self.truth(since).of("label.printed").next().is_some() {
            self.world.discard(id);
        } else {
            let run = self.world.replay(id);
            drive(&self.world, &run, self.work);
        }
    }

    fn account(&self, case: &str, end: &Value, wanted: &End, since: &Since) {
        let truth = self.truth(since);
        for effect in self.reference.keys().filter(|effect| *effect != "report.stored") {
            assert_eq!(truth.doubled(effect), Vec::<String>::new(), "{case}: doubled {effect}");
        }
        let mut effects = self.effects(since);
        let status = end["run"]["status"].as_str().unwrap_or_default();
        if status == "undone" {
            for (done, undone) in work::TAKEN_BACK_BY {
                let count = |effect: &str| effects.get(effect).copied().unwrap_or(0);
                assert_eq!(count(done), count(undone), "{case}: not taken back: {done}, {effects:?}");
            }
        } else if *wanted != End::Caught {
            let stored = self.reference.get("report.stored").copied();
            if let (Some(wanted), Some(count)) = (stored, effects.get_mut("report.stored")) {
                assert!(*count >= wanted, "{case}: the report is lost");
                *count = wanted;
            }
            assert_eq!(effects, self.reference, "{case}: lost or doubled, the run is {status}");
        }
    }
}

/// The path of a call, with its parameters as far as the flow has them as plain text.
fn path_of(call: &CallStep, path: &str) -> String {
    call.channel
        .as_ref()
        .filter(|_| path.ends_with("/hooks/"))
        .map_or(path.to_owned(), |channel| format!("{path}{channel}"))
}

fn was_applied(faults: &str) -> bool {
    let faults: Value = serde_json::from_str(faults).unwrap_or_default();
    let all = faults["faults"].as_array().or(faults.as_array()).cloned().unwrap_or_default();
    all.iter().any(|fault| fault["applied"].as_u64() > Some(0))
}

#[test]
fn lead_intake() {
    Stage::set(7, "lead-intake", "lead-intake", Work::Lead, false).every_call_fails();
}

#[test]
fn closed_won_to_invoice() {
    Stage::set(12, "closed-won-to-invoice", "closed-won-to-invoice", Work::Deal, false).every_call_fails();
}

#[test]
fn bulk_enrich() {
    Stage::set(13, "bulk-enrich", "bulk-enrich", Work::Contacts, false).every_call_fails();
}

#[test]
fn order_fulfilment() {
    Stage::set(14, "order-fulfilment", "order-fulfilment", Work::Order, false).every_call_fails();
}

#[test]
fn order_fulfilment_taken_back() {
    Stage::set(15, "order-fulfilment", "order-fulfilment", Work::Order, true).every_undo_fails();
}

#[test]
fn print_label() {
    Stage::set(16, "order-fulfilment", "print-label", Work::Label, false).every_call_fails();
}

#[test]
fn nightly_report() {
    Stage::set(17, "nightly-report", "nightly-report", Work::Report, false).every_call_fails();
}

#[test]
fn large_orders() {
    Stage::set(18, "nightly-report", "large-orders", Work::Large, false).every_call_fails();
}

#[test]
fn new_hire() {
    Stage::set(19, "new-hire", "new-hire", Work::Hire { approved: true }, false).every_call_fails();
}

#[test]
fn new_hire_declined() {
    Stage::set(20, "new-hire", "new-hire", Work::Hire { approved: false }, false).every_call_fails();
}

#[test]
fn provision_account() {
    Stage::set(21, "new-hire", "provision-account", Work::Account, false).every_call_fails();
}

#[test]
fn provision_account_taken_back() {
    Stage::set(22, "new-hire", "provision-account", Work::Account, true).every_undo_fails();
}

#[test]
fn every_flow_that_calls_something_is_tried() {
    let names = [
        "lead-intake",
        "closed-won-to-invoice",
        "bulk-enrich",
        "order-fulfilment",
        "nightly-report",
        "new-hire",
    ];
    let folders: Vec<_> = ["vendors"].iter().chain(&names).map(|name| sinew_e2e::examples(name)).collect();
    let mut flows: Vec<_> = Project::read(&folders).calls.into_iter().map(|call| call.flow).collect();
    flows.sort();
    flows.dedup();
    let tried = [
        "bulk-enrich",
        "closed-won-to-invoice",
        "large-orders",
        "lead-intake",
        "new-hire",
        "nightly-report",
        "order-fulfilment",
        "print-label",
        "provision-account",
    ];
    assert_eq!(flows, tried, "a flow that calls something needs a test here");
    assert_eq!(ATTEMPTS, 3, "as `fast` has it");
}
