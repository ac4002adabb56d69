//! Random acts, each compared with the [model](super::model). The seed is printed; the same seed does the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_stdx::{Json, Random};

use super::Place;
use super::desk::{Desk, at};
use super::model::Model;
use crate::{
    DeadFilter, DeadStatus, NewRun, Phase, Retention, RunFilter, RunId, RunStatus, RunWrite, StoreError,
    WaitFor, Written,
};

/// One store over a long time.
pub fn a_thousand_random_acts_agree_with_the_model(place: &dyn Place) {
    act(place, 1000, 0.0);
}

/// One that is often closed.
pub fn random_acts_with_reopening_agree_with_the_model(place: &dyn Place) {
    act(place, 400, 0.05);
}

fn act(place: &dyn Place, acts: u32, reopen: f64) {
    let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), acts);
    let seed = std::env::var("SINEW_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(seed);
    println_seed(seed);
    let mut player = Player { desk: Desk::at(place), model: Model::default(), random: Random::seeded(seed) };
    for n in 0..acts {
        if player.random.chance(reopen) {
            player.desk.reopen();
            player.model.reopen();
        }
        player.act();
        if n % 10 == 0 {
            player.compare();
        }
    }
    player.compare();
}

#[expect(clippy::print_stderr, reason = "whoever sees the test fail needs the seed to see it again")]
fn println_seed(seed: u64) {
    eprintln!("SINEW_SEED={seed}");
}

struct Player<'a> {
    desk: Desk<'a>,
    model: Model,
    random: Random,
}

impl Player<'_> {
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.below(from.len() as u64) as usize].clone()
    }

    fn word(&mut self, from: &[&str]) -> Arc<str> {
        self.pick(from).into()
    }

    /// A word, or none.
    fn maybe(&mut self, from: &[&str]) -> Option<Arc<str>> {
        self.random.chance(0.5).then(|| self.word(from))
    }

    fn any_run(&mut self, wanted: impl Fn(RunStatus) -> bool) -> Option<RunId> {
        let ids: Vec<RunId> =
            self.model.runs.iter().filter(|r| wanted(r.status)).map(|r| r.new.run).collect();
        (!ids.is_empty()).then(|| self.pick(&ids))
    }

    fn any_letter(&mut self) -> Option<RunId> {
        let ids: Vec<RunId> = self.model.dead.iter().map(|d| d.letter.id).collect();
        (!ids.is_empty()).then(|| self.pick(&ids))
    }

    fn act(&mut self) {
        match self.random.below(20) {
            0..=5 => self.accept(),
            6..=11 => self.write(),
            12..=13 => self.claim_queued(),
            14 => self.claim_one(),
            15 => self.claim_due(),
            16 => self.claim_event(),
            17 => self.letters(),
            18 => self.refused(),
            _ => self.retain(),
        }
    }

    fn accept(&mut self) {
        let runs: Vec<NewRun> = (0..=self.random.below(3)).map(|_| self.new_run()).collect();
        let expected: Vec<_> = runs.iter().map(|run| self.model.accept(run)).collect();
        assert_eq!(self.desk.store().accept(runs, None).wait().unwrap(), expected);
    }

    fn new_run(&mut self) -> NewRun {
        let flow = self.word(&["f", "g", "h"]);
        let mut run = self.desk.run(&flow);
        run.accepted_at = at(run.accepted_at.as_millis() - at(0).as_millis() - self.random.below(50) as i64);
        run.batch = self.random.chance(0.3);
        run.start = self.random.chance(0.4);
        run.ordering_key = self.maybe(&["k1", "k2", ""]);
        run.backlog_max = 12;
        if self.random.chance(0.4) {
            let window = Duration::from_millis(self.random.below(200));
            run.dedupe = Some((self.word(&["d1", "d2", "d3", "d4"]), run.accepted_at.plus(window)));
        }
        run
    }

    fn write(&mut self) {
        let Some(run) = self.any_run(|status| status == RunStatus::Running) else { return };
        let seq = self.model.find(run).map_or(0, |r| r.entries.len() as u32);
        let phase = self.phase();
        let mut write = self.desk.entry(run, seq, phase);
        let entries = self.random.below(3) as u32;
        write.entries = (seq..seq + entries).map(|n| n.to_be_bytes().to_vec()).collect();
        let dies = matches!(write.phase, Phase::Ended { status: RunStatus::Dead, .. });
        if dies || self.random.chance(0.1) {
            let (step, reason) = (self.word(&["a", "b"]), self.word(&["rejected", "unknown"]));
            write.dead.push(self.desk.letter(&step, &reason));
        }
        let expected = Written { unblocked: self.model.write(&write) };
        assert_eq!(self.desk.write(write).unwrap(), expected);
    }

    fn phase(&mut self) -> Phase {
        match self.random.below(8) {
            0..=1 => Phase::Running,
            2..=3 => {
                let due = self
                    .random
                    .chance(0.5)
                    .then(|| self.desk.now().plus(Duration::from_millis(self.random.below(30))));
                let events = (0..self.random.below(3))
                    .map(|_| (self.word(&["e1", "e2"]), self.maybe(&["x", ""])))
                    .collect();
                Phase::Waiting(WaitFor { what: "event".into(), due, events })
            }
            4 => Phase::Ended {
                status: RunStatus::Dead,
                holds_key: self.random.chance(0.6),
                reason: Some("rejected".into()),
                step: self.maybe(&["a", "b"]),
            },
            _ => {
                let ends =
                    [RunStatus::Finished, RunStatus::Undone, RunStatus::Cancelled, RunStatus::Discarded];
                let status = self.pick(&ends);
                Phase::Ended { status, holds_key: false, reason: None, step: None }
            }
        }
    }

    fn claim_queued(&mut self) {
        let limit = self.random.below(6) as u32;
        let mut room = BTreeMap::new();
        for flow in ["f", "g"] {
            if self.random.chance(0.4) {
                room.insert(Arc::from(flow), self.random.below(3) as u32);
            }
        }
        let asked = room.clone().into_iter().collect();
        let claimed = self.desk.store().claim_queued(limit, asked).wait().unwrap();
        self.model.check_claim(limit, &room, &claimed);
    }

    fn claim_one(&mut self) {
        let Some(run) = self.any_run(|_| true) else { return };
        if self.random.chance(0.3) {
            let expected = self.model.claim_to_cancel(run);
            assert_eq!(self.desk.store().claim_to_cancel(run).wait().unwrap(), expected);
        } else {
            assert_eq!(self.desk.store().claim(run).wait().unwrap(), self.model.claim(run));
        }
    }

    fn claim_due(&mut self) {
        let (now, limit) = (self.desk.now(), self.random.below(4) as u32);
        assert_eq!(self.desk.store().claim_due(now, limit).wait().unwrap(), self.model.claim_due(now, limit));
    }

    fn claim_event(&mut self) {
        let (event, key, limit) =
            (self.word(&["e1", "e2"]), self.maybe(&["x", "", "y"]), self.random.below(4) as u32);
        let after = self.any_run(|_| true).filter(|_| limit == 3);
        let expected = self.model.claim_event(&event, key.as_ref(), after, limit);
        assert_eq!(self.desk.store().claim_event(event, key, after, limit).wait().unwrap(), expected);
    }

    fn letters(&mut self) {
        let Some(id) = self.any_letter() else { return };
        if self.random.chance(0.5) {
            let payload = Json::of(&self.random.below(100));
            let expected = self.model.edit(id, &payload);
            assert_eq!(self.desk.store().dead_edit(id, payload).wait().unwrap(), expected);
        } else {
            let status = self.pick(&[DeadStatus::Replayed, DeadStatus::Discarded]);
            let expected = self.model.settle(id, status);
            assert_eq!(self.desk.store().dead_settle(id, status).wait().unwrap(), expected);
        }
    }

    fn refused(&mut self) {
        let Some(run) = self.any_run(|_| true) else { return };
        let Some((status, seq)) = self.model.find(run).map(|r| (r.status, r.entries.len() as u32)) else {
            return;
        };
        let write = RunWrite { first_seq: seq + 1, ..self.desk.entry(run, seq, Phase::Running) };
        match self.desk.write(write) {
            Err(StoreError::OutOfSequence { expected, .. }) if status == RunStatus::Running => {
                assert_eq!(expected, seq);
            }
            Err(StoreError::NotClaimed(_)) if status != RunStatus::Running => {}
            other => panic!("a wrong write to a {status:?} run gave {other:?}"),
        }
    }

    fn retain(&mut self) {
        let before = self.desk.now().minus(Duration::from_millis(self.random.below(300)));
        let retention = Retention { ended_before: before, batch_max: 3 };
        while self.desk.store().retain(retention).wait().unwrap() > 0 {}
        self.model.retain(retention);
    }

    fn compare(&mut self) {
        for _ in 0..4 {
            let filter = self.run_filter();
            assert_eq!(
                self.desk.store().runs(filter.clone()).wait().unwrap(),
                self.model.list(&filter),
                "{filter:?}"
            );
            let filter = self.dead_filter();
            let expected = self.model.dead_list(&filter);
            assert_eq!(self.desk.store().dead_list(filter.clone()).wait().unwrap(), expected, "{filter:?}");
            let all = DeadFilter { before: None, limit: u32::MAX, ..filter };
            let count = self.model.dead_list(&all).len() as u64;
            assert_eq!(self.desk.store().dead_count(all).wait().unwrap(), count);
        }
        assert_eq!(self.desk.store().flow_counts().wait().unwrap(), self.model.flow_counts());
        assert_eq!(self.desk.store().next_due().wait().unwrap(), self.model.next_due());
        let active = self.model.runs.iter().filter(|r| !r.status.is_final()).count() as u64;
        assert_eq!(self.desk.store().stats().wait().unwrap().active, active);
        if let Some(run) = self.any_run(|_| true) {
            let stored = self.desk.store().load(run).wait().unwrap().unwrap();
            let expected = self.model.find(run).unwrap();
            assert_eq!((stored.status, &stored.entries), (expected.status, &expected.entries));
        }
    }

    fn run_filter(&mut self) -> RunFilter {
        let (since, until) = (self.bound(), self.bound());
        RunFilter {
            flow: self.maybe(&["f", "g", "nobody"]),
            statuses: (0..self.random.below(3)).map(|_| self.pick(&RunStatus::ALL)).collect(),
            ordering_key: self.maybe(&["k1", ""]).filter(|_| since.is_none()),
            since,
            until,
            before: self.any_run(|_| true).filter(|_| until.is_none()),
            limit: self.random.below(20) as u32,
        }
    }

    fn dead_filter(&mut self) -> DeadFilter {
        let (since, until) = (self.bound(), self.bound());
        DeadFilter {
            flow: self.maybe(&["f", "g"]),
            run: self.any_run(|_| true).filter(|_| since.is_some()),
            step: self.maybe(&["a", "b"]).filter(|_| until.is_none()),
            reason: self.maybe(&["rejected", "unknown"]).filter(|_| until.is_some()),
            status: self.random.chance(0.5).then_some(DeadStatus::Open),
            since,
            until,
            before: self.any_letter().filter(|_| since.is_none()),
            limit: self.random.below(20) as u32,
        }
    }

    /// Some moment, or none.
    fn bound(&mut self) -> Option<sinew_stdx::Timestamp> {
        let now = self.desk.now().as_millis() - at(0).as_millis();
        self.random.chance(0.3).then(|| at(self.random.below(now.unsigned_abs() + 1) as i64))
    }
}
