//! What an operation takes, as one object: parameters and body side by side, as flows write them.

use serde_json::{Map, Value};

use super::Edition;
use super::body::Content;
use super::operation::Operation;
use super::reader::resolve;
use super::schema::{Direction, Lowering};

/// The field of a body that is no plain object.
const BODY: &str = "body";

/// What an operation takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its schema: JSON Schema 2020-12, with all that it refers to.
    pub schema: Value,
    /// The input fields of the operation's parameters, in the order of these.
    pub parameters: Vec<String>,
    /// Which part of the input is the body.
    pub body: InputBody,
}

/// Which part of an input is the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputBody {
    /// None.
    None,
    /// All fields that are no parameters.
    Rest,
    /// One field.
    Field(String),
}

/// A body that is an object with named fields and no conditions: its fields can stand beside the parameters.
#[derive(Default)]
struct Plain<'d> {
    properties: Vec<(&'d String, &'d Value)>,
    required: Vec<&'d str>,
    additional: Option<&'d Value>,
}

pub(super) fn of(document: &Value, edition: Edition, operation: &Operation) -> Input {
    let content = operation.body.as_ref().and_then(|body| body.content.first());
    let plain = content.and_then(|content| plain(document, content));
    let mut lowering = Lowering::new(document, edition, Direction::Input);
    let (mut properties, mut required) = (Map::new(), Vec::new());

    let mut fields = Vec::with_capacity(operation.parameters.len());
    let in_body =
        |name: &str| plain.as_ref().is_some_and(|body| body.properties.iter().any(|(of, _)| *of == name));
    for parameter in &operation.parameters {
        let mut field = parameter.name.clone();
        let taken = in_body(&field) || (content.is_some() && plain.is_none() && field == BODY);
        if taken || fields.contains(&field) {
            field = format!("{}_{field}", parameter.location.as_str());
        }
        let mut schema = lowering.lower(&parameter.schema, 0);
        describe(&mut schema, &parameter.description);
        if parameter.required {
            required.push(Value::String(field.clone()));
        }
        // What is no JSON has no null: a parameter that is null is not sent.
        properties.insert(field.clone(), schema);
        fields.push(field);
    }

    let body = match (content, plain) {
        (None, _) => InputBody::None,
        (Some(_), Some(plain)) => {
            let writable = |value: &Value| {
                resolve(document, value).is_ok_and(|of| of.get("readOnly") != Some(&Value::Bool(true)))
            };
            let is_required = operation.body.as_ref().is_some_and(|body| body.required);
            for (name, value) in &plain.properties {
                if is_required && plain.required.contains(&name.as_str()) && writable(value) {
                    required.push(Value::String((*name).clone()));
                }
                properties.insert((*name).clone(), lowering.lower(value, 0));
            }
            let additional = plain.additional.map(|value| lowering.lower(value, 0));
            let schema = object(properties, required, additional);
            return Input {
                schema: lowering.with_definitions(schema),
                parameters: fields,
                body: InputBody::Rest,
            };
        }
        (Some(content), None) => {
            let schema =
                content.schema.as_ref().map_or(Value::Bool(true), |schema| lowering.lower(schema, 0));
            properties.insert(BODY.to_owned(), schema);
            if operation.body.as_ref().is_some_and(|body| body.required) {
                required.push(Value::String(BODY.to_owned()));
            }
            InputBody::Field(BODY.to_owned())
        }
    };
    let schema = object(properties, required, Some(Value::Bool(false)));
    Input { schema: lowering.with_definitions(schema), parameters: fields, body }
}

fn object(properties: Map<String, Value>, required: Vec<Value>, additional: Option<Value>) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    schema.extend(additional.map(|additional| ("additionalProperties".to_owned(), additional)));
    Value::Object(schema)
}

fn describe(schema: &mut Value, description: &str) {
    if let Value::Object(fields) = schema
        && !description.is_empty()
    {
        fields.entry("description").or_insert_with(|| description.into());
    }
}

/// The fields of a body, if it is a plain object. Conditions (`oneOf` and the like) make it none.
fn plain<'d>(document: &'d Value, content: &'d Content) -> Option<Plain<'d>> {
    if !content.is_json() && !content.is_form() && !content.is_multipart() {
        return None;
    }
    let mut plain = Plain::default();
    gather(document, content.schema.as_ref()?, &mut plain, 0)?;
    (!plain.properties.is_empty()).then_some(plain)
}

/// `allOf` inside one another at most.
const DEPTH_MAX: usize = 16;

fn gather<'d>(document: &'d Value, schema: &'d Value, plain: &mut Plain<'d>, depth: usize) -> Option<()> {
    const CONDITIONS: [&str; 9] = [
        "oneOf",
        "anyOf",
        "not",
        "if",
        "patternProperties",
        "dependentSchemas",
        "minProperties",
        "propertyNames",
        "const",
    ];
    let schema = resolve(document, schema).ok()?;
    let is_object = match schema.get("type") {
        None => true,
        Some(Value::String(kind)) => kind == "object",
        Some(_) => false,
    };
    if depth > DEPTH_MAX || !is_object || CONDITIONS.iter().any(|keyword| schema.get(keyword).is_some()) {
        return None;
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        gather(document, part, plain, depth + 1)?;
    }
    for (name, value) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        if plain.properties.iter().any(|(of, _)| *of == name) {
            // Two parts say something about one field: both hold, which a list of fields cannot say.
            return None;
        }
        plain.properties.push((name, value));
    }
    let required = schema.get("required").and_then(Value::as_array);
    plain.required.extend(required.into_iter().flatten().filter_map(Value::as_str));
    if let Some(additional) = schema.get("additionalProperties") {
        if depth > 0 || plain.additional.is_some() {
            return None;
        }
        plain.additional = Some(additional);
    }
    Some(())
}
