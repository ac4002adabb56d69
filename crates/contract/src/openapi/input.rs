//! What an operation takes, as one object: parameters and body side by side, as flows write them.

use serde_json::{Map, Value, json};

use super::Edition;
use super::body::Content;
use super::operation::Operation;
use super::reader::resolve;
use super::schema::{Direction, Lowering};
use crate::wire::{FieldManner, file_schema};

/// The field of a body that is no plain object.
const BODY: &str = "body";
/// What is sent where a description leaves the media type open.
const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
/// The fields that a body must have which may be left out as a whole: JSON Schema has no word for it, and checks nothing.
pub(crate) const REQUIRED_IN_BODY: &str = "x-required-in-body";

/// What an operation takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its schema: JSON Schema 2020-12, with all that it refers to.
    pub schema: Value,
    /// The input fields of the operation's parameters, in the order of these.
    pub parameters: Vec<String>,
    /// Which part of the input is the body.
    pub body: InputBody,
    /// How the body is written.
    pub form: BodyForm,
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

/// How a body is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// There is none.
    None,
    /// As JSON, under this media type.
    Json(String),
    /// As `application/x-www-form-urlencoded`; the fields that are not written the usual way.
    Form(Vec<FieldManner>),
    /// As a form of parts, under this media type; the fields that are not written the usual way.
    Multipart(String, Vec<FieldManner>),
    /// As the text that it is, under this media type.
    Text(String),
    /// As a file, under this media type unless the file says another.
    File(String),
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
    let form = content.map_or(BodyForm::None, |content| form(document, content, plain.as_ref()));
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
            let mut if_sent = Vec::new();
            for (name, value) in &plain.properties {
                if plain.required.contains(&name.as_str()) && writable(value) {
                    let list = if is_required { &mut required } else { &mut if_sent };
                    list.push(Value::String((*name).clone()));
                }
                properties.insert((*name).clone(), body_field(&mut lowering, &form, name, value));
            }
            let additional = plain.additional.map(|value| lowering.lower(value, 0));
            let mut schema = object(properties, required, additional);
            if !if_sent.is_empty() {
                schema[REQUIRED_IN_BODY] = Value::Array(if_sent);
            }
            return Input {
                schema: lowering.with_definitions(schema),
                parameters: fields,
                body: InputBody::Rest,
                form,
            };
        }
        (Some(content), None) => {
            let lowered = content.schema.as_ref().map(|schema| lowering.lower(schema, 0));
            let schema = match &form {
                BodyForm::File(_) => file_schema(lowered.as_ref().and_then(|of| of.get("description"))),
                BodyForm::Text(_) => text_schema(lowered),
                _ => lowered.unwrap_or(Value::Bool(true)),
            };
            properties.insert(BODY.to_owned(), schema);
            if operation.body.as_ref().is_some_and(|body| body.required) {
                required.push(Value::String(BODY.to_owned()));
            }
            InputBody::Field(BODY.to_owned())
        }
    };
    let schema = object(properties, required, Some(Value::Bool(false)));
    Input { schema: lowering.with_definitions(schema), parameters: fields, body, form }
}

/// A body of text: what its schema says of texts, and nothing else, since nothing else is written.
fn text_schema(lowered: Option<Value>) -> Value {
    let is_text = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("string");
    lowered.filter(is_text).unwrap_or_else(|| json!({"type": "string"}))
}

/// How a body of this content is written; `plain` are its fields, if they can be told.
fn form(document: &Value, content: &Content, plain: Option<&Plain<'_>>) -> BodyForm {
    let media_type = content.media_type.trim().to_owned();
    let mut manners = content.encoding.as_ref().map(FieldManner::read).unwrap_or_default();
    if content.is_json() {
        return BodyForm::Json(if media_type.contains('*') { JSON.to_owned() } else { media_type });
    }
    if content.is_form() {
        return BodyForm::Form(manners);
    }
    if content.is_multipart() {
        for (name, schema) in plain.into_iter().flat_map(|plain| &plain.properties) {
            if !holds_file(document, schema) {
                continue;
            }
            match manners.iter_mut().find(|of| of.name == **name) {
                Some(manner) => manner.is_file = true,
                None => manners.push(FieldManner {
                    name: (*name).clone(),
                    manner: None,
                    content_type: None,
                    is_file: true,
                }),
            }
        }
        return BodyForm::Multipart(media_type, manners);
    }
    if content.is_text() {
        return BodyForm::Text(media_type);
    }
    BodyForm::File(if media_type.contains('*') { BYTES.to_owned() } else { media_type })
}

/// Whether a field is a file, or a list of files: by its type in Swagger 2.0, its format in OpenAPI 3.0, and what it says
/// of its content in 3.1.
fn holds_file(document: &Value, schema: &Value) -> bool {
    let Ok(schema) = resolve(document, schema) else { return false };
    let says = |name: &str| schema.get(name).and_then(Value::as_str);
    match says("type") {
        Some("file") => true,
        Some("array") => {
            let items = schema.get("items").and_then(|items| resolve(document, items).ok());
            items.is_some_and(|items| {
                items.get("type") != Some(&"array".into()) && holds_file(document, items)
            })
        }
        Some("string") => says("format") == Some("binary") || says("contentMediaType") == Some(BYTES),
        _ => says("format") == Some("binary") || says("contentMediaType").is_some(),
    }
}

/// A field of a body. Files are written otherwise than they are sent.
fn body_field<'d>(lowering: &mut Lowering<'d>, form: &BodyForm, name: &str, value: &'d Value) -> Value {
    let lowered = lowering.lower(value, 0);
    let is_file = |manners: &[FieldManner]| manners.iter().any(|of| of.is_file && of.name == name);
    match form {
        BodyForm::Multipart(_, manners) if is_file(manners) => {
            let file = file_schema(lowered.get("description"));
            let is_list = lowered.get("type").and_then(Value::as_str) == Some("array");
            if is_list { json!({"type": "array", "items": file}) } else { file }
        }
        _ => lowered,
    }
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
