//! What a run waits for, and whether it may leave memory meanwhile.

use std::sync::Arc;

use sinew_stdx::Timestamp;

use crate::machine::{Machine, RunState, StepState};
use crate::record::ParkedFor;

impl Machine {
    /// When the first of the steps that wait goes on by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.steps
            .values()
            .filter_map(|state| match state {
                StepState::BackingOff { due, .. } => Some(*due),
                StepState::Parked { wait, .. } => wait.deadline(),
                _ => None,
            })
            .min()
    }

    /// Whether nothing is under way: the run may leave memory until something comes. A sub-flow that may not have been
    /// accepted yet is under way.
    pub fn is_resting(&self) -> bool {
        let under_way = |state: &StepState| {
            matches!(
                state,
                StepState::Issued
                    | StepState::Intended
                    | StepState::Parked { wait: ParkedFor::Child { .. }, handed_out: false, .. }
            )
        };
        *self.state() == RunState::Going && !self.steps.values().any(under_way)
    }

    /// The steps that wait, and for what.
    pub fn waits(&self) -> impl Iterator<Item = (&Arc<str>, &ParkedFor)> {
        self.steps.iter().filter_map(|(step, state)| match state {
            StepState::Parked { wait, .. } => Some((step, wait)),
            _ => None,
        })
    }

    /// Whether a step of the run has had its event from this emission.
    pub fn has_heard(&self, emission: &str) -> bool {
        self.steps.values().any(
            |state| matches!(state, StepState::Signalled { emission: Some(of), .. } if **of == *emission),
        )
    }

    /// Since when a step waits.
    pub fn parked_at(&self, step: &str) -> Option<Timestamp> {
        match self.steps.get(step) {
            Some(StepState::Parked { at, .. }) => Some(*at),
            _ => None,
        }
    }

    /// Whether a step is being tried again later.
    pub fn is_backing_off(&self) -> bool {
        self.steps.values().any(|state| matches!(state, StepState::BackingOff { .. }))
    }
}
