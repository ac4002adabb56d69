//! The books: what was sent, what was acknowledged, and whether it adds up.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::round::Post;
use crate::{Account, Door, Honours, Submission, World, is_final};

/// Everything that the senders know.
#[derive(Default)]
pub struct Books {
    /// Rounds so far.
    pub rounds: u32,
    /// Not acknowledged: to be sent again.
    pub outbox: Vec<Submission>,
    /// Orders placed in the shop.
    pub orders: Vec<String>,
    /// How often something was sent again.
    pub sent_again: usize,
    /// Kills before the server was ready.
    pub early_kills: u32,
    /// Orders whose label is reported as unknown.
    pub unknown_labels: BTreeSet<String>,
    /// Acknowledged work by flow and id, with the runs that were named.
    taken: BTreeMap<(&'static str, String), (Submission, BTreeSet<String>)>,
    refused: Vec<String>,
}

impl Books {
    /// How many submissions were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.taken.len()
    }

    /// Takes in what the senders bring back.
    pub fn take_in(&mut self, post: Post) {
        let Post { done, back, refused, .. } = post;
        for (submission, run) in done.into_inner().expect("no sender panicked") {
            let key = (submission.flow, submission.id.clone());
            let (_, runs) = self.taken.entry(key).or_insert_with(|| (submission, BTreeSet::new()));
            runs.extend(run);
        }
        // What is started by hand cannot be told from its repetition, so nobody sends it again.
        let again =
            back.into_inner().expect("no sender panicked").into_iter().filter(|work| work.door != Door::Hand);
        self.outbox.extend(again);
        self.refused.extend(refused.into_inner().expect("no sender panicked"));
    }

    /// What does not hold of runs: each acknowledged submission has one, and it is over.
    pub fn check(&self, world: &World) -> Vec<String> {
        let mut wrong = self.refused.clone();
        let all = world.runs("");
        let by_id: BTreeMap<&str, &Value> =
            all.iter().filter_map(|run| Some((run["id"].as_str()?, run))).collect();
        wrong.extend(
            all.iter().filter(|run| !is_final(word(run, "status"))).map(|run| format!("not over: {run}")),
        );
        for ((flow, id), (_, runs)) in &self.taken {
            if runs.len() > 1 {
                wrong.push(format!("{flow} {id} was acknowledged as several runs: {runs:?}"));
            }
            for run in runs {
                match by_id.get(run.as_str()) {
                    None => {
                        wrong.push(format!("{flow} {id} was acknowledged as run {run}, which is not there"));
                    }
                    Some(run) if word(run, "flow") != *flow => wrong.push(format!("{flow} {id} has {run}")),
                    Some(_) => {}
                }
            }
        }
        for flow in ["lead-intake", "closed-won-to-invoice", "new-hire"] {
            let sent = self.taken.keys().filter(|(name, _)| *name == flow).count();
            let there = all.iter().filter(|run| word(run, "flow") == flow).count();
            if sent != there {
                wrong.push(format!("{flow}: {sent} were acknowledged, {there} runs are there"));
            }
        }
        let orders = all.iter().filter(|run| word(run, "flow") == "order-fulfilment").count();
        if orders != self.orders.len() {
            wrong.push(format!("{} orders were placed, {orders} runs are there", self.orders.len()));
        }
        let unlike =
            all.iter().filter(|run| !matches!(word(run, "status"), "finished" | "undone" | "discarded"));
        wrong.extend(unlike.map(|run| format!("not at a good end: {run}")));
        wrong
    }

    /// What was sent against what arrived.
    pub fn account(&self, world: &World) -> Account {
        let truth = world.truth();
        let work = |effect: &'static str| {
            let all = self.taken.values().flat_map(|(submission, _)| &submission.effects);
            all.filter(move |(name, _)| *name == effect).map(|(_, reference)| reference.clone())
        };
        let taken_back = taken_back(world);
        let orders = || self.orders.iter().filter(|order| !taken_back.contains(*order));
        let mut account = Account::default();
        for effect in
            ["contact.created", "deal.created", "invoice.created", "account.created", "equipment.ordered"]
        {
            account.expect(&truth, effect, Honours::Keys, work(effect));
        }
        let notes = orders().flat_map(|order| ["received", "shipped"].map(|word| format!("{order}-{word}")));
        account.expect(&truth, "note.created", Honours::Keys, work("note.created").chain(notes));
        account.expect(&truth, "payment.captured", Honours::Keys, self.orders.iter().cloned());
        account.expect(&truth, "payment.refunded", Honours::Keys, taken_back.iter().cloned());
        account.expect(&truth, "shipment.created", Honours::Probe, orders().cloned());
        account.expect(&truth, "message.posted", Honours::Probe, work("message.posted"));
        let labels = account.expect(&truth, "label.printed", Honours::Neither, orders().cloned());
        labels.unknown.clone_from(&self.unknown_labels);
        let reports = truth.by_reference("report.stored").into_keys();
        account.expect(&truth, "report.stored", Honours::AtLeastOnce, reports);
        account
    }
}

/// Orders whose run was undone.
fn taken_back(world: &World) -> BTreeSet<String> {
    let undone = world.runs("flow=order-fulfilment&status=undone");
    let input = |run: &Value| Some(world.run(run["id"].as_str()?)["input"]["id"].as_str()?.to_owned());
    undone.iter().filter_map(input).collect()
}

fn word<'a>(run: &'a Value, field: &str) -> &'a str {
    run[field].as_str().unwrap_or_default()
}
