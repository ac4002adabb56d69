//! Performing actions, one file each. What comes back are records; nothing here changes a machine.

mod call;
mod each;
mod each_items;
mod emit;
mod start_flow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use call::{call, needs_intent, target};
pub(crate) use each::each;
pub(crate) use emit::emit;
use sinew_flow_core::Machine;
use sinew_model::{Principal, Priority, Trace};
use sinew_store::RunId;
pub(crate) use start_flow::start_flow;

use crate::drive::flow_principal;
use crate::engine::Core;

/// What every performance needs to know of its run.
#[derive(Clone)]
pub(crate) struct Performer {
    pub(crate) core: Arc<Core>,
    pub(crate) run: RunId,
    pub(crate) flow: Arc<str>,
    pub(crate) principal: Principal,
    pub(crate) trace: Trace,
    pub(crate) priority: Priority,
    /// Progress of `each` steps as the store has it.
    pub(crate) progress: Vec<(Arc<str>, Vec<u8>)>,
    cancelled: Arc<AtomicBool>,
}

impl Performer {
    pub(crate) fn new(core: &Arc<Core>, machine: &Machine) -> Self {
        let flow = machine.flow();
        Self {
            core: Arc::clone(core),
            run: machine.run(),
            flow: flow.name.shared(),
            principal: flow_principal(flow.name.as_str()),
            trace: machine.trace(),
            priority: flow.priority,
            progress: Vec::new(),
            cancelled: Arc::default(),
        }
    }

    /// Nothing more is to be sent for this run.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more is to be sent: somebody stopped the run, or the engine is stopping.
    pub(crate) fn is_over(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.core.is_stopping()
    }
}
