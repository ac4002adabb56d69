use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sinew_contract::Schema;
use sinew_contract::diff::{Change, Direction, Severity, changes};
use sinew_diag::codes::config;
use sinew_model::{ConnectorId, Description, DescriptionKind, Operation, Operations, Snapshot};

use crate::cli::ConnectorDiff;
use crate::error::{CliError, Exit};
use crate::output::Output;

use super::diff_text;

/// What changed in one operation.
pub(super) struct Changed {
    pub(super) operation: String,
    pub(super) changes: Vec<Altered>,
    /// The flows of the project that call it.
    pub(super) called_by: Vec<String>,
}

/// One change of an operation.
pub(super) struct Altered {
    /// Of what it takes or answers, if it is one of these.
    pub(super) part: Option<&'static str>,
    pub(super) change: Change,
}

impl Altered {
    /// Of the operation as a whole.
    fn whole(message: impl Into<String>, severity: Severity) -> Self {
        Self {
            part: None,
            change: Change { at: String::new(), shared: None, message: message.into(), severity },
        }
    }

    /// The value that changed, from the operation's `input` or `answer`.
    pub(super) fn at(&self) -> String {
        match (self.part, self.change.at.as_str()) {
            (None, at) => at.to_owned(),
            (Some(part), "") => part.to_owned(),
            (Some(part), at) => format!("{part}.{at}"),
        }
    }
}

/// Says what changed between two versions. Ends with 1 if something breaks.
pub fn run(diff: &ConnectorDiff, output: &Output) -> Result<Exit, CliError> {
    let (old, new, snapshot) = sides(diff, output)?;
    let mut changed = compare(&old.operations, &new.operations);
    if diff.hurting {
        for of in &mut changed {
            of.changes.retain(|of| of.change.severity > Severity::Harmless);
        }
        changed.retain(|of| !of.changes.is_empty());
    }
    if let Some(snapshot) = &snapshot {
        let callers = callers(snapshot, &[old.connector, new.connector]);
        for of in &mut changed {
            of.called_by = callers.get(&of.operation).into_iter().flatten().cloned().collect();
        }
    }
    let count = |severity: Severity| {
        changed.iter().flat_map(|of| &of.changes).filter(|of| of.change.severity == severity).count()
    };
    let counts = [Severity::Breaking, Severity::Doubtful, Severity::Harmless].map(count);
    let [breaking, doubtful, harmless] = counts;
    let items: Vec<_> = changed
        .iter()
        .flat_map(|of| {
            of.changes.iter().map(|altered| {
                let change = &altered.change;
                json!({
                    "operation": of.operation, "at": altered.at(), "shared": change.shared,
                    "change": change.message, "severity": change.severity.as_str(), "called_by": of.called_by,
                })
            })
        })
        .collect();
    let whole = json!({ "breaking": breaking, "doubtful": doubtful, "harmless": harmless, "changes": items });
    output.answer(&whole, || diff_text::told(&changed, counts, output));
    Ok(if breaking > 0 { Exit::Failed } else { Exit::Ok })
}

/// One of the two that are compared.
struct Side {
    operations: Operations,
    /// The connector of the project that it is; a file is none.
    connector: Option<ConnectorId>,
}

/// Both sides, and the project if one of them is of it. A description's file is compared with what the connector takes over
/// from its own: of what its author wrote beside that, the file cannot say anything.
fn sides(diff: &ConnectorDiff, output: &Output) -> Result<(Side, Side, Option<Snapshot>), CliError> {
    let names = [&diff.old, &diff.new];
    let is_file = names.map(|name| Path::new(name).is_file());
    for (name, _) in names.iter().zip(is_file).filter(|(_, is_file)| !is_file) {
        // Without a version no connector is called like this.
        if !name.contains('@') && name.contains(['.', '/', '\\']) {
            return Err(CliError::usage(format!(
                "there is no file `{name}`, and no connector can be called so"
            ))
            .help("give a connector of the project (`name@version`), or the file of a description"));
        }
    }
    if is_file == [true, true] {
        return Ok((of_file(&diff.old)?, of_file(&diff.new)?, None));
    }
    let (snapshot, _) = super::load(&diff.project, output)?;
    let side = |name: &str, is_file: bool, other_is_file: bool| {
        if is_file { of_file(name) } else { of_project(&snapshot, name, other_is_file) }
    };
    let old = side(&diff.old, is_file[0], is_file[1])?;
    let new = side(&diff.new, is_file[1], is_file[0])?;
    Ok((old, new, Some(snapshot)))
}

/// A connector of the project: all of it, or what it takes over from its description.
fn of_project(snapshot: &Snapshot, name: &str, described: bool) -> Result<Side, CliError> {
    let connector = super::find(snapshot, name).map_err(|mut error| {
        error.message.push_str(", and there is no such file");
        error
    })?;
    let operations = if described {
        let Some(description) = connector.operations.description() else {
            let id = &connector.id;
            let message =
                format!("`{id}` has no description to compare with: its operations are written by hand");
            let help = format!("`sinew import openapi FILE --name {id} --replace` gives it one");
            return Err(CliError::usage(message).help(help));
        };
        Operations::new(BTreeMap::new(), Some(Arc::clone(description)))
    } else {
        connector.operations.clone()
    };
    Ok(Side { operations, connector: Some(connector.id.clone()) })
}

fn of_file(named: &str) -> Result<Side, CliError> {
    let path = Path::new(named);
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let content = std::fs::read(path).map_err(|e| CliError::file(path, &e))?;
    let open = |name: &str| std::fs::read(folder.join(name)).map_err(|e| e.to_string());
    let description = Description::open(DescriptionKind::of_file(&name, &content), &name, &open)
        .map_err(|error| CliError::new(Exit::Failed, config::DESCRIPTION, error.to_string()))?;
    let operations = Operations::new(BTreeMap::new(), Some(Arc::new(description)));
    Ok(Side { operations, connector: None })
}

/// The flows that call each operation of these connectors.
fn callers(snapshot: &Snapshot, of: &[Option<ConnectorId>; 2]) -> BTreeMap<String, BTreeSet<String>> {
    let mut callers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let connections = snapshot.connections.values();
    for connection in connections.filter(|one| of.iter().flatten().any(|id| *id == one.connector.id)) {
        for called in snapshot.uses(connection) {
            // `flow lead-intake, step enrich`
            let flow = called.by.split(',').next().unwrap_or_default().to_owned();
            callers.entry(called.operation.to_string()).or_default().insert(flow);
        }
    }
    callers
}

fn compare(old: &Operations, new: &Operations) -> Vec<Changed> {
    let (before, after) = (old.ids(), new.ids());
    let mut ids: Vec<_> = before.iter().chain(&after).collect();
    ids.sort();
    ids.dedup();
    let whole = |message: &str, severity| vec![Altered::whole(message, severity)];
    let mut all = Vec::new();
    for id in ids {
        let found = match (old.get(id.as_str()), new.get(id.as_str())) {
            (Some(one), Some(other)) => operation(&one, &other),
            (Some(_), None) => whole("is gone", Severity::Breaking),
            (None, Some(_)) => whole("is new", Severity::Harmless),
            (None, None) => continue,
        };
        if !found.is_empty() {
            all.push(Changed { operation: id.to_string(), changes: found, called_by: Vec::new() });
        }
    }
    all
}

fn operation(old: &Operation, new: &Operation) -> Vec<Altered> {
    let mut found = Vec::new();
    let mut tell = |message: String, severity| found.push(Altered::whole(message, severity));
    let call = |of: &Operation| of.binding.reached().into_owned();
    if call(old) != call(new) {
        tell(format!("was `{}`, is `{}`", call(old), call(new)), Severity::Doubtful);
    }
    if old.effect != new.effect {
        tell(
            format!("its effect was {:?}, is {:?}", old.effect, new.effect).to_lowercase(),
            Severity::Doubtful,
        );
    }
    if old.scopes != new.scopes {
        let shown = |of: &Operation| {
            let sets: Vec<_> = of.scopes.iter().map(|set| set.join(" ")).collect();
            if sets.is_empty() { "none".to_owned() } else { sets.join(" or ") }
        };
        tell(format!("its scopes were {}, are {}", shown(old), shown(new)), Severity::Doubtful);
    }
    for (what, before, after, direction) in [
        ("input", &old.input, &new.input, Direction::Input),
        ("answer", &old.output, &new.output, Direction::Output),
    ] {
        let source = |of: &Option<Schema>| of.as_ref().map_or(json!(true), |schema| schema.source().clone());
        let below = changes(&source(before), &source(after), direction);
        found.extend(below.into_iter().map(|change| Altered { part: Some(what), change }));
    }
    found
}
