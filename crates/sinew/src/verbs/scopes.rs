use serde_json::json;
use sinew_control_api::{ConnectionList, GrantSource, ScopeAdvice, path};

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Compares the scopes that a connection was granted with what flows use; without a name, those of all that have any.
pub async fn run(client: &Client, connection: Option<String>, output: &Output) -> Result<Exit, CliError> {
    if let Some(name) = connection {
        let advice: ScopeAdvice = client.get(&path::connection_scopes(&name), &json!({})).await?;
        output.answer(&advice, || shown(&advice));
        return Ok(Exit::Ok);
    }
    let list: ConnectionList = client.get(path::CONNECTIONS, &json!({})).await?;
    let mut all = Vec::new();
    for one in &list.items {
        let advice: ScopeAdvice = client.get(&path::connection_scopes(&one.name), &json!({})).await?;
        if advice.source != GrantSource::Unknown || !advice.needed.is_empty() {
            all.push(advice);
        }
    }
    output.answer(&json!({ "items": all }), || table(&all, output));
    Ok(Exit::Ok)
}

fn table(all: &[ScopeAdvice], output: &Output) -> String {
    let mut table = Table::new(&["CONNECTION", "GRANTED", "NEEDED", "SPARE", "LACKING", "ADVICE"]);
    for one in all {
        let (advice, tint) = verdict(one);
        table.row([
            (one.connection.clone(), Some(Tint::Strong)),
            (one.granted.len().to_string(), None),
            (one.needed.len().to_string(), None),
            (one.spare.len().to_string(), None),
            (one.lacking.len().to_string(), None),
            (advice, Some(tint)),
        ]);
    }
    table.render(output)
}

fn verdict(of: &ScopeAdvice) -> (String, Tint) {
    if !of.lacking.is_empty() && of.source != GrantSource::Unknown {
        return ("ask for more".to_owned(), Tint::Bad);
    }
    match (of.source, of.spare.is_empty(), of.silent.is_empty()) {
        (GrantSource::Unknown, ..) => ("its credential names no scopes".to_owned(), Tint::Faint),
        _ if is_unknown(of) => (nothing_known(of).to_owned(), Tint::Faint),
        (_, true, _) => ("as it should be".to_owned(), Tint::Good),
        (_, false, true) => ("ask for less".to_owned(), Tint::Odd),
        (_, false, false) => ("perhaps less: some operations say nothing of scopes".to_owned(), Tint::Odd),
    }
}

/// Whether nothing is known of what it is used for, as far as scopes go.
fn is_unknown(of: &ScopeAdvice) -> bool {
    of.needed.is_empty() && of.lacking.is_empty()
}

fn nothing_known(of: &ScopeAdvice) -> &'static str {
    if of.silent.is_empty() {
        "nothing is known yet: no flow uses it"
    } else {
        "nothing is known yet: what uses it says nothing of scopes"
    }
}

fn shown(of: &ScopeAdvice) -> String {
    let source = match of.source {
        GrantSource::Provider => "as the provider said",
        GrantSource::Asked => "as the connection asks; the provider has not said what it gave",
        GrantSource::Unknown => "its credential names no scopes",
    };
    let mut lines = vec![
        format!("connection    {}", of.connection),
        format!("granted       {} ({source})", words(&of.granted)),
    ];
    lines.extend(of.needed.iter().map(|one| format!("needed        {} by {}", one.scope, one.by.join("; "))));
    lines.extend(of.lacking.iter().map(|one| {
        let sets: Vec<_> = one.any_of.iter().map(|set| set.join(" ")).collect();
        format!("lacking       {} for {} by {}", sets.join(", or "), one.operation, one.by)
    }));
    let spare = if is_unknown(of) { nothing_known(of).to_owned() } else { words(&of.spare) };
    lines.push(format!("spare         {spare}"));
    if !of.silent.is_empty() {
        lines.push(format!(
            "not known     {}: the connector does not say which scopes these need (`scopes:` in its operations or corrections)",
            of.silent.join(", ")
        ));
    }
    if let Some(proposal) = &of.proposal {
        let careful = if of.silent.is_empty() { "" } else { ", and what the operations not known need" };
        lines.push(format!("proposal      scopes: [{}]{careful}", proposal.join(", ")));
        lines.push(format!(
            "              then `sinew connect {}`, as tokens keep the scopes they have",
            of.connection
        ));
    }
    lines.join("\n")
}

fn words(scopes: &[String]) -> String {
    if scopes.is_empty() { "none".to_owned() } else { scopes.join(" ") }
}
