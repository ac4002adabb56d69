//! The monitor's one task: keeps the book of alerts, judges what was counted, and hands messages to delivery.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use sinew_call::BreakerState;
use sinew_model::{AlertKind, Failure, FlowName, Snapshot};
use sinew_stdx::{Timestamp, show_duration};
use sinew_store::{AlertRecord, DeadFilter, DeadStatus, RunFilter, RunStatus, Store};

use super::book::{Book, Notice, Topic};
use super::delivery::Delivery;
use super::pulse::Pulses;
use super::rate::{FailureRate, Verdict};
use super::signal::Signal;
use super::{facts, message, silence};
use crate::Engine;

/// Alerts that are taken over from an earlier life: the most that the store lists at once.
const RESTORED_MAX: u32 = 1000;
/// A drift or an overrun that was not seen for so long is over.
const QUIET: Duration = Duration::from_mins(30);
/// How many ticks apart silence is judged, and what is open is compared with how things are.
const SILENCE_EVERY: u64 = 5;
const AUDIT_EVERY: u64 = 30;
/// Runs under way that are looked up after a start, a page at a time.
const PAGE: u32 = 1000;
const PAGES_MAX: u32 = 100;

/// The state of the monitor's task.
pub(crate) struct Desk {
    store: Arc<dyn Store>,
    pulses: Arc<Pulses>,
    delivery: Delivery,
    engine: Option<Engine>,
    snapshot: Arc<Snapshot>,
    book: Book,
    closed: Vec<AlertRecord>,
    rates: HashMap<FlowName, FailureRate>,
    /// When each flow was first watched in this life.
    watched: BTreeMap<FlowName, Timestamp>,
    /// Flows some of whose dead letters were settled.
    settled: HashSet<Arc<str>>,
    ticks: u64,
}

impl Desk {
    /// A desk that goes on with the alerts that the store has open.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        pulses: Arc<Pulses>,
        delivery: Delivery,
        now: Timestamp,
    ) -> Self {
        let mut book = Book::default();
        match store.alert_list(true, RESTORED_MAX).await {
            Ok(records) => {
                if records.len() >= RESTORED_MAX as usize {
                    tracing::warn!(
                        "more than {RESTORED_MAX} alerts were open; the oldest of them may be told again"
                    );
                }
                book.restore(records, now);
            }
            Err(error) => tracing::error!(%error, "earlier alerts cannot be read; they may be told again"),
        }
        Self {
            store,
            pulses,
            delivery,
            engine: None,
            snapshot: Arc::default(),
            book,
            closed: Vec::new(),
            rates: HashMap::new(),
            watched: BTreeMap::new(),
            settled: HashSet::new(),
            ticks: 0,
        }
    }

    /// Watches the flows of an engine, and those of its runs that are under way already.
    pub(crate) async fn attach(&mut self, engine: Engine, now: Timestamp) {
        self.snapshot = engine.snapshot();
        self.engine = Some(engine);
        self.watch_flows(now);
        self.forget_gone(now);
        if let Err(error) = self.look_back().await {
            tracing::warn!(%error, "what flows did before the start cannot be read; alerts begin anew");
        }
    }

    /// Whether it is known whom to tell.
    pub(crate) fn is_attached(&self) -> bool {
        self.engine.is_some()
    }

    /// Follows a snapshot that the engine has taken.
    pub(crate) fn follow(&mut self, now: Timestamp) {
        let Some(engine) = &self.engine else { return };
        self.snapshot = engine.snapshot();
        self.watch_flows(now);
        self.forget_gone(now);
    }

    fn watch_flows(&mut self, now: Timestamp) {
        let flows = &self.snapshot.flows;
        self.watched.retain(|name, _| flows.contains_key(name));
        self.rates.retain(|name, _| flows.contains_key(name));
        for name in flows.keys() {
            self.watched.entry(name.clone()).or_insert(now);
        }
    }

    async fn look_back(&self) -> Result<(), sinew_store::StoreError> {
        for counts in self.store.flow_counts().await? {
            if let Some(at) = counts.last_accepted_at {
                self.pulses.of(&counts.flow).accepted(at);
            }
        }
        for flow in self.snapshot.flows.values().filter(|flow| flow.limits.time_budget.is_some()) {
            let pulse = self.pulses.of(flow.name.as_str());
            let mut before = None;
            for _ in 0..PAGES_MAX {
                let filter = RunFilter {
                    flow: Some(flow.name.shared()),
                    statuses: vec![RunStatus::Queued, RunStatus::Running, RunStatus::Waiting],
                    before,
                    limit: PAGE,
                    ..RunFilter::default()
                };
                let page = self.store.runs(filter).await?;
                for run in &page {
                    pulse.watch(run.run, run.accepted_at);
                }
                before = page.last().map(|run| run.run);
                if page.len() < PAGE as usize {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes note of something that happened.
    pub(crate) fn take(&mut self, signal: Signal) {
        use AlertKind as Kind;
        match signal {
            Signal::DeadLetter { flow, step, failure, at } => {
                let message = format!("step `{step}` gave up: {}", said(&failure));
                self.raise(&Topic::new(Kind::DeadLetter, &flow), message, at);
            }
            Signal::LetterSettled { flow } => {
                self.settled.insert(flow);
            }
            Signal::BreakerOpened { connection, failure, at } => {
                let topic = Topic::new(Kind::BreakerOpen, connection.as_str());
                self.raise(&topic, said(&failure), at);
            }
            Signal::BreakerClosed { connection, at } => {
                self.close(
                    &Topic::new(Kind::BreakerOpen, connection.as_str()),
                    "the system answers again",
                    at,
                );
            }
            Signal::CredentialFailed { connection, failure, at } => {
                self.raise(&Topic::new(Kind::Credential, connection.as_str()), said(&failure), at);
            }
            Signal::CredentialRecovered { connection, at } => {
                self.close(
                    &Topic::new(Kind::Credential, connection.as_str()),
                    "the credential works again",
                    at,
                );
            }
            Signal::Drifted { operation, failure, at } => {
                self.raise(&Topic::new(Kind::Drift, &operation), said(&failure), at);
            }
            Signal::OverBudget { flow, message, at } => {
                self.raise(&Topic::new(Kind::TimeBudget, &flow), message, at);
            }
            Signal::IntakeFailed { flow, by, failure, at } => {
                let message = format!("the {by} fails again and again: {}", said(&failure));
                self.raise(&intake_topic(&flow, by), message, at);
            }
            Signal::IntakeRecovered { flow, by, at } => {
                self.close(&intake_topic(&flow, by), &format!("the {by} succeeds again"), at);
            }
            Signal::SubscriptionFailed { flow, failure, at } => {
                let message = format!("its webhook's subscription fails: {}", said(&failure));
                self.raise(&Topic::new(Kind::Subscription, &flow), message, at);
            }
            Signal::SubscriptionRecovered { flow, at } => {
                self.close(&Topic::new(Kind::Subscription, &flow), "the subscription stands again", at);
            }
            Signal::DeliveryFailed { subscriber, message, at } => {
                self.raise(&Topic::new(Kind::Delivery, &subscriber), message, at);
            }
            Signal::DeliveryRecovered { subscriber, at } => {
                self.close(&Topic::new(Kind::Delivery, &subscriber), "deliveries are taken again", at);
            }
        }
    }

    /// Judges what was counted and what is open. Called about once a second.
    pub(crate) async fn tick(&mut self, now: Timestamp) {
        self.judge_rates(now);
        self.judge_budgets(now);
        if self.ticks.is_multiple_of(SILENCE_EVERY) {
            self.judge_silence(now);
            self.close_quiet(now);
        }
        let audit = self.ticks.is_multiple_of(AUDIT_EVERY);
        self.check_letters(audit, now).await;
        if audit {
            self.check_connections(now);
        }
        for notice in self.book.digests(now) {
            self.tell(&notice);
        }
        self.save().await;
        self.ticks += 1;
    }

    fn judge_rates(&mut self, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        for name in snapshot.flows.keys() {
            let (ended, failed) = self.pulses.of(name.as_str()).take_ended();
            if ended == 0 && !self.rates.contains_key(name) {
                continue;
            }
            let topic = Topic::new(AlertKind::ErrorRate, name.as_str());
            let alerted = self.book.find(&topic).is_some();
            match self.rates.entry(name.clone()).or_default().judge(ended, failed, now, alerted) {
                // A spike that lasts is one alert, not one a second.
                Verdict::Spike { ended, failed, usual } if !alerted => {
                    let usual = (usual * 100.0).round();
                    let message = format!("{failed} of the last {ended} runs failed; usually {usual} % do");
                    self.raise(&topic, message, now);
                }
                Verdict::Normal if alerted => self.close(&topic, "runs succeed as usual again", now),
                _ => {}
            }
        }
    }

    fn judge_budgets(&mut self, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        for flow in snapshot.flows.values() {
            let Some(budget) = flow.limits.time_budget else { continue };
            for (run, accepted) in self.pulses.of(flow.name.as_str()).take_older(now.minus(budget)) {
                let message = format!(
                    "run {run} is under way since {accepted}; it should take {} at most",
                    show_duration(budget)
                );
                self.raise(&Topic::new(AlertKind::TimeBudget, flow.name.as_str()), message, now);
            }
        }
    }

    fn judge_silence(&mut self, now: Timestamp) {
        let snapshot = Arc::clone(&self.snapshot);
        for (name, flow) in &snapshot.flows {
            let since = self.watched.get(name).copied().unwrap_or(now);
            let last_accepted = self.pulses.of(name.as_str()).last_accepted();
            let topic = Topic::new(AlertKind::Silence, name.as_str());
            let told_at = self.book.find(&topic).map(|alert| alert.last_at);
            match (silence::wrong(flow, last_accepted, since, now), told_at) {
                (Some(message), None) => self.raise(&topic, message, now),
                // After a restart nothing is wrong for a while; only being triggered ends what was wrong before.
                (None, Some(told_at)) if last_accepted.is_some_and(|at| at >= told_at) => {
                    self.close(&topic, "it was triggered again", now);
                }
                (None, Some(_)) if !silence::is_watched(flow) => {
                    self.close(&topic, "its silence is not watched any more", now);
                }
                _ => {}
            }
        }
    }

    fn close_quiet(&mut self, now: Timestamp) {
        for kind in [AlertKind::Drift, AlertKind::TimeBudget] {
            for (topic, alert) in self.book.of_kind(kind) {
                if now.since(alert.last_at) >= QUIET {
                    self.close(&topic, &format!("not seen for {}", show_duration(QUIET)), now);
                }
            }
        }
    }

    /// Closes alerts of dead letters that are all settled.
    async fn check_letters(&mut self, all: bool, now: Timestamp) {
        let settled = std::mem::take(&mut self.settled);
        for (topic, _) in self.book.of_kind(AlertKind::DeadLetter) {
            if !all && !settled.contains(&topic.subject) {
                continue;
            }
            let status = Some(DeadStatus::Open);
            let filter =
                DeadFilter { flow: Some(Arc::clone(&topic.subject)), status, ..DeadFilter::default() };
            match self.store.dead_count(filter).await {
                Ok(0) => self.close(&topic, "all dead letters are settled", now),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "dead letters cannot be counted; trying again");
                    self.settled.insert(topic.subject);
                }
            }
        }
    }

    /// Closes what is over although nothing said so: it was over before the restart, or what said so was dropped.
    fn check_connections(&mut self, now: Timestamp) {
        let Some(engine) = self.engine.clone() else { return };
        for kind in [AlertKind::BreakerOpen, AlertKind::Credential] {
            for (topic, alert) in self.book.of_kind(kind) {
                let Some((name, _)) = self.snapshot.connections.get_key_value(&*topic.subject) else {
                    continue;
                };
                let health = engine.caller().health(name);
                let works = health.breaker == BreakerState::Closed && !health.credential_failed;
                if works && health.last_success.is_some_and(|at| at > alert.last_at) {
                    self.close(&topic, "calls succeed again", now);
                }
            }
        }
    }

    /// Closes alerts about what is not in the project any more. Dead letters outlive their flow: somebody still has to
    /// decide about them.
    fn forget_gone(&mut self, now: Timestamp) {
        for kind in AlertKind::ALL.iter().filter(|kind| **kind != AlertKind::DeadLetter) {
            for (topic, _) in self.book.of_kind(*kind) {
                if !facts::exists(&topic, &self.snapshot) {
                    self.close(&topic, "it is not in the project any more", now);
                }
            }
        }
    }

    fn raise(&mut self, topic: &Topic, message: impl Into<Arc<str>>, at: Timestamp) {
        if let Some(notice) = self.book.raise(topic, message, at) {
            self.tell(&notice);
        }
    }

    fn close(&mut self, topic: &Topic, why: &str, at: Timestamp) {
        if let Some((notice, record)) = self.book.close(topic, why, at) {
            self.closed.push(record);
            self.tell(&notice);
        }
    }

    fn tell(&mut self, notice: &Notice) {
        let message = message::compose(notice, &facts::of(&notice.topic, &self.snapshot));
        self.delivery.send(facts::channels(&notice.topic, &self.snapshot), &message);
    }

    /// Keeps what has changed. Closed alerts go first: one of the same topic may be open anew.
    pub(crate) async fn save(&mut self) {
        for record in std::mem::take(&mut self.closed) {
            if let Err(error) = self.store.alert_save(record.clone()).await {
                tracing::warn!(%error, "an alert cannot be kept; trying again");
                self.closed.push(record);
            }
        }
        for (topic, record) in self.book.unsaved() {
            if let Err(error) = self.store.alert_save(record).await {
                tracing::warn!(%error, "an alert cannot be kept; trying again");
                self.book.save_again(&topic);
            }
        }
    }

    /// Keeps what has changed and sends what is to be sent, for as long as that may take.
    pub(crate) async fn end(mut self, patience: Duration) {
        self.save().await;
        self.delivery.end(patience).await;
    }
}

fn intake_topic(flow: &str, by: &str) -> Topic {
    Topic::new(AlertKind::Silence, &format!("{flow}/{by}"))
}

fn said(failure: &Failure) -> String {
    let help = failure.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
    format!("{} ({}, {}){help}", failure.message, failure.code, failure.reason.as_str())
}
