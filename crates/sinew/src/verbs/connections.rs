use serde_json::json;
use sinew_control_api::{BreakerState, Connection, ConnectionList, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Lists connections and how they are.
pub async fn run(client: &Client, output: &Output) -> Result<Exit, CliError> {
    let list: ConnectionList = client.get(path::CONNECTIONS, &json!({})).await?;
    output.answer(&list, || {
        let mut table = Table::new(&[
            "CONNECTION",
            "HEALTH",
            "ACCESS",
            "UNDER WAY",
            "WAITING",
            "BUDGET",
            "OWNER",
            "SYSTEM",
        ]);
        for one in &list.items {
            let (health, tint) = health(one);
            table.row([
                (one.name.clone(), Some(Tint::Strong)),
                (health, Some(tint)),
                (one.access.to_string(), None),
                (one.in_flight.to_string(), None),
                (one.waiting.to_string(), None),
                (one.budget.clone().unwrap_or_else(|| "-".to_owned()), None),
                (one.owner.team.clone(), None),
                (format!("{} {}", one.connector, one.base_url), None),
            ]);
        }
        table.render(output)
    });
    Ok(Exit::Ok)
}

fn health(of: &Connection) -> (String, Tint) {
    if of.credential_failed {
        return ("credential refused".to_owned(), Tint::Bad);
    }
    match of.breaker {
        BreakerState::Open => (format!("breaker open, {} ms left", of.open_for_ms.unwrap_or(0)), Tint::Bad),
        BreakerState::HalfOpen => ("breaker half open".to_owned(), Tint::Odd),
        BreakerState::Closed => match of.paused_for_ms {
            Some(ms) => (format!("asked us to wait {ms} ms"), Tint::Odd),
            None if of.last_success.is_none() && of.last_failure.is_none() => {
                ("not called yet".to_owned(), Tint::Faint)
            }
            None => ("well".to_owned(), Tint::Good),
        },
    }
}
