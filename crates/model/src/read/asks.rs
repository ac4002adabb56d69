use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_contract::graphql::Missing;
use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};
use sinew_mapping::Reads;

use crate::shape::did_you_mean;
use crate::{Asked, Block, BodyKind, Call, Connection, ConnectionName, EachSource, Step, StepKind};

/// Tells each call of an operation that answers what it is asked for what that is: what is read of the step's value.
/// Follows what is kept of it ([`super::keep`]).
pub(crate) fn assign(
    block: &mut Block,
    connections: &BTreeMap<ConnectionName, Arc<Connection>>,
    total: &Reads,
    out: &mut Diagnostics,
) {
    Asking { connections, total, out }.block(block);
}

struct Asking<'a> {
    connections: &'a BTreeMap<ConnectionName, Arc<Connection>>,
    total: &'a Reads,
    out: &'a mut Diagnostics,
}

impl Asking<'_> {
    fn block(&mut self, block: &mut Block) {
        block.steps.iter_mut().for_each(|step| self.step(step));
    }

    fn step(&mut self, step: &mut Step) {
        if let Some(catch) = &mut step.catch {
            self.block(&mut catch.block);
        }
        match &mut step.kind {
            StepKind::Call(call) => {
                if let Some((asked, missing)) = self.asked(call, &step.keep, call.pages_max.is_some()) {
                    call.asks = Some(Arc::new(asked));
                    for missing in &missing {
                        self.report(call, missing, &step.place);
                    }
                }
            }
            StepKind::Branch(branch) => branch.arms.iter_mut().for_each(|arm| self.block(&mut arm.block)),
            StepKind::Parallel(parallel) => {
                parallel.arms.iter_mut().for_each(|(_, block)| self.block(block));
            }
            StepKind::Each(each) => {
                let folded = each.reduce.as_ref().map_or_else(Reads::nothing, |r| r.with.reads().clone());
                let item = self.total.under(each.item.as_str()).union(folded.under(each.item.as_str()));
                if let EachSource::Pages(call) = &mut each.source {
                    // Several steps may call their items alike, so nothing is said of what is missing.
                    call.asks = self.asked(call, &item, true).map(|(asked, _)| Arc::new(asked));
                }
                self.block(&mut each.block);
            }
            StepKind::Map(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Emit(_)
            | StepKind::SubFlow(_) => {}
        }
    }

    fn asked(&self, call: &Call, reads: &Reads, all_pages: bool) -> Option<(Asked, Vec<Missing>)> {
        let operations = &self.connections.get(&call.connection)?.connector.operations;
        let operation = operations.get(call.operation.as_str())?;
        let BodyKind::GraphQl(body) = &operation.binding.as_http()?.body else { return None };
        if body.authored {
            return None;
        }
        operations.description()?.asked(operation.id.as_str(), reads, all_pages, body.partial)
    }

    fn report(&mut self, call: &Call, missing: &Missing, place: &Place) {
        let message = format!(
            "`{}` is read of what `{}.{}` answers, but {}",
            missing.path, call.connection, call.operation, missing.why
        );
        let name = missing.path.rsplit('.').next().unwrap_or_default();
        let diagnostic = Diagnostic::warning(config::NOT_ANSWERED, message).at(place.clone());
        let help = did_you_mean(name, missing.known.iter().map(String::as_str));
        self.out.push(diagnostic.help(help.unwrap_or_else(|| "its value will be nothing".to_owned())));
    }
}
