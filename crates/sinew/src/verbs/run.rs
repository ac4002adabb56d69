use std::fmt::Write as _;
use std::time::Duration;

use sinew_control_api::{RunEnd, RunStart, RunStarted, RunStatus, path};
use sinew_diag::codes::control;

use super::input::payload;
use super::runs::watch_until_ended;
use super::runs_text;
use crate::cli::Run;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint};

/// Starts a run by hand, and waits for its end if asked.
pub async fn run(client: &Client, run: Run, output: &Output) -> Result<Exit, CliError> {
    let request = RunStart {
        input: payload("--input", run.input.as_deref())?,
        flow: run.flow,
        force: run.force,
        wait_ms: run.wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    };
    let began = tokio::time::Instant::now();
    let mut started: RunStarted = client.post(path::RUNS, &request).await.map_err(as_options)?;
    if let Some(wait) = run.wait.filter(|_| started.end.is_none()) {
        started.end = rest(client, &started, wait.saturating_sub(began.elapsed())).await?;
    }
    output.answer(&started, || {
        let earlier = if started.duplicate { " (accepted earlier, under the same dedupe key)" } else { "" };
        let head = format!("run {}{earlier}", started.run);
        started.end.as_ref().map_or(head.clone(), |end| format!("{head}\n{}", said(end, output)))
    });
    match (run.wait, &started.end) {
        (Some(_), None) => Err(unfinished(&started.run, "is still under way")),
        (_, Some(end)) if end.status != RunStatus::Finished => Ok(Exit::Failed),
        _ => Ok(Exit::Ok),
    }
}

/// The server speaks of the API's fields; here they are options.
fn as_options(mut error: CliError) -> CliError {
    error.help = error.help.take().map(|help| help.replace("`force`", "`--force`"));
    error
}

/// A server waits for so long at most within one request; the rest is watching.
async fn rest(client: &Client, started: &RunStarted, wait: Duration) -> Result<Option<RunEnd>, CliError> {
    let detail = watch_until_ended(client, &started.run, Some(wait), |_| {}).await?;
    Ok(detail.run.status.is_final().then_some(RunEnd {
        status: detail.run.status,
        result: detail.result,
        failure: detail.failure,
    }))
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

fn unfinished(run: &str, how: &str) -> CliError {
    CliError::new(Exit::Failed, control::RUN_FAILED, format!("run {run} {how}"))
        .help(format!("follow it with `sinew runs watch {run}`"))
}
