use std::fmt::Write as _;
use std::time::Duration;

use sinew_control_api::{EntryKind, Failure, RunEnd, RunEntry, RunStart, RunStarted, RunStatus, path};
use sinew_diag::codes::control;

use super::input::payload;
use super::runs::watch_until_ended;
use super::runs_text;
use crate::cli::Run;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, whole_line};

/// Starts a run by hand, and waits for its end if asked.
pub async fn run(client: &Client, run: Run, output: &Output) -> Result<Exit, CliError> {
    let request = RunStart {
        input: payload("--input", run.input.as_deref())?,
        flow: run.flow,
        force: run.force,
        wait_ms: run.wait.map(|wait| u64::try_from(wait.min(AT_ONCE).as_millis()).unwrap_or(u64::MAX)),
    };
    let began = tokio::time::Instant::now();
    let mut started: RunStarted = client.post(path::RUNS, &request).await.map_err(as_options)?;
    let mut stuck = None;
    if let Some(wait) = run.wait.filter(|_| started.end.is_none()) {
        let left = wait.saturating_sub(began.elapsed());
        (started.end, stuck) = rest(client, &started, left, output).await?;
    }
    output.answer(&started, || {
        let earlier = if started.duplicate { " (accepted earlier, under the same dedupe key)" } else { "" };
        let head = format!("run {}{earlier}", started.run);
        started.end.as_ref().map_or(head.clone(), |end| format!("{head}\n{}", said(end, output)))
    });
    match (run.wait, &started.end) {
        (Some(_), None) => Err(unfinished(&started.run, stuck)),
        (_, Some(end)) if end.status != RunStatus::Finished => Ok(Exit::Failed),
        _ => Ok(Exit::Ok),
    }
}

/// The server speaks of the API's fields; here they are options.
fn as_options(mut error: CliError) -> CliError {
    error.help = error.help.take().map(|help| help.replace("`force`", "`--force`"));
    error
}

/// Most runs end while the server holds the answer back for so long; the others are watched, so that it can be told what
/// they wait for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Watches the run for the rest of the time. Tells once what has to be done before it can go on, and gives that back.
async fn rest(
    client: &Client,
    started: &RunStarted,
    wait: Duration,
    output: &Output,
) -> Result<(Option<RunEnd>, Option<Failure>), CliError> {
    let mut stuck: Option<Failure> = None;
    let show = |entry: &RunEntry| {
        let why = entry.failure.as_ref().filter(|_| entry.kind == EntryKind::Backoff);
        if let Some(why) = why.filter(|why| stuck.as_ref().is_none_or(|told| told.message != why.message)) {
            output.tell(&format!("run {} {}", started.run, whole_line(&entry.text)));
            stuck = Some(why.clone());
        }
    };
    let detail = watch_until_ended(client, &started.run, Some(wait), show).await?;
    let end = detail.run.status.is_final().then_some(RunEnd {
        status: detail.run.status,
        result: detail.result,
        failure: detail.failure,
    });
    Ok((end, stuck))
}

fn said(end: &RunEnd, output: &Output) -> String {
    let tint = if end.status == RunStatus::Finished { Tint::Good } else { Tint::Bad };
    let mut text = output.tint(end.status.as_str(), tint);
    if let Some(result) = end.result.as_ref().filter(|result| !result.is_null()) {
        let _ = write!(text, "\n{result}");
    }
    if let Some(failure) = &end.failure {
        let _ = write!(text, "\n{}", runs_text::failure(failure, output).trim_end());
    }
    text
}

fn unfinished(run: &str, stuck: Option<Failure>) -> CliError {
    let why = stuck.as_ref().map(|why| format!(": {}", why.message)).unwrap_or_default();
    let how = stuck.and_then(|why| why.help).map(|help| format!("{help}; ")).unwrap_or_default();
    CliError::new(Exit::Failed, control::RUN_FAILED, format!("run {run} is still under way{why}"))
        .help(format!("{how}follow it with `sinew runs watch {run}`"))
}
