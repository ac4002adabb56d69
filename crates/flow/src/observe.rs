use std::time::Duration;

use sinew_model::{Failure, Flow};
use sinew_stdx::Timestamp;
use sinew_store::{DeadId, RunId, RunStatus};

/// Whoever wants to know what runs do: alerts, metrics, `watch`. Called on the engine's own tasks: be quick, never block.
pub trait Observer: Send + Sync {
    /// A run was accepted.
    fn accepted(&self, flow: &Flow, run: RunId, at: Timestamp) {
        let _ = (flow, run, at);
    }

    /// A run came to a final state; `took` counts from its acceptance.
    fn ended(&self, flow: &Flow, run: RunId, status: RunStatus, took: Duration, at: Timestamp) {
        let _ = (flow, run, status, took, at);
    }

    /// Work gave up (a run, or one item of it).
    fn dead_letter(
        &self,
        flow: &Flow,
        run: RunId,
        letter: DeadId,
        step: &str,
        failure: &Failure,
        at: Timestamp,
    ) {
        let _ = (flow, run, letter, step, failure, at);
    }

    /// A dead letter was sent on its way again, or discarded.
    fn letter_settled(&self, flow: &str, letter: DeadId, at: Timestamp) {
        let _ = (flow, letter, at);
    }
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingObserved;

impl Observer for NothingObserved {}
