//! The stages, one after another.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sinew_sandbox::write_contacts_csv;

use super::books::Books;
use super::screen::Screen;
use super::traffic::{quantile, send};
use crate::{Submission, World, binary, is_final, until};

const PATIENCE: Duration = Duration::from_mins(1);
const CONTACTS: usize = 2000;

/// Everything works.
pub fn healthy(world: &World, books: &mut Books, screen: &mut Screen) {
    screen.stage("Everything works");
    let bulk = start_bulk(world, books);
    books.orders = world.orders(20, 1);
    let took = send(world, books, (0..60).map(|n| Submission::lead(&format!("demo{n}"))).collect());
    screen.say(&format!(
        "60 leads by web form: enriched, scored and in the CRM while the form waits; answered in {} ms (median), {} ms (slowest)",
        quantile(&took, 0.5).as_millis(),
        quantile(&took, 1.0).as_millis()
    ));
    send(world, books, (0..40).map(|n| Submission::deal(&format!("demo{n}"))).collect());
    send(world, books, (0..5).map(|n| Submission::hire(&format!("demo{n}"))).collect());
    until("the new colleagues to be prepared", PATIENCE, || people(world).then_some(()));
    rest(world, "closed-won-to-invoice", 40);
    screen.say("40 won deals, signed by the CRM: each has its invoice and a note with the number");
    screen.say("5 new colleagues: managers agreed, accounts opened, equipment ordered, badges waited for");
    rest(world, "print-label", 20);
    screen.say("20 orders from the shop: paid, shipped, labelled, noted in the CRM");
    let began = Instant::now();
    let end = world.run_in(&bulk, "finished");
    let waited = began.elapsed().as_secs_f64();
    screen.say(&format!(
        "{} contacts of a spreadsheet enriched at the vendor's 1,000 a second, behind the forms; the last {waited:.1} s of it alone",
        end["result"]["total"]
    ));
    screen.good(&format!("{}, {} dead letters", runs_by_flow(&world.runs("")), world.dead().len()));
}

/// How many runs there are, and of what: some flows start others.
fn runs_by_flow(runs: &[Value]) -> String {
    let mut flows: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs {
        *flows.entry(word(run, "flow")).or_default() += 1;
    }
    let each: Vec<String> = flows.iter().map(|(flow, count)| format!("{count} {flow}")).collect();
    format!("{} runs ({})", runs.len(), each.join(", "))
}

/// A file of contacts is looked up, behind everything else.
fn start_bulk(world: &World, books: &mut Books) -> String {
    let path = world.project("bulk-enrich").join("demo.csv");
    let file = std::fs::File::create(path).expect("a file of contacts can be written");
    write_contacts_csv(std::io::BufWriter::new(file), 7, CONTACTS as u64)
        .expect("a file of contacts can be written");
    books.contacts += CONTACTS;
    world.start("bulk-enrich", &json!({ "job": "demo", "file": "demo.csv", "save": false }))
}

/// Managers agree and badges are issued, wherever a run waits for that; whether nobody waits any more.
fn people(world: &World) -> bool {
    let runs = world.runs("flow=new-hire");
    for run in runs.iter().filter(|run| run["status"] == "waiting").filter_map(|run| run["id"].as_str()) {
        let detail = world.run(run);
        for wait in detail["waits"].as_array().into_iter().flatten() {
            let employee = detail["input"]["employee_id"].as_str().unwrap_or_default();
            match wait["step"].as_str() {
                Some("manager_says") => drop(world.decide(run, "manager_says", "people-managers", true)),
                Some("badge") => drop(Submission::badge(employee).send(world.server())),
                _ => {}
            }
        }
    }
    runs.iter().all(|run| is_final(run["status"].as_str().unwrap_or_default()))
}

/// Waits until a flow has so many finished runs.
fn rest(world: &World, flow: &str, wanted: usize) {
    let query = format!("flow={flow}&status=finished");
    until(&format!("{wanted} runs of {flow}"), PATIENCE, || {
        (world.runs(&query).len() >= wanted).then_some(())
    });
}

/// Billing stops answering.
pub fn vendor_stops(world: &World, books: &mut Books, screen: &mut Screen) {
    screen.stage("Billing stops: every connection is closed as soon as something is asked");
    world.fault("billing", &json!({ "kind": "stop" }));
    send(world, books, (100..125).map(|n| Submission::deal(&format!("demo{n}"))).collect());
    screen.say("25 more deals are won; all were accepted, for the CRM nothing has changed");
    screen.say("(the demo has less patience than the example: 4 attempts instead of 20, and the breaker opens after 5 failures in a row)");
    until("the breaker to open", PATIENCE, || (breaker(world) != "closed").then_some(()));
    let tried = world.sandbox.get("/_control/stats").json()["faults_applied"]["billing"]["stop"].clone();
    screen.bad(&format!(
        "the circuit breaker of `billing` is open: nothing is sent for 2 s, then one call may try. So far billing was asked {tried} times in vain, \
         those under way at that moment included"
    ));
    let took = send(world, books, (100..120).map(|n| Submission::lead(&format!("demo{n}"))).collect());
    screen.say(&format!(
        "20 leads meanwhile, answered in {} ms (median): whoever needs no billing notices nothing",
        quantile(&took, 0.5).as_millis()
    ));
    until("25 dead letters", PATIENCE, || (world.dead().len() >= 25).then_some(()));
    let letter = &world.dead()[0];
    screen.bad(&format!(
        "25 deals gave up and are kept as dead letters; one of them ({}, {}):",
        word(letter, "reason"),
        word(letter, "code")
    ));
    screen.quote(word(letter, "message"));
    let alert = until("an alert in chat", PATIENCE, || {
        world.chat("ops").into_iter().find(|text| text.contains("calls held back"))
    });
    screen.say("told once in chat, with owner and runbook:");
    screen.quote(&alert);
}

fn breaker(world: &World) -> String {
    let connections = world.control().get("/v1/connections").json();
    let all = connections["items"]
        .as_array()
        .or(connections["connections"].as_array())
        .cloned()
        .unwrap_or_default();
    let billing = all.iter().find(|connection| connection["name"] == "billing");
    billing.map_or(String::new(), |billing| word(billing, "breaker").to_owned())
}

/// Vendors act and do not answer.
pub fn answers_are_lost(world: &World, books: &mut Books, screen: &mut Screen) {
    screen.stage("Worse: the warehouse and the CRM do what they are asked, and the answer is lost");
    world.fault(
        "warehouse",
        &json!([
            { "kind": "answer_lost", "path": "/shipments", "method": "POST", "rate": 0.5 },
            { "kind": "answer_lost", "path": "/labels", "count": 2 },
        ]),
    );
    world.fault("crm", &json!({ "kind": "answer_lost", "path": "/deals", "rate": 0.3 }));
    world.mend_one("billing");
    let (before, shop) = (world.runs("flow=print-label").len(), world.orders(15, 100));
    books.orders.extend(shop);
    send(world, books, (200..220).map(|n| Submission::lead(&format!("demo{n}"))).collect());
    until("the orders to be seen to", PATIENCE, || {
        let seen = world.runs("flow=print-label&status=finished,dead").len();
        (seen >= before + 15).then_some(())
    });
    screen.say("20 more leads and 15 more orders are sent meanwhile; billing is well again");
    let stats = world.sandbox.get("/_control/stats").json();
    let lost = |vendor: &str| stats["faults_applied"][vendor]["answer_lost"].as_u64().unwrap_or(0);
    let replays = world.sandbox.get("/_control/truth/summary").json()["replays"]["crm"].as_u64().unwrap_or(0);
    screen.say(&format!(
        "CRM: {} answers lost; asked again under the same key it answered {replays} times as the first time",
        lost("crm")
    ));
    screen.say(
        "warehouse: knows no keys, so it was asked for the order's shipment before anything was sent again",
    );
    screen.bad(
        "label printer: knows no keys and cannot be asked; 2 labels may be printed or not. They are kept as dead letters, reason `unknown`, \
         and not printed again: somebody has to look, which is done in stage 5",
    );
}

/// Everything works again.
pub fn mended(world: &World, _books: &mut Books, screen: &mut Screen) {
    screen.stage("Mended");
    world.mend();
    // The next thing that billing is asked closes the breaker.
    let mut letters: Vec<Value> = world.letters("status=open&flow=closed-won-to-invoice");
    let first = letters.pop().expect("there are dead letters");
    world.replay(word(&first, "id"));
    until("the breaker to close", PATIENCE, || (breaker(world) == "closed").then_some(()));
    screen.good("one dead letter was replayed: billing answers, the breaker is closed");
    let told = until("the recovery to be told", PATIENCE, || {
        world.chat("ops").into_iter().find(|text| text.starts_with("recovered:") && text.contains("billing"))
    });
    screen.quote(&told);
}

/// Dead letters go on.
pub fn replayed(world: &World, _books: &mut Books, screen: &mut Screen) {
    screen.stage("Dead letters are replayed, all at once");
    look_at_the_printer(world, screen);
    let began = Instant::now();
    let mut replayed = 0;
    until("no dead letter to be open", PATIENCE, || {
        let selection = json!({ "selection": { "flow": "closed-won-to-invoice" } });
        let done = world.control().post("/v1/dead-replay", &selection).json();
        replayed += done["done"].as_u64().unwrap_or(0);
        world.settled();
        world.dead().is_empty().then_some(())
    });
    screen.good(&format!(
        "{replayed} deals went on where they had stopped, their earlier steps not repeated; over in {:.1} s",
        began.elapsed().as_secs_f64()
    ));
}

/// Somebody sees to the labels that may or may not have been printed.
fn look_at_the_printer(world: &World, screen: &mut Screen) {
    let (mut there, mut missing) = (0, 0);
    for letter in world.letters("status=open&flow=print-label&reason=unknown") {
        let id = word(&letter, "id");
        let order = world.letter(id)["payload"]["order_id"].as_str().unwrap_or_default().to_owned();
        if world.truth().by_reference("label.printed").contains_key(&order) {
            world.discard(id);
            there += 1;
        } else {
            world.replay(id);
            missing += 1;
        }
    }
    if there + missing > 0 {
        screen.say(&format!(
            "somebody looked at the printer for the labels that were `unknown`: {there} had been printed, and their dead letters were discarded; \
             {missing} had not, and theirs were replayed"
        ));
    }
}

/// The server is killed in the middle of work, and started again.
pub fn killed(world: &mut World, books: &mut Books, screen: &mut Screen) {
    screen.stage("kill -9, three times, while deals and orders come in");
    let before = world.truth().of("payment.captured").count();
    for vendor in ["billing", "warehouse", "crm"] {
        world.fault(vendor, &json!({ "kind": "latency", "ms_min": 20, "ms_max": 200 }));
    }
    let emission =
        json!({ "event": "deal.updated", "start": 9000, "count": 60, "per_second": 15, "wait": false });
    let emitted = world.crm_emits("closed-won-to-invoice", &emission);
    books.taken.extend((9000..9060).map(|n| Submission::deal(&n.to_string())));
    let start = 1000 + books.orders.len();
    books.orders.extend(world.orders(15, start));
    for kill in 1..=3 {
        let paid = before + kill * 2;
        until("work to be under way", PATIENCE, || {
            (world.truth().of("payment.captured").count() >= paid).then_some(())
        });
        world.kill();
        let began = Instant::now();
        world.serve();
        let again = world.server().control().get("/v1/stats").json();
        screen.bad(&format!(
            "killed; back after {} ms, with {} runs to go on with",
            began.elapsed().as_millis(),
            again["active"]
        ));
    }
    let told = format!("/_control/crm/emit/{}", word(&emitted, "id"));
    let told = until("the CRM to be rid of its webhooks", PATIENCE, || {
        Some(world.sandbox.get(&told).json()).filter(|told| told["done"] == true)
    });
    until("the orders to be seen to", PATIENCE, || {
        let runs = world.runs("flow=order-fulfilment&status=finished").len();
        (runs >= books.orders.len()).then_some(())
    });
    world.mend();
    rest(world, "closed-won-to-invoice", 125);
    // A kill while a label was being printed leaves it unknown.
    world.settled();
    look_at_the_printer(world, screen);
    screen.good(&format!(
        "60 deals, delivered in {} attempts, and 15 orders: everything that was accepted was carried to its end",
        told["attempts"]
    ));
}

/// What was sent against what the vendors say they did.
pub fn account(world: &World, books: &Books, screen: &mut Screen) -> bool {
    screen.stage("The account, by the vendors' own log");
    until("everything to be over", PATIENCE, || (!world.has_runs("queued,running,waiting")).then_some(()));
    let account = books.account(&world.truth());
    let sent = |flow: &str| books.taken.iter().filter(|submission| submission.flow == flow).count();
    screen.say(&format!(
        "sent in all stages: {} leads, {} deals, {} new colleagues, and {} orders in the shop",
        sent("lead-intake"),
        sent("closed-won-to-invoice"),
        sent("new-hire"),
        books.orders.len()
    ));
    for line in account.to_string().lines() {
        screen.say(line);
    }
    screen.say("(unknown: what nobody has looked at yet; the labels of stage 3 were seen to)");
    let runs = world.runs("");
    let open = runs.iter().filter(|run| !matches!(word(run, "status"), "finished" | "discarded")).count();
    let (in_memory, most) = world.server().memory_kb();
    screen.say(&format!(
        "{}, {open} not at a good end; server memory {} MB, at most {} MB",
        runs_by_flow(&runs),
        in_memory / 1024,
        most / 1024
    ));
    let adds_up = account.adds_up() && open == 0;
    let verdict = format!(
        "the account {}: {} of {} acknowledged and {} orders",
        if adds_up { "adds up" } else { "does not add up" },
        account.verdict(),
        books.taken.len(),
        books.orders.len()
    );
    if adds_up {
        screen.good(&verdict);
    } else {
        screen.bad(&verdict);
    }
    adds_up
}

/// Where to go from here, for one who does not stay.
pub fn next(screen: &Screen) {
    screen.title("\nNext: `cargo xtask demo`, without `--once`, stays up to be looked at;");
    screen.say("docs/guide/getting-started.md begins a project of your own, with the same vendors");
}

/// Stays up until it is told to stop.
pub fn stay(world: &World, screen: &Screen) {
    let server = format!("--server {} --data {}", world.control().base(), world.options.data.display());
    screen.title("\nIt stays up. Try, in another terminal:");
    let sinew = binary();
    let here = std::env::current_dir().unwrap_or_default();
    let sinew = sinew.strip_prefix(&here).unwrap_or(&sinew).display();
    screen.say(&format!("{sinew} runs list {server}"));
    screen.say(&format!("{sinew} alerts --all {server}"));
    screen.say(&format!(
        "curl -X POST {}/hooks/lead-intake -H 'content-type: application/json' -d @examples/lead-intake/samples/high-fit.json",
        world.server().hooks().base()
    ));
    screen.say(&format!(
        "curl -X POST {}/_control/crm/faults -d '{{\"kind\":\"status\",\"status\":503}}'",
        world.sandbox.base()
    ));
    screen.say(&format!("curl '{}/chat/messages?channel=ops'", world.sandbox.base()));
    screen.title("Ctrl-C ends it.");
    until_told_to_stop();
}

fn until_told_to_stop() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for signals");
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut ended = signal(SignalKind::terminate()).expect("SIGTERM can be heard");
        tokio::select! {
            _ = ended.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    });
}

fn word<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
