use serde_json::json;

use crate::cli::Validate;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, counted};
use crate::project::{Folders, Loaded};

/// Reports everything that is wrong with a project.
pub fn run(validate: &Validate, output: &Output) -> Result<Exit, CliError> {
    let environment = Environment::of_process(&validate.env_file)?;
    let loaded = Folders::new(&validate.projects, environment.variables()).validate();
    if output.is_json() {
        output.json(&json!({
            "valid": loaded.snapshot.is_some(),
            "flows": loaded.snapshot.as_ref().map_or(0, |s| s.flows.len()),
            "connections": loaded.snapshot.as_ref().map_or(0, |s| s.connections.len()),
            "connectors": loaded.snapshot.as_ref().map_or(0, |s| s.connectors.len()),
            "channels": loaded.snapshot.as_ref().map_or(0, |s| s.channels.len()),
            "findings": sinew_control::findings(&loaded.findings),
        }));
    } else {
        output.line(format!("{}{}", loaded.render(output.style()), summary(&loaded, output)).trim_end());
    }
    if let Some(hint) = loaded.hint() {
        output.tell(&format!("  help: {hint}"));
    }
    Ok(loaded.exit())
}

fn summary(loaded: &Loaded, output: &Output) -> String {
    let errors = loaded.findings.errors();
    let warnings = loaded.findings.len() - errors;
    let warned = if warnings > 0 { format!(", {}", counted(warnings, "warning")) } else { String::new() };
    match &loaded.snapshot {
        Some(snapshot) => format!(
            "{}: {}, {}, {}, {}{warned}",
            output.tint("valid", Tint::Good),
            counted(snapshot.flows.len(), "flow"),
            counted(snapshot.connections.len(), "connection"),
            counted(snapshot.connectors.len(), "connector"),
            counted(snapshot.channels.len(), "alert channel"),
        ),
        None => format!("{}: {}{warned}", output.tint("not valid", Tint::Bad), counted(errors, "error")),
    }
}
