//! Looking at connectors: `sinew connector list|show|try|diff`. One file a verb.

mod attempt;
mod diff;
mod diff_text;
mod list;
mod show;

use std::sync::Arc;

use sinew_diag::codes::control;
use sinew_model::{Connector, Snapshot, closest};

use crate::cli::{ConnectorVerb, InProject, Shared};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::project::Folders;

/// Does what is asked.
pub fn run(verb: ConnectorVerb, shared: &Shared, output: &Output) -> Result<Exit, CliError> {
    match verb {
        ConnectorVerb::List(project) => list::run(&project, output),
        ConnectorVerb::Show(show) => show::run(&show, output),
        ConnectorVerb::Try(attempt) => attempt::run(&attempt, shared, output),
        ConnectorVerb::Diff(diff) => diff::run(&diff, output),
    }
}

/// The project, which must be valid.
pub(super) fn load(project: &InProject, output: &Output) -> Result<(Snapshot, Environment), CliError> {
    load_with(project, Environment::of_process(&project.env_file)?, output)
}

fn load_with(
    project: &InProject,
    environment: Environment,
    output: &Output,
) -> Result<(Snapshot, Environment), CliError> {
    let loaded = Folders::new(&project.project, environment.variables()).load();
    let exit = loaded.exit();
    let Some(snapshot) = loaded.snapshot else {
        output.tell(loaded.render(output.error_style()).trim_end());
        let error = CliError::new(exit, control::PROJECT_INVALID, "the project is not valid");
        return Err(error.help("name its folders with `--project`"));
    };
    Ok((snapshot, environment))
}

/// A connector by its name, or by name and version.
fn find(snapshot: &Snapshot, name: &str) -> Result<Arc<Connector>, CliError> {
    let is_it = |id: &str| id == name || id.split('@').next() == Some(name);
    let mut found: Vec<_> = snapshot.connectors.iter().filter(|(id, _)| is_it(&id.to_string())).collect();
    if let (Some((_, connector)), None) = (found.pop(), found.pop()) {
        return Ok(Arc::clone(connector));
    }
    let names: Vec<_> = snapshot.connectors.keys().map(ToString::to_string).collect();
    let is_there = names.iter().any(|id| is_it(id));
    let message = if is_there {
        format!("there are several versions of `{name}`")
    } else {
        format!("the project has no connector `{name}`")
    };
    let bare = names.iter().map(|id| id.split('@').next().unwrap_or(id));
    let help = match closest(name, names.iter().map(String::as_str).chain(bare)) {
        Some(likely) if !is_there => format!("did you mean `{likely}`?"),
        _ if names.is_empty() => "`sinew import` makes one of what a vendor publishes".to_owned(),
        _ => format!("there are {}", names.join(", ")),
    };
    Err(CliError::usage(message).help(help))
}

/// What to say of an operation that a connector does not have.
fn instead(connector: &Connector, id: &str) -> String {
    let ids: Vec<String> = connector.operations.ids().iter().map(ToString::to_string).collect();
    let wanted = id.to_lowercase();
    let alike: Vec<&str> =
        ids.iter().map(String::as_str).filter(|of| of.to_lowercase().contains(&wanted)).take(8).collect();
    match closest(id, ids.iter().map(String::as_str)) {
        Some(likely) => format!("did you mean `{likely}`?"),
        None if alike.is_empty() => {
            format!("`sinew connector show {}` lists all {}", connector.id, ids.len())
        }
        None => format!("there are {}", alike.join(", ")),
    }
}
