use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_model::Priority;
use sinew_stdx::Rate;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::pace::Pacer;

/// The most calls that wait at one gate; whoever owns the work keeps the rest in the store.
const WAITING_MAX: usize = 100_000;

/// Where calls of a connection wait for their turn: for budget, for the end of a pause that the system asked for, and
/// for others to end. Interactive calls go before batch ones, within a priority first come, first served.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    in_flight_max: u32,
    state: Mutex<State>,
}

struct State {
    pacer: Option<Pacer>,
    paused_until: Option<Instant>,
    in_flight: u32,
    interactive: VecDeque<oneshot::Sender<Permit>>,
    batch: VecDeque<oneshot::Sender<Permit>>,
    /// Whether a task sleeps until the next call may pass.
    watched: bool,
}

/// The right to be under way; given back when dropped.
pub(crate) struct Permit {
    gate: Arc<Inner>,
}

/// A turn will not come in time; it would come after about this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) Duration);

impl Gate {
    pub(crate) fn new(budget: Option<Rate>, in_flight_max: NonZeroU32) -> Self {
        let state = State {
            pacer: budget.map(Pacer::new),
            paused_until: None,
            in_flight: 0,
            interactive: VecDeque::new(),
            batch: VecDeque::new(),
            watched: false,
        };
        Self { inner: Arc::new(Inner { in_flight_max: in_flight_max.get(), state: Mutex::new(state) }) }
    }

    /// Waits for a turn, no longer than `until`. Fails at once if it is clear that none comes by then.
    pub(crate) async fn pass(&self, priority: Priority, until: Instant) -> Result<Permit, TooLong> {
        let turn = {
            let now = Instant::now();
            let mut state = self.inner.state.lock();
            if state.ahead(priority) == 0
                && state.in_flight < self.inner.in_flight_max
                && state.opens_at(now) <= now
            {
                return Ok(self.inner.grant(&mut state, now));
            }
            let expected = state.expected(priority, now);
            if expected > until || state.is_full() {
                return Err(TooLong(expected.saturating_duration_since(now)));
            }
            let (sender, turn) = oneshot::channel();
            state.queue(priority).push_back(sender);
            turn
        };
        Inner::let_pass(&self.inner);
        if let Ok(Ok(permit)) = timeout_at(until, turn).await {
            return Ok(permit);
        }
        let now = Instant::now();
        let expected = self.inner.state.lock().expected(priority, now);
        Err(TooLong(expected.saturating_duration_since(now)))
    }

    /// The system asked us to stay away for so long.
    pub(crate) fn pause(&self, span: Duration) {
        let until = Instant::now() + span;
        let mut state = self.inner.state.lock();
        state.paused_until = Some(state.paused_until.map_or(until, |set| set.max(until)));
    }

    /// Calls under way, calls waiting, and how long a pause still lasts.
    pub(crate) fn view(&self) -> (u32, u32, Option<Duration>) {
        let state = self.inner.state.lock();
        let waiting = state.interactive.iter().chain(&state.batch).filter(|turn| !turn.is_closed()).count();
        let paused = state.paused_until.map(|until| until.saturating_duration_since(Instant::now()));
        (state.in_flight, waiting as u32, paused.filter(|left| !left.is_zero()))
    }
}

impl State {
    fn queue(&mut self, priority: Priority) -> &mut VecDeque<oneshot::Sender<Permit>> {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Batch => &mut self.batch,
        }
    }

    /// How many go before a newcomer of this priority.
    fn ahead(&self, priority: Priority) -> usize {
        match priority {
            Priority::Interactive => self.interactive.len(),
            Priority::Batch => self.interactive.len() + self.batch.len(),
        }
    }

    /// When budget and pause let the next call pass.
    fn opens_at(&self, now: Instant) -> Instant {
        let paced = self.pacer.as_ref().and_then(Pacer::next);
        [paced, self.paused_until].into_iter().flatten().fold(now, Instant::max)
    }

    /// When a newcomer's turn comes, as far as budget and pause tell.
    fn expected(&self, priority: Priority, now: Instant) -> Instant {
        let interval = self.pacer.as_ref().map_or(Duration::ZERO, Pacer::interval);
        let ahead = u32::try_from(self.ahead(priority)).unwrap_or(u32::MAX);
        self.opens_at(now) + interval.saturating_mul(ahead)
    }

    fn next_waiting(&mut self) -> Option<oneshot::Sender<Permit>> {
        loop {
            let turn = self.interactive.pop_front().or_else(|| self.batch.pop_front())?;
            if !turn.is_closed() {
                return Some(turn);
            }
        }
    }

    /// Whether no more may wait. Those that left count until they are swept, which is done before anybody is refused.
    fn is_full(&mut self) -> bool {
        if self.interactive.len() + self.batch.len() >= WAITING_MAX {
            self.interactive.retain(|turn| !turn.is_closed());
            self.batch.retain(|turn| !turn.is_closed());
        }
        self.interactive.len() + self.batch.len() >= WAITING_MAX
    }

    fn somebody_waits(&self) -> bool {
        !self.interactive.is_empty() || !self.batch.is_empty()
    }
}

impl Inner {
    fn grant(self: &Arc<Self>, state: &mut State, now: Instant) -> Permit {
        if let Some(pacer) = &mut state.pacer {
            pacer.take(now);
        }
        state.in_flight += 1;
        Permit { gate: Arc::clone(self) }
    }

    /// Lets everybody pass whose turn has come; if the next turn only needs time, a task waits for it.
    fn let_pass(self: &Arc<Self>) {
        let mut missed = Vec::new();
        let watch = {
            let now = Instant::now();
            let mut state = self.state.lock();
            while state.in_flight < self.in_flight_max && state.opens_at(now) <= now {
                let Some(turn) = state.next_waiting() else { break };
                let permit = self.grant(&mut state, now);
                // Whoever left this very moment hands the permit back; it must not be dropped under the lock.
                missed.extend(turn.send(permit).err());
            }
            let watch = state.somebody_waits() && state.in_flight < self.in_flight_max && !state.watched;
            state.watched |= watch;
            watch.then(|| state.opens_at(now))
        };
        drop(missed);
        if let Some(opens_at) = watch {
            let gate = Arc::clone(self);
            tokio::spawn(async move { gate.watch(opens_at).await });
        }
    }

    /// Lets calls pass as time goes by, until nobody waits for time alone.
    async fn watch(self: Arc<Self>, mut opens_at: Instant) {
        loop {
            sleep_until(opens_at).await;
            self.let_pass();
            let mut state = self.state.lock();
            if !state.somebody_waits() || state.in_flight >= self.in_flight_max {
                state.watched = false;
                return;
            }
            opens_at = state.opens_at(Instant::now());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let waited_for = {
            let mut state = self.gate.state.lock();
            state.in_flight -= 1;
            state.somebody_waits()
        };
        // Outside a runtime (at shutdown) nobody is left to be let pass.
        if waited_for && tokio::runtime::Handle::try_current().is_ok() {
            Inner::let_pass(&self.gate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(budget: Option<&str>, in_flight_max: u32) -> Gate {
        Gate::new(budget.map(|b| b.parse().unwrap()), NonZeroU32::new(in_flight_max).unwrap())
    }

    fn later(span: Duration) -> Instant {
        Instant::now() + span
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_fixed_limit_is_kept_and_used_by_a_crowd() {
        let gate = gate(Some("1000/s"), 10_000);
        let start = Instant::now();
        let tasks: Vec<_> = (0..5000)
            .map(|_| {
                let gate = gate.clone();
                tokio::spawn(async move {
                    gate.pass(Priority::Batch, later(MINUTE)).await.unwrap();
                    Instant::now()
                })
            })
            .collect();
        let mut calls = Vec::new();
        for task in tasks {
            calls.push(task.await.unwrap() - start);
        }
        calls.sort();
        // A vendor that counts in fixed seconds never counts more than its limit.
        for second in 0..6 {
            let window = Duration::from_secs(second)..Duration::from_secs(second + 1);
            let seen = calls.iter().filter(|call| window.contains(call)).count();
            assert!(seen <= 1000, "{seen} calls in second {second}");
        }
        assert!(calls[4999] <= Duration::from_secs(5).div_f64(0.95), "{:?}", calls[4999]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interactive_call_goes_before_batch_ones_that_wait() {
        let gate = gate(None, 1);
        let held = gate.pass(Priority::Batch, later(MINUTE)).await.unwrap();
        let (order, mut seen) = tokio::sync::mpsc::unbounded_channel();
        for (name, priority) in [
            ("batch 1", Priority::Batch),
            ("batch 2", Priority::Batch),
            ("interactive", Priority::Interactive),
        ] {
            let (gate, order) = (gate.clone(), order.clone());
            tokio::spawn(async move {
                let _permit = gate.pass(priority, later(MINUTE)).await.unwrap();
                order.send(name).unwrap();
            });
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut names = Vec::new();
        for _ in 0..3 {
            names.push(seen.recv().await.unwrap());
        }
        assert_eq!(names, ["interactive", "batch 1", "batch 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_cannot_begin_in_time_is_told_at_once_when_it_could() {
        let gate = gate(Some("1/10s"), 10);
        drop(gate.pass(Priority::Batch, later(MINUTE)).await.unwrap());
        let begun = Instant::now();
        let told = gate.pass(Priority::Batch, later(Duration::from_secs(5))).await.err();
        assert_eq!(told, Some(TooLong(Duration::from_millis(10_200))));
        assert_eq!(Instant::now(), begun);
        assert!(gate.pass(Priority::Batch, later(MINUTE)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_until_it_ends() {
        let gate = gate(None, 10);
        gate.pause(Duration::from_secs(3));
        assert!(gate.pass(Priority::Interactive, later(Duration::from_secs(2))).await.is_err());
        let begun = Instant::now();
        gate.pass(Priority::Interactive, later(MINUTE)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(3));
        assert_eq!(gate.view(), (0, 0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_that_leave_take_no_turn_with_them() {
        let gate = gate(None, 1);
        let held = gate.pass(Priority::Batch, later(MINUTE)).await.unwrap();
        for _ in 0..10 {
            assert!(gate.pass(Priority::Batch, later(Duration::from_secs(1))).await.is_err());
        }
        drop(held);
        assert!(gate.pass(Priority::Batch, later(Duration::from_secs(1))).await.is_ok());
        assert_eq!(gate.view(), (0, 0, None));
    }
}
