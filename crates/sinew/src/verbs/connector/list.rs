use serde_json::json;
use sinew_model::Effect;

use crate::cli::InProject;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

/// Lists the connectors of a project.
pub fn run(project: &InProject, output: &Output) -> Result<Exit, CliError> {
    let (snapshot, _) = super::load(project, output)?;
    let mut table = Table::new(&["CONNECTOR", "OPERATIONS", "READ", "FROM", "USED BY", "DESCRIPTION"]);
    let mut items = Vec::new();
    for (id, connector) in &snapshot.connectors {
        let ids = connector.operations.ids();
        let reads = super::show::listed(connector).iter().filter(|of| of.effect == Effect::Read).count();
        let from = connector.operations.description().map(|of| of.path.to_string());
        let connections = snapshot.connections.values().filter(|of| of.connector.id == *id);
        let used_by: Vec<_> = connections.map(|of| of.name.to_string()).collect();
        table.row([
            (id.to_string(), Some(Tint::Strong)),
            (ids.len().to_string(), None),
            (reads.to_string(), None),
            (from.clone().unwrap_or_else(|| "written".to_owned()), None),
            (if used_by.is_empty() { "-".to_owned() } else { used_by.join(", ") }, None),
            (connector.description.to_string(), None),
        ]);
        items.push(json!({
            "connector": id.to_string(),
            "description": connector.description,
            "operations": ids.len(),
            "reads": reads,
            "published": from,
            "connections": used_by,
        }));
    }
    output.answer(&json!({ "items": items }), || table.render(output));
    Ok(Exit::Ok)
}
