//! OpenAPI documents: the request of each operation is formed from an example of its input, and read back.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use sinew_call::Preview;
use sinew_contract::example_of;
use sinew_model::{
    BodyKind, BodyPart, Connection, Description, DescriptionKind, HttpBinding, Operation, Parameter,
    ParameterLocation, SourceFile, load_with,
};
use sinew_stdx::Json;

use crate::{Kind, Outcome};

pub(crate) const KIND: Kind = Kind { folder: "openapi", endings: &["json", "yaml", "yml"], read };

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let open = |name: &str| std::fs::read(folder.join(name)).map_err(|error| error.to_string());
    let begin = Instant::now();
    let read = Description::open(DescriptionKind::OpenApi, &name, &open);
    outcome.is_read(begin);
    match read {
        Err(error) => outcome.error = Some(error.to_string()),
        Ok(description) => {
            (outcome.operations, outcome.warnings) = (description.listed().len(), description.warnings.len());
            let connection = connection();
            for listed in description.listed() {
                let operation = description.operation(listed.id.as_str());
                let formed = operation.ok_or("it cannot be made".to_owned());
                outcome.is_formed(&listed.id.to_string(), formed.and_then(|of| form(&connection, &of)));
            }
        }
    }
    outcome
}

/// A connection to nowhere.
fn connection() -> Arc<Connection> {
    let yaml = "kind: Connector\nname: x\nversion: 1\noperations: { get: { get: /x } }\n---\n\
        kind: Connection\nname: x\nconnector: x@1\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
        base_url: https://api.example.com\nauth: none\naccess: write\n";
    let none = |_: &str| Err(String::new());
    let (snapshot, findings) =
        load_with(&[SourceFile::new("x.yaml", yaml)], &std::collections::BTreeMap::new(), &none);
    let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
    Arc::clone(snapshot.connections.values().next().unwrap_or_else(|| panic!("no connection")))
}

/// Forms the request of an example, and looks whether all of the example is in it, each part where it belongs.
fn form(connection: &Arc<Connection>, operation: &Arc<Operation>) -> Result<(), String> {
    let schema = operation.input.as_ref().ok_or("its input has no schema")?;
    let example = example_of(schema).ok_or("no example fits its input")?;
    let preview = sinew_call::preview(connection, operation, &Json::of(&example))
        .map_err(|failure| failure.message.to_string())?;
    let (Preview::Http(request), Some(http)) = (preview, operation.binding.as_http()) else {
        return Err("it is no HTTP request".to_owned());
    };
    let url = request.uri().to_string();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let nothing = serde_json::Map::new();
    let fields = example.as_object().unwrap_or(&nothing);
    for parameter in &http.parameters {
        let Some(value) = fields.get(&*parameter.field) else { continue };
        let header = |name: &str| {
            let value = request.headers().get(name).map(|value| value.as_bytes().to_vec());
            String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
        };
        let place = match parameter.location {
            ParameterLocation::Path => url.split('?').next().unwrap_or_default().to_owned(),
            ParameterLocation::Query => query.to_owned(),
            ParameterLocation::Header => header(&parameter.name),
            ParameterLocation::Cookie => header("cookie"),
        };
        arrives(value, &decoded(&place)).map_err(|leaf| {
            format!("`{}` is not in the {:?}: `{leaf}` in `{place}`", parameter.field, parameter.location)
        })?;
    }
    body(http, fields, request.body())
}

fn body(http: &HttpBinding, fields: &serde_json::Map<String, Value>, bytes: &[u8]) -> Result<(), String> {
    let is_parameter = |name: &str| http.parameters.iter().any(|p: &Parameter| &*p.field == name);
    let rest: serde_json::Map<String, Value> =
        fields.iter().filter(|(name, _)| !is_parameter(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let whole = |part: &BodyPart| match part {
        BodyPart::Rest => Value::Object(rest.clone()),
        BodyPart::Field(field) => rest.get(&**field).cloned().unwrap_or(Value::Null),
    };
    let text = String::from_utf8_lossy(bytes).into_owned();
    match &http.body {
        BodyKind::None => Ok(()),
        BodyKind::Json { part, .. } => {
            let sent = if bytes.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(bytes).map_err(|e| e.to_string())?
            };
            if sent == whole(part) { Ok(()) } else { Err("another body was sent".to_owned()) }
        }
        BodyKind::Form { part, .. } => {
            arrives(&whole(part), &decoded(&text)).map_err(|leaf| format!("`{leaf}` is not in the form"))
        }
        BodyKind::Multipart { part, .. } => {
            arrives(&whole(part), &text).map_err(|leaf| format!("`{leaf}` is in no part"))
        }
        BodyKind::Soap(_) => Err("an HTTP API has no SOAP operation".to_owned()),
        BodyKind::Text { field, .. } | BodyKind::File { field, .. } => {
            arrives(rest.get(&**field).unwrap_or(&Value::Null), &text)
                .map_err(|leaf| format!("`{leaf}` is not the body"))
        }
        BodyKind::GraphQl(_) => Err("it is asked in GraphQL".to_owned()),
    }
}

/// Whether every text and number of a value stands in a part of a request; else the first that does not.
fn arrives(value: &Value, place: &str) -> Result<(), String> {
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items.iter().try_for_each(|item| arrives(item, place)),
        Value::Object(fields) => fields.values().try_for_each(|value| arrives(value, place)),
        Value::String(text) if place.contains(text.as_str()) => Ok(()),
        // Within JSON text it is quoted.
        Value::String(text) => {
            let quoted = Value::String(text.clone()).to_string();
            if place.contains(quoted.trim_matches('"')) { Ok(()) } else { Err(text.clone()) }
        }
        other => {
            if place.contains(&other.to_string()) {
                Ok(())
            } else {
                Err(other.to_string())
            }
        }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
