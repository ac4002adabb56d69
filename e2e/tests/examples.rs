//! Each example does what its README says, from outside, counted by what the vendors really did.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{World, examples, until};

const PATIENCE: Duration = Duration::from_mins(1);

fn sample(path: &str) -> Value {
    let text = std::fs::read_to_string(examples(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn count(world: &World, effect: &str) -> usize {
    world.truth().of(effect).count()
}

/// Waits until so many runs of a flow are in a state.
fn check_runs(world: &World, flow: &str, status: &str, wanted: usize) -> Vec<Value> {
    let mut last = Vec::new();
    until(&format!("{wanted} runs of {flow} to be {status}"), PATIENCE, || {
        last = world.runs(&format!("flow={flow}&status={status}"));
        (last.len() >= wanted).then_some(())
    });
    assert_eq!(last.len(), wanted, "too many runs of {flow} are {status}");
    last
}

#[test]
fn a_lead_is_enriched_scored_and_given_to_a_senior_while_the_form_waits() {
    let world = World::with_examples(7, &["lead-intake"]);
    let lead = sample("lead-intake/samples/high-fit.json");
    let answer = world.hook("lead-intake", &lead);
    assert_eq!(answer.status, 200, "{answer:?}");
    let result = answer.json();
    assert!(result["score"].as_u64() >= Some(60), "{result}");
    assert!(result["contact_id"].is_string() && result["deal_id"].is_string(), "{result}");
    let owner = result["owner"].as_str().unwrap();
    let told = world.chat("sales");
    assert!(told.len() == 1 && told[0].contains("Anna Lindner") && told[0].contains(owner), "{told:?}");

    // Pressed twice: the same lead.
    assert!(world.hook("lead-intake", &lead).is_ok());
    world.settled();
    assert_eq!((world.runs("flow=lead-intake").len(), count(&world, "deal.created")), (1, 1));
}

#[test]
fn a_lead_goes_on_without_the_vendor_and_with_what_it_does_not_know() {
    let world = World::with_examples(2, &["lead-intake"]);
    let result = world.hook("lead-intake", &sample("lead-intake/samples/free-mail.json")).json();
    assert!(result["deal_id"].is_string() && result["owner"].is_null(), "{result}");
    world.fault("enrich", &json!({ "kind": "stop" }));
    let mut lead = sample("lead-intake/samples/high-fit.json");
    lead["submission_id"] = json!("form-without-vendor");
    let answer = world.hook("lead-intake", &lead);
    assert!(answer.is_ok(), "{answer:?}");
    check_runs(&world, "lead-intake", "finished", 2);
    assert_eq!(count(&world, "deal.created"), 2);
}

#[test]
fn a_lead_that_cannot_be_read_waits_for_somebody_who_mends_it() {
    let world = World::with_examples(3, &["lead-intake"]);
    let mut lead = sample("lead-intake/samples/no-email.json");
    let answer = world.hook("lead-intake", &lead);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("dead")), "{answer:?}");
    check_runs(&world, "lead-intake", "dead", 1);
    let letter = world.dead().remove(0);
    assert_eq!(
        (letter["step"].as_str(), letter["reason"].as_str()),
        (Some("lead"), Some("mapping")),
        "{letter:#}"
    );
    let id = letter["id"].as_str().unwrap();
    lead["email"] = json!("jan@lumen-freight.example");
    let edited = world.control().put(&format!("/v1/dead/{id}/payload"), &json!({ "payload": lead }));
    assert!(edited.is_ok(), "{edited:?}");
    world.run_in(&world.replay(id), "finished");
    assert_eq!((world.dead().len(), count(&world, "deal.created")), (0, 1));
}

#[test]
fn the_crm_may_be_down_for_a_while_when_a_lead_comes() {
    let world = World::with_examples(4, &["lead-intake"]);
    world.fault("crm", &json!({ "kind": "status", "status": 503, "count": 2 }));
    let answer = world.hook("lead-intake", &sample("lead-intake/samples/high-fit.json"));
    assert!(matches!(answer.status, 200 | 202), "{answer:?}");
    check_runs(&world, "lead-intake", "finished", 1);
    assert_eq!(count(&world, "contact.created"), 1);
}

#[test]
fn each_won_deal_has_one_invoice_however_often_it_is_told() {
    let world = World::with_examples(5, &["closed-won-to-invoice"]);
    let emission =
        json!({ "event": "deal.updated", "count": 20, "duplicate": 0.3, "out_of_order": 0.3, "seed": 5 });
    let told = world.crm_emits("closed-won-to-invoice", &emission);
    assert!(told["delivered"].as_u64() >= Some(20) && told["duplicates"].as_u64() > Some(0), "{told}");
    check_runs(&world, "closed-won-to-invoice", "finished", 20);
    let truth = world.truth();
    assert_eq!((truth.of("invoice.created").count(), truth.of("note.created").count()), (20, 20));
    assert_eq!(truth.doubled("invoice.created"), Vec::<String>::new());

    // Forged ones come beside the genuine ones.
    let emission = json!({ "event": "deal.updated", "count": 5, "start": 100, "tampered": 1 });
    let forged = world.crm_emits("closed-won-to-invoice", &emission);
    assert_eq!((forged["delivered"].as_u64(), forged["refused"].as_u64()), (Some(5), Some(5)), "{forged}");
    check_runs(&world, "closed-won-to-invoice", "finished", 25);
    assert_eq!(count(&world, "invoice.created"), 25);
}

#[test]
fn invoices_are_written_once_although_every_other_answer_is_lost() {
    let world = World::with_examples(6, &["closed-won-to-invoice"]);
    world.fault(
        "billing",
        &json!({ "kind": "answer_lost", "rate": 0.5, "path": "/invoices", "method": "POST" }),
    );
    world.crm_emits("closed-won-to-invoice", &json!({ "event": "deal.updated", "count": 10 }));
    until("ten invoices", PATIENCE, || {
        (world.truth().by_reference("invoice.created").len() == 10).then_some(())
    });
    world.mend();
    check_runs(&world, "closed-won-to-invoice", "finished", 10);
    let truth = world.truth();
    assert_eq!((truth.of("invoice.created").count(), truth.doubled("invoice.created").len()), (10, 0));
}

#[test]
fn a_file_of_contacts_is_filled_in_and_failed_ones_are_replayed_alone() {
    let world = World::with_examples(77, &["bulk-enrich"]);
    world.fault("enrich", &json!({ "kind": "removed_field", "field": "email", "count": 3 }));
    let run = world.start("bulk-enrich", &sample("bulk-enrich/samples/small.json"));
    let end = world.run_in(&run, "finished");
    let figures = &end["result"];
    assert_eq!((figures["total"].as_u64(), figures["failed"].as_u64()), (Some(20), Some(3)), "{figures:#}");
    let told = world.chat("data");
    assert!(told.len() == 1 && told[0].starts_with("17 of 20 contacts"), "{told:?}");
    let letters = world.dead();
    assert!(letters.len() == 3 && letters.iter().all(|letter| letter["item"].is_u64()), "{letters:#?}");
    world.mend();
    let done =
        world.control().post("/v1/dead-replay", &json!({ "selection": { "flow": "bulk-enrich" } })).json();
    assert_eq!(done["done"].as_u64(), Some(3), "{done}");
    world.settled();
    assert!(world.dead().is_empty(), "{:#?}", world.dead());
    let saved = world.truth().by_reference("contact.created");
    assert_eq!((saved.len(), saved.values().all(|times| *times == 1)), (20, true));
}

#[test]
fn orders_are_paid_shipped_and_labelled_once_or_taken_back_whole() {
    let world = World::with_examples(8, &["order-fulfilment"]);
    world.orders(12, 1);
    check_runs(&world, "order-fulfilment", "finished", 12);
    check_runs(&world, "print-label", "finished", 12);
    let answer = world.sandbox.post("/_control/warehouse/refuse", &json!({ "skus": ["SKU-2"] }));
    assert!(answer.is_ok(), "{answer:?}");
    let orders = world.orders(12, 100);
    until("all orders to be seen to", PATIENCE, || {
        (world.runs("flow=order-fulfilment&status=finished,undone").len() == 24).then_some(())
    });
    let runs = world.settled();
    let undone = runs.iter().filter(|run| run["status"] == "undone").count();
    let truth = world.truth();
    assert!(undone > 0 && undone < orders.len(), "{undone} of {} orders hold SKU-2", orders.len());
    assert_eq!(truth.of("payment.captured").count(), 24);
    assert_eq!(truth.of("payment.refunded").count(), undone);
    assert_eq!(
        (truth.of("shipment.created").count(), truth.of("shipment.cancelled").count()),
        (24 - undone, 0)
    );
    assert_eq!(truth.of("label.printed").count(), 24 - undone);
    for effect in
        ["payment.captured", "payment.refunded", "shipment.created", "label.printed", "note.created"]
    {
        assert_eq!(truth.doubled(effect), Vec::<String>::new(), "{effect}");
    }
}

#[test]
fn labels_whose_answer_was_lost_are_unknown_and_not_printed_again() {
    let world = World::with_examples(9, &["order-fulfilment"]);
    world.fault("warehouse", &json!({ "kind": "answer_lost", "path": "/labels", "count": 3 }));
    world.orders(5, 1);
    check_runs(&world, "print-label", "dead", 3);
    check_runs(&world, "print-label", "finished", 2);
    assert!(world.dead().iter().all(|letter| letter["reason"] == "unknown"), "{:#?}", world.dead());
    let truth = world.truth();
    assert_eq!((truth.of("label.printed").count(), truth.doubled("label.printed").len()), (5, 0));
}

#[test]
fn the_nightly_report_holds_every_order_and_new_ones_are_counted_once() {
    let world = World::with_examples(10, &["nightly-report"]);
    world.fault("shop", &json!({ "kind": "truncated", "rate": 0.3 }));
    world.orders(25, 1);
    let run = world.start("nightly-report", &sample("nightly-report/samples/since.json"));
    let end = world.run_in(&run, "finished");
    assert_eq!(end["result"]["orders"].as_u64(), Some(25), "{:#}", end["result"]);
    let report = end["result"]["report_id"].as_str().unwrap();
    let told = world.chat("commerce");
    assert!(told.iter().any(|text| text.starts_with("25 orders") && text.contains(report)), "{told:?}");
    world.mend();

    let counted = |world: &World| -> u64 {
        let runs = world.runs("flow=new-orders&status=finished");
        runs.iter().filter_map(|run| world.run(run["id"].as_str()?)["result"]["orders"].as_u64()).sum()
    };
    until("25 orders to be counted", PATIENCE, || (counted(&world) == 25).then_some(()));
    world.orders(10, 26);
    until("35 orders to be counted", PATIENCE, || (counted(&world) >= 35).then_some(()));
    assert_eq!(counted(&world), 35);
    world.settled();
    let large = world.runs("flow=large-orders&status=finished").len();
    assert_eq!(world.chat("commerce").iter().filter(|text| text.starts_with("A large order")).count(), large);
}

#[test]
fn a_new_colleague_is_prepared_once_a_manager_agrees_and_the_badge_is_there() {
    let world = World::with_examples(11, &["new-hire"]);
    let run = world.start("new-hire", &sample("new-hire/samples/new-hire-special.json"));
    world.asked(&run, "manager_says");
    world.asked(&run, "it_says");
    assert_eq!(world.control().get("/v1/approvals").json()["items"].as_array().unwrap().len(), 2);
    assert!(world.decide(&run, "it_says", "it-desk", true).is_ok());
    assert!(world.decide(&run, "manager_says", "people-managers", true).is_ok());
    world.asked(&run, "badge");
    let mut badge = sample("new-hire/samples/badge.json");
    badge["employee_id"] = json!("502");
    world.start("badge-issued", &badge);
    let end = world.run_in(&run, "finished");
    assert_eq!(end["result"]["status"], "prepared", "{:#}", end["result"]);
    assert_eq!(end["result"]["badge"], badge["badge_number"]);
    assert!(world.chat("welcome")[0].contains("B-20417"), "{:?}", world.chat("welcome"));
    let truth = world.truth();
    assert_eq!((truth.of("account.created").count(), truth.of("equipment.ordered").count()), (2, 1));
}

#[test]
fn a_new_colleague_whom_the_manager_declines_is_not_prepared() {
    let world = World::with_examples(12, &["new-hire"]);
    let run = world.start("new-hire", &sample("new-hire/samples/new-hire.json"));
    world.asked(&run, "manager_says");
    assert!(world.decide(&run, "manager_says", "people-managers", false).is_ok());
    let end = world.run_in(&run, "finished");
    assert_eq!(end["result"]["status"], "declined");
    assert_eq!((count(&world, "account.created"), world.chat("people").len()), (0, 1));
}

#[test]
fn an_account_that_nobody_was_told_of_is_closed_again_and_a_replay_opens_it_anew() {
    let world = World::with_examples(13, &["new-hire"]);
    world.fault("chat", &json!({ "kind": "refuse", "path": "/hooks/it" }));
    let run = world.start("new-hire", &sample("new-hire/samples/new-hire.json"));
    world.asked(&run, "manager_says");
    assert!(world.decide(&run, "manager_says", "people-managers", true).is_ok());
    let dead = world.run_in(&run, "dead");
    assert_eq!(dead["run"]["reason"], "sub_flow", "{:#}", dead["failure"]);
    world.settled();
    assert_eq!(count(&world, "account.created"), count(&world, "account.deleted"));
    world.mend();
    // Two arms failed one after the other: each is replayed, and nobody is asked for approval again.
    let end = until("the run to go on", PATIENCE, || {
        for letter in world.dead() {
            world.replay(letter["id"].as_str().unwrap());
        }
        let detail = world.run(&run);
        let waits = detail["waits"].as_array().unwrap();
        assert!(waits.iter().all(|wait| wait["step"] != "manager_says"), "asked again: {waits:#?}");
        if waits.iter().any(|wait| wait["step"] == "badge") {
            world.emit("badge.issued", "501", &json!({ "number": "B-1" }));
        }
        (detail["run"]["status"] == "finished").then_some(detail)
    });
    assert_eq!(end["result"]["accounts"].as_array().map(Vec::len), Some(2));
    assert_eq!(count(&world, "account.created"), count(&world, "account.deleted") + 2);
}
