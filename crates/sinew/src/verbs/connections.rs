use serde_json::json;
use sinew_control_api::{BreakerState, Connection, ConnectionList, SessionState, path};

use super::scopes;
use crate::cli::ConnectionVerb;
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
        table.render(output) + &helps(&list.items)
    });
    Ok(Exit::Ok)
}

/// Looks at connections: all, one with its session, or what their scopes are used for.
pub async fn one(client: &Client, verb: ConnectionVerb, output: &Output) -> Result<Exit, CliError> {
    let connection = match verb {
        ConnectionVerb::List => return run(client, output).await,
        ConnectionVerb::Scopes { connection } => return scopes::run(client, connection, output).await,
        ConnectionVerb::Show { connection } => connection,
    };
    let found: Connection = client.get(&path::connection(&connection), &json!({})).await?;
    output.answer(&found, || shown(&found));
    Ok(Exit::Ok)
}

fn shown(of: &Connection) -> String {
    let mut lines = vec![
        ("connection", of.name.clone()),
        ("system", format!("{} {}", of.connector, of.base_url)),
        ("health", health(of).0),
        ("last success", of.last_success.clone().unwrap_or_else(|| "none since the start".to_owned())),
    ];
    if let Some(failure) = &of.last_failure {
        let at = of.last_failure_at.as_deref().unwrap_or_default();
        lines.push(("last failure", format!("{at} {}: {}", failure.code, failure.message)));
    }
    lines.extend(help(of).map(|help| ("help", help)));
    if let Some(session) = &of.session {
        let since = session.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        lines.push(("session", format!("{}{since}", state(session.state))));
        lines.extend(session.why.clone().map(|why| ("why", why)));
        lines.extend(session.expires_at.clone().map(|at| ("token ends", at)));
        lines.extend(session.renewing.clone().map(|by| ("renewing", by)));
        lines.extend(session.granted.as_ref().map(|scopes| ("granted", scopes.join(" "))));
    }
    lines.iter().map(|(name, value)| format!("{name:14}{value}")).collect::<Vec<_>>().join("\n")
}

/// What to do about connections that do not work, one a line.
fn helps(of: &[Connection]) -> String {
    let lines = of.iter().filter_map(|one| Some(format!("\n{}: {}", one.name, help(one)?)));
    lines.collect::<String>()
}

/// What to do about it, if it does not work.
fn help(of: &Connection) -> Option<String> {
    match of.session.as_ref().map(|session| session.state) {
        Some(SessionState::NotConnected | SessionState::NeedsReconnecting) => {
            Some(format!("log in with `sinew connect {}`", of.name))
        }
        _ if of.credential_failed => {
            let failure = of.last_failure.as_ref()?;
            Some(failure.help.clone().unwrap_or_else(|| failure.message.clone()))
        }
        _ => None,
    }
}

fn state(of: SessionState) -> &'static str {
    match of {
        SessionState::Connected => "connected",
        SessionState::NeedsReconnecting => "needs reconnecting",
        SessionState::NotConnected => "nobody has logged in yet",
    }
}

fn health(of: &Connection) -> (String, Tint) {
    match of.session.as_ref().map(|session| session.state) {
        Some(SessionState::NeedsReconnecting) => return ("needs reconnecting".to_owned(), Tint::Bad),
        Some(SessionState::NotConnected) => return ("not connected".to_owned(), Tint::Odd),
        _ => {}
    }
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
