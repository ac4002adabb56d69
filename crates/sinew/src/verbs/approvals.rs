use serde_json::json;
use sinew_control_api::{ApprovalList, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Lists what waits for approval.
pub async fn run(client: &Client, output: &Output) -> Result<Exit, CliError> {
    let list: ApprovalList = client.get(path::APPROVALS, &json!({})).await?;
    output.answer(&list, || {
        let mut table = Table::new(&["RUN", "FLOW", "STEP", "UNTIL", "BY", "ASKS"]);
        for one in &list.items {
            table.row([
                (one.run.clone(), Some(Tint::Strong)),
                (one.flow.clone(), None),
                (one.step.clone(), None),
                (one.due.clone().unwrap_or_default(), None),
                (if one.by.is_empty() { "anyone".to_owned() } else { one.by.join(", ") }, None),
                (one.message.clone(), None),
            ]);
        }
        let more = if list.partial { "there may be more\n" } else { "" };
        if list.items.is_empty() {
            format!("nothing waits for approval\n{more}")
        } else {
            table.render(output) + more
        }
    });
    Ok(Exit::Ok)
}
