//! What people and programs outside ask of the engine: look at a run, decide, cancel.

use std::sync::Arc;

use sinew_flow_core::{Decision, Entry, Machine, Record, decode};
use sinew_model::Principal;
use sinew_store::{RunId, RunStatus, RunSummary};

use crate::engine::{Core, Message};
use crate::{Engine, Refusal, RunEnd, drive};

/// A run in full.
#[derive(Clone, Debug)]
pub struct RunDetail {
    /// Its line in the list.
    pub summary: RunSummary,
    /// Its journal.
    pub entries: Vec<Entry>,
    /// Its machine, folded to the end of the journal; `None` if its flow's version cannot be read any more.
    pub machine: Option<Machine>,
}

impl Core {
    /// How a run ended; `None` if it has not, or only come to a dead letter.
    pub(crate) async fn end_of(&self, run: RunId) -> Result<Option<RunEnd>, Refusal> {
        let missing = || Refusal::Missing(format!("run {run}"));
        let stored = self.store.load(run).await?.ok_or_else(missing)?;
        if !stored.status.is_final() || stored.status == RunStatus::Dead {
            return Ok(None);
        }
        let entries = decode(&stored.entries, &stored.blobs).map_err(|e| Refusal::Conflict(e.to_string()))?;
        let mut end = RunEnd { status: stored.status, result: None, failure: None };
        match entries.into_iter().next_back().map(|entry| entry.record) {
            Some(Record::Finished { result }) => end.result = Some(result),
            Some(Record::Compensated { failure, .. }) => end.failure = Some(failure),
            _ => {}
        }
        Ok(Some(end))
    }
}

impl Engine {
    /// A run in full.
    pub async fn inspect(&self, run: RunId) -> Result<RunDetail, Refusal> {
        let missing = || Refusal::Missing(format!("run {run}"));
        let summary = self.core.store.run(run).await?.ok_or_else(missing)?;
        let stored = self.core.store.load(run).await?.ok_or_else(missing)?;
        let entries = decode(&stored.entries, &stored.blobs).map_err(|e| Refusal::Conflict(e.to_string()))?;
        let machine = drive::fold(&self.core, &stored).await.ok().map(|(machine, _)| machine);
        Ok(RunDetail { summary, entries, machine })
    }

    /// Decides on a step that waits for approval (the only such step, if none is named). Durable when it answers.
    pub async fn decide(
        &self,
        run: RunId,
        step: Option<Arc<str>>,
        decision: Decision,
    ) -> Result<(), Refusal> {
        self.core.tell(run, |ack| Message::Decide { step, decision, ack }).await
    }

    /// Stops a run: what is being sent is answered first, nothing more is sent. Durable when it answers.
    pub async fn cancel(&self, run: RunId, by: Principal) -> Result<(), Refusal> {
        self.core.tell_any(run, |ack| Message::Cancel { by, ack }).await
    }
}
