//! Messages as JSON Schemas.

use serde_json::{Map, Value, json};

use crate::xsd::{Direction, Schemas, Types};

use super::{Body, Message, Part};

/// The field that holds a message's headers.
pub(crate) const HEADERS: &str = "$headers";

pub(super) fn input(types: &Types, message: &Message) -> Value {
    message_schema(types, message, Direction::Input)
}

pub(super) fn output(types: &Types, message: &Message) -> Value {
    message_schema(types, message, Direction::Output)
}

pub(super) fn part(types: &Types, part: &Part) -> Value {
    let mut schemas = Schemas::new(types, Direction::Output);
    let schema = match schemas.of(part.of) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    schemas.finish(schema)
}

fn message_schema(types: &Types, message: &Message, direction: Direction) -> Value {
    let mut schemas = Schemas::new(types, direction);
    let mut schema = match &message.body {
        Body::Element { part, flat: true } => {
            schemas.top(part.of).unwrap_or_else(|| object(Map::new(), Vec::new()))
        }
        Body::Element { part, flat: false } => parts(&mut schemas, std::slice::from_ref(part)),
        Body::Parts { parts: of, .. } => parts(&mut schemas, of),
        Body::Empty => object(Map::new(), Vec::new()),
    };
    let attached = message.attachments.iter().map(|part| {
        (
            part.key.clone(),
            json!({"type": "string", "contentEncoding": "base64", "description": "an attachment"}),
        )
    });
    let mut extra: Map<String, Value> = attached.collect();
    if !message.headers.is_empty() {
        let headers = message.headers.iter().map(|part| (part.key.clone(), schemas.of(part.of)));
        let headers: Map<String, Value> = headers.collect();
        extra.insert(HEADERS.to_owned(), json!({"type": "object", "properties": headers}));
    }
    if !extra.is_empty() {
        match schema.entry("properties").or_insert_with(|| Value::Object(Map::new())) {
            Value::Object(properties) => properties.extend(extra),
            _ => return schemas.finish(schema),
        }
    }
    schemas.finish(schema)
}

fn parts(schemas: &mut Schemas<'_>, parts: &[Part]) -> Map<String, Value> {
    let mut properties = Map::new();
    for part in parts {
        let mut schema = schemas.of(part.of);
        if part.nillable {
            schema = crate::xsd::nullable(schema);
        }
        properties.insert(part.key.clone(), schema);
    }
    let required = parts.iter().filter(|part| !part.nillable).map(|part| Value::from(part.key.clone()));
    object(properties, required.collect())
}

fn object(properties: Map<String, Value>, required: Vec<Value>) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    schema
}
