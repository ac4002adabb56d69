//! Several listeners where the engine and the caller know one.

use std::sync::Arc;
use std::time::Duration;

use sinew_call::{CallRecord, CallRecorder};
use sinew_flow::Observer;
use sinew_model::{Failure, Flow};
use sinew_stdx::Timestamp;
use sinew_store::{DeadId, RunId, RunStatus};

/// Tells all of them what runs do.
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn accepted(&self, flow: &Flow, run: RunId, at: Timestamp) {
        self.0.iter().for_each(|one| one.accepted(flow, run, at));
    }

    fn ended(&self, flow: &Flow, run: RunId, status: RunStatus, took: Duration, at: Timestamp) {
        self.0.iter().for_each(|one| one.ended(flow, run, status, took, at));
    }

    fn dead_letter(
        &self,
        flow: &Flow,
        run: RunId,
        letter: DeadId,
        step: &str,
        failure: &Failure,
        at: Timestamp,
    ) {
        self.0.iter().for_each(|one| one.dead_letter(flow, run, letter, step, failure, at));
    }

    fn letter_settled(&self, flow: &str, letter: DeadId, at: Timestamp) {
        self.0.iter().for_each(|one| one.letter_settled(flow, letter, at));
    }
}

/// Tells all of them what calls do.
pub struct Recorders(pub Vec<Arc<dyn CallRecorder>>);

impl CallRecorder for Recorders {
    fn record(&self, record: CallRecord) {
        if let Some((last, others)) = self.0.split_last() {
            for one in others {
                one.record(record.clone());
            }
            last.record(record);
        }
    }
}
