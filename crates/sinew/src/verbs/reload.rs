use serde_json::json;
use sinew_control_api::{Reloaded, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Makes a server read its project again.
pub async fn run(client: &Client, output: &Output) -> Result<Exit, CliError> {
    let reloaded: Reloaded = client.post(path::RELOAD, &json!({})).await?;
    output.answer(&reloaded, || said(&reloaded));
    Ok(Exit::Ok)
}

/// What a reload did, in words.
pub fn said(reloaded: &Reloaded) -> String {
    let list = |what: &str, names: &[String]| {
        if names.is_empty() { String::new() } else { format!("; {what}: {}", names.join(", ")) }
    };
    let (changed, removed) = (list("changed", &reloaded.changed), list("gone", &reloaded.removed));
    let same = if changed.is_empty() && removed.is_empty() { "; no flow has changed" } else { "" };
    let s = if reloaded.flows == 1 { "" } else { "s" };
    format!("{} flow{s} in force{changed}{removed}{same}", reloaded.flows)
}
