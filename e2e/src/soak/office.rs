//! People meanwhile: managers decide, badges are issued, and in the end somebody sees to the dead letters.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::books::Books;
use crate::{Server, Submission, World, until};

/// How long it may take until nothing goes on by itself any more.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a page of a list may hold.
const PAGE: usize = 1000;
/// How often dead letters are seen to before they are taken as they are.
const REPLAYS_MAX: usize = 5;

/// Decides and issues badges until the server is gone.
pub fn look_after(server: &Server, killed: &AtomicBool) {
    while !killed.load(Ordering::Relaxed) {
        if !look(server) {
            return;
        }
    }
}

/// One look at who waits for people; false if there is nobody to ask or nothing to do.
fn look(server: &Server) -> bool {
    let list = server.control().get(&format!("/v1/runs?flow=new-hire&status=waiting&limit={PAGE}")).json();
    let Some(runs) = list["items"].as_array() else { return false };
    let mut did = false;
    for run in runs.iter().filter_map(|run| run["id"].as_str()) {
        did |= see(server, run);
    }
    did
}

fn see(server: &Server, run: &str) -> bool {
    let detail = server.control().get(&format!("/v1/runs/{run}")).json();
    let mut did = false;
    for wait in detail["waits"].as_array().into_iter().flatten() {
        match wait["step"].as_str() {
            Some("manager_says") => {
                let decision = json!({ "step": "manager_says", "by": "people-managers", "approved": true });
                server.control().post(&format!("/v1/runs/{run}/decision"), &decision);
                did = true;
            }
            Some("badge") => {
                let employee = detail["input"]["employee_id"].as_str().unwrap_or_default();
                did |= !server_knows_badge(server, employee);
            }
            _ => {}
        }
    }
    did
}

/// Sends the badge; true if it had been taken before, so that nothing new happened.
fn server_knows_badge(server: &Server, employee: &str) -> bool {
    let answer = Submission::badge(employee).send(server);
    answer.json()["duplicate"] == true
}

/// Waits until everything is over, and sees to the dead letters as a person would. Gives what they were.
pub fn close(world: &World, books: &mut Books) -> BTreeMap<String, usize> {
    until("the poll to have seen all orders", PATIENCE, || {
        let runs = world.runs("flow=order-fulfilment").len();
        (runs >= books.orders.len()).then_some(())
    });
    let mut letters = BTreeMap::new();
    for attempt in 0..=REPLAYS_MAX {
        over(world);
        let open = world.dead();
        for letter in &open {
            if attempt == 0 {
                let words = format!("{} {}", text(letter, "flow"), text(letter, "reason"));
                *letters.entry(words).or_default() += 1;
            }
            see_to(world, books, letter);
        }
        if open.is_empty() {
            break;
        }
    }
    over(world);
    letters
}

/// Waits until nothing goes on by itself any more.
fn over(world: &World) {
    let began = Instant::now();
    until("all runs to be over", PATIENCE, || {
        look(world.server());
        let late = began.elapsed() > PATIENCE / 2;
        assert!(!late, "these runs do not end: {:#?}", unfinished(world));
        (!world.has_runs("queued,running,waiting")).then_some(())
    });
}

/// Runs that are not over, in full.
fn unfinished(world: &World) -> Vec<Value> {
    let runs = world.runs("status=queued,running,waiting");
    runs.iter().take(10).map(|run| world.run(text(run, "id"))).collect()
}

fn see_to(world: &World, books: &mut Books, letter: &Value) {
    let id = text(letter, "id");
    if text(letter, "flow") == "print-label" && text(letter, "reason") == "unknown" {
        // Somebody looks at the printer, and leaves it at that.
        let order = text(&world.letter(id)["payload"], "order_id").to_owned();
        books.unknown_labels.insert(order);
        world.discard(id);
    } else {
        world.replay(id);
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}
