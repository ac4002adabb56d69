use serde_json::Value;

use super::body::{self, Body, Content};
use super::effect::{self, Effect};
use super::event::{self, Event};
use super::names::{Ids, Origin};
use super::parameter::{self, Parameter};
use super::reader::Reader;
use super::server::{self, Server};
use super::{Edition, text};

/// The methods that a path may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What can be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its id: a word, unique in its description, the same each time that the description is read.
    pub id: String,
    /// The method, in upper case.
    pub method: String,
    /// The path, with `{name}` for path parameters.
    pub path: String,
    /// What it does, for people.
    pub summary: String,
    /// What it does to the system, as far as method and names tell.
    pub effect: Effect,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// What it takes beside the body.
    pub parameters: Vec<Parameter>,
    /// The body that it takes.
    pub body: Option<Body>,
    /// What it answers.
    pub responses: Vec<Response>,
    /// Where it is served, if elsewhere than the rest.
    pub servers: Vec<Server>,
    /// What a caller must show: any of these sets of schemes, each with its scopes. Empty: nothing.
    pub security: Vec<Vec<(String, Vec<String>)>>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// `200`, `4XX` or `default`.
    pub status: String,
    /// The forms that it may have.
    pub content: Vec<Content>,
}

impl Operation {
    /// The answer when all went well: the first of the 2xx, else the default.
    pub fn success(&self) -> Option<&Response> {
        let of =
            |wanted: fn(&str) -> bool| self.responses.iter().find(move |response| wanted(&response.status));
        of(|status| status == "200").or_else(|| of(|s| s.starts_with('2'))).or_else(|| of(|s| s == "default"))
    }
}

/// All operations of a description, in its order, and the events that they ask for.
pub(super) fn read_all(reader: &mut Reader<'_>, events: &mut Vec<Event>) -> Vec<Operation> {
    let mut ids = Ids::default();
    let mut operations = Vec::new();
    let paths = reader.map(reader.document, "paths");
    reader.below("paths", |reader| {
        for (path, item) in paths {
            reader.below(path, |reader| {
                let Some(item) = reader.resolve(item) else { return };
                for method in METHODS {
                    let Some(operation) = item.get(method).filter(|of| of.is_object()) else { continue };
                    reader.below(method, |reader| {
                        let described = read(reader, &mut ids, path, method, item, operation);
                        events.extend(event::callbacks(reader, &described.id, operation));
                        operations.push(described);
                    });
                }
            });
        }
    });
    operations
}

fn read<'d>(
    reader: &mut Reader<'d>,
    ids: &mut Ids,
    path: &str,
    method: &str,
    item: &'d Value,
    operation: &'d Value,
) -> Operation {
    let method = method.to_ascii_uppercase();
    let given = operation.get("operationId").map(text);
    let tag = operation.pointer("/tags/0").and_then(Value::as_str);
    let (id, origin) = ids.take(given.as_deref(), tag, &method, path);
    if origin == Origin::Doubled {
        let given = given.unwrap_or_default();
        reader.warn(format!("`{given}` is the id of another operation; this one is called `{id}`"));
    }
    // What stands behind `#` makes paths different for their author, and is nothing to the system.
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let parameters = parameter::read(reader, item, operation, &path);
    let body = body::read(reader, operation, &parameters);
    let summary = ["summary", "description"].iter().filter_map(|name| operation.get(name)).map(text);
    let servers = [operation, item].map(|of| server::read(of, reader.edition));
    Operation {
        effect: effect::guess(&method, &path, &id),
        summary: summary.into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        deprecated: operation.get("deprecated").and_then(Value::as_bool).unwrap_or(false),
        parameters: parameters.outside,
        body,
        responses: responses(reader, operation),
        servers: servers.into_iter().find(|servers| !servers.is_empty()).unwrap_or_default(),
        security: security(reader, operation),
        id,
        method,
        path,
    }
}

fn responses<'d>(reader: &mut Reader<'d>, operation: &'d Value) -> Vec<Response> {
    let all = reader.map(operation, "responses");
    reader.below("responses", |reader| {
        all.filter_map(|(status, response)| {
            reader.below(status, |reader| {
                let response = reader.resolve(response)?;
                let content = if reader.edition == Edition::Swagger2 {
                    produced(reader, operation, response)
                } else {
                    body::content(reader, response)
                };
                Some(Response { status: status.to_ascii_uppercase().replace("DEFAULT", "default"), content })
            })
        })
        .collect()
    })
}

/// Swagger 2.0: one schema, in the forms that the operation produces.
fn produced(reader: &Reader<'_>, operation: &Value, response: &Value) -> Vec<Content> {
    let Some(schema) = response.get("schema") else { return Vec::new() };
    let mut types = body::media_types(reader, operation, "produces");
    if types.is_empty() {
        types.push("application/json".to_owned());
    }
    let content = |media_type| Content { media_type, schema: Some(schema.clone()), encoding: None };
    types.into_iter().map(content).collect()
}

fn security(reader: &Reader<'_>, operation: &Value) -> Vec<Vec<(String, Vec<String>)>> {
    let list =
        operation.get("security").or_else(|| reader.document.get("security")).and_then(Value::as_array);
    let scopes = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    list.into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(|set| set.iter().map(|(scheme, value)| (scheme.clone(), scopes(value))).collect())
        .collect()
}
