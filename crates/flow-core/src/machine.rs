use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sinew_diag::codes::engine;
use sinew_mapping::{Limits, project};
use sinew_model::{
    Attempt, Block, Each, Failure, Flow, FlowVersion, Principal, Reason, Step, StepKind, Trace,
};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{DeadId, RunId, RunStatus};

use crate::arrival::Arrived;
use crate::record::Outcome;
use crate::{Action, Entry, Env, ItemScope, ParkedFor, Record, Signal};

/// What a step's name ends in when it is being taken back.
pub(crate) const UNDO: &str = "~undo";

/// A record that cannot follow on what is there: the journal was written for another flow, or by a bug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}", code = engine::JOURNAL_MISMATCH)]
pub struct Illegal {
    /// What does not fit.
    pub message: String,
}

fn illegal(message: impl Into<String>) -> Illegal {
    Illegal { message: message.into() }
}

/// Where a run stands, as its records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Something is under way, or waited for.
    Going,
    /// It gave up at a step.
    Dead {
        /// The step.
        step: Arc<str>,
        /// Why.
        failure: Failure,
        /// Where the work is kept.
        letter: DeadId,
    },
    /// It is over.
    Ended(RunStatus),
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub(crate) enum StepState {
    /// Its action was handed out; nothing came back yet. Never read from a journal.
    Issued,
    /// An intent without an answer, read from a journal.
    Intended,
    /// It is tried again at a time.
    BackingOff { attempts_made: u32, due: Timestamp },
    /// It waits. `handed_out`: what it asks for (the end of its deadline, the start of its sub-flow) is under way.
    Parked { wait: ParkedFor, at: Timestamp, handed_out: bool },
    /// What it waited for has come.
    Signalled { wait: ParkedFor, signal: Signal, emission: Option<Arc<str>>, at: Timestamp, order: u32 },
    /// It has its value, or failed.
    Settled { outcome: Outcome, at: Timestamp, order: u32 },
}

/// What pure parts of a step gave, so that they are not computed twice. Never durable.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    pub(crate) when: Option<bool>,
    pub(crate) value: Option<Json>,
    pub(crate) arm: Option<Taken>,
}

/// Which way a branch went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// This arm's.
    Arm(usize),
    /// None of them.
    Nothing,
}

/// A run's state machine.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) run: RunId,
    pub(crate) flow: Arc<Flow>,
    pub(crate) item: Option<Arc<ItemScope>>,
    pub(crate) trigger: Json,
    pub(crate) seed: u64,
    /// When its first steps became ready: at its acceptance, or, as an item, when its `each` was.
    pub(crate) began_at: Timestamp,
    pub(crate) arrival: Arrived,
    pub(crate) limits: Limits,
    pub(crate) steps: HashMap<Arc<str>, StepState>,
    pub(crate) memo: HashMap<Arc<str>, Memo>,
    pub(crate) edited: HashMap<Arc<str>, (u32, Json)>,
    principal: Principal,
    trace: Trace,
    parent: Option<(RunId, Arc<str>)>,
    attempts: HashMap<Arc<str>, Vec<Attempt>>,
    doubtful: HashSet<Arc<str>>,
    /// It is an item that is run again: whatever it calls may have been called before.
    repeats: bool,
    state: RunState,
    settled: u32,
    accepted_at: Timestamp,
}

impl Machine {
    /// The version that a journal goes on with: the one it was accepted under, or was revived with last.
    pub fn version_of(entries: &[Entry]) -> Option<FlowVersion> {
        entries.iter().rev().find_map(|entry| match &entry.record {
            Record::Accepted { version, .. } | Record::Revived { version: Some(version), .. } => {
                Some(version.clone())
            }
            _ => None,
        })
    }

    /// A machine from a run's journal, folded to its end.
    pub fn fold(run: RunId, flow: Arc<Flow>, entries: &[Entry]) -> Result<Self, Illegal> {
        let (first, rest) = entries.split_first().ok_or_else(|| illegal("the journal is empty"))?;
        let mut machine = Self::accepted(run, flow, first)?;
        for entry in rest {
            machine.apply(entry)?;
        }
        Ok(machine)
    }

    /// A machine that was just accepted.
    pub fn accepted(run: RunId, flow: Arc<Flow>, entry: &Entry) -> Result<Self, Illegal> {
        let Record::Accepted { trigger, principal, trace, seed, parent, item, unreadable, .. } =
            &entry.record
        else {
            return Err(illegal("a journal begins with `accepted`"));
        };
        let (item_at, item_seed) = item.as_ref().map_or((None, None), |item| (item.at, item.seed));
        Ok(Self {
            run,
            flow,
            item: item.as_ref().map(|item| Arc::new((**item).clone())),
            trigger: trigger.clone(),
            seed: item_seed.unwrap_or(*seed),
            began_at: item_at.unwrap_or(entry.at),
            arrival: unreadable.as_ref().map_or(Arrived::Read, |why| Arrived::Unreadable(why.clone())),
            limits: Limits::default(),
            steps: HashMap::new(),
            memo: HashMap::new(),
            edited: HashMap::new(),
            principal: principal.clone(),
            trace: *trace,
            parent: parent.clone(),
            attempts: HashMap::new(),
            doubtful: HashSet::new(),
            repeats: item.is_some(),
            state: RunState::Going,
            settled: 0,
            accepted_at: entry.at,
        })
    }

    /// A machine for one item of this run's `each`; it lives in memory only, the step's progress stands for it.
    pub fn for_item(&self, scope: Arc<ItemScope>) -> Self {
        let seed = scope.seed.unwrap_or_else(|| self.item_seed(&scope.each, scope.index));
        let at = scope.at.unwrap_or(self.began_at);
        Self {
            run: self.run,
            flow: Arc::clone(&self.flow),
            item: Some(scope),
            trigger: self.trigger.clone(),
            seed,
            began_at: at,
            arrival: Arrived::Read,
            limits: self.limits,
            steps: HashMap::new(),
            memo: HashMap::new(),
            edited: HashMap::new(),
            principal: self.principal.clone(),
            trace: self.trace,
            parent: None,
            attempts: HashMap::new(),
            doubtful: HashSet::new(),
            repeats: false,
            state: RunState::Going,
            settled: 0,
            accepted_at: at,
        }
    }

    /// What an item's `$random()` and the like start from: the same whenever it runs again.
    pub fn item_seed(&self, each: &str, index: u64) -> u64 {
        crate::key::step_seed(self.seed ^ index.rotate_left(32), each)
    }

    /// Folds one more record in.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Illegal> {
        self.check_state(&entry.record)?;
        // All of an item happens at one moment, so that it makes the same calls when it runs again under the same keys.
        let at = self.item.as_ref().and_then(|item| item.at).unwrap_or(entry.at);
        match &entry.record {
            Record::Accepted { .. } => return Err(illegal("a run is accepted once")),
            Record::Intent { step } => {
                if !matches!(self.steps.get(step), Some(StepState::Issued)) {
                    self.move_step(step, StepState::Intended)?;
                }
            }
            Record::Settled { step, outcome, attempts } => {
                self.remember(step, attempts);
                if let Outcome::Failed(failure) = outcome
                    && may_be_there(failure)
                {
                    self.doubtful.insert(Arc::clone(step));
                }
                let order = self.next_order();
                self.move_step(step, StepState::Settled { outcome: outcome.clone(), at, order })?;
            }
            Record::Backoff { step, attempts_made, due, attempts } => {
                self.remember(step, attempts);
                self.move_step(step, StepState::BackingOff { attempts_made: *attempts_made, due: *due })?;
            }
            Record::Parked { step, wait } => {
                self.move_step(step, StepState::Parked { wait: wait.clone(), at, handed_out: false })?;
            }
            Record::Signalled { step, signal, emission } => {
                self.signalled(step, signal, emission.as_ref(), at)?;
            }
            Record::Undone { step } => {
                let order = self.next_order();
                let outcome = Outcome::Ok(Json::null());
                let undo: Arc<str> = Arc::from(format!("{step}{UNDO}"));
                self.move_step(&undo, StepState::Settled { outcome, at, order })?;
            }
            Record::Dead { step, failure, letter } => {
                self.state = RunState::Dead { step: step.clone(), failure: failure.clone(), letter: *letter };
            }
            Record::Revived { step, input, trigger, .. } => {
                self.revived(step, input.as_ref(), trigger.as_ref());
            }
            Record::Cancelled { .. } => self.state = RunState::Ended(RunStatus::Cancelled),
            Record::Discarded { .. } => self.state = RunState::Ended(RunStatus::Discarded),
            Record::Compensated { .. } => self.state = RunState::Ended(RunStatus::Undone),
            Record::Finished { .. } => self.state = RunState::Ended(RunStatus::Finished),
        }
        Ok(())
    }

    /// Which records may follow in which state.
    fn check_state(&self, record: &Record) -> Result<(), Illegal> {
        let fits = match &self.state {
            RunState::Going => !matches!(record, Record::Revived { .. } | Record::Discarded { .. }),
            RunState::Dead { .. } => {
                matches!(record, Record::Revived { .. } | Record::Discarded { .. } | Record::Cancelled { .. })
            }
            RunState::Ended(_) => false,
        };
        if fits { Ok(()) } else { Err(illegal(format!("{record:?} cannot follow on {:?}", self.state))) }
    }

    fn next_order(&mut self) -> u32 {
        self.settled += 1;
        self.settled
    }

    fn move_step(&mut self, step: &Arc<str>, to: StepState) -> Result<(), Illegal> {
        let base = step.strip_suffix(UNDO).unwrap_or(step);
        if self.find_step(base).is_none() {
            return Err(illegal(format!("the flow has no step `{base}`")));
        }
        if matches!(self.steps.get(step), Some(StepState::Settled { .. } | StepState::Signalled { .. })) {
            return Err(illegal(format!("step `{step}` is settled already")));
        }
        self.steps.insert(Arc::clone(step), to);
        Ok(())
    }

    fn signalled(
        &mut self,
        step: &Arc<str>,
        signal: &Signal,
        emission: Option<&Arc<str>>,
        at: Timestamp,
    ) -> Result<(), Illegal> {
        let order = self.next_order();
        let Some(StepState::Parked { wait, .. }) = self.steps.get(step) else {
            return Err(illegal(format!("step `{step}` was signalled but does not wait")));
        };
        let (wait, signal, emission) = (wait.clone(), signal.clone(), emission.cloned());
        let state = StepState::Signalled { wait, signal, emission, at, order };
        self.steps.insert(Arc::clone(step), state);
        Ok(())
    }

    fn revived(&mut self, step: &Arc<str>, input: Option<&Json>, trigger: Option<&Json>) {
        self.state = RunState::Going;
        self.steps.remove(step);
        self.attempts.remove(step);
        // Pure values may come out differently: the flow or the trigger may be others now.
        self.memo.clear();
        if let Some(input) = input {
            let edits = self.edited.get(step).map_or(0, |(edits, _)| *edits) + 1;
            self.edited.insert(Arc::clone(step), (edits, input.clone()));
            // Another call, which nobody has made yet.
            self.doubtful.remove(step);
        }
        match (trigger, &mut self.item) {
            (Some(edited), Some(item)) => {
                let item = Arc::make_mut(item);
                item.item = edited.clone();
                // Another item than the one whose calls were made.
                item.edits += 1;
            }
            (Some(edited), None) => self.trigger = edited.clone(),
            (None, _) => {}
        }
        self.arrive_again();
    }

    /// Failed attempts are kept in memory until the step settles, for the dead letter.
    fn remember(&mut self, step: &Arc<str>, attempts: &[Attempt]) {
        if attempts.iter().filter_map(|attempt| attempt.failure.as_ref()).any(may_be_there) {
            self.doubtful.insert(Arc::clone(step));
        }
        if !attempts.is_empty() {
            let known = self.attempts.entry(Arc::clone(step)).or_default();
            // A look at whether somebody has logged in meanwhile takes the place of the one before: there may be many.
            if known.last().is_some_and(is_disconnected) && attempts.first().is_some_and(is_disconnected) {
                known.pop();
            }
            known.extend_from_slice(attempts);
        }
    }

    /// The actions that are due now and were not handed out before.
    pub fn actions(&mut self, now: Timestamp) -> Vec<Action> {
        if self.state != RunState::Going {
            return Vec::new();
        }
        self.turned_away().map_or_else(|| self.walk(now), |action| vec![action])
    }

    /// A successful value without what nothing reads (see [`sinew_model::Step::keep`]).
    pub fn minimise(&self, step: &str, value: &Json) -> Json {
        match self.find_step(step) {
            Some(step) => project(value, &step.keep),
            None => Json::null(),
        }
    }

    /// The same run going by another version of its flow, which must have every step that has a record.
    pub fn with_flow(&self, flow: Arc<Flow>) -> Result<Self, Illegal> {
        let other = Self { flow, memo: HashMap::new(), ..self.clone() };
        for step in self.steps.keys() {
            let base = step.strip_suffix(UNDO).unwrap_or(step);
            if other.find_step(base).is_none() {
                return Err(illegal(format!(
                    "the flow has no step `{base}` any more, which this run has passed"
                )));
            }
        }
        Ok(other)
    }

    /// Whether a call of this step may have taken effect, although none was answered as it should.
    pub(crate) fn is_doubtful(&self, step: &str) -> bool {
        self.repeats || self.doubtful.contains(step)
    }

    /// Why steps wait for somebody to log in, if some do.
    pub fn disconnected(&self) -> impl Iterator<Item = &Failure> {
        let waiting = self
            .attempts
            .iter()
            .filter(|(step, _)| matches!(self.steps.get(*step), Some(StepState::BackingOff { .. })));
        let last = waiting.filter_map(|(_, attempts)| attempts.last()).filter(|last| is_disconnected(last));
        last.filter_map(|attempt| attempt.failure.as_ref())
    }

    /// The failed attempts of a step so far.
    pub fn attempts(&self, step: &str) -> &[Attempt] {
        self.attempts.get(step).map_or(&[], Vec::as_slice)
    }

    /// Where it stands.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Its flow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// Its trigger's payload.
    pub fn trigger(&self) -> &Json {
        &self.trigger
    }

    /// Who started it.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Its trace.
    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// The run and step that started it.
    pub fn parent(&self) -> Option<&(RunId, Arc<str>)> {
        self.parent.as_ref()
    }

    /// The item that it is, if it is one.
    pub fn item(&self) -> Option<&Arc<ItemScope>> {
        self.item.as_ref()
    }

    /// When it was accepted.
    pub fn accepted_at(&self) -> Timestamp {
        self.accepted_at
    }

    /// The step of a name, wherever it stands in the flow.
    pub fn find_step(&self, name: &str) -> Option<&Step> {
        find(&self.flow.block, name)
    }

    /// The `each` of a step.
    pub fn each(&self, step: &str) -> Option<&Each> {
        match &self.find_step(step)?.kind {
            StepKind::Each(each) => Some(each),
            _ => None,
        }
    }

    /// The values that an undo, or a person who looks, may see of settled steps.
    pub(crate) fn root_env(&self) -> Env {
        let mut env = Env::default();
        if let Some(item) = &self.item {
            env = Env::new(item.scope.clone());
            if let Some(each) = self.each(&item.each) {
                env.bind(each.item.shared(), item.item.clone());
            }
        } else {
            env.bind("trigger", self.trigger.clone());
        }
        env
    }
}

/// Whether a call that failed like this may have taken effect: nobody knows, or it did and its answer cannot be used.
pub(crate) fn may_be_there(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::Unknown | Reason::Drift)
}

/// Whether nothing was sent, as nobody has logged in.
fn is_disconnected(attempt: &Attempt) -> bool {
    attempt.failure.as_ref().is_some_and(|failure| failure.reason == Reason::Disconnected)
}

pub(crate) fn find<'a>(block: &'a Block, name: &str) -> Option<&'a Step> {
    block.steps.iter().find_map(|step| {
        if step.name.as_str() == name {
            return Some(step);
        }
        let inside = match &step.kind {
            StepKind::Branch(branch) => branch.arms.iter().find_map(|arm| find(&arm.block, name)),
            StepKind::Parallel(parallel) => parallel.arms.iter().find_map(|(_, block)| find(block, name)),
            StepKind::Each(each) => find(&each.block, name),
            _ => None,
        };
        inside.or_else(|| step.catch.as_ref().and_then(|catch| find(&catch.block, name)))
    })
}
