use std::fmt::Write as _;

use serde_json::json;
use sinew_control_api::{
    DeadBulk, DeadBulkDone, DeadCount, DeadPage, DeadQuery, DeadRefused, DeadReplay, DeadReplayed, Done, path,
};

use super::dead::query;
use crate::cli::DeadMany;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Letters asked for, and worked on, in one request.
const PAGE: u32 = 1000;
const BATCH: usize = 100;
/// Refusals that are shown.
const SHOWN_MAX: usize = 20;

/// What is done to dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sent on their way again.
    Replay,
    /// Given up.
    Discard,
}

impl Action {
    fn past(self) -> &'static str {
        match self {
            Self::Replay => "replayed",
            Self::Discard => "discarded",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Replay => path::DEAD_REPLAY_MANY,
            Self::Discard => path::DEAD_DISCARD_MANY,
        }
    }
}

/// Replays or discards one dead letter, or all that match, oldest first. Interrupted, it can be begun anew: what is done
/// does not come twice.
pub async fn run(client: &Client, action: Action, many: DeadMany, output: &Output) -> Result<Exit, CliError> {
    let query = query(many.filter)?;
    let filtered = query.flow.is_some()
        || query.run.is_some()
        || query.step.is_some()
        || query.reason.is_some()
        || query.since.is_some()
        || query.until.is_some();
    match (many.ids.as_slice(), filtered, many.all) {
        ([], false, false) => {
            return Err(CliError::usage(
                "which dead letters? Name them, give a filter such as `--flow`, or `--all`",
            ));
        }
        ([], _, _) => {}
        ([id], false, false) => return one(client, action, id, many.current_flow, output).await,
        (_, false, false) => return bulk(client, action, many.ids, many.current_flow, output).await,
        _ => return Err(CliError::usage("name dead letters or give a filter, not both")),
    }
    let count: DeadCount = client.get(path::DEAD_COUNT, &query).await?;
    if count.count == 0 {
        output.answer(&DeadBulkDone::default(), || "no open dead letter matches".to_owned());
        return Ok(Exit::Ok);
    }
    let word = if action == Action::Replay { "Replay" } else { "Discard" };
    output.confirm(&format!("{word} {} dead letters?", count.count), many.yes)?;
    let ids = matching(client, query).await?;
    bulk(client, action, ids, many.current_flow, output).await
}

async fn one(
    client: &Client,
    action: Action,
    id: &str,
    current_flow: bool,
    output: &Output,
) -> Result<Exit, CliError> {
    match action {
        Action::Replay => {
            let done: DeadReplayed =
                client.post(&path::dead_replay(id), &DeadReplay { current_flow }).await?;
            output.answer(&done, || format!("replayed; run {} goes on", done.run));
        }
        Action::Discard => {
            let done: Done = client.post(&path::dead_discard(id), &json!({})).await?;
            output.answer(&done, || format!("discarded {id}"));
        }
    }
    Ok(Exit::Ok)
}

/// The ids of all that match now, oldest first.
async fn matching(client: &Client, mut query: DeadQuery) -> Result<Vec<String>, CliError> {
    query.limit = Some(PAGE);
    let mut ids = Vec::new();
    loop {
        let page: DeadPage = client.get(path::DEAD, &query).await?;
        ids.extend(page.items.into_iter().map(|letter| letter.id));
        query.before = page.next;
        if query.before.is_none() {
            ids.reverse();
            return Ok(ids);
        }
    }
}

async fn bulk(
    client: &Client,
    action: Action,
    ids: Vec<String>,
    current_flow: bool,
    output: &Output,
) -> Result<Exit, CliError> {
    let bar = output.progress(ids.len() as u64, action.past());
    let mut total = DeadBulkDone::default();
    for batch in ids.chunks(BATCH) {
        let request = DeadBulk { ids: batch.to_vec(), current_flow, ..DeadBulk::default() };
        let done: DeadBulkDone = client.post(action.path(), &request).await?;
        total.done += done.done;
        total.refused.extend(done.refused);
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    output.answer(&total, || said(action, &total));
    Ok(if total.refused.is_empty() { Exit::Ok } else { Exit::Refused })
}

fn said(action: Action, total: &DeadBulkDone) -> String {
    let mut text = format!("{} {}", total.done, action.past());
    if total.refused.is_empty() {
        return text;
    }
    let _ = write!(text, ", {} refused:", total.refused.len());
    for DeadRefused { id, code, message } in total.refused.iter().take(SHOWN_MAX) {
        let _ = write!(text, "\n  {id} {code}: {message}");
    }
    if total.refused.len() > SHOWN_MAX {
        let _ = write!(text, "\n  and {} more", total.refused.len() - SHOWN_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_named() {
        let refused =
            vec![DeadRefused { id: "X".into(), code: "SNW-3014".into(), message: "replayed already".into() }];
        let total = DeadBulkDone { done: 2, refused, next: None };
        assert_eq!(said(Action::Replay, &total), "2 replayed, 1 refused:\n  X SNW-3014: replayed already");
        assert_eq!(
            said(Action::Discard, &DeadBulkDone { done: 3, ..DeadBulkDone::default() }),
            "3 discarded"
        );
    }
}
