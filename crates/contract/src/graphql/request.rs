use std::fmt::Write as _;

use serde_json::Value;

use super::authored::{self, Authored, NotASelection};
use super::input;
use super::operation::{self, Operation};
use super::output::{self, Restore};
use super::schema::{Argument, Field, Types};
use super::selection::{Missing, Selection, Selector, Wanted};

/// How an operation is asked for. The input of a call is its variables, as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The document. It is the same for every call: variables that the input does not have are left out.
    pub document: String,
    /// The name of the operation in it.
    pub name: String,
    /// What the call takes: a schema that stands by itself.
    pub input: Value,
    /// What it answers, taken out of `data`: a schema that stands by itself.
    pub output: Value,
    /// What must be done to the answer, if anything.
    pub restore: Option<Restore>,
    /// What is wanted and cannot be had.
    pub missing: Vec<Missing>,
}

pub(super) fn derived(types: &Types, operation: &Operation, wanted: &Wanted) -> Request {
    let mut selector = Selector::new(types);
    let field = operation::field(types, operation);
    let selection = field.and_then(|field| selector.select(&field.of, wanted));
    Request { missing: selector.missing, ..of(types, operation, field, &[], selection.as_ref()) }
}

pub(super) fn authored(types: &Types, operation: &Operation, select: &str) -> Result<Request, NotASelection> {
    let field = operation::field(types, operation);
    let misfit = |message: String| NotASelection::Misfit { at: operation.field.clone(), message };
    let Some(field) = field else { return Err(misfit("the schema does not have it".to_owned())) };
    let Authored { selection, variables } = authored::read(types, &field.of, select)?;
    if let Some(doubled) = variables.iter().find(|variable| field.argument(&variable.name).is_some()) {
        let message =
            format!("`${}` is an argument of the operation itself; call it otherwise", doubled.name);
        return Err(misfit(message));
    }
    Ok(of(types, operation, Some(field), &variables, Some(&selection)))
}

fn of(
    types: &Types,
    operation: &Operation,
    field: Option<&Field>,
    more: &[Argument],
    selection: Option<&Selection>,
) -> Request {
    let own = field.map_or(&[][..], |field| &field.arguments);
    let variables: Vec<Argument> = own.iter().chain(more).cloned().collect();
    let output = field.map_or(Value::Bool(true), |field| output::schema(types, &field.of, selection));
    Request {
        document: document(operation, own, &variables, selection),
        name: operation.id.clone(),
        input: input::of(types, &variables),
        output,
        restore: selection.and_then(Restore::of),
        missing: Vec::new(),
    }
}

fn document(
    operation: &Operation,
    own: &[Argument],
    variables: &[Argument],
    selection: Option<&Selection>,
) -> String {
    let mut out = format!("{} {}", operation.root.keyword(), operation.id);
    for (n, variable) in variables.iter().enumerate() {
        // What has a default may be left out, and so must not be declared as what must be there.
        let of = if variable.default.is_some() { variable.of.nullable() } else { &variable.of };
        let _ = write!(out, "{}${}: {of}", if n == 0 { "(" } else { ", " }, variable.name);
    }
    out.push_str(if variables.is_empty() { " {" } else { ") {" });
    out.push_str(&operation.field);
    for (n, argument) in own.iter().enumerate() {
        let _ = write!(out, "{}{name}: ${name}", if n == 0 { "(" } else { ", " }, name = argument.name);
    }
    out.push_str(if own.is_empty() { "" } else { ")" });
    if let Some(selection) = selection {
        out.push(' ');
        selection.print(&mut out);
    }
    out.push('}');
    out
}
