use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_model::{Attempt, Failure, FlowVersion, Principal, Trace};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{DeadId, RunId};

/// An entry of a run's journal: a record and its time.
///
/// `V` is how values are held: [`Json`] in memory, a reference for large ones on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry<V = Json> {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(rename = "do")]
    pub record: Record<V>,
}

/// What happened to a run. A closed set: state is nothing but these, folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "V: Deserialize<'de>"))]
pub enum Record<V = Json> {
    /// It was accepted. Durable before the sender is answered.
    Accepted {
        /// Version of the flow.
        version: FlowVersion,
        /// The trigger's payload, as far as the flow reads it.
        trigger: V,
        /// Who sent it.
        principal: Principal,
        /// The trace it belongs to.
        trace: Trace,
        /// What `$random()` and the like start from.
        seed: u64,
        /// The ordering key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ordering_key: Option<Arc<str>>,
        /// The dedupe key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dedupe_key: Option<Arc<str>>,
        /// The run and step that started it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<(RunId, Arc<str>)>,
        /// If this run repeats one item of another run's `each`: which, and what it needs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<Box<ItemScope<V>>>,
        /// Why its trigger could not read the payload. It dies at once, and a person decides.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unreadable: Option<Box<Failure>>,
    },
    /// A write is about to be sent to a destination that would act twice. Durable before it is sent: after a crash we
    /// know that we do not know.
    Intent {
        /// The step.
        step: Arc<str>,
    },
    /// A step has its value, or failed for good.
    Settled {
        /// The step.
        step: Arc<str>,
        /// What came of it.
        outcome: Outcome<V>,
        /// Attempts since the last [`Record::Backoff`]; empty if the first succeeded.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attempts: Vec<Attempt>,
    },
    /// A step is tried again at a time that is more than a few seconds away.
    Backoff {
        /// The step.
        step: Arc<str>,
        /// Attempts made in all.
        attempts_made: u32,
        /// When it is tried again.
        due: Timestamp,
        /// Attempts since the last of these records.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attempts: Vec<Attempt>,
    },
    /// A step waits.
    Parked {
        /// The step.
        step: Arc<str>,
        /// For what.
        wait: ParkedFor,
    },
    /// What a step waited for has come.
    Signalled {
        /// The step.
        step: Arc<str>,
        /// What came.
        signal: Signal<V>,
        /// Which emission it was, if it was an event. One that is told again is not heard again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emission: Option<Arc<str>>,
    },
    /// A step was taken back.
    Undone {
        /// The step.
        step: Arc<str>,
    },
    /// The run gave up; its dead letter holds the work.
    Dead {
        /// The step that failed.
        step: Arc<str>,
        /// Why.
        failure: Failure,
        /// The dead letter.
        letter: DeadId,
    },
    /// Somebody sent it on its way again from the step that failed.
    Revived {
        /// The step.
        step: Arc<str>,
        /// Who.
        by: Principal,
        /// The step's input, edited.
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        input: Option<V>,
        /// The trigger's payload, edited.
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        trigger: Option<V>,
        /// The version that it goes on with, if another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<FlowVersion>,
    },
    /// Somebody stopped it.
    Cancelled {
        /// Who.
        by: Principal,
    },
    /// Its dead letter was discarded by somebody.
    Discarded {
        /// Who.
        by: Principal,
    },
    /// It failed, and everything it had done was taken back.
    Compensated {
        /// The step that failed.
        step: Arc<str>,
        /// Why.
        failure: Failure,
    },
    /// It is done.
    Finished {
        /// The flow's result.
        result: V,
    },
}

fn none<V>() -> Option<V> {
    None
}

/// A step's value, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<V = Json> {
    /// Its value.
    Ok(V),
    /// Why it failed for good.
    Failed(Failure),
}

/// One item of an `each`, to be run by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "V: Deserialize<'de>"))]
pub struct ItemScope<V = Json> {
    /// The run whose item it is; its idempotency keys are used again.
    pub run: RunId,
    /// The `each` step.
    pub each: Arc<str>,
    /// The item's number.
    pub index: u64,
    /// The item.
    pub item: V,
    /// How often it was edited by hand: an edited item makes other calls.
    #[serde(default)]
    pub edits: u32,
    /// When its `each` became ready: its expressions take their time from here, however often and late it runs again.
    /// Journals before this field do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What its `$random()` and the like start from, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What the block reads of the scope around it.
    pub scope: Vec<(Arc<str>, V)>,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedFor {
    /// A time.
    Until(Timestamp),
    /// An event.
    Event {
        /// Its name.
        event: Arc<str>,
        /// The key it must carry.
        key: Option<Arc<str>>,
        /// When to give up.
        deadline: Option<Timestamp>,
    },
    /// A person's decision.
    Approval {
        /// What is asked.
        message: Arc<str>,
        /// Who may decide; anyone if empty.
        by: Vec<Arc<str>>,
        /// When it counts as rejected.
        deadline: Option<Timestamp>,
    },
    /// A sub-flow's end.
    Child {
        /// Its run.
        run: RunId,
    },
}

impl ParkedFor {
    /// When it is over by itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Until(at) => Some(*at),
            Self::Event { deadline, .. } | Self::Approval { deadline, .. } => *deadline,
            Self::Child { .. } => None,
        }
    }

    /// The word for it, for people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Until(_) => "time",
            Self::Event { .. } => "event",
            Self::Approval { .. } => "approval",
            Self::Child { .. } => "flow",
        }
    }
}

/// What a step waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal<V = Json> {
    /// The time came.
    Elapsed,
    /// The event came, with this payload.
    Event(V),
    /// Somebody decided.
    Decided(Decision),
    /// The sub-flow ended.
    Child(Outcome<V>),
}

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Yes or no.
    pub approved: bool,
    /// Who decided.
    pub by: Arc<str>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

impl<V> Entry<V> {
    /// The same entry with its values held another way.
    pub(crate) fn map_values<W, E>(self, f: &mut dyn FnMut(V) -> Result<W, E>) -> Result<Entry<W>, E> {
        Ok(Entry { at: self.at, record: self.record.map_values(f)? })
    }
}

impl<V> Record<V> {
    fn map_values<W, E>(self, f: &mut dyn FnMut(V) -> Result<W, E>) -> Result<Record<W>, E> {
        Ok(match self {
            Self::Accepted {
                version,
                trigger,
                principal,
                trace,
                seed,
                ordering_key,
                dedupe_key,
                parent,
                item,
                unreadable,
            } => Record::Accepted {
                version,
                trigger: f(trigger)?,
                principal,
                trace,
                seed,
                ordering_key,
                dedupe_key,
                parent,
                item: item.map(|item| item.map_values(f)).transpose()?.map(Box::new),
                unreadable,
            },
            Self::Settled { step, outcome, attempts } => {
                Record::Settled { step, outcome: outcome.map_values(f)?, attempts }
            }
            Self::Signalled { step, signal, emission } => Record::Signalled {
                step,
                signal: match signal {
                    Signal::Elapsed => Signal::Elapsed,
                    Signal::Event(value) => Signal::Event(f(value)?),
                    Signal::Decided(decision) => Signal::Decided(decision),
                    Signal::Child(outcome) => Signal::Child(outcome.map_values(f)?),
                },
                emission,
            },
            Self::Revived { step, by, input, trigger, version } => Record::Revived {
                step,
                by,
                input: input.map(&mut *f).transpose()?,
                trigger: trigger.map(&mut *f).transpose()?,
                version,
            },
            Self::Finished { result } => Record::Finished { result: f(result)? },
            Self::Intent { step } => Record::Intent { step },
            Self::Backoff { step, attempts_made, due, attempts } => {
                Record::Backoff { step, attempts_made, due, attempts }
            }
            Self::Parked { step, wait } => Record::Parked { step, wait },
            Self::Undone { step } => Record::Undone { step },
            Self::Dead { step, failure, letter } => Record::Dead { step, failure, letter },
            Self::Cancelled { by } => Record::Cancelled { by },
            Self::Discarded { by } => Record::Discarded { by },
            Self::Compensated { step, failure } => Record::Compensated { step, failure },
        })
    }
}

impl<V> Outcome<V> {
    fn map_values<W, E>(self, f: &mut dyn FnMut(V) -> Result<W, E>) -> Result<Outcome<W>, E> {
        Ok(match self {
            Self::Ok(value) => Outcome::Ok(f(value)?),
            Self::Failed(failure) => Outcome::Failed(failure),
        })
    }
}

impl<V> ItemScope<V> {
    fn map_values<W, E>(self, f: &mut dyn FnMut(V) -> Result<W, E>) -> Result<ItemScope<W>, E> {
        Ok(ItemScope {
            run: self.run,
            each: self.each,
            index: self.index,
            item: f(self.item)?,
            edits: self.edits,
            at: self.at,
            seed: self.seed,
            scope: self
                .scope
                .into_iter()
                .map(|(name, value)| Ok((name, f(value)?)))
                .collect::<Result<_, E>>()?,
        })
    }
}

impl From<sinew_model::Outcome> for Outcome {
    fn from(outcome: sinew_model::Outcome) -> Self {
        match outcome {
            Ok(value) => Self::Ok(value),
            Err(failure) => Self::Failed(failure),
        }
    }
}
