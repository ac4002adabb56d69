//! The kill test: work comes in over all examples, the server is killed at random moments and started again, and at the
//! end everything that was acknowledged is accounted for.

mod books;
mod office;
mod round;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};
use sinew_sandbox::Tuning;
use sinew_stdx::Random;

use crate::{Account, World};
use books::Books;

/// All example projects.
pub const EXAMPLES: [&str; 6] =
    ["lead-intake", "closed-won-to-invoice", "bulk-enrich", "order-fulfilment", "nightly-report", "new-hire"];

/// How a soak is run.
#[derive(Clone, Copy, Debug)]
pub struct SoakOptions {
    /// How often the server is killed.
    pub kills: u32,
    /// What everything random starts from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct SoakReport {
    /// What was sent and what arrived.
    pub account: Account,
    /// Kills, those before the server was ready among them.
    pub kills: u32,
    /// Submissions that were sent again because nobody had acknowledged them.
    pub sent_again: usize,
    /// Runs by their final state.
    pub runs: BTreeMap<String, usize>,
    /// Dead letters by reason, as they were before anybody saw to them.
    pub letters: BTreeMap<String, usize>,
    /// What is wrong; nothing if all adds up.
    pub wrong: Vec<String>,
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.account)?;
        writeln!(
            f,
            "kills {}, sent again {}, runs {:?}, dead letters {:?}",
            self.kills, self.sent_again, self.runs, self.letters
        )?;
        for wrong in self.wrong.iter().take(50) {
            writeln!(f, "WRONG: {wrong}")?;
        }
        write!(f, "{}", self.account.verdict())
    }
}

/// Runs it; `say` hears how it goes.
pub fn run(options: SoakOptions, say: &mut dyn FnMut(&str)) -> SoakReport {
    let mut random = Random::seeded(options.seed);
    let mut world = World::prepare(options.seed, Tuning::default(), Vec::new());
    world.change_projects(&EXAMPLES, &mut steady);
    world.serve();
    let mut books = Books::default();
    for kill in 1..=options.kills {
        round::upset(&world, &mut random);
        round::round(&mut world, &mut books, &mut random);
        if kill % 25 == 0 {
            say(&format!(
                "{kill} kills, {} submissions, {} orders",
                books.acknowledged(),
                books.orders.len()
            ));
        }
    }
    world.mend();
    round::send_the_rest(&world, &mut books);
    let letters = office::close(&world, &mut books);
    let wrong = books.check(&world);
    let mut runs = BTreeMap::new();
    for run in world.runs("") {
        *runs.entry(run["status"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let account = books.account(&world);
    SoakReport {
        account,
        kills: options.kills + books.early_kills,
        sent_again: books.sent_again,
        runs,
        letters,
        wrong,
    }
}

/// The examples with waits that suit a test: polls every second, retries within a second, and breakers left out, which
/// would only make it longer.
fn steady(document: &mut Value) {
    match document["kind"].as_str() {
        Some("Connection") => document["breaker"] = json!({ "failures": 10_000, "open_for": "1s" }),
        Some("Flow") => {
            if document["trigger"]["poll"].is_object() {
                document["trigger"]["poll"]["every"] = json!("1s");
            }
            retry(&mut document["steps"]);
        }
        _ => {}
    }
}

fn retry(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("call").is_some_and(Value::is_string) {
                fields.insert("retry".to_owned(), json!({ "attempts": 10, "base": "20ms", "max": "400ms" }));
            }
            for (name, field) in fields.iter_mut() {
                if name != "with" && name != "map" {
                    retry(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(retry),
        _ => {}
    }
}
