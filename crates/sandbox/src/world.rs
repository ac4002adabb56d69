use std::sync::Arc;

use parking_lot::RwLock;

use crate::clock::Clock;
use crate::exchange::Call;
use crate::options::Tuning;
use crate::stats::Stats;
use crate::truth::{Effect, TruthLog};
use crate::webhooks::Webhooks;

/// What all vendors share.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    pub(crate) truth: Arc<TruthLog>,
    pub(crate) stats: Stats,
    pub(crate) webhooks: Arc<Webhooks>,
    tuning: RwLock<Tuning>,
    tuning_at_start: Tuning,
}

impl World {
    pub(crate) fn new(seed: u64, tuning: Tuning, truth: TruthLog, webhooks: Webhooks, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            truth: Arc::new(truth),
            stats: Stats::default(),
            webhooks: Arc::new(webhooks),
            tuning: RwLock::new(tuning),
            tuning_at_start: tuning,
        }
    }

    pub(crate) fn tuning(&self) -> Tuning {
        *self.tuning.read()
    }

    pub(crate) fn tune(&self, tuning: Tuning) {
        self.truth.set_detail(tuning.truth);
        *self.tuning.write() = tuning;
    }

    /// Everything but the vendors' own state, as at the start.
    pub(crate) fn reset(&self) {
        *self.tuning.write() = self.tuning_at_start;
        self.truth.reset(self.clock.now(), self.tuning_at_start.truth);
        self.stats.reset();
        self.webhooks.reset();
    }

    pub(crate) fn record(
        &self,
        call: &Call,
        vendor: &'static str,
        effect: &'static str,
        reference: Option<&str>,
        id: &str,
    ) {
        self.truth.record(call, Effect { vendor, name: effect, reference, id });
    }
}
