use serde_json::json;
use sinew_control_api::{FlowList, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Lists flows with their counts.
pub async fn run(client: &Client, output: &Output) -> Result<Exit, CliError> {
    let list: FlowList = client.get(path::FLOWS, &json!({})).await?;
    output.answer(&list, || {
        let mut table = Table::new(&[
            "FLOW",
            "QUEUED",
            "RUNNING",
            "WAITING",
            "DEAD",
            "LAST ACCEPTED",
            "OWNER",
            "TRIGGER",
        ]);
        for one in &list.items {
            let dead = (one.dead.to_string(), (one.dead > 0).then_some(Tint::Bad));
            let trigger =
                if one.present { one.trigger.clone() } else { "(no longer in the project)".to_owned() };
            table.row([
                (one.name.clone(), Some(Tint::Strong)),
                (one.queued.to_string(), None),
                (one.running.to_string(), None),
                (one.waiting.to_string(), None),
                dead,
                (one.last_accepted_at.clone().unwrap_or_else(|| "-".to_owned()), None),
                (one.owner.team.clone(), None),
                (trigger, None),
            ]);
        }
        table.render(output)
    });
    Ok(Exit::Ok)
}
