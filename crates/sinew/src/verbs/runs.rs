use std::time::Duration;

use serde_json::json;
use sinew_control_api::{RunDetail, RunEntry, RunPage, RunQuery, RunStatus, RunWatch, path};

use super::input::since;
use super::runs_text;
use crate::cli::{Runs, RunsList};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// How long one request waits for news of a run.
const NEWS_WITHIN: Duration = Duration::from_secs(20);

/// Looks at runs.
pub async fn run(client: &Client, runs: Runs, output: &Output) -> Result<Exit, CliError> {
    match runs {
        Runs::List(list) => self::list(client, list, output).await,
        Runs::Show { run } => {
            let detail: RunDetail = client.get(&path::run(&run), &json!({})).await?;
            output.answer(&detail, || runs_text::detail(&detail, output));
            Ok(Exit::Ok)
        }
        Runs::Watch { run } => watch(client, &run, output).await,
    }
}

async fn list(client: &Client, list: RunsList, output: &Output) -> Result<Exit, CliError> {
    let query = RunQuery {
        flow: list.flow,
        status: list.status,
        key: list.key,
        since: since(list.since.as_deref())?,
        until: since(list.until.as_deref())?,
        before: list.before,
        limit: Some(list.limit),
    };
    let page: RunPage = client.get(path::RUNS, &query).await?;
    output.answer(&page, || runs_text::list(&page, output));
    Ok(Exit::Ok)
}

async fn watch(client: &Client, run: &str, output: &Output) -> Result<Exit, CliError> {
    let show = |entry: &RunEntry| {
        if output.is_json() { output.json(entry) } else { output.line(&runs_text::entry(entry, output)) }
    };
    let detail = watch_until_ended(client, run, None, show).await?;
    if !output.is_json() {
        output.line(&runs_text::ended(&detail, output));
    }
    Ok(if detail.run.status == RunStatus::Finished { Exit::Ok } else { Exit::Failed })
}

/// Follows a run, entry by entry, until it ends or patience does.
pub async fn watch_until_ended(
    client: &Client,
    run: &str,
    patience: Option<Duration>,
    mut show: impl FnMut(&RunEntry),
) -> Result<RunDetail, CliError> {
    let end = patience.map(|patience| tokio::time::Instant::now() + patience);
    let mut known = RunWatch { after: 0, status: None, wait_ms: Some(0) };
    loop {
        let detail: RunDetail = client.get(&path::run_watch(run), &known).await?;
        detail.timeline.iter().skip(known.after as usize).for_each(&mut show);
        let left = end.map_or(NEWS_WITHIN, |end| end.saturating_duration_since(tokio::time::Instant::now()));
        if detail.run.status.is_final() || left.is_zero() {
            return Ok(detail);
        }
        known.after = u32::try_from(detail.timeline.len()).unwrap_or(u32::MAX);
        known.status = Some(detail.run.status);
        known.wait_ms = Some(u64::try_from(left.min(NEWS_WITHIN).as_millis()).unwrap_or(0));
    }
}
