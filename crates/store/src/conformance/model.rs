//! The traits again, in memory and as plainly as possible: what a store is compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_stdx::{Json, Timestamp};

use crate::{
    Admitted, DeadFilter, DeadLetter, DeadStatus, FlowCounts, NewRun, Phase, Retention, RunFilter, RunId,
    RunStatus, RunSummary, RunWrite, WaitFor,
};

/// A run as the model sees it; runs lie in the order of acceptance.
#[derive(Clone, Debug)]
pub(super) struct ModelRun {
    pub(super) new: NewRun,
    pub(super) status: RunStatus,
    /// Was left running by an earlier epoch, and not claimed since.
    returned: bool,
    in_line: bool,
    pub(super) entries: Vec<Vec<u8>>,
    wait: Option<WaitFor>,
    ended_at: Option<Timestamp>,
    reason: Option<Arc<str>>,
    step: Option<Arc<str>>,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) runs: Vec<ModelRun>,
    dedupe: BTreeMap<(Arc<str>, Arc<str>), (RunId, Timestamp)>,
    pub(super) dead: Vec<DeadLetter>,
    last_accepted: BTreeMap<Arc<str>, Timestamp>,
}

impl Model {
    pub(super) fn find(&self, run: RunId) -> Option<&ModelRun> {
        self.runs.iter().find(|r| r.new.run == run)
    }

    fn get(&mut self, run: RunId) -> &mut ModelRun {
        self.runs.iter_mut().find(|r| r.new.run == run).unwrap()
    }

    fn head(&self, flow: &str, key: &str) -> Option<RunId> {
        let same =
            |r: &&ModelRun| r.in_line && &*r.new.flow == flow && r.new.ordering_key.as_deref() == Some(key);
        self.runs.iter().find(same).map(|r| r.new.run)
    }

    /// Whether another run of its flow and key is before it.
    fn is_blocked(&self, run: &ModelRun) -> bool {
        let key = run.new.ordering_key.as_deref();
        key.is_some_and(|key| self.head(&run.new.flow, key) != Some(run.new.run))
    }

    /// What waits for its key.
    fn blocked(&self) -> Vec<RunId> {
        let waits = |r: &&ModelRun| r.status == RunStatus::Queued && self.is_blocked(r);
        self.runs.iter().filter(waits).map(|r| r.new.run).collect()
    }

    pub(super) fn accept(&mut self, new: &NewRun) -> Admitted {
        if let Some((key, _)) = &new.dedupe
            && let Some((earlier, until)) = self.dedupe.get(&(Arc::clone(&new.flow), Arc::clone(key)))
            && *until > new.accepted_at
        {
            return Admitted::Duplicate(*earlier);
        }
        let free = new.ordering_key.as_ref().is_none_or(|key| self.head(&new.flow, key).is_none());
        let starts = free && new.start;
        let queued = self.of(&new.flow, RunStatus::Queued).count() as u64;
        if !starts && queued >= new.backlog_max {
            return Admitted::BacklogFull;
        }
        if let Some((key, until)) = &new.dedupe {
            self.dedupe.insert((Arc::clone(&new.flow), Arc::clone(key)), (new.run, *until));
        }
        let last = self.last_accepted.entry(Arc::clone(&new.flow)).or_insert(new.accepted_at);
        *last = new.accepted_at.max(*last);
        self.runs.push(ModelRun {
            status: if starts { RunStatus::Running } else { RunStatus::Queued },
            returned: false,
            in_line: new.ordering_key.is_some(),
            entries: vec![new.entry.clone()],
            wait: None,
            ended_at: None,
            reason: None,
            step: None,
            new: new.clone(),
        });
        if starts { Admitted::Started } else { Admitted::Queued }
    }

    fn of(&self, flow: &str, status: RunStatus) -> impl Iterator<Item = &ModelRun> {
        self.runs.iter().filter(move |r| &*r.new.flow == flow && r.status == status)
    }

    /// A write that must succeed; answers which run is ready by it.
    pub(super) fn write(&mut self, write: &RunWrite) -> Option<RunId> {
        let flow = Arc::clone(&self.get(write.run).new.flow);
        for letter in &write.dead {
            let (run, flow, letter) = (write.run, Arc::clone(&flow), letter.clone());
            self.dead.push(DeadLetter {
                run,
                flow,
                at: write.at,
                status: DeadStatus::Open,
                edited: false,
                letter,
            });
        }
        let blocked = self.blocked();
        let run = self.get(write.run);
        run.entries.extend(write.entries.iter().cloned());
        match write.phase.clone() {
            Phase::Running => None,
            Phase::Waiting(wait) => {
                (run.status, run.reason) = (RunStatus::Waiting, Some(Arc::clone(&wait.what)));
                run.wait = Some(wait);
                None
            }
            Phase::Ended { status, holds_key, reason, step } => {
                (run.status, run.reason, run.step, run.ended_at) = (status, reason, step, Some(write.at));
                run.in_line &= holds_key;
                let key = run.new.ordering_key.clone().filter(|_| !holds_key)?;
                let head = self.head(&flow, &key)?;
                Some(head).filter(|run| blocked.contains(run))
            }
        }
    }

    pub(super) fn take(&mut self, run: RunId) {
        let run = self.get(run);
        if run.status == RunStatus::Dead {
            run.in_line = run.new.ordering_key.is_some();
        }
        (run.status, run.returned) = (RunStatus::Running, false);
        (run.wait, run.reason, run.step, run.ended_at) = (None, None, None, None);
        for run in self.blocked() {
            self.get(run).returned = false;
        }
    }

    pub(super) fn claim(&mut self, run: RunId) -> bool {
        let can = self.find(run).is_some_and(|r| match r.status {
            RunStatus::Waiting => true,
            RunStatus::Dead => !self.another_is_under_way(r),
            _ => false,
        });
        if can {
            self.take(run);
        }
        can
    }

    pub(super) fn claim_to_cancel(&mut self, run: RunId) -> bool {
        let open = [RunStatus::Queued, RunStatus::Waiting, RunStatus::Dead];
        let can = self.find(run).is_some_and(|r| open.contains(&r.status));
        if can {
            self.take(run);
        }
        can
    }

    /// Whether another run with its key has begun and not ended.
    fn another_is_under_way(&self, run: &ModelRun) -> bool {
        let is_other = |r: &ModelRun| r.new.run != run.new.run && r.new.ordering_key == run.new.ordering_key;
        let same_flow = self.runs.iter().filter(|r| r.new.flow == run.new.flow);
        run.new.ordering_key.is_some()
            && same_flow
                .filter(|r| is_other(r))
                .any(|r| matches!(r.status, RunStatus::Running | RunStatus::Waiting) || r.returned)
    }

    /// What may be claimed from the backlog, with the rank of its lane; in order of ids.
    fn claimable(&self) -> Vec<(RunId, Arc<str>, u8)> {
        let ready = |r: &&ModelRun| r.status == RunStatus::Queued && !self.is_blocked(r);
        let rank = |r: &ModelRun| 2 * u8::from(r.new.batch) + u8::from(!r.returned);
        let mut list: Vec<_> =
            self.runs.iter().filter(ready).map(|r| (r.new.run, Arc::clone(&r.new.flow), rank(r))).collect();
        list.sort_unstable_by_key(|(run, ..)| *run);
        list
    }

    /// Checks what a store took from the backlog against what it should have, and takes it.
    pub(super) fn check_claim(
        &mut self,
        limit: u32,
        room: &BTreeMap<Arc<str>, u32>,
        claimed: &[(RunId, Arc<str>)],
    ) {
        let claimable = self.claimable();
        let mut room_left = room.clone();
        let mut left = limit as usize;
        let mut rest = claimed;
        for rank in 0..4 {
            let of_rank: Vec<_> = claimable.iter().filter(|(.., r)| *r == rank).collect();
            let mut waiting: BTreeMap<&str, Vec<RunId>> = BTreeMap::new();
            for (run, flow, _) in of_rank {
                waiting.entry(flow).or_default().push(*run);
            }
            // What each flow can give: its oldest, as far as there is room.
            for (flow, runs) in &mut waiting {
                runs.truncate(room_left.get(*flow).map_or(usize::MAX, |room| *room as usize));
            }
            let can = waiting.values().map(Vec::len).sum::<usize>().min(left);
            let (taken, later) = rest.split_at_checked(can).unwrap_or_else(|| {
                panic!("as many as there are, up to the limit, lane by lane: {claimed:?} of {claimable:?}")
            });
            check_shares(&waiting, taken);
            for (_, flow) in taken {
                if let Some(room) = room_left.get_mut(flow) {
                    *room -= 1;
                }
            }
            (rest, left) = (later, left - can);
        }
        assert!(rest.is_empty(), "no more than there are: {claimed:?} of {claimable:?}");
        for (run, _) in claimed {
            self.take(*run);
        }
    }

    fn resting(&self, wanted: impl Fn(&WaitFor) -> bool) -> Vec<(RunId, Option<Timestamp>)> {
        let found = self.runs.iter().filter_map(|r| Some((r.new.run, r.wait.as_ref()?)));
        found.filter(|(_, wait)| wanted(wait)).map(|(run, wait)| (run, wait.due)).collect()
    }

    pub(super) fn claim_due(&mut self, now: Timestamp, limit: u32) -> Vec<RunId> {
        let mut found = self.resting(|wait| wait.due.is_some_and(|due| due <= now));
        found.sort_unstable_by_key(|&(run, due)| (due, run));
        self.take_first(found, limit)
    }

    pub(super) fn claim_event(
        &mut self,
        event: &Arc<str>,
        key: Option<&Arc<str>>,
        after: Option<RunId>,
        limit: u32,
    ) -> Vec<RunId> {
        let mut found =
            self.resting(|w| w.events.iter().any(|(e, k)| e == event && (k.is_none() || k.as_ref() == key)));
        found.retain(|&(run, _)| Some(run) > after);
        found.sort_unstable_by_key(|&(run, _)| run);
        self.take_first(found, limit)
    }

    fn take_first(&mut self, found: Vec<(RunId, Option<Timestamp>)>, limit: u32) -> Vec<RunId> {
        let taken: Vec<RunId> = found.into_iter().map(|(run, _)| run).take(limit as usize).collect();
        for &run in &taken {
            self.take(run);
        }
        taken
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.runs.iter().filter_map(|r| r.wait.as_ref()?.due).min()
    }

    pub(super) fn reopen(&mut self) {
        for run in self.runs.iter_mut().filter(|r| r.status == RunStatus::Running) {
            (run.status, run.returned) = (RunStatus::Queued, true);
        }
        // Whoever ran out of turn waits for its key like the rest.
        let blocked: Vec<RunId> =
            self.runs.iter().filter(|r| self.is_blocked(r)).map(|r| r.new.run).collect();
        for run in blocked {
            self.get(run).returned = false;
        }
    }

    pub(super) fn retain(&mut self, retention: Retention) {
        let dead = std::mem::take(&mut self.dead);
        let open = |run: RunId| dead.iter().any(|d| d.run == run && d.status == DeadStatus::Open);
        self.runs.retain(|r| {
            r.in_line || open(r.new.run) || r.ended_at.is_none_or(|ended| ended >= retention.ended_before)
        });
        self.dead = dead;
        let runs = &self.runs;
        self.dead.retain(|d| runs.iter().any(|r| r.new.run == d.run));
    }

    pub(super) fn edit(&mut self, id: RunId, payload: &Json) -> bool {
        let open = self.dead.iter_mut().find(|d| d.letter.id == id && d.status == DeadStatus::Open);
        open.map(|d| (d.edited, d.letter.payload) = (true, payload.clone())).is_some()
    }

    pub(super) fn settle(&mut self, id: RunId, status: DeadStatus) -> bool {
        let open = self.dead.iter_mut().find(|d| d.letter.id == id && d.status == DeadStatus::Open);
        open.map(|d| d.status = status).is_some()
    }

    pub(super) fn list(&self, filter: &RunFilter) -> Vec<RunSummary> {
        let is = |wanted: &Option<Arc<str>>, found: Option<&Arc<str>>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        let mut lines: Vec<RunSummary> = self
            .runs
            .iter()
            .filter(|r| {
                is(&filter.flow, Some(&r.new.flow)) && is(&filter.ordering_key, r.new.ordering_key.as_ref())
            })
            .filter(|r| filter.statuses.is_empty() || filter.statuses.contains(&r.status))
            .filter(|r| filter.since.is_none_or(|at| r.new.accepted_at >= at))
            .filter(|r| filter.until.is_none_or(|at| r.new.accepted_at < at))
            .filter(|r| filter.before.is_none_or(|before| r.new.run < before))
            .map(line)
            .collect();
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.run));
        lines.truncate(filter.limit as usize);
        lines
    }

    pub(super) fn dead_list(&self, filter: &DeadFilter) -> Vec<DeadLetter> {
        let mut letters: Vec<DeadLetter> = self
            .dead
            .iter()
            .filter(|d| filter.flow.as_ref().is_none_or(|flow| *flow == d.flow))
            .filter(|d| filter.run.is_none_or(|run| run == d.run))
            .filter(|d| filter.step.as_ref().is_none_or(|step| *step == d.letter.step))
            .filter(|d| filter.reason.as_ref().is_none_or(|reason| *reason == d.letter.reason))
            .filter(|d| filter.status.is_none_or(|status| status == d.status))
            .filter(|d| filter.since.is_none_or(|at| d.at >= at) && filter.until.is_none_or(|at| d.at < at))
            .filter(|d| filter.before.is_none_or(|before| d.letter.id < before))
            .cloned()
            .collect();
        letters.sort_unstable_by_key(|d| std::cmp::Reverse(d.letter.id));
        letters.truncate(filter.limit as usize);
        letters
    }

    pub(super) fn flow_counts(&self) -> Vec<FlowCounts> {
        let counts = |(flow, last): (&Arc<str>, &Timestamp)| FlowCounts {
            flow: Arc::clone(flow),
            queued: self.of(flow, RunStatus::Queued).count() as u64,
            running: self.of(flow, RunStatus::Running).count() as u64,
            waiting: self.of(flow, RunStatus::Waiting).count() as u64,
            dead: self.dead.iter().filter(|d| d.flow == *flow && d.status == DeadStatus::Open).count() as u64,
            last_accepted_at: Some(*last),
        };
        self.last_accepted.iter().map(counts).collect()
    }
}

/// Checks what was taken from one lane against what each flow could give.
fn check_shares(waiting: &BTreeMap<&str, Vec<RunId>>, taken: &[(RunId, Arc<str>)]) {
    let of = |flow: &str| -> Vec<RunId> {
        taken.iter().filter(|(_, f)| &**f == flow).map(|(run, _)| *run).collect()
    };
    let most = waiting.keys().map(|flow| of(flow).len()).max().unwrap_or(0);
    let mut told = 0;
    for (flow, could) in waiting {
        let given = of(flow);
        assert!(could.starts_with(&given), "the oldest of `{flow}` first: {given:?} of {could:?}");
        assert!(
            given.len() == could.len() || given.len() + 1 >= most,
            "fair shares: {taken:?} of {waiting:?}"
        );
        told += given.len();
    }
    assert_eq!(told, taken.len(), "each with its own flow, of this lane: {taken:?} of {waiting:?}");
}

fn line(run: &ModelRun) -> RunSummary {
    RunSummary {
        run: run.new.run,
        flow: Arc::clone(&run.new.flow),
        version: Arc::clone(&run.new.version),
        status: run.status,
        accepted_at: run.new.accepted_at,
        ended_at: run.ended_at,
        ordering_key: run.new.ordering_key.clone(),
        reason: run.reason.clone(),
        step: run.step.clone(),
        due: run.wait.as_ref().and_then(|wait| wait.due),
        parent: run.new.parent.as_ref().map(|(parent, _)| *parent),
        trace_id: run.new.trace_id,
    }
}
