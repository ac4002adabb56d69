use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sinew_contract::Schema;
use sinew_diag::{Diagnostic, Place, codes::config};

use crate::raw::{Node, Value as NodeValue};
use crate::shape::did_you_mean;
use crate::{BodyKind, Operation, Pagination, Parameter, ParameterLocation};

use super::fields::Fields;
use super::reader::Reader;

/// Reads the parameters of an operation: those of its path, and those listed under `query` and `headers`.
pub(crate) fn read(
    path: &Node,
    fields: Fields<'_>,
    input: Option<&Schema>,
    reader: &mut Reader<'_>,
) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    let mut taken = BTreeSet::new();
    let mut add = |field: &str, name: &str, location, place: &Place, reader: &mut Reader<'_>| {
        if !taken.insert(field.to_owned()) {
            let message = format!("the input field `{field}` goes to two places");
            reader.error(config::PARAMETER, message, place.clone());
            return;
        }
        if let Some(known) = input.and_then(properties)
            && !known.contains(&field)
        {
            let help = did_you_mean(field, known.iter().copied())
                .unwrap_or_else(|| "list it under `properties` of the input".to_owned());
            let message = format!("the parameter `{field}` is no field of the input");
            reader.out.push(Diagnostic::error(config::PARAMETER, message).at(place.clone()).help(help));
        }
        let required =
            location == ParameterLocation::Path || input.is_some_and(|schema| requires(schema, field));
        parameters.push(Parameter { field: Arc::from(field), name: Arc::from(name), location, required });
    };
    for name in path_parameters(path.text().unwrap_or_default()) {
        add(name, name, ParameterLocation::Path, &path.place, reader);
    }
    for node in fields.items("query") {
        if let Some(name) = node.text() {
            add(name, name, ParameterLocation::Query, &node.place, reader);
        }
    }
    for entry in fields.node("headers").map(Node::entries).unwrap_or_default() {
        if let Some(header) = entry.value.text() {
            add(&entry.name, header, ParameterLocation::Header, &entry.name_place, reader);
        }
    }
    parameters
}

/// The names between braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name)
}

/// The fields that a schema lists, if it lists them plainly.
fn properties(schema: &Schema) -> Option<Vec<&str>> {
    let source = schema.source();
    let plain = ["allOf", "anyOf", "oneOf", "$ref"].iter().all(|word| source.get(word).is_none());
    let listed = source.get("properties").and_then(Value::as_object)?;
    plain.then(|| listed.keys().map(String::as_str).collect())
}

fn requires(schema: &Schema, field: &str) -> bool {
    let required = schema.source().get("required").and_then(Value::as_array);
    required.is_some_and(|list| list.iter().any(|name| name.as_str() == Some(field)))
}

/// Checks that every input field goes somewhere, and that what carries the page is an input field.
pub(crate) fn check_operation(operation: &Operation, fields: Fields<'_>, reader: &mut Reader<'_>) {
    let is_parameter = |field: &str| operation.http.parameters.iter().any(|p| &*p.field == field);
    if operation.http.body == BodyKind::None
        && let Some(listed) = operation.input.as_ref().and_then(properties)
    {
        for field in listed.iter().filter(|field| !is_parameter(field)) {
            reader.out.push(
                Diagnostic::error(config::PARAMETER, format!("the input field `{field}` goes nowhere"))
                    .at(fields.place("input"))
                    .help("list it under `query` or `headers`, or say `body: json`"),
            );
        }
    }
    let carrier = match &operation.pagination {
        Some(
            Pagination::Cursor { field, .. }
            | Pagination::Page { field, .. }
            | Pagination::Offset { field, .. },
        ) => field,
        Some(Pagination::Link { .. }) | None => return,
    };
    if operation.http.body == BodyKind::None && !is_parameter(carrier) {
        reader.out.push(
            Diagnostic::error(config::PARAMETER, format!("`{carrier}` carries the page, but goes nowhere"))
                .at(fields.place("paginate"))
                .help(format!("list it: `query: [{carrier}]`")),
        );
    }
}

/// Checks that a call gives the parameters without which it cannot be sent.
pub(crate) fn check_given(
    operation: &Operation,
    with: Option<&Node>,
    place: &Place,
    reader: &mut Reader<'_>,
) {
    // What a single expression gives is known only when it runs.
    if with.is_some_and(|node| !matches!(node.value, NodeValue::Map(_))) {
        return;
    }
    let missing = operation
        .http
        .parameters
        .iter()
        .filter(|p| p.required && with.is_none_or(|node| node.get(&p.field).is_none()));
    for parameter in missing {
        let message = format!("`{}` cannot be called without `{}`", operation.id, parameter.field);
        reader.out.push(
            Diagnostic::error(config::PARAMETER, message)
                .at(place.clone())
                .help(format!("give it under `with:`, like `{}: trigger.id`", parameter.field)),
        );
    }
}
