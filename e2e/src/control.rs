//! What people do to a server, in a test's words.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Answer, World, until};

/// How long runs may take to come to their end on a busy machine.
const RUN_PATIENCE: Duration = Duration::from_mins(2);
/// What one page of a list may hold.
const PAGE: usize = 1000;

impl World {
    /// Starts a run by hand; gives whatever the server answers.
    pub fn try_start(&self, flow: &str, input: &Value) -> Answer {
        self.control().post("/v1/runs", &json!({ "flow": flow, "input": input }))
    }

    /// Starts a run by hand; gives its id.
    pub fn start(&self, flow: &str, input: &Value) -> String {
        let answer = self.try_start(flow, input);
        assert!(answer.is_ok(), "`{flow}` was not started: {answer:?}");
        text(&answer.json(), "run")
    }

    /// Runs matching a query such as `flow=lead-intake&status=dead`, newest first.
    pub fn runs(&self, query: &str) -> Vec<Value> {
        self.pages("/v1/runs", query)
    }

    /// Dead letters matching a query; open ones unless it says otherwise.
    pub fn letters(&self, query: &str) -> Vec<Value> {
        self.pages("/v1/dead", query)
    }

    /// Open dead letters.
    pub fn dead(&self) -> Vec<Value> {
        self.letters("status=open")
    }

    fn pages(&self, path: &str, query: &str) -> Vec<Value> {
        let (mut all, mut before) = (Vec::new(), String::new());
        loop {
            let answer = self.control().get(&format!("{path}?limit={PAGE}&{query}{before}"));
            assert!(answer.is_ok(), "{path}?{query}: {answer:?}");
            let page = answer.json();
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => before = format!("&before={next}"),
                None => return all,
            }
        }
    }

    /// Whether some run is in one of these states, separated by commas.
    pub fn has_runs(&self, statuses: &str) -> bool {
        let answer = self.control().get(&format!("/v1/runs?limit=1&status={statuses}"));
        assert!(answer.is_ok(), "the run list: {answer:?}");
        answer.json()["items"].as_array().is_some_and(|runs| !runs.is_empty())
    }

    /// Waits until nothing is queued or under way any more (resting runs are), and gives all runs.
    pub fn settled(&self) -> Vec<Value> {
        until("all runs to come to rest", RUN_PATIENCE, || {
            (!self.has_runs("queued,running")).then(|| self.runs(""))
        })
    }

    /// A run in full.
    pub fn run(&self, run: &str) -> Value {
        let answer = self.control().get(&format!("/v1/runs/{run}"));
        assert!(answer.is_ok(), "run {run}: {answer:?}");
        answer.json()
    }

    /// Waits until a run is in a state, and gives it in full.
    pub fn run_in(&self, run: &str, status: &str) -> Value {
        let mut last = Value::Null;
        until(&format!("run {run} to be {status}"), RUN_PATIENCE, || {
            last = self.run(run);
            let now = last["run"]["status"].as_str().unwrap_or_default();
            let final_otherwise = now != status && is_final(now);
            assert!(!final_otherwise, "run {run} is {now}, not {status}: {:#}", last["failure"]);
            (now == status).then(|| last.clone())
        })
    }

    /// Waits until a run goes on no more by itself, and gives it in full.
    pub fn end_of(&self, run: &str) -> Value {
        until(&format!("run {run} to end"), RUN_PATIENCE, || {
            let detail = self.run(run);
            is_final(detail["run"]["status"].as_str().unwrap_or_default()).then_some(detail)
        })
    }

    /// Waits until a run waits for a decision at a step.
    pub fn asked(&self, run: &str, step: &str) {
        until(&format!("run {run} to ask at `{step}`"), RUN_PATIENCE, || {
            let detail = self.run(run);
            let waits = detail["waits"].as_array().cloned().unwrap_or_default();
            waits.iter().any(|wait| wait["step"] == step).then_some(())
        });
    }

    /// Decides on a step.
    pub fn decide(&self, run: &str, step: &str, by: &str, approved: bool) -> Answer {
        let decision = json!({ "step": step, "by": by, "approved": approved });
        self.control().post(&format!("/v1/runs/{run}/decision"), &decision)
    }

    /// Replays a dead letter; gives the run that does the work.
    pub fn replay(&self, letter: &str) -> String {
        let answer = self.control().post(&format!("/v1/dead/{letter}/replay"), &json!({}));
        assert!(answer.is_ok(), "letter {letter} was not replayed: {answer:?}");
        text(&answer.json(), "run")
    }

    /// Discards a dead letter.
    pub fn discard(&self, letter: &str) {
        let answer = self.control().post(&format!("/v1/dead/{letter}/discard"), &json!({}));
        assert!(answer.is_ok(), "letter {letter} was not discarded: {answer:?}");
    }

    /// A dead letter in full.
    pub fn letter(&self, letter: &str) -> Value {
        let answer = self.control().get(&format!("/v1/dead/{letter}"));
        assert!(answer.is_ok(), "letter {letter}: {answer:?}");
        answer.json()
    }

    /// Emits an event from outside.
    pub fn emit(&self, event: &str, key: &str, payload: &Value) {
        let answer =
            self.control().post("/v1/events", &json!({ "event": event, "key": key, "payload": payload }));
        assert!(answer.is_ok(), "`{event}` was not emitted: {answer:?}");
    }

    /// Alerts that are open, or all there were.
    pub fn alerts(&self, all: bool) -> Vec<Value> {
        let answer = self.control().get(&format!("/v1/alerts?limit=1000&all={all}"));
        assert!(answer.is_ok(), "the alerts: {answer:?}");
        answer.json()["items"].as_array().cloned().unwrap_or_default()
    }

    /// Messages of a chat channel, oldest first.
    pub fn chat(&self, channel: &str) -> Vec<String> {
        let answer = self.sandbox.get(&format!("/chat/messages?limit=10000&channel={channel}")).json();
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|message| text(message, "text")).collect()
    }

    /// Orders are placed in the shop; gives their ids.
    pub fn orders(&self, count: usize, start: usize) -> Vec<String> {
        let answer = self.sandbox.post("/_control/shop/orders", &json!({ "count": count, "start": start }));
        assert!(answer.is_ok(), "the shop took no orders: {answer:?}");
        let truth = self.truth();
        let created: Vec<_> = truth.of("order.created").map(|entry| text(entry, "id")).collect();
        created[created.len() - count..].to_vec()
    }
}

/// Whether a run in this state goes on no more by itself.
pub fn is_final(status: &str) -> bool {
    matches!(status, "dead" | "finished" | "undone" | "cancelled" | "discarded")
}

/// A field that must be text.
fn text(value: &Value, field: &str) -> String {
    let found = value[field].as_str();
    found.unwrap_or_else(|| panic!("there is no text `{field}` in {value:#}")).to_owned()
}
