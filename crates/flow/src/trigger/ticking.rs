//! The tasks that follow clocks, poll and listen: one for each such flow, started and ended as snapshots come and go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_model::{Flow, FlowName, FlowVersion, Principal, PrincipalKind, Schedule, Trigger};
use sinew_stdx::{Json, Timestamp};
use sinew_store::CursorAdvance;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::poll;
use super::schedule::{self, Plan, Standing, Timetable};
use super::server::told;
use super::{stream, subscription};
use crate::alert::Monitor;
use crate::{Admission, Engine, Refusal, Submission};

/// How long to sleep at most, so that a clock that was set is noticed.
const NAP_MAX: Duration = Duration::from_secs(30);
/// How long to wait when the store failed or the backlog is full.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long a fire is remembered, should the schedule's standing be lost.
const FIRE_REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// The tasks.
pub(crate) struct Ticking {
    engine: Engine,
    monitor: Option<Arc<Monitor>>,
    /// Counts the snapshots that were followed.
    reloads: watch::Sender<u64>,
    tasks: Mutex<Tasks>,
    /// What tells systems where to send their webhooks.
    subscriptions: Subscriptions,
}

struct Subscriptions {
    stop: watch::Sender<bool>,
    nudge: Arc<Notify>,
    ended: JoinHandle<()>,
}

#[derive(Default)]
struct Tasks {
    /// Of the flows of the snapshot.
    going: HashMap<FlowName, Task>,
    /// Told to end, of flows that are gone. If such a flow comes again, its task begins behind this one.
    leaving: HashMap<FlowName, Task>,
}

struct Task {
    version: FlowVersion,
    stop: watch::Sender<bool>,
    ended: JoinHandle<()>,
}

impl Tasks {
    /// Has a task for each of these flows and no others: `start` begins one, behind the one before it.
    fn follow(
        &mut self,
        wanted: impl Iterator<Item = Arc<Flow>>,
        mut start: impl FnMut(Arc<Flow>, Option<Task>) -> Task,
    ) {
        self.leaving.retain(|_, task| !task.ended.is_finished());
        let mut earlier = std::mem::take(&mut self.going);
        for flow in wanted {
            let name = flow.name.clone();
            let task = match earlier.remove(&name) {
                Some(task) if task.version == flow.version => task,
                before => start(flow, before.or_else(|| self.leaving.remove(&name))),
            };
            self.going.insert(name, task);
        }
        for (name, task) in earlier {
            task.stop.send_replace(true);
            self.leaving.insert(name, task);
        }
    }
}

/// What a task needs of its surroundings.
pub(crate) struct Surroundings {
    pub(crate) engine: Engine,
    pub(crate) monitor: Option<Arc<Monitor>>,
    stop: watch::Receiver<bool>,
    reloads: watch::Receiver<u64>,
}

impl Surroundings {
    /// Waits for so long; false if the task is to end instead.
    pub(crate) async fn wait(&mut self, span: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(span) => true,
            () = told(&mut self.stop) => false,
        }
    }

    /// Does something that may be left off without harm; `None` if the task is to end instead.
    pub(crate) async fn unless_stopped<T>(&mut self, doing: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = doing => Some(done),
            () = told(&mut self.stop) => None,
        }
    }

    /// Waits for the next snapshot; false if the task is to end instead.
    pub(crate) async fn reloaded(&mut self) -> bool {
        tokio::select! {
            () = next_snapshot(&mut self.reloads) => true,
            () = told(&mut self.stop) => false,
        }
    }

    /// Does something that may be left off without harm, until there is another snapshot or the task is to end.
    pub(crate) async fn unless_reloaded<T>(&mut self, doing: impl Future<Output = T>) -> Heard<T> {
        tokio::select! {
            biased;
            () = told(&mut self.stop) => Heard::Stop,
            () = next_snapshot(&mut self.reloads) => Heard::Reload,
            done = doing => Heard::Done(done),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }
}

/// What ended first.
pub(crate) enum Heard<T> {
    Done(T),
    Reload,
    Stop,
}

async fn next_snapshot(reloads: &mut watch::Receiver<u64>) {
    if reloads.changed().await.is_err() {
        // Nobody can give another one.
        std::future::pending::<()>().await;
    }
}

impl Ticking {
    pub(crate) fn new(engine: Engine, monitor: Option<Arc<Monitor>>, hooks_url: Option<String>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let reloads = watch::Sender::new(0);
        let around = Surroundings {
            engine: engine.clone(),
            monitor: monitor.clone(),
            stop: stopped,
            reloads: reloads.subscribe(),
        };
        let nudge = Arc::new(Notify::new());
        let ended = tokio::spawn(subscription::follow(around, hooks_url, Arc::clone(&nudge)));
        let subscriptions = Subscriptions { stop, nudge, ended };
        Self { engine, monitor, reloads, tasks: Mutex::default(), subscriptions }
    }

    /// Follows the engine's snapshot: tasks of flows that are gone or changed end, and new ones begin after them.
    pub(crate) fn follow(&self) {
        let snapshot = self.engine.snapshot();
        let ticks = |flow: &&Arc<Flow>| {
            matches!(flow.trigger, Trigger::Schedule(_) | Trigger::Poll(_) | Trigger::Stream(_))
        };
        let wanted = snapshot.flows.values().filter(ticks).cloned();
        self.reloads.send_modify(|count| *count += 1);
        self.tasks.lock().follow(wanted, |flow, before| self.start(flow, before));
        self.subscriptions.nudge.notify_one();
    }

    fn start(&self, flow: Arc<Flow>, before: Option<Task>) -> Task {
        let (stop, stopped) = watch::channel(false);
        let mut around = Surroundings {
            engine: self.engine.clone(),
            monitor: self.monitor.clone(),
            stop: stopped,
            reloads: self.reloads.subscribe(),
        };
        let version = flow.version.clone();
        let ended = tokio::spawn(async move {
            if let Some(before) = before {
                before.stop.send_replace(true);
                let _ = before.ended.await;
            }
            if *around.stop.borrow_and_update() {
                return;
            }
            match &flow.trigger {
                Trigger::Schedule(schedule) => follow_clock(around, &flow, schedule).await,
                Trigger::Poll(trigger) => poll::follow(around, &flow, trigger).await,
                Trigger::Stream(trigger) => stream::follow(around, &flow, trigger).await,
                Trigger::Webhook(_) | Trigger::Event(_) | Trigger::Manual => {}
            }
        });
        Task { version, stop, ended }
    }

    pub(crate) async fn stop(self) {
        self.subscriptions.stop.send_replace(true);
        if let Err(error) = self.subscriptions.ended.await {
            tracing::error!(%error, "webhook subscriptions did not end by themselves");
        }
        let Tasks { going, leaving } = self.tasks.into_inner();
        for task in going.values() {
            task.stop.send_replace(true);
        }
        for (flow, task) in leaving.into_iter().chain(going) {
            if let Err(error) = task.ended.await {
                tracing::error!(%flow, %error, "a trigger did not end by itself");
            }
        }
    }
}

async fn follow_clock(mut around: Surroundings, flow: &Arc<Flow>, schedule: &Schedule) {
    let timetable = match Timetable::new(schedule) {
        Ok(timetable) => timetable,
        Err(error) => return tracing::error!(flow = %flow.name, %error, "the schedule cannot be followed"),
    };
    let cursor: Arc<str> = format!("schedule:{}", flow.name).into();
    let mut standing = loop {
        match begin(&around, &timetable, &cursor).await {
            Ok(standing) => break standing,
            Err(error) => tracing::warn!(flow = %flow.name, %error, "the schedule's standing cannot be read"),
        }
        if !around.wait(AFTER_FAILURE).await {
            return;
        }
    };
    loop {
        let now = around.now();
        if schedule::is_lost(Timestamp::from_millis(standing.through_ms), now) {
            standing = timetable.standing(now);
            begin_again(&around, flow, &cursor, &standing).await;
        }
        let plan = schedule::plan(Timestamp::from_millis(standing.through_ms), now, &timetable);
        let nap = match fire(&around, flow, &timetable, &cursor, &plan, now).await {
            Ok(true) => {
                standing.through_ms = plan.through.as_millis();
                plan.next.map_or(NAP_MAX, |next| next.since(around.now()).min(NAP_MAX))
            }
            Ok(false) => AFTER_FAILURE,
            Err(error) => {
                tracing::warn!(flow = %flow.name, %error, "the schedule could not fire; trying again");
                AFTER_FAILURE
            }
        };
        if !around.wait(nap).await {
            return;
        }
    }
}

/// Where the schedule stands. One that is new counts from now, and durably so: what is missed from here on is known.
async fn begin(around: &Surroundings, timetable: &Timetable, cursor: &Arc<str>) -> Result<Standing, Refusal> {
    let store = around.engine.store();
    let kept = store.cursor(Arc::clone(cursor)).await?;
    if let Some(standing) = kept.and_then(|kept| timetable.read_standing(&kept)) {
        return Ok(standing);
    }
    let standing = timetable.standing(around.now());
    store.set_cursor(advance(cursor, &standing)).await?;
    Ok(standing)
}

/// The clock was far ahead and is right again. If that cannot be kept, it will be found out again after a restart.
async fn begin_again(around: &Surroundings, flow: &Flow, cursor: &Arc<str>, standing: &Standing) {
    tracing::warn!(flow = %flow.name, "the clock went back by more than a day; the schedule begins again from now");
    if let Err(error) = around.engine.store().set_cursor(advance(cursor, standing)).await {
        tracing::warn!(flow = %flow.name, %error, "the schedule's standing cannot be kept");
    }
}

/// Fires what is due, in one transaction with the schedule's standing. False if there is no room for it.
async fn fire(
    around: &Surroundings,
    flow: &Arc<Flow>,
    timetable: &Timetable,
    cursor: &Arc<str>,
    plan: &Plan,
    now: Timestamp,
) -> Result<bool, Refusal> {
    if plan.skipped > 0 {
        tracing::warn!(flow = %flow.name, skipped = plan.skipped, "missed fires are skipped, as the flow says");
    }
    if plan.fires.is_empty() && plan.skipped == 0 {
        return Ok(true);
    }
    let submissions = plan.fires.iter().map(|fire| {
        let principal = Principal::new(PrincipalKind::Node, "schedule");
        let trace = around.engine.new_trace();
        let payload = schedule::payload(fire, now);
        let mut submission = Submission::new(Arc::clone(flow), payload, principal, trace);
        let key = Arc::from(format!("schedule:{}", fire.scheduled_at));
        submission.dedupe = Some((key, now.plus(FIRE_REMEMBERED)));
        submission
    });
    let submissions: Vec<_> = submissions.collect();
    let advance = advance(cursor, &timetable.standing(plan.through));
    let admissions = around.engine.submit(submissions, Some(advance)).await?;
    if admissions.contains(&Admission::BacklogFull) {
        tracing::warn!(flow = %flow.name, "the schedule waits: the flow's backlog is full");
        return Ok(false);
    }
    Ok(true)
}

fn advance(cursor: &Arc<str>, standing: &Standing) -> CursorAdvance {
    CursorAdvance { name: Arc::clone(cursor), value: Json::of(standing).as_str().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = "
kind: Flow
name: nightly
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: { schedule: { cron: '0 3 * * *' } }
steps:
  - got: { map: trigger }
";

    fn flow() -> Arc<Flow> {
        let source = sinew_model::SourceFile::new("flows.yaml", FLOW.as_bytes().to_vec());
        let (snapshot, findings) = sinew_model::load(&[source], &std::collections::BTreeMap::new());
        let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
        Arc::clone(snapshot.flows.values().next().unwrap())
    }

    #[tokio::test]
    async fn a_flow_that_is_removed_and_comes_again_begins_behind_its_own_end() {
        let (mut tasks, mut before_each) = (Tasks::default(), Vec::new());
        let (let_end, may_end) = watch::channel(false);
        let mut follow = |wanted: Vec<Arc<Flow>>| {
            tasks.follow(wanted.into_iter(), |flow, before| {
                before_each.push(before);
                let (stop, mut stopped) = watch::channel(false);
                let mut may_end = may_end.clone();
                let ended = tokio::spawn(async move {
                    told(&mut stopped).await;
                    told(&mut may_end).await;
                });
                Task { version: flow.version.clone(), stop, ended }
            });
        };
        follow(vec![flow()]);
        follow(vec![flow()]);
        follow(vec![]);
        follow(vec![]);
        follow(vec![flow()]);
        let [None, Some(first)] = &mut before_each[..] else {
            panic!("it began twice, and had one before it")
        };
        assert!(*first.stop.borrow() && !first.ended.is_finished());
        let_end.send_replace(true);
        (&mut first.ended).await.unwrap();
    }
}
