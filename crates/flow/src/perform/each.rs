//! `each`: a block for every item of a stream, with bounded concurrency and memory, resumed in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sinew_diag::codes::engine as code;
use sinew_flow_core::{
    Action, CallAction, EachInput, EachProgress, Entry, Env, ItemScope, Machine, Outcome, Record,
};
use sinew_mapping::{Limits, Moment};
use sinew_model::{Each, Effect, Failure, Reason};
use sinew_stdx::{Json, Timestamp};
use sinew_store::NewDeadLetter;
use tokio::sync::{mpsc, oneshot};

use super::each_items::Items;
use super::{Performer, call, emit, needs_intent, start_flow, target};
use crate::drive::Performed;
use crate::engine::{Message, SharedItem};
use crate::letters;

/// How often progress is kept.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(300);
/// Values that `collect` holds at most.
const RESULTS_MAX: usize = 1000;
/// Dead letters that wait for the next checkpoint at most.
const DEAD_MAX: usize = 500;

/// Runs the block for every item; answers with `Settled`.
pub(crate) async fn each(
    performer: Performer,
    machine: Machine,
    step: Arc<str>,
    input: EachInput,
    scope: Vec<(Arc<str>, Json)>,
) -> Performed {
    let outcome = match run(performer, &machine, &step, input, scope).await {
        Ok(Some(summary)) => Outcome::Ok(summary),
        Ok(None) => return Vec::new(),
        Err(failure) => Outcome::Failed(failure),
    };
    vec![Record::Settled { step, outcome, attempts: Vec::new() }]
}

async fn run(
    performer: Performer,
    machine: &Machine,
    step: &Arc<str>,
    input: EachInput,
    scope: Vec<(Arc<str>, Json)>,
) -> Result<Option<Json>, Failure> {
    let Some(each) = machine.each(step) else {
        let message = format!("the flow has no `each` step `{step}`");
        return Err(Failure::new(Reason::Mapping, code::JOURNAL_MISMATCH, message));
    };
    let kept = performer.progress.iter().find(|(path, _)| path == step);
    let progress = kept
        .and_then(|(_, bytes)| EachProgress::from_bytes(bytes))
        .unwrap_or_else(|| EachProgress::begin(each.reduce.as_ref().map(|reduce| reduce.start.clone())));
    let items = Items::open(&performer, input, &progress)?;
    let (ask, asked) = mpsc::unbounded_channel();
    let mut running = Running {
        performer,
        machine,
        each,
        step: Arc::clone(step),
        scope,
        items,
        progress,
        tokens: BTreeMap::new(),
        doing: FuturesUnordered::new(),
        dead: Vec::new(),
        asking: Vec::new(),
        ask,
        asked,
        exhausted: false,
        interrupted: false,
        changed: false,
    };
    running.run().await
}

/// An item's write that must be known to be about to happen, before it happens.
struct IntentRequest {
    index: u64,
    step: Arc<str>,
    ack: oneshot::Sender<()>,
}

struct Running<'a> {
    performer: Performer,
    machine: &'a Machine,
    each: &'a Each,
    step: Arc<str>,
    scope: Vec<(Arc<str>, Json)>,
    items: Items,
    progress: EachProgress,
    /// Where the source can be read from again, by the number of the first item there.
    tokens: BTreeMap<u64, Json>,
    doing: FuturesUnordered<BoxFuture<'static, ItemEnd>>,
    dead: Vec<(NewDeadLetter, Failure)>,
    asking: Vec<oneshot::Sender<()>>,
    ask: mpsc::UnboundedSender<IntentRequest>,
    asked: mpsc::UnboundedReceiver<IntentRequest>,
    exhausted: bool,
    /// An item was left unfinished because the engine is stopping.
    interrupted: bool,
    changed: bool,
}

struct ItemEnd {
    index: u64,
    scope: SharedItem,
    /// `None` if the engine is stopping: it runs again after the restart.
    outcome: Option<Result<Json, Box<ItemFailure>>>,
}

struct ItemFailure {
    step: Arc<str>,
    failure: Failure,
    input: Option<Json>,
    attempts: Vec<sinew_model::Attempt>,
}

impl Running<'_> {
    /// `None` if the engine is stopping.
    async fn run(&mut self) -> Result<Option<Json>, Failure> {
        let mut tick = tokio::time::interval(CHECKPOINT_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failed: Option<Failure> = None;
        loop {
            // After a failure of the step itself no item is begun, and those under way are seen to their end.
            if failed.is_none() {
                failed = self.start_items().await.err();
            }
            if self.doing.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                Some(request) = self.asked.recv() => {
                    self.note_intent(request);
                    while let Ok(request) = self.asked.try_recv() {
                        self.note_intent(request);
                    }
                    self.keep().await;
                }
                _ = tick.tick() => self.keep().await,
                Some(end) = self.doing.next() => {
                    failed = failed.or(self.item_ended(end).err());
                    if self.dead.len() >= DEAD_MAX {
                        self.keep().await;
                    }
                }
            }
        }
        self.keep().await;
        match failed {
            Some(failure) => Err(failure),
            None if self.interrupted || !self.exhausted => Ok(None),
            None => self.summary().await.map(Some),
        }
    }

    /// Starts items while there is room for more.
    async fn start_items(&mut self) -> Result<(), Failure> {
        while !self.exhausted && self.doing.len() < self.each.concurrency.get() as usize {
            // One item that takes long must not let the bitmap above the watermark grow without bound.
            let per_number = self.each.batch.map_or(1, |batch| u64::from(batch.get()));
            let number = self.items.next_index() / per_number;
            let too_far = number >= self.progress.watermark + EachProgress::WINDOW_MAX;
            if self.performer.is_over() || (too_far && !self.doing.is_empty()) {
                return Ok(());
            }
            let next = self.next_item().await?;
            let Some((index, item)) = next else {
                self.exhausted = true;
                return Ok(());
            };
            if self.progress.is_done(index) {
                continue;
            }
            let scope = Arc::new(ItemScope {
                run: self.machine.run(),
                each: Arc::clone(&self.step),
                index,
                item,
                edits: 0,
                scope: self.scope.clone(),
            });
            let machine = self.machine.for_item(Arc::clone(&scope), self.performer.core.now());
            let uncertain = self.progress.intents_of(index);
            let ask = self.ask.clone();
            self.doing.push(Box::pin(run_item(self.performer.clone(), machine, scope, uncertain, ask)));
        }
        Ok(())
    }

    /// The next item, or the next so many as one.
    async fn next_item(&mut self) -> Result<Option<(u64, Json)>, Failure> {
        let Some(batch) = self.each.batch else {
            let next = self.items.next(&self.performer).await.transpose()?;
            self.tokens.insert(self.items.token_index, self.items.token.clone());
            return Ok(next);
        };
        let (mut number, mut items) = (None, Vec::new());
        while items.len() < batch.get() as usize {
            let Some((index, item)) = self.items.next(&self.performer).await.transpose()? else { break };
            number.get_or_insert(index / u64::from(batch.get()));
            items.push(item);
        }
        Ok(number.map(|number| (number, Json::array(&items))))
    }

    fn note_intent(&mut self, request: IntentRequest) {
        self.progress.intend(request.index, request.step);
        self.asking.push(request.ack);
        self.changed = true;
    }

    fn item_ended(&mut self, end: ItemEnd) -> Result<(), Failure> {
        let Some(outcome) = end.outcome else {
            self.interrupted = true;
            return Ok(());
        };
        self.progress.done(end.index);
        self.changed = true;
        match outcome {
            Ok(value) => {
                self.progress.ok += 1;
                self.reduce(&end.scope, &value)?;
                if self.each.collect {
                    if self.progress.results.len() >= RESULTS_MAX {
                        let message =
                            format!("more than {RESULTS_MAX} items, whose values cannot all be collected");
                        return Err(Failure::new(Reason::Mapping, code::TOO_MANY_RESULTS, message)
                            .help("use `reduce`, or send the values on from inside the block"));
                    }
                    self.progress.results.push((end.index, value));
                }
            }
            Err(failed) => {
                self.progress.failed += 1;
                let ItemFailure { step, failure, input, attempts } = *failed;
                let id = self.performer.core.new_id();
                let letter =
                    letters::of_item(self.machine, id, &end.scope, &step, &failure, input, &attempts);
                self.dead.push((letter, failure));
            }
        }
        Ok(())
    }

    fn reduce(&mut self, scope: &ItemScope, value: &Json) -> Result<(), Failure> {
        let (Some(reduce), Some(acc)) = (&self.each.reduce, &self.progress.reduced) else { return Ok(()) };
        let mut env = Env::new(scope.scope.clone());
        env.bind(self.each.item.shared(), scope.item.clone());
        env.bind("result", value.clone());
        env.bind("acc", acc.clone());
        let moment = Moment { now: self.machine.accepted_at(), seed: scope.index };
        let reduced = reduce.with.evaluate(&env.scope(), moment, &Limits::default());
        let reduced = reduced.map_err(|e| {
            let message = format!("`reduce` failed on item {}: {e}", scope.index);
            Failure::new(Reason::Mapping, code::EXPRESSION_FAILED, message)
        })?;
        self.progress.reduced = Some(reduced);
        Ok(())
    }

    /// Makes progress durable, with the dead letters that belong to it.
    async fn keep(&mut self) {
        if !self.changed && self.dead.is_empty() {
            return;
        }
        self.changed = false;
        if let Some((index, token)) = self.tokens.range(..=self.progress.watermark).next_back() {
            (self.progress.source_index, self.progress.source) = (*index, token.clone());
            let keep_from = *index;
            self.tokens.retain(|first, _| *first >= keep_from);
        }
        let (ack, answer) = oneshot::channel();
        let message = Message::Checkpoint {
            step: Arc::clone(&self.step),
            progress: self.progress.to_bytes(),
            dead: std::mem::take(&mut self.dead),
            ack,
        };
        if self.performer.core.post(self.performer.run, message).is_ok() {
            // Dropped without an answer means that the run was abandoned, and this future with it.
            let _ = answer.await;
        }
        for ack in self.asking.drain(..) {
            let _ = ack.send(());
        }
    }

    async fn summary(&mut self) -> Result<Json, Failure> {
        let EachProgress { ok, failed, forgiven, .. } = self.progress;
        if self.each.failures_max.is_some_and(|max| failed - forgiven > max) {
            // Whoever replays the step has seen these; they do not count again.
            self.progress.forgiven = failed;
            self.changed = true;
            self.keep().await;
            let message = format!("{failed} of {} items failed", ok + failed);
            return Err(Failure::new(Reason::Items, code::ITEMS_FAILED, message)
                .help("every failed item has a dead letter of its own; replay them, then this one"));
        }
        let mut fields =
            vec![("total", Json::of(&(ok + failed))), ("ok", Json::of(&ok)), ("failed", Json::of(&failed))];
        if let Some(reduced) = &self.progress.reduced {
            fields.push(("reduced", reduced.clone()));
        }
        if self.each.collect {
            let mut results = std::mem::take(&mut self.progress.results);
            results.sort_by_key(|(index, _)| *index);
            fields.push(("results", Json::array(results.iter().map(|(_, value)| value))));
        }
        Ok(Json::object(fields.iter().map(|(name, value)| (*name, value))))
    }
}

/// One item's block, from its beginning to its end, in memory.
async fn run_item(
    performer: Performer,
    mut machine: Machine,
    scope: SharedItem,
    uncertain: Vec<Arc<str>>,
    ask: mpsc::UnboundedSender<IntentRequest>,
) -> ItemEnd {
    let index = scope.index;
    for step in uncertain {
        fold(&mut machine, performer.core.now(), Record::Intent { step });
    }
    let mut doing: FuturesUnordered<BoxFuture<'static, Performed>> = FuturesUnordered::new();
    loop {
        let now = performer.core.now();
        for action in machine.actions(now) {
            match action {
                Action::Finish { result } => return ItemEnd { index, scope, outcome: Some(Ok(result)) },
                Action::Die { step, failure, input } => {
                    let attempts = machine.attempts(&step).to_vec();
                    let failed = Box::new(ItemFailure { step, failure, input, attempts });
                    return ItemEnd { index, scope, outcome: Some(Err(failed)) };
                }
                action => doing.extend(perform(&performer, &mut machine, action, index, &ask)),
            }
        }
        if performer.is_over() && doing.is_empty() {
            return ItemEnd { index, scope, outcome: None };
        }
        match doing.next().await {
            Some(records) => {
                for record in records {
                    fold(&mut machine, performer.core.now(), record);
                }
            }
            // Nothing under way: a retry is due later. Items wait for it in memory.
            None => match machine.next_due() {
                Some(due) => tokio::time::sleep(due.since(now).max(Duration::from_millis(1))).await,
                None => tokio::task::yield_now().await,
            },
        }
    }
}

fn fold(machine: &mut Machine, at: Timestamp, record: Record) {
    let record = match record {
        Record::Settled { step, outcome: Outcome::Ok(value), attempts } => {
            let outcome = Outcome::Ok(machine.minimise(&step, &value));
            Record::Settled { step, outcome, attempts }
        }
        record => record,
    };
    if let Err(illegal) = machine.apply(&Entry { at, record }) {
        tracing::error!(run = %machine.run(), %illegal, "an item's record was left out");
    }
}

fn perform(
    performer: &Performer,
    machine: &mut Machine,
    action: Action,
    index: u64,
    ask: &mpsc::UnboundedSender<IntentRequest>,
) -> Option<BoxFuture<'static, Performed>> {
    let performer = performer.clone();
    match action {
        Action::Call(action) => Some(Box::pin(item_call(performer, action, index, ask.clone()))),
        Action::Emit { step, event, key, payload, dedupe } => {
            Some(Box::pin(emit(performer, step, event, key, payload, dedupe)))
        }
        Action::StartFlow { step, flow, payload, child: None, dedupe } => {
            Some(Box::pin(start_flow(performer, step, flow, payload, None, dedupe)))
        }
        // Validation keeps waits, further `each` and awaited sub-flows out of an item's block.
        Action::Park { step, .. }
        | Action::ParkForChild { step }
        | Action::Each { step, .. }
        | Action::Elapse { step }
        | Action::StartFlow { step, .. } => {
            let message = format!("step `{step}` cannot stand inside an `each`");
            let failure = Failure::new(Reason::Mapping, code::JOURNAL_MISMATCH, message);
            let record = Record::Settled { step, outcome: Outcome::Failed(failure), attempts: Vec::new() };
            fold(machine, performer.core.now(), record);
            None
        }
        Action::Finish { .. } | Action::Die { .. } | Action::Compensate { .. } => None,
    }
}

async fn item_call(
    performer: Performer,
    action: CallAction,
    index: u64,
    ask: mpsc::UnboundedSender<IntentRequest>,
) -> Performed {
    let (connection, operation) = match target(&performer.core.snapshot(), &action) {
        Ok(target) => target,
        Err(failure) => {
            let outcome = Outcome::Failed(failure);
            return vec![Record::Settled { step: action.step, outcome, attempts: Vec::new() }];
        }
    };
    if operation.effect != Effect::Read && needs_intent(&operation, &action) && !action.uncertain {
        let (ack, kept) = oneshot::channel();
        let request = IntentRequest { index, step: Arc::clone(&action.step), ack };
        if ask.send(request).is_err() || kept.await.is_err() {
            return Vec::new();
        }
    }
    call(performer, action, connection, operation).await
}
