use std::collections::HashSet;

use sinew_control_api as api;
use sinew_store::{RunFilter, RunStatus, RunSummary};

use super::runs::inspect;
use crate::{Control, Fault, view};

/// Waiting runs looked at for approvals at most; most wait for a time.
const LOOKED_AT_MAX: usize = 20_000;
/// Approvals listed at most.
const LISTED_MAX: usize = 500;
const PAGE: u32 = 1000;

/// What waits for a decision.
pub(crate) async fn approval_list(control: &Control) -> Result<api::ApprovalList, Fault> {
    let mut items = Vec::new();
    let asking: HashSet<_> = control.engine().asking().into_iter().collect();
    for &run in &asking {
        if let Ok(detail) = inspect(control, run).await {
            items.extend(view::approvals(&detail));
        }
    }
    let (mut before, mut looked_at) = (None, 0);
    loop {
        let filter =
            RunFilter { statuses: vec![RunStatus::Waiting], before, limit: PAGE, ..RunFilter::default() };
        let page = control.store().runs(filter).await?;
        let asks = |run: &&RunSummary| {
            run.reason.as_ref().is_some_and(|why| why.contains("approval")) && !asking.contains(&run.run)
        };
        for run in page.iter().filter(asks) {
            if items.len() >= LISTED_MAX {
                return Ok(api::ApprovalList { items, partial: true });
            }
            // A run that has just gone on is none that waits.
            if let Ok(detail) = inspect(control, run.run).await {
                items.extend(view::approvals(&detail));
            }
        }
        looked_at += page.len();
        before = page.last().map(|run| run.run);
        let partial = looked_at >= LOOKED_AT_MAX;
        if partial || page.len() < PAGE as usize {
            return Ok(api::ApprovalList { items, partial });
        }
    }
}
