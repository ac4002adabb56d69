//! Flows by version: the current ones from the snapshot, earlier ones read again from the store.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sinew_model::{Flow, FlowName, FlowVersion, Snapshot};
use sinew_store::Store;

use crate::Refusal;

/// Earlier versions kept in memory at most; more are read again when needed.
const KEPT_MAX: usize = 256;

type NameAndVersion = (Arc<str>, FlowVersion);

/// Earlier versions of flows that runs still go by.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    earlier: Mutex<HashMap<NameAndVersion, Arc<Flow>>>,
}

impl Versions {
    /// The flow in a version.
    pub(crate) async fn find(
        &self,
        store: &dyn Store,
        snapshot: &Snapshot,
        name: &str,
        version: &FlowVersion,
    ) -> Result<Arc<Flow>, Refusal> {
        if let Some(flow) = snapshot.flows.get(name).filter(|flow| flow.version == *version) {
            return Ok(Arc::clone(flow));
        }
        let key = (Arc::from(name), version.clone());
        if let Some(flow) = self.earlier.lock().get(&key) {
            return Ok(Arc::clone(flow));
        }
        let missing = || Refusal::Missing(format!("version {version} of flow `{name}`"));
        let flow_name = FlowName::new(name).map_err(|_| missing())?;
        let source =
            store.version_source(Arc::from(name), Arc::clone(&version.0)).await?.ok_or_else(missing)?;
        let flow = sinew_model::flow_from_source(&source, &flow_name, snapshot).map_err(|findings| {
            Refusal::Conflict(format!(
                "version {version} of flow `{name}` no longer fits the project: {findings}"
            ))
        })?;
        let mut earlier = self.earlier.lock();
        if earlier.len() >= KEPT_MAX {
            earlier.clear();
        }
        earlier.insert(key, Arc::clone(&flow));
        Ok(flow)
    }

    /// Forgets what was read against an earlier snapshot.
    pub(crate) fn forget(&self) {
        self.earlier.lock().clear();
    }
}
