//! Looking at connectors: `sinew connector list|show|try|diff`. One file a verb.

mod attempt;
mod diff;
mod list;
mod show;

use std::sync::Arc;

use sinew_diag::codes::control;
use sinew_model::{Connector, Snapshot};

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
fn load(project: &InProject, output: &Output) -> Result<(Snapshot, Environment), CliError> {
    let environment = Environment::of_process(&project.env_file)?;
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
    Err(CliError::usage(message).help(format!("there are {}", names.join(", "))))
}
