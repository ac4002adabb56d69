use sinew_control_api::{AlertList, AlertQuery, path};

use crate::cli::Alerts;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Lists alerts.
pub async fn run(client: &Client, alerts: &Alerts, output: &Output) -> Result<Exit, CliError> {
    let list: AlertList =
        client.get(path::ALERTS, &AlertQuery { all: alerts.all, limit: Some(alerts.limit) }).await?;
    output.answer(&list, || {
        let mut table = Table::new(&["SINCE", "STATE", "KIND", "SUBJECT", "COUNT", "MESSAGE"]).uncut();
        for one in &list.items {
            let (state, tint) = if one.open { ("open", Tint::Bad) } else { ("over", Tint::Good) };
            table.row([
                (one.opened_at.clone(), None),
                (state.to_owned(), Some(tint)),
                (one.kind.to_string(), None),
                (one.subject.clone(), Some(Tint::Strong)),
                (one.count.to_string(), None),
                (one.message.clone(), None),
            ]);
        }
        if list.items.is_empty() { "no alert is open".to_owned() } else { table.render(output) }
    });
    Ok(Exit::Ok)
}
