use futures_util::StreamExt;
use futures_util::stream;
use sinew_control_api as api;
use sinew_flow::{Refusal, ReplayOptions};
use sinew_model::Principal;
use sinew_store::{DeadFilter, DeadId, DeadStatus, StoreError};

use super::words::{id, maybe_id, maybe_instant, shared};
use crate::{Control, Fault};

/// Letters in one request unless said otherwise, and at most.
const BULK: u32 = 200;
const BULK_MAX: u32 = 1000;
/// Letters being worked on at once; their commits are grouped.
const AT_ONCE: usize = 16;

/// What is done to each letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkAction {
    /// Sent on its way again.
    Replay,
    /// Given up.
    Discard,
}

/// Does it to the letters named, or to a page of those selected, oldest of the page first.
pub(crate) async fn dead_bulk(
    control: &Control,
    action: BulkAction,
    bulk: &api::DeadBulk,
    by: &Principal,
) -> Result<api::DeadBulkDone, Fault> {
    let (letters, next) = letters(control, bulk).await?;
    let work = stream::iter(letters).map(|letter| one(control, action, bulk, letter, by)).buffered(AT_ONCE);
    let mut work = std::pin::pin!(work);
    let mut answer = api::DeadBulkDone { next, ..api::DeadBulkDone::default() };
    while let Some((letter, result)) = work.next().await {
        match result {
            Ok(()) => answer.done += 1,
            // A store that takes no writes refuses them all: say so once.
            Err(Refusal::Store(error @ (StoreError::Full(_) | StoreError::Closed))) => {
                return Err(error.into());
            }
            Err(Refusal::Stopping) => return Err(Refusal::Stopping.into()),
            Err(refusal) => answer.refused.push(api::DeadRefused {
                id: letter.to_string(),
                code: refusal.code().to_string(),
                message: refusal.to_string(),
            }),
        }
    }
    Ok(answer)
}

async fn one(
    control: &Control,
    action: BulkAction,
    bulk: &api::DeadBulk,
    letter: DeadId,
    by: &Principal,
) -> (DeadId, Result<(), Refusal>) {
    let result = match action {
        BulkAction::Replay => {
            let options = ReplayOptions { current_flow: bulk.current_flow };
            control.engine().replay(letter, by.clone(), &options).await.map(|_| ())
        }
        BulkAction::Discard => control.engine().discard(letter, by.clone()).await,
    };
    (letter, result)
}

async fn letters(control: &Control, bulk: &api::DeadBulk) -> Result<(Vec<DeadId>, Option<String>), Fault> {
    match &bulk.selection {
        Some(_) if !bulk.ids.is_empty() => {
            Err(Fault::bad_request("give either `ids` or a `selection`, not both"))
        }
        Some(selection) => selected(control, bulk, selection).await,
        None if bulk.ids.is_empty() => {
            Err(Fault::bad_request("name `ids`, or give a `selection` (`{}` selects all that are open)"))
        }
        None if bulk.ids.len() > BULK_MAX as usize => {
            Err(Fault::bad_request(format!("{} ids; at most {BULK_MAX} in one go", bulk.ids.len())))
        }
        None => Ok((bulk.ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?, None)),
    }
}

async fn selected(
    control: &Control,
    bulk: &api::DeadBulk,
    selection: &api::DeadSelection,
) -> Result<(Vec<DeadId>, Option<String>), Fault> {
    let limit = bulk.limit.unwrap_or(BULK);
    if !(1..=BULK_MAX).contains(&limit) {
        return Err(Fault::bad_request(format!("`limit` is {limit}; it is 1 to {BULK_MAX}")));
    }
    let filter = DeadFilter {
        flow: shared(selection.flow.as_deref()),
        run: maybe_id(selection.run.as_deref())?,
        step: shared(selection.step.as_deref()),
        reason: shared(selection.reason.as_deref()),
        status: Some(DeadStatus::Open),
        since: maybe_instant(selection.since.as_deref())?,
        until: maybe_instant(selection.until.as_deref())?,
        before: maybe_id(bulk.before.as_deref())?,
        limit,
    };
    let page = control.store().dead_list(filter).await?;
    let next =
        page.last().filter(|_| page.len() == limit as usize).map(|letter| letter.letter.id.to_string());
    Ok((page.iter().rev().map(|letter| letter.letter.id).collect(), next))
}
