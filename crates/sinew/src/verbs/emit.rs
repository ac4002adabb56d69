use sinew_control_api::{Emit as Request, Emitted, path};

use super::input::payload;
use crate::cli::Emit;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Sends an event.
pub async fn run(client: &Client, emit: Emit, output: &Output) -> Result<Exit, CliError> {
    let request =
        Request { payload: payload("--input", emit.input.as_deref())?, event: emit.event, key: emit.key };
    let emitted: Emitted = client.post(path::EVENTS, &request).await?;
    output.answer(&emitted, || {
        let started: Vec<String> = emitted
            .items
            .iter()
            .map(|one| match &one.run {
                Some(run) if one.duplicate => format!("run {run} (from an earlier event with the same key)"),
                Some(run) => format!("run {run}"),
                None => "one flow has as many runs waiting as it accepts".to_owned(),
            })
            .collect();
        if started.is_empty() { "emitted; no flow is started by it".to_owned() } else { started.join("\n") }
    });
    Ok(Exit::Ok)
}
