use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sinew_contract::Schema;
use sinew_diag::{Diagnostic, Place, codes::config};

use crate::raw::{Literal, Node, Value as NodeValue};
use crate::shape::{closest, did_you_mean};
use crate::{Binding, Idempotency, Operation, Pagination, Parameter, ParameterLocation};

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
        parameters.push(Parameter {
            field: Arc::from(field),
            name: Arc::from(name),
            location,
            required,
            manner: None,
        });
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
pub(super) fn properties(schema: &Schema) -> Option<Vec<&str>> {
    let source = schema.source();
    let plain = ["allOf", "anyOf", "oneOf", "$ref"].iter().all(|word| source.get(word).is_none());
    let listed = source.get("properties").and_then(Value::as_object)?;
    plain.then(|| listed.keys().map(String::as_str).collect())
}

pub(super) fn requires(schema: &Schema, field: &str) -> bool {
    let required = schema.source().get("required").and_then(Value::as_array);
    required.is_some_and(|list| list.iter().any(|name| name.as_str() == Some(field)))
}

/// Checks that every input field goes somewhere, and that what carries the page is an input field.
pub(crate) fn check_operation(operation: &Operation, fields: Fields<'_>, reader: &mut Reader<'_>) {
    for field in operation.input.as_ref().and_then(properties).unwrap_or_default() {
        if !operation.binding.takes(field) {
            reader.out.push(
                Diagnostic::error(config::PARAMETER, format!("the input field `{field}` goes nowhere"))
                    .at(fields.place("input"))
                    .help(where_to_put(&operation.binding, field)),
            );
        }
    }
    if let Idempotency::Key { header } = &operation.idempotency
        && !operation.binding.carries(header)
    {
        let message = format!("`{header}` carries the idempotency key, but goes nowhere");
        reader.out.push(
            Diagnostic::error(config::PARAMETER, message)
                .at(fields.place("idempotency"))
                .help(what_carries_keys(&operation.binding, header)),
        );
    }
    check_carrier(operation, fields, reader);
}

/// Checks that what carries the page goes somewhere.
pub(crate) fn check_carrier(operation: &Operation, fields: Fields<'_>, reader: &mut Reader<'_>) {
    let carrier = match &operation.pagination {
        Some(
            Pagination::Cursor { field, .. }
            | Pagination::Page { field, .. }
            | Pagination::Offset { field, .. },
        ) => field,
        Some(Pagination::Link { .. } | Pagination::NextUrl { .. } | Pagination::Streamed { .. }) | None => {
            return;
        }
    };
    if !operation.binding.takes(carrier) {
        reader.out.push(
            Diagnostic::error(config::PARAMETER, format!("`{carrier}` carries the page, but goes nowhere"))
                .at(fields.place("paginate"))
                .help(where_to_put(&operation.binding, carrier)),
        );
    }
}

/// Where an input field can go.
fn where_to_put(binding: &Binding, field: &str) -> String {
    match binding {
        Binding::Http(_) => format!("list it: `query: [{field}]`, or under `headers`, or say `body: json`"),
        Binding::Mail(mail) => format!("a letter takes {}", mail.fields().collect::<Vec<_>>().join(", ")),
        Binding::Publish(_) => {
            format!("write it where the message needs it: `to: orders.{{{field}}}`, or under its `headers`")
        }
        Binding::Sql(_) => format!("write it where the statement needs it: `:{field}`"),
        Binding::Command(_) => format!("write it where the command needs it: `{{{field}}}`"),
        Binding::File(_) => format!("write it where the path needs it: `{{{field}}}`"),
    }
}

/// What can carry an idempotency key.
fn what_carries_keys(binding: &Binding, carrier: &str) -> String {
    let Binding::Publish(message) = binding else { return where_to_put(binding, carrier) };
    match message.destination.key_carrier() {
        Some(carrier) => format!("messages carry it as `{carrier}`: `idempotency: {{ key: {carrier} }}`"),
        None => "nothing carries a key there; say `idempotency: natural` if it may come twice".to_owned(),
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
    let known = operation.input.as_ref().and_then(properties);
    let given = || with.map(Node::entries).unwrap_or_default().iter();
    let strange = |name: &&str| known.as_ref().is_some_and(|known| !known.contains(name));
    for missing in required_fields(operation).filter(|field| given().all(|entry| entry.name != **field)) {
        let message = format!("`{}` cannot be called without `{missing}`", operation.id);
        let likely = closest(missing, given().map(|entry| entry.name.as_str()).filter(strange));
        let help = match likely {
            Some(likely) => format!("`{likely}` is given, which it does not know; did you mean `{missing}`?"),
            None => format!("give it under `with:`, like `{missing}: trigger.id`"),
        };
        reader.out.push(Diagnostic::error(config::PARAMETER, message).at(place.clone()).help(help));
    }
    for entry in given() {
        check_literal(operation, &entry.name, &entry.value, reader);
    }
}

/// The fields without which a call cannot be sent or is sure to be refused.
fn required_fields(operation: &Operation) -> impl Iterator<Item = &str> {
    let required = operation.binding.required();
    let schema = operation.input.as_ref().filter(|schema| properties(schema).is_some());
    let listed = schema.and_then(|schema| schema.source().get("required")).and_then(Value::as_array);
    let listed = listed.into_iter().flatten().filter_map(Value::as_str);
    let more: Vec<_> = listed.filter(|name| !required.contains(name)).collect();
    required.into_iter().chain(more)
}

/// A number, `true`, `false` or `null` that stands for itself has to fit; what an expression gives shows when it runs.
fn check_literal(operation: &Operation, name: &str, value: &Node, reader: &mut Reader<'_>) {
    let stands_for_itself = value.scalar().is_some_and(|scalar| {
        matches!(scalar.literal(), Literal::Null | Literal::Boolean(_) | Literal::Number(_))
    });
    let Some(input) = operation.input.as_ref().filter(|_| stands_for_itself) else { return };
    let property = input.source().get("properties").and_then(|all| all.get(name)).cloned();
    let refused = property.and_then(|property| Schema::compile(property).ok()).and_then(|schema| {
        schema.violations(&value.to_json()).first().map(|violation| violation.message.clone())
    });
    if let Some(why) = refused {
        let message = format!("`{name}` of `{}` cannot be `{}`: {why}", operation.id, value.to_json());
        reader.error(config::PARAMETER, message, value.place.clone());
    }
}
