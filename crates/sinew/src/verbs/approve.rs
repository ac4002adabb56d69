use sinew_control_api::{Decide, Done, path};

use crate::cli::Approve;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Answers a step that waits for approval.
pub async fn run(client: &Client, approve: Approve, output: &Output) -> Result<Exit, CliError> {
    let Approve { run, step, reject, by, note } = approve;
    let done: Done =
        client.post(&path::run_decide(&run), &Decide { approved: !reject, step, by, note }).await?;
    output.answer(&done, || format!("{}: run {run}", if reject { "rejected" } else { "approved" }));
    Ok(Exit::Ok)
}
