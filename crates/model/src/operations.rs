use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Description, Operation, OperationId};

/// The operations of a connector: those that its author wrote or corrected, and those of the description that its vendor
/// publishes, which are made when somebody asks for them.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    written: BTreeMap<OperationId, Arc<Operation>>,
    description: Option<Arc<Description>>,
}

impl Operations {
    /// These operations, over those of a description.
    pub fn new(
        written: BTreeMap<OperationId, Arc<Operation>>,
        description: Option<Arc<Description>>,
    ) -> Self {
        Self { written, description }
    }

    /// The operation of this id.
    pub fn get(&self, id: &str) -> Option<Arc<Operation>> {
        match self.written.get(id) {
            Some(operation) => Some(Arc::clone(operation)),
            None => self.description.as_ref()?.operation(id),
        }
    }

    /// The ids of all operations, in alphabetical order.
    pub fn ids(&self) -> Vec<OperationId> {
        let described = self.description.iter().flat_map(|of| of.listed()).map(|listed| &listed.id);
        let mut ids: Vec<_> = self.written.keys().chain(described).cloned().collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The operations that the connector's author wrote or corrected.
    pub fn written(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.written.values()
    }

    /// What the vendor publishes.
    pub fn description(&self) -> Option<&Arc<Description>> {
        self.description.as_ref()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        let written = operations.into_iter().map(|operation| (operation.id.clone(), Arc::new(operation)));
        Self { written: written.collect(), description: None }
    }
}
