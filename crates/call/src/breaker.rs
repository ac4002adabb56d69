use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_model::Breaker;
use tokio::time::Instant;

use crate::BreakerState;

/// How soon to ask again while somebody else's probing call is under way.
const PROBE_PATIENCE: Duration = Duration::from_secs(1);

/// A circuit breaker: after so many failures in a row calls fail at once for a while, then one is let through.
pub(crate) struct Circuit {
    settings: Breaker,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

/// What a settled call changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Opened(Duration),
    Closed,
}

/// A call that was let through. If it is dropped unsettled and was the probing one, the next call probes.
pub(crate) struct Pass {
    circuit: Arc<Circuit>,
    probing: bool,
    settled: bool,
}

impl Circuit {
    pub(crate) fn new(settings: Breaker) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Lets a call through, or says for how long it is held back.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Duration> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let probing = match *state {
            State::Closed { .. } => false,
            State::Open { until } if until > now => return Err(until - now),
            State::Open { .. } => {
                *state = State::HalfOpen;
                true
            }
            State::HalfOpen => return Err(PROBE_PATIENCE.min(self.settings.open_for)),
        };
        Ok(Pass { circuit: Arc::clone(self), probing, settled: false })
    }

    /// For how long calls are held back, if they are; takes no turn.
    pub(crate) fn held_back(&self) -> Option<Duration> {
        let now = Instant::now();
        match *self.state.lock() {
            State::Open { until } if until > now => Some(until - now),
            _ => None,
        }
    }

    pub(crate) fn view(&self) -> BreakerState {
        let now = Instant::now();
        match *self.state.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } => BreakerState::Open { remaining: until.saturating_duration_since(now) },
            State::HalfOpen => BreakerState::HalfOpen,
        }
    }
}

impl Pass {
    /// Says whether the system was there.
    pub(crate) fn settle(mut self, was_there: bool) -> Change {
        self.settled = true;
        let open = State::Open { until: Instant::now() + self.circuit.settings.open_for };
        let opened = Change::Opened(self.circuit.settings.open_for);
        let mut state = self.circuit.state.lock();
        match (*state, was_there) {
            (State::Closed { failures }, false) => {
                let failures = failures + 1;
                if failures < self.circuit.settings.failures.get() {
                    *state = State::Closed { failures };
                    return Change::None;
                }
                *state = open;
                opened
            }
            (State::Closed { failures }, true) => {
                if failures > 0 {
                    *state = State::Closed { failures: 0 };
                }
                Change::None
            }
            (State::HalfOpen, true) if self.probing => {
                *state = State::Closed { failures: 0 };
                Change::Closed
            }
            // It was open already: no news.
            (State::HalfOpen, false) if self.probing => {
                *state = open;
                Change::None
            }
            // A call from before it opened says nothing about now.
            _ => Change::None,
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probing && !self.settled {
            *self.circuit.state.lock() = State::Open { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn circuit() -> Arc<Circuit> {
        let failures = NonZeroU32::new(3).unwrap();
        Arc::new(Circuit::new(Breaker { failures, open_for: Duration::from_secs(10) }))
    }

    /// Makes calls that end as told; gives the last change.
    fn check(circuit: &Arc<Circuit>, outcomes: &[bool]) -> Change {
        let mut last = Change::None;
        for was_there in outcomes {
            last = circuit.enter().unwrap_or_else(|_| panic!("held back")).settle(*was_there);
        }
        last
    }

    const OPENED: Change = Change::Opened(Duration::from_secs(10));

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let circuit = circuit();
        assert_eq!(check(&circuit, &[false, false, true, false, false]), Change::None);
        assert_eq!(check(&circuit, &[false]), OPENED);
        assert_eq!(circuit.enter().err(), Some(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_probes_and_its_success_closes_it() {
        let circuit = circuit();
        check(&circuit, &[false, false, false]);
        tokio::time::advance(Duration::from_secs(10)).await;
        let probe = circuit.enter().unwrap_or_else(|_| panic!("held back"));
        assert_eq!(circuit.enter().err(), Some(Duration::from_secs(1)));
        assert_eq!(probe.settle(true), Change::Closed);
        assert_eq!(circuit.view(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_keeps_it_open_without_news() {
        let circuit = circuit();
        check(&circuit, &[false, false, false]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(check(&circuit, &[false]), Change::None);
        assert_eq!(circuit.held_back(), Some(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_given_up_leaves_its_turn_to_the_next() {
        let circuit = circuit();
        check(&circuit, &[false, false, false]);
        tokio::time::advance(Duration::from_secs(10)).await;
        drop(circuit.enter());
        assert_eq!(check(&circuit, &[true]), Change::Closed);
    }
}
