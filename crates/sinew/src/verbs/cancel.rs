use serde_json::json;
use sinew_control_api::{Done, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Stops a run.
pub async fn run(client: &Client, run: &str, output: &Output) -> Result<Exit, CliError> {
    let done: Done = client.post(&path::run_cancel(run), &json!({})).await?;
    output.answer(&done, || format!("run {run} is told to stop"));
    Ok(Exit::Ok)
}
