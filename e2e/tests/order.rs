//! Order, dead letters and their ways on, approvals, versions, backups, cursors and alerts, from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{Submission, World, fast, until};
use sinew_stdx::Random;

const PATIENCE: Duration = Duration::from_mins(1);

/// Messages of one key go to chat in the order in which they were accepted.
const ORDERED: &str = r#"
kind: Flow
name: ordered
owner: { team: platform, contact: platform@example.com, runbook: runbooks/ordered.md }
trigger: { webhook: { path: ordered, verify: none, key: key, dedupe: id } }
steps:
  - say:
      call: chat.post
      with: { channel: '"order"', text: 'trigger.key & " " & $string(trigger.n)', external_key: trigger.id }
      retry: { attempts: 3, base: 5ms, max: 20ms }
"#;

/// Waits for an event, then says so.
const PATIENT: &str = r#"
kind: Flow
name: patient
owner: { team: platform, contact: platform@example.com, runbook: runbooks/patient.md }
trigger: manual
steps:
  - heard: { wait: { event: bell.rung, key: trigger.id } }
  - say: { call: chat.post, with: { channel: '"bell"', text: '"WORDS"', external_key: trigger.id } }
result: { said: '"WORDS"', note: heard.note }
"#;

fn message(key: &str, n: usize) -> Value {
    json!({ "id": format!("{key}-{n}"), "key": key, "n": n })
}

fn shuffled<T>(mut items: Vec<T>, seed: u64) -> Vec<T> {
    let mut random = Random::seeded(seed);
    for i in (1..items.len()).rev() {
        items.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
    }
    items
}

fn letter_of(world: &World, run: &str) -> String {
    let letters = world.letters(&format!("status=open&run={run}"));
    letters[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn messages_of_a_key_go_one_at_a_time_in_order_while_others_pass() {
    let world = World::with_own(1, ORDERED);
    world.fault("chat", &json!({ "kind": "latency", "ms_min": 0, "ms_max": 12 }));
    // Each sender has the messages of its keys in order; the keys are mixed, and everything is sent twice.
    let keys: Vec<String> = (0..8).map(|n| format!("k{n}")).collect();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (world, keys) = (&world, &keys);
            scope.spawn(move || {
                let own: Vec<_> = keys.iter().skip(sender * 2).take(2).collect();
                let turns: Vec<_> = (0..50).map(|turn| own[turn % 2]).collect();
                let mut next: BTreeMap<&str, usize> = BTreeMap::new();
                for key in shuffled(turns, sender as u64) {
                    let n = next.entry(key).or_default();
                    let (first, second) =
                        (world.hook("ordered", &message(key, *n)), world.hook("ordered", &message(key, *n)));
                    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
                    assert_eq!(first.run(), second.run(), "the same delivery is the same run");
                    *n += 1;
                }
            });
        }
    });
    let runs = world.settled();
    assert_eq!((runs.len(), runs.iter().all(|run| run["status"] == "finished")), (200, true));
    let mut said: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for text in world.chat("order") {
        let (key, n) = text.split_once(' ').unwrap();
        said.entry(key.to_owned()).or_default().push(n.parse().unwrap());
    }
    for (key, numbers) in said {
        assert_eq!(numbers, (0..25).collect::<Vec<_>>(), "out of order or twice: {key}");
    }
}

#[test]
fn the_same_delivery_many_times_at_once_is_one_run() {
    let world = World::with_own(2, ORDERED);
    let named = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..10 {
                    let answer = world.hook("ordered", &message("same", n));
                    assert!(answer.is_ok(), "{answer:?}");
                    named.lock().unwrap().push((n, answer.run().unwrap()));
                }
            });
        }
    });
    let mut named = named.into_inner().unwrap();
    named.sort();
    named.dedup();
    assert_eq!((named.len(), world.settled().len()), (10, 10));
}

#[test]
fn a_dead_letter_holds_up_its_key_until_it_is_replayed() {
    let world = World::with_own(3, ORDERED);
    world.fault("chat", &json!({ "kind": "refuse", "body_contains": "a 0" }));
    let first = world.hook("ordered", &message("a", 0)).run().unwrap();
    world.run_in(&first, "dead");
    let behind: Vec<_> = (1..4).map(|n| world.hook("ordered", &message("a", n)).run().unwrap()).collect();
    let other = world.hook("ordered", &message("b", 0)).run().unwrap();
    world.run_in(&other, "finished");
    for run in &behind {
        assert_eq!(world.run(run)["run"]["status"], "queued", "it went past a dead letter of its key");
    }
    world.mend();
    world.replay(&letter_of(&world, &first));
    for run in &behind {
        world.run_in(run, "finished");
    }
    assert_eq!(world.chat("order"), ["b 0", "a 0", "a 1", "a 2", "a 3"]);
}

#[test]
fn a_discarded_dead_letter_lets_its_key_go_on() {
    let world = World::with_own(4, ORDERED);
    world.fault("chat", &json!({ "kind": "refuse", "body_contains": "a 0" }));
    let first = world.hook("ordered", &message("a", 0)).run().unwrap();
    world.run_in(&first, "dead");
    let second = world.hook("ordered", &message("a", 1)).run().unwrap();
    let letter = letter_of(&world, &first);
    world.discard(&letter);
    world.run_in(&second, "finished");
    assert_eq!(world.run(&first)["run"]["status"], "discarded");
    let again = world.control().post(&format!("/v1/dead/{letter}/replay"), &json!({}));
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(world.chat("order"), ["a 1"]);
}

#[test]
fn a_replay_goes_on_at_the_failed_step_and_asks_for_nothing_again() {
    let world = World::with_changed(5, &["closed-won-to-invoice"], &mut fast);
    world.fault("crm", &json!({ "kind": "refuse", "path": "/notes", "method": "POST" }));
    let run = Submission::deal("7").send(world.server()).run().unwrap();
    world.run_in(&run, "dead");
    world.mend();
    let before = world.sandbox.get("/_control/stats").json()["by_vendor"].clone();
    assert_eq!(world.replay(&letter_of(&world, &run)), run);
    world.run_in(&run, "finished");
    let after = world.sandbox.get("/_control/stats").json()["by_vendor"].clone();
    assert_eq!(after["billing"], before["billing"], "billing was asked again");
    // The note itself, and nothing else.
    assert_eq!(after["crm"].as_u64(), before["crm"].as_u64().map(|requests| requests + 1));
    let truth = world.truth();
    assert_eq!((truth.of("invoice.created").count(), truth.of("note.created").count()), (1, 1));
}

#[test]
fn an_edited_dead_letter_is_replayed_with_what_was_edited() {
    let world = World::with_own(6, ORDERED);
    world.fault("chat", &json!({ "kind": "refuse", "body_contains": "a 0" }));
    let run = world.hook("ordered", &message("a", 0)).run().unwrap();
    world.run_in(&run, "dead");
    let letter = letter_of(&world, &run);
    let mut payload = world.letter(&letter)["payload"].clone();
    assert_eq!(payload["text"], "a 0", "the payload is the step's input: {payload}");
    payload["text"] = json!("a nought");
    let edited = world.control().put(&format!("/v1/dead/{letter}/payload"), &json!({ "payload": payload }));
    assert!(edited.is_ok(), "{edited:?}");
    world.replay(&letter);
    world.run_in(&run, "finished");
    assert_eq!(world.chat("order"), ["a nought"]);
}

#[test]
fn a_dead_letter_holds_every_attempt_as_sent_with_secrets_masked() {
    let world = World::with_changed(7, &["closed-won-to-invoice"], &mut fast);
    world
        .fault("billing", &json!({ "kind": "status", "status": 503, "path": "/invoices", "method": "POST" }));
    let run = Submission::deal("8").send(world.server()).run().unwrap();
    world.run_in(&run, "dead");
    let letter = world.letter(&letter_of(&world, &run));
    let attempts = letter["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), letter["letter"]["reason"].as_str()), (3, Some("unavailable")), "{letter:#}");
    for attempt in attempts {
        assert!(attempt["request"]["line"].as_str().unwrap().contains("/billing/invoices"), "{attempt:#}");
        assert!(attempt["request"]["body"].as_str().unwrap().contains("12345.60"), "{attempt:#}");
        assert!(attempt["response"]["line"].as_str().unwrap().starts_with("503"), "{attempt:#}");
    }
    assert!(!letter["suggestion"].as_str().unwrap().is_empty());
    for secret in ["billing-key", "crm-secret"] {
        assert!(!letter.to_string().contains(secret), "a secret shows: {letter:#}");
        assert!(!world.run(&run).to_string().contains(secret), "a secret shows in the run");
    }
}

#[test]
fn a_replay_of_what_may_have_arrived_asks_before_it_sends_again() {
    let world = World::with_own(8, ORDERED);
    // The answer is lost, and whoever could be asked is down too.
    world.fault(
        "chat",
        &json!([
            { "kind": "answer_lost", "path": "/hooks/order", "count": 1 },
            { "kind": "status", "status": 503, "path": "/messages" },
        ]),
    );
    let run = world.hook("ordered", &message("a", 0)).run().unwrap();
    world.run_in(&run, "dead");
    assert_eq!(world.dead()[0]["reason"], "unknown");
    world.mend();
    world.replay(&letter_of(&world, &run));
    world.run_in(&run, "finished");
    assert_eq!(world.chat("order"), ["a 0"], "posted twice");
}

#[test]
fn a_waiting_run_can_be_cancelled_and_a_decision_is_made_once() {
    let world = World::with_changed(9, &["new-hire"], &mut fast);
    let run = world.start("new-hire", &json!({ "employee_id": "601", "start_date": "2026-01-15" }));
    world.asked(&run, "manager_says");
    assert!(world.decide(&run, "manager_says", "people-managers", true).is_ok());
    assert_eq!(world.decide(&run, "manager_says", "people-managers", false).status, 409);
    world.asked(&run, "badge");
    let cancelled = world.control().post(&format!("/v1/runs/{run}/cancel"), &json!({}));
    assert!(cancelled.is_ok(), "{cancelled:?}");
    assert_eq!(world.run(&run)["run"]["status"], "cancelled");
    world.emit("badge.issued", "601", &json!({ "number": "B-1" }));
    assert_eq!(world.run(&run)["run"]["status"], "cancelled");
    let nobody = world.start("new-hire", &json!({ "employee_id": "602", "start_date": "2026-01-15" }));
    world.asked(&nobody, "manager_says");
    let refused = world.decide(&nobody, "manager_says", "passer-by", true);
    assert!(refused.status == 409 && refused.text.contains("people-managers"), "{refused:?}");
}

#[test]
fn a_run_keeps_the_version_of_its_flow_through_edits_and_restarts() {
    let mut world = World::with_own(10, &PATIENT.replace("WORDS", "old words"));
    let old = world.start("patient", &json!({ "id": "one" }));
    world.run_in(&old, "waiting");
    world.write_own(&PATIENT.replace("WORDS", "new words"));
    let reloaded = world.control().post("/v1/reload", &json!({}));
    assert!(reloaded.is_ok(), "{reloaded:?}");
    let new = world.start("patient", &json!({ "id": "two" }));
    world.run_in(&new, "waiting");
    world.kill();
    world.serve();
    for key in ["one", "two"] {
        world.emit("bell.rung", key, &json!({ "note": "loud" }));
    }
    assert_eq!(world.run_in(&old, "finished")["result"], json!({ "said": "old words", "note": "loud" }));
    assert_eq!(world.run_in(&new, "finished")["result"]["said"], "new words");
    assert_eq!(world.chat("bell"), ["old words", "new words"]);
}

#[test]
fn a_backup_made_under_way_brings_everything_back() {
    let mut world = World::with_own(11, &format!("{PATIENT}---{ORDERED}"));
    for n in 0..20 {
        assert!(world.hook("ordered", &message("a", n)).is_ok());
    }
    let waiting = world.start("patient", &json!({ "id": "kept" }));
    world.run_in(&waiting, "waiting");
    let lines = world.settled();
    let copy = world.folder().join("copy.db");
    world.cli(&["backup", &copy.display().to_string()]).ok();
    // What comes after the copy is not in it.
    assert!(world.hook("ordered", &message("late", 0)).is_ok());
    world.settled();
    world.stop();
    world.options.data = world.folder().join("restored");
    let data = world.options.data.display().to_string();
    sinew_e2e::sinew(world.folder(), &["restore", &copy.display().to_string(), "--data", &data]).ok();
    world.serve();
    assert_eq!(world.runs(""), lines);
    world.emit("bell.rung", "kept", &json!({ "note": "still there" }));
    assert_eq!(world.run_in(&waiting, "finished")["result"]["note"], "still there");
}

#[test]
fn a_file_is_worked_through_once_however_often_the_server_is_killed() {
    let mut world = World::with_changed(15, &["bulk-enrich"], &mut fast);
    for vendor in ["crm", "enrich"] {
        world.fault(vendor, &json!({ "kind": "latency", "ms_min": 20, "ms_max": 120 }));
    }
    let lines = (0..1000).map(|n| format!("c{n},Ada,Byron,ada.{n}@copper-freight.example,,,,,GB\n"));
    let text = "id,first_name,last_name,email,phone,company,domain,title,country\n".to_owned();
    std::fs::write(world.project("bulk-enrich").join("many.csv"), text + &lines.collect::<String>()).unwrap();
    let run = world.start("bulk-enrich", &json!({ "job": "many", "file": "many.csv", "save": true }));
    for kill in 1..=3 {
        until("a part of the file to be done", PATIENCE, || {
            (world.truth().of("contact.created").count() >= kill * 200).then_some(())
        });
        world.kill();
        world.serve();
    }
    let result = world.run_in(&run, "finished")["result"].clone();
    assert_eq!((result["total"].as_u64(), result["failed"].as_u64()), (Some(1000), Some(0)), "{result:#}");
    assert_eq!(result["figures"]["known"].as_u64(), Some(1000), "{result:#}");
    let saved = world.truth().by_reference("contact.created");
    assert_eq!((saved.len(), saved.values().all(|times| *times == 1)), (1000, true));
    assert_eq!(world.chat("data").len(), 1);
}

#[test]
fn a_replayed_item_repeats_nothing_that_it_did_before() {
    let flow = r#"
kind: Flow
name: items
owner: { team: platform, contact: platform@example.com, runbook: runbooks/items.md }
trigger: manual
steps:
  - all:
      each:
        items: trigger.items
        as: one
        steps:
          - say: { call: chat.post, with: { channel: '"items"', text: one.id, external_key: '"item-" & one.id' } }
          - note: { call: crm.addNote, with: { contact_id: '"1"', text: one.id, external_key: '"note-" & one.id' } }
result: { failed: all.failed }
"#;
    let world = World::with_own(16, flow);
    world.fault("crm", &json!({ "kind": "refuse", "path": "/notes", "body_contains": "note-b" }));
    let items = json!({ "items": [{ "id": "a" }, { "id": "b" }, { "id": "c" }] });
    let run = world.start("items", &items);
    assert_eq!(world.run_in(&run, "finished")["result"]["failed"].as_u64(), Some(1));
    world.mend();
    let again = world.replay(world.dead()[0]["id"].as_str().unwrap());
    world.run_in(&again, "finished");
    let mut said = world.chat("items");
    said.sort();
    assert_eq!(said, ["a", "b", "c"], "posted twice");
    assert_eq!(world.truth().by_reference("note.created").len(), 3);
}

#[test]
fn a_polls_cursor_never_passes_what_was_not_accepted() {
    let mut world = World::with_changed(12, &["order-fulfilment"], &mut |document| {
        fast(document);
        if document["trigger"]["poll"].is_object() {
            document["trigger"]["poll"]["every"] = json!("1s");
        }
    });
    let mut wanted = Vec::new();
    for round in 0..3 {
        world.fault(
            "shop",
            &json!([
                { "kind": "truncated", "method": "GET", "rate": 0.4 },
                { "kind": "answer_lost", "method": "PATCH", "rate": 0.2 },
            ]),
        );
        wanted.extend(world.orders(8, 1 + round * 8));
        until("the poll to bring something", PATIENCE, || {
            (world.truth().of("payment.captured").count() > wanted.len() - 8).then_some(())
        });
        world.kill();
        world.serve();
    }
    world.mend();
    until("all orders to be seen", PATIENCE, || {
        (world.runs("flow=order-fulfilment").len() == wanted.len()).then_some(())
    });
    world.settled();
    let paid = world.truth().by_reference("payment.captured");
    assert_eq!(
        paid.keys().cloned().collect::<std::collections::BTreeSet<_>>(),
        wanted.iter().cloned().collect()
    );
    assert!(paid.values().all(|times| *times == 1), "paid twice: {paid:?}");
    assert_eq!(world.runs("flow=order-fulfilment").len(), wanted.len());
}

#[test]
fn an_alert_opens_once_and_closes_when_it_is_over() {
    let mut world = World::prepare(13, sinew_sandbox::Tuning::default(), Vec::new());
    world.change_projects(&["closed-won-to-invoice"], &mut |document| {
        fast(document);
        if document["name"] == "billing" && document["kind"] == "Connection" {
            document["breaker"] = json!({ "failures": 3, "open_for": "1s" });
        }
    });
    world.serve();
    world.fault("billing", &json!({ "kind": "stop" }));
    for n in 0..6 {
        assert!(Submission::deal(&format!("a{n}")).send(world.server()).is_ok());
    }
    let told =
        |world: &World, words: &str| world.chat("ops").iter().filter(|text| text.contains(words)).count();
    until("the breaker's alert", PATIENCE, || (told(&world, "calls held back") > 0).then_some(()));
    until("the dead letters' alert", PATIENCE, || (told(&world, "dead letter: flow") > 0).then_some(()));
    let open = |kind: &str| world.alerts(false).iter().filter(|alert| alert["kind"] == kind).count();
    assert_eq!((open("breaker_open"), open("dead_letter")), (1, 1), "{:#?}", world.alerts(true));
    world.mend();
    until("all to be replayed", PATIENCE, || {
        for letter in world.dead() {
            world.replay(letter["id"].as_str().unwrap());
        }
        let finished = world.runs("status=finished").len();
        (finished == 6).then_some(())
    });
    until("both to be over", PATIENCE, || world.alerts(false).is_empty().then_some(()));
    until("the channel to hear of it", PATIENCE, || (told(&world, "recovered:") >= 2).then_some(()));
    assert_eq!(told(&world, "recovered: system down"), 1, "{:#?}", world.chat("ops"));
    assert_eq!(world.truth().by_reference("invoice.created").values().sum::<usize>(), 6);
}

#[test]
fn a_bad_edit_leaves_the_running_project_in_force() {
    let world = World::with_own(14, ORDERED);
    world.write_own(&ORDERED.replace("chat.post", "chat.pots"));
    let refused = world.control().post("/v1/reload", &json!({}));
    let problem = refused.json();
    assert_eq!((refused.status, problem["code"].as_str()), (422, Some("SNW-6007")), "{refused:?}");
    let finding = &problem["findings"][0];
    assert_eq!(finding["code"], "SNW-1203", "{finding:#}");
    assert!(finding["place"]["line"].is_u64() && finding.to_string().contains("chat.post"), "{finding:#}");
    let run = world.hook("ordered", &message("a", 0)).run().unwrap();
    world.run_in(&run, "finished");
}
