use sinew_control_api as api;
use sinew_flow::{Edited, ReplayOptions};
use sinew_model::Principal;
use sinew_stdx::Json;
use sinew_store::{DeadFilter, DeadStatus};

use super::words::{id, maybe_id, maybe_instant, page_lines, shared};
use crate::{Control, Fault, view};

/// A page of dead letters.
pub(crate) async fn dead_list(control: &Control, query: &api::DeadQuery) -> Result<api::DeadPage, Fault> {
    let filter = filter(query)?;
    let limit = filter.limit;
    let found = control.store().dead_list(filter).await?;
    let next =
        found.last().filter(|_| found.len() == limit as usize).map(|letter| letter.letter.id.to_string());
    Ok(api::DeadPage { items: found.iter().map(view::dead_letter).collect::<Result<_, _>>()?, next })
}

/// How many dead letters match.
pub(crate) async fn dead_count(control: &Control, query: &api::DeadQuery) -> Result<api::DeadCount, Fault> {
    let count = control.engine().dead_count(filter(query)?).await?;
    Ok(api::DeadCount { count })
}

fn filter(query: &api::DeadQuery) -> Result<DeadFilter, Fault> {
    let status = match query.status.as_deref().unwrap_or("open") {
        "any" => None,
        word => Some(DeadStatus::from_word(word).ok_or_else(|| {
            Fault::bad_request(format!(
                "`{word}` is no state of a dead letter; there are open, replayed, discarded and any"
            ))
        })?),
    };
    Ok(DeadFilter {
        flow: shared(query.flow.as_deref()),
        run: maybe_id(query.run.as_deref())?,
        step: shared(query.step.as_deref()),
        reason: shared(query.reason.as_deref()),
        status,
        since: maybe_instant(query.since.as_deref())?,
        until: maybe_instant(query.until.as_deref())?,
        before: maybe_id(query.before.as_deref())?,
        limit: page_lines(query.limit)?,
    })
}

/// A dead letter in full.
pub(crate) async fn dead_show(control: &Control, letter: &str) -> Result<api::DeadDetail, Fault> {
    let found = control.store().dead_show(id(letter)?).await?;
    let found = found.ok_or_else(|| Fault::missing(format!("dead letter {letter}")))?;
    view::dead_detail(&found)
}

/// Replays one dead letter.
pub(crate) async fn dead_replay(
    control: &Control,
    letter: &str,
    replay: &api::DeadReplay,
    by: Principal,
) -> Result<api::DeadReplayed, Fault> {
    let options = ReplayOptions { current_flow: replay.current_flow };
    let run = control.engine().replay(id(letter)?, by, &options).await?;
    Ok(api::DeadReplayed { run: run.to_string() })
}

/// Gives one dead letter up.
pub(crate) async fn dead_discard(control: &Control, letter: &str, by: Principal) -> Result<api::Done, Fault> {
    control.engine().discard(id(letter)?, by).await?;
    Ok(api::Done { id: letter.to_owned() })
}

/// Replaces the payload of a dead letter.
pub(crate) async fn dead_edit(
    control: &Control,
    letter: &str,
    payload: Json,
) -> Result<api::DeadEdited, Fault> {
    let edited = control.engine().edit_letter(id(letter)?, payload).await?;
    Ok(api::DeadEdited { id: letter.to_owned(), changed: edited == Edited::Changed })
}
