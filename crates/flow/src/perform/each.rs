//! `each`: a block for every item of a stream, with bounded concurrency and memory, resumed in the middle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sinew_diag::codes::engine as code;
use sinew_flow_core::{EachInput, EachProgress, EachScope, Env, ItemScope, Machine, Outcome, Record};
use sinew_mapping::{Limits, Moment};
use sinew_model::{Each, Failure, Reason};
use sinew_stdx::Json;
use sinew_store::NewDeadLetter;
use tokio::sync::{mpsc, oneshot};

use super::Performer;
use super::each_item::{IntentRequest, ItemEnd, ItemFailure, run_item};
use super::each_items::{Halt, Items, ReadItem, Reading};
use crate::drive::Performed;
use crate::engine::Message;
use crate::letters;

/// How often progress is kept.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(300);
/// Values that `collect` holds at most.
const RESULTS_MAX: usize = 1000;
/// How large they may be together; every checkpoint holds them.
const RESULTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Dead letters that wait for the next checkpoint at most.
const DEAD_MAX: usize = 500;

/// Runs the block for every item; answers with `Settled`.
pub(crate) async fn each(
    performer: Performer,
    machine: Machine,
    step: Arc<str>,
    input: EachInput,
    scope: EachScope,
) -> Performed {
    let (outcome, attempts) = match run(performer, &machine, &step, input, scope).await {
        Ok(summary) => (Outcome::Ok(summary), Vec::new()),
        Err(Halt::Interrupted) => return Vec::new(),
        Err(Halt::Failed { failure, attempts }) => (Outcome::Failed(failure), attempts),
    };
    vec![Record::Settled { step, outcome, attempts }]
}

async fn run(
    mut performer: Performer,
    machine: &Machine,
    step: &Arc<str>,
    input: EachInput,
    scope: EachScope,
) -> Result<Json, Halt> {
    let Some(each) = machine.each(step) else {
        let message = format!("the flow has no `each` step `{step}`");
        return Err(Failure::new(Reason::Mapping, code::JOURNAL_MISMATCH, message).into());
    };
    let kept = performer.progress.iter().find(|(path, _)| path == step);
    let progress = kept
        .and_then(|(_, bytes)| EachProgress::from_bytes(bytes))
        .unwrap_or_else(|| EachProgress::begin(each.reduce.as_ref().map(|reduce| reduce.start.clone())));
    // Items have no use for it, and every one of them gets a performer.
    performer.progress = Vec::new();
    let items = Some(Items::open(&performer, input, &progress)?);
    let collected_bytes = progress.results.iter().map(|(_, value)| value.as_bytes().len()).sum();
    let (ask, asked) = mpsc::unbounded_channel();
    let mut running = Running {
        performer,
        machine,
        each,
        step: Arc::clone(step),
        around: scope,
        items,
        coming: None,
        progress,
        collected_bytes,
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

struct Running<'a> {
    performer: Performer,
    machine: &'a Machine,
    each: &'a Each,
    step: Arc<str>,
    around: EachScope,
    /// The source, while nothing is read from it.
    items: Option<Items>,
    coming: Option<Reading>,
    progress: EachProgress,
    collected_bytes: usize,
    /// Where the source can be read from again, by the number of the first item there.
    tokens: BTreeMap<u64, Json>,
    doing: FuturesUnordered<BoxFuture<'static, ItemEnd>>,
    dead: Vec<(NewDeadLetter, Failure)>,
    asking: Vec<oneshot::Sender<()>>,
    ask: mpsc::UnboundedSender<IntentRequest>,
    asked: mpsc::UnboundedReceiver<IntentRequest>,
    exhausted: bool,
    /// An item was left unfinished because nothing more is to be sent.
    interrupted: bool,
    changed: bool,
}

impl Running<'_> {
    async fn run(&mut self) -> Result<Json, Halt> {
        let mut tick = tokio::time::interval(CHECKPOINT_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut halted: Option<Halt> = None;
        loop {
            // After a failure of the step itself no item is begun, and those under way are seen to their end.
            if halted.is_some() {
                self.coming = None;
            } else {
                self.read_on();
            }
            if self.doing.is_empty() && self.coming.is_none() {
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
                (items, next) = read(&mut self.coming) => {
                    self.coming = None;
                    halted = self.begin(items, next).err();
                }
                Some(end) = self.doing.next() => {
                    // A failure says more than that something was left for later.
                    let failed = self.item_ended(end).err().map(Halt::from);
                    if !matches!(halted, Some(Halt::Failed { .. })) {
                        halted = failed.or(halted);
                    }
                    if self.dead.len() >= DEAD_MAX {
                        self.keep().await;
                    }
                }
            }
        }
        self.keep().await;
        match halted {
            Some(halt) => Err(halt),
            None if self.interrupted || !self.exhausted => Err(Halt::Interrupted),
            None => Ok(self.summary().await?),
        }
    }

    /// Asks for the next item if there is room for it.
    fn read_on(&mut self) {
        let full = self.doing.len() >= self.each.concurrency.get() as usize;
        if self.coming.is_some() || self.exhausted || full || self.performer.is_over() {
            return;
        }
        let Some(items) = self.items.take() else { return };
        // One item that takes long must not let the bitmap above the watermark grow without bound.
        let per_number = self.each.batch.map_or(1, |batch| u64::from(batch.get()));
        let number = items.next_index() / per_number;
        if number >= self.progress.watermark + EachProgress::WINDOW_MAX && !self.doing.is_empty() {
            self.items = Some(items);
            return;
        }
        self.coming = Some(Box::pin(items.read(self.each.batch)));
    }

    /// Begins what was read.
    fn begin(&mut self, items: Items, next: Result<Option<(u64, Json)>, Halt>) -> Result<(), Halt> {
        if self.each.batch.is_none() {
            self.tokens.insert(items.token_index, items.token.clone());
        }
        self.items = Some(items);
        let Some((index, item)) = next? else {
            self.exhausted = true;
            return Ok(());
        };
        if self.progress.is_done(index) {
            return Ok(());
        }
        let scope = Arc::new(ItemScope {
            run: self.machine.run(),
            each: Arc::clone(&self.step),
            index,
            item,
            edits: 0,
            at: Some(self.around.at),
            seed: Some(self.machine.item_seed(&self.step, index)),
            scope: self.around.names.clone(),
        });
        let machine = self.machine.for_item(Arc::clone(&scope));
        let uncertain = self.progress.intents_of(index);
        let ask = self.ask.clone();
        self.doing.push(Box::pin(run_item(self.performer.clone(), machine, scope, uncertain, ask)));
        Ok(())
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
        match outcome {
            // If its value cannot be taken up it is not done: a replay of the step must not leave it out.
            Ok(value) => {
                let reduced = self.reduce(&end.scope, &value)?;
                self.collect(end.index, value)?;
                self.progress.reduced = reduced;
                self.progress.ok += 1;
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
        self.progress.done(end.index);
        self.changed = true;
        Ok(())
    }

    fn collect(&mut self, index: u64, value: Json) -> Result<(), Failure> {
        if !self.each.collect {
            return Ok(());
        }
        self.collected_bytes += value.as_bytes().len();
        if self.progress.results.len() >= RESULTS_MAX || self.collected_bytes > RESULTS_BYTES_MAX {
            return Err(too_much_to_collect());
        }
        self.progress.results.push((index, value));
        Ok(())
    }

    /// The aggregate with this item in it, if there is one.
    fn reduce(&self, scope: &ItemScope, value: &Json) -> Result<Option<Json>, Failure> {
        let (Some(reduce), Some(acc)) = (&self.each.reduce, &self.progress.reduced) else {
            return Ok(self.progress.reduced.clone());
        };
        let mut env = Env::new(scope.scope.clone());
        env.bind(self.each.item.shared(), scope.item.clone());
        env.bind("result", value.clone());
        env.bind("acc", acc.clone());
        let moment = Moment { now: self.machine.accepted_at(), seed: scope.index };
        let reduced = reduce.with.evaluate(&env.scope(), moment, &Limits::default());
        reduced.map(Some).map_err(|e| {
            let message = format!("`reduce` failed on item {}: {e}", scope.index);
            Failure::new(Reason::Mapping, code::EXPRESSION_FAILED, message)
        })
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

/// The next item, if one is being read.
async fn read(coming: &mut Option<Reading>) -> ReadItem {
    match coming {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

fn too_much_to_collect() -> Failure {
    let message = format!(
        "more than {RESULTS_MAX} items or {} MiB, whose values cannot all be collected",
        RESULTS_BYTES_MAX / (1024 * 1024)
    );
    Failure::new(Reason::Mapping, code::TOO_MANY_RESULTS, message)
        .help("use `reduce`, or send the values on from inside the block")
}
