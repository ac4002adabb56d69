//! How many runs are under way: bounded for the node and for every flow. More wait in the store, not in memory.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Room for runs.
#[derive(Debug)]
pub(crate) struct Admissions {
    max: usize,
    state: Mutex<State>,
    /// Told when room appears: the backlog's loop.
    pub(crate) room: Notify,
    /// Told when room appears: those who wait to be accepted, the first of them.
    pub(crate) gap: Notify,
    /// Told when nothing is under way any more: everybody who waits for that.
    rest: Notify,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    by_flow: HashMap<Arc<str>, usize>,
}

/// Room for one run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    admissions: Arc<Admissions>,
    flow: Arc<str>,
}

impl Admissions {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            state: Mutex::default(),
            room: Notify::new(),
            gap: Notify::new(),
            rest: Notify::new(),
        })
    }

    /// Room for a run of a flow that allows so many, if there is some.
    pub(crate) fn try_take(self: &Arc<Self>, flow: &Arc<str>, flow_max: usize) -> Option<Slot> {
        let mut state = self.state.lock();
        self.fits(&state, flow, flow_max).then(|| self.record(&mut state, flow))
    }

    /// Whether there is room for a run of a flow that allows so many.
    pub(crate) fn has_room(&self, flow: &Arc<str>, flow_max: usize) -> bool {
        self.fits(&self.state.lock(), flow, flow_max)
    }

    fn fits(&self, state: &State, flow: &Arc<str>, flow_max: usize) -> bool {
        state.taken < self.max && state.by_flow.get(flow).is_none_or(|taken| *taken < flow_max)
    }

    /// Room although there is none: for runs that are woken by something that will not come again.
    pub(crate) fn take(self: &Arc<Self>, flow: &Arc<str>) -> Slot {
        let mut state = self.state.lock();
        self.record(&mut state, flow)
    }

    fn record(self: &Arc<Self>, state: &mut State, flow: &Arc<str>) -> Slot {
        state.taken += 1;
        *state.by_flow.entry(Arc::clone(flow)).or_default() += 1;
        Slot { admissions: Arc::clone(self), flow: Arc::clone(flow) }
    }

    /// How many runs there is room for.
    pub(crate) fn free(&self) -> usize {
        self.max.saturating_sub(self.state.lock().taken)
    }

    /// How many runs are under way.
    pub(crate) fn taken(&self) -> usize {
        self.state.lock().taken
    }

    /// Waits until no run is under way.
    pub(crate) async fn at_rest(&self) {
        loop {
            let rest = self.rest.notified();
            // Told from here on, so that a run which ends in between is not missed.
            if self.taken() == 0 {
                return;
            }
            rest.await;
        }
    }

    /// Of these flows and their bounds, how much room each has.
    pub(crate) fn room_of(&self, flows: impl Iterator<Item = (Arc<str>, usize)>) -> Vec<(Arc<str>, u32)> {
        let state = self.state.lock();
        let room =
            |flow: &Arc<str>, max: usize| max.saturating_sub(state.by_flow.get(flow).copied().unwrap_or(0));
        flows
            .map(|(flow, max)| (Arc::clone(&flow), u32::try_from(room(&flow, max)).unwrap_or(u32::MAX)))
            .collect()
    }
}

impl Slot {
    /// Counts it for another flow, once it is known which.
    pub(crate) fn assign(&mut self, flow: &Arc<str>) {
        let mut state = self.admissions.state.lock();
        forget(&mut state, &self.flow);
        *state.by_flow.entry(Arc::clone(flow)).or_default() += 1;
        self.flow = Arc::clone(flow);
    }
}

fn forget(state: &mut State, flow: &Arc<str>) {
    if let Some(taken) = state.by_flow.get_mut(flow) {
        *taken -= 1;
        if *taken == 0 {
            state.by_flow.remove(flow);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.admissions.state.lock();
        state.taken -= 1;
        forget(&mut state, &self.flow);
        let at_rest = state.taken == 0;
        drop(state);
        if at_rest {
            self.admissions.rest.notify_waiters();
        }
        self.admissions.room.notify_one();
        self.admissions.gap.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn room_is_bounded_for_the_node_and_for_each_flow() {
        let admissions = Admissions::new(3);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let first = admissions.try_take(&a, 2).unwrap();
        let _second = admissions.try_take(&a, 2).unwrap();
        assert!(admissions.try_take(&a, 2).is_none(), "the flow is full");
        let room = admissions.room_of([(Arc::clone(&a), 2), (Arc::clone(&b), 2)].into_iter());
        assert_eq!(room, [(Arc::clone(&a), 0), (Arc::clone(&b), 2)]);
        let _third = admissions.try_take(&b, 2).unwrap();
        assert!(admissions.try_take(&b, 2).is_none(), "the node is full");
        drop(first);
        assert_eq!((admissions.free(), admissions.taken()), (1, 2));
        assert!(admissions.try_take(&a, 2).is_some());
    }

    #[tokio::test]
    async fn the_end_of_the_last_run_is_told_although_others_wait_for_room() {
        let admissions = Admissions::new(3);
        let slot = admissions.try_take(&"a".into(), 2).unwrap();
        let (mut room, mut rest) = (pin!(admissions.room.notified()), pin!(admissions.at_rest()));
        // Who waits for room has come first.
        assert!(futures_util::poll!(&mut room).is_pending() && futures_util::poll!(&mut rest).is_pending());
        drop(slot);
        assert!(futures_util::poll!(&mut rest).is_ready());
    }
}
