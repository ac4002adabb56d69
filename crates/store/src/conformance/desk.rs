//! What the cases sit at: an open store, ids and a clock, and short words for what they do all the time.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use sinew_stdx::{Json, Timestamp};

use super::Place;
use crate::{
    Admitted, IdSource, NewDeadLetter, NewRun, Phase, RunFilter, RunId, RunStatus, RunWrite, Store,
    StoreError, WaitFor, Written,
};

pub(super) struct Desk<'a> {
    place: &'a dyn Place,
    store: Option<Box<dyn Store>>,
    ids: RefCell<IdSource>,
    clock: Cell<i64>,
}

/// 2026-01-01.
pub(super) const START: i64 = 1_767_225_600_000;

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(START + ms)
}

impl<'a> Desk<'a> {
    pub(super) fn at(place: &'a dyn Place) -> Self {
        Self {
            place,
            store: Some(place.open()),
            ids: RefCell::new(IdSource::seeded(7)),
            clock: Cell::new(START),
        }
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.store.as_deref().unwrap()
    }

    pub(super) fn reopen(&mut self) {
        self.store = None;
        self.store = Some(self.place.open());
    }

    pub(super) fn overtake(&self) {
        self.place.overtake();
    }

    /// The time; each look moves it by a millisecond.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.set(self.clock.get() + 1);
        Timestamp::from_millis(self.clock.get())
    }

    pub(super) fn id(&self) -> RunId {
        self.ids.borrow_mut().next(self.now())
    }

    /// A run that waits in the backlog when it is accepted.
    pub(super) fn run(&self, flow: &str) -> NewRun {
        let run = self.id();
        NewRun {
            run,
            flow: flow.into(),
            version: "v1".into(),
            accepted_at: run.at(),
            batch: false,
            ordering_key: None,
            dedupe: None,
            parent: None,
            trace_id: 0xABCD,
            entry: b"accepted".to_vec(),
            blobs: Vec::new(),
            start: false,
            backlog_max: 1000,
        }
    }

    pub(super) fn keyed(&self, flow: &str, key: &str) -> NewRun {
        NewRun { ordering_key: Some(key.into()), start: true, ..self.run(flow) }
    }

    pub(super) fn accept(&self, run: NewRun) -> Admitted {
        self.store().accept(vec![run], None).wait().unwrap()[0]
    }

    /// Accepts a run that runs at once.
    pub(super) fn start(&self, flow: &str) -> RunId {
        let run = NewRun { start: true, ..self.run(flow) };
        let id = run.run;
        assert_eq!(self.accept(run), Admitted::Started);
        id
    }

    /// Accepts a run that waits in the backlog.
    pub(super) fn queue(&self, run: NewRun) -> RunId {
        let id = run.run;
        assert_eq!(self.accept(run), Admitted::Queued);
        id
    }

    /// A write of one entry.
    pub(super) fn entry(&self, run: RunId, seq: u32, phase: Phase) -> RunWrite {
        RunWrite {
            run,
            first_seq: seq,
            entries: vec![format!("entry {seq}").into_bytes()],
            blobs: Vec::new(),
            checkpoints: Vec::new(),
            phase,
            dead: Vec::new(),
            settles: Vec::new(),
            at: self.now(),
        }
    }

    pub(super) fn write(&self, write: RunWrite) -> Result<Written, StoreError> {
        self.store().write(write).wait()
    }

    pub(super) fn finish(&self, run: RunId, seq: u32) -> Written {
        self.write(self.entry(run, seq, ended(RunStatus::Finished))).unwrap()
    }

    /// Lets a run rest.
    pub(super) fn rest(&self, run: RunId, seq: u32, due: Option<i64>, events: &[(&str, Option<&str>)]) {
        let events = events.iter().map(|&(event, key)| (event.into(), key.map(Arc::from))).collect();
        let wait = WaitFor { what: "event".into(), due: due.map(at), events };
        self.write(self.entry(run, seq, Phase::Waiting(wait))).unwrap();
    }

    /// Lets a run die with one letter at `step` for `reason`.
    pub(super) fn die(
        &self,
        run: RunId,
        seq: u32,
        step: &str,
        reason: &str,
        holds_key: bool,
    ) -> NewDeadLetter {
        let letter = self.letter(step, reason);
        let phase = Phase::Ended {
            status: RunStatus::Dead,
            holds_key,
            reason: Some(reason.into()),
            step: Some(step.into()),
        };
        let dead = vec![letter.clone()];
        let written = self.write(RunWrite { dead, ..self.entry(run, seq, phase) }).unwrap();
        assert!(!holds_key || written.unblocked.is_none());
        letter
    }

    pub(super) fn letter(&self, step: &str, reason: &str) -> NewDeadLetter {
        NewDeadLetter {
            id: self.id(),
            step: step.into(),
            item: None,
            reason: reason.into(),
            code: "SNW-2001".into(),
            message: "it said no".into(),
            payload: Json::of(&1),
            detail: Json::of(&[2, 3]),
        }
    }

    pub(super) fn claim(&self, limit: u32) -> Vec<RunId> {
        let claimed = self.store().claim_queued(limit, Vec::new()).wait().unwrap();
        claimed.into_iter().map(|(run, _)| run).collect()
    }

    pub(super) fn status(&self, run: RunId) -> RunStatus {
        self.store().run(run).wait().unwrap().unwrap().status
    }

    pub(super) fn list(&self, filter: RunFilter) -> Vec<RunId> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let lines = self.store().runs(RunFilter { limit, ..filter }).wait().unwrap();
        lines.into_iter().map(|line| line.run).collect()
    }

    pub(super) fn entries(&self, run: RunId) -> Vec<String> {
        let stored = self.store().load(run).wait().unwrap().unwrap();
        stored.entries.into_iter().map(|entry| String::from_utf8(entry).unwrap()).collect()
    }
}

pub(super) fn ended(status: RunStatus) -> Phase {
    Phase::Ended { status, holds_key: false, reason: None, step: None }
}
