use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use sinew_contract::Schema;
use sinew_contract::diff::{Change, Direction, Severity, changes};
use sinew_diag::codes::config;
use sinew_model::{Description, DescriptionKind, Operation, Operations};

use crate::cli::ConnectorDiff;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, counted};

/// What changed in one operation.
struct Changed {
    operation: String,
    changes: Vec<Change>,
}

/// Says what changed between two versions. Ends with 1 if something breaks.
pub fn run(diff: &ConnectorDiff, output: &Output) -> Result<Exit, CliError> {
    let (old, new) = (operations(&diff.old, diff, output)?, operations(&diff.new, diff, output)?);
    let mut changed = compare(&old, &new);
    if diff.hurting {
        for of in &mut changed {
            of.changes.retain(|change| change.severity > Severity::Harmless);
        }
        changed.retain(|of| !of.changes.is_empty());
    }
    let count = |severity: Severity| {
        changed.iter().flat_map(|of| &of.changes).filter(|change| change.severity == severity).count()
    };
    let [breaking, doubtful, harmless] =
        [Severity::Breaking, Severity::Doubtful, Severity::Harmless].map(count);
    let items: Vec<_> = changed
        .iter()
        .flat_map(|of| {
            of.changes.iter().map(|change| {
                json!({
                    "operation": of.operation, "at": change.at, "change": change.message,
                    "severity": change.severity.as_str(),
                })
            })
        })
        .collect();
    let whole = json!({ "breaking": breaking, "doubtful": doubtful, "harmless": harmless, "changes": items });
    output.answer(&whole, || {
        let mut text = String::new();
        for of in &changed {
            text.push_str(&output.tint(&of.operation, Tint::Strong));
            text.push('\n');
            for change in &of.changes {
                let (word, tint) = match change.severity {
                    Severity::Breaking => ("breaking", Tint::Bad),
                    Severity::Doubtful => ("doubtful", Tint::Odd),
                    Severity::Harmless => ("harmless", Tint::Faint),
                };
                let at = if change.at.is_empty() { String::new() } else { format!("{} ", change.at) };
                let _ = writeln!(text, "  {}  {at}{}", output.tint(word, tint), change.message);
            }
        }
        let all = counted(items.len(), "change");
        let _ = write!(text, "{all}: {breaking} breaking, {doubtful} doubtful, {harmless} harmless");
        text
    });
    Ok(if breaking > 0 { Exit::Failed } else { Exit::Ok })
}

/// The operations of a connector of the project, or of a description's file.
fn operations(named: &str, diff: &ConnectorDiff, output: &Output) -> Result<Operations, CliError> {
    let path = Path::new(named);
    if !path.is_file() {
        let (snapshot, _) = super::load(&diff.project, output)?;
        return Ok(super::find(&snapshot, named)?.operations.clone());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let open = |name: &str| std::fs::read(folder.join(name)).map_err(|e| e.to_string());
    let content = open(&name).map_err(|error| CliError::new(Exit::Failed, config::DESCRIPTION, error))?;
    let description = Description::open(DescriptionKind::of_file(&name, &content), &name, &open)
        .map_err(|error| CliError::new(Exit::Failed, config::DESCRIPTION, error.to_string()))?;
    Ok(Operations::new(std::collections::BTreeMap::new(), Some(Arc::new(description))))
}

fn compare(old: &Operations, new: &Operations) -> Vec<Changed> {
    let (before, after) = (old.ids(), new.ids());
    let mut ids: Vec<_> = before.iter().chain(&after).collect();
    ids.sort();
    ids.dedup();
    let whole =
        |message: &str, severity| vec![Change { at: String::new(), message: message.to_owned(), severity }];
    let mut all = Vec::new();
    for id in ids {
        let found = match (old.get(id.as_str()), new.get(id.as_str())) {
            (Some(one), Some(other)) => operation(&one, &other),
            (Some(_), None) => whole("is gone", Severity::Breaking),
            (None, Some(_)) => whole("is new", Severity::Harmless),
            (None, None) => continue,
        };
        if !found.is_empty() {
            all.push(Changed { operation: id.to_string(), changes: found });
        }
    }
    all
}

fn operation(old: &Operation, new: &Operation) -> Vec<Change> {
    let mut found = Vec::new();
    let mut tell = |message: String, severity| found.push(Change { at: String::new(), message, severity });
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
        found.extend(below.into_iter().map(|change| Change {
            at: if change.at.is_empty() { what.to_owned() } else { format!("{what}.{}", change.at) },
            ..change
        }));
    }
    found
}
