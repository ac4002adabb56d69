//! Performing actions, one file each. What comes back are records; nothing here changes a machine.

mod call;
mod each;
mod each_item;
mod each_items;
mod emit;
mod start_flow;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use call::{call, needs_intent, target};
pub(crate) use each::each;
pub(crate) use emit::emit;
use sinew_flow_core::Machine;
use sinew_model::{Principal, Priority, Trace};
use sinew_store::RunId;
pub(crate) use start_flow::start_flow;
use tokio::sync::watch;

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
    cancelled: Arc<watch::Sender<bool>>,
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
            cancelled: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Nothing more is to be sent for this run.
    pub(crate) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether somebody stopped the run.
    pub(crate) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Whether nothing more is to be sent: somebody stopped the run, or the engine is stopping.
    pub(crate) fn is_over(&self) -> bool {
        self.is_cancelled() || self.core.is_stopping()
    }

    /// Waits for so long. False, and at once, if nothing more is to be sent.
    pub(crate) async fn pause(&self, span: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.over() => false,
            () = tokio::time::sleep(span) => true,
        }
    }

    async fn over(&self) {
        let (mut cancelled, mut stopping) = (self.cancelled.subscribe(), self.core.stopping.subscribe());
        // Neither sender is dropped while this performer is here.
        tokio::select! {
            _ = cancelled.wait_for(|over| *over) => {}
            _ = stopping.wait_for(|over| *over) => {}
        }
    }
}
