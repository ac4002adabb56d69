use serde_json::{Map, Value, json};

use super::parameter::{Parameters, inline_schema};
use super::reader::Reader;
use super::{Edition, text};

/// The body of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// Whether a call without one is wrong.
    pub required: bool,
    /// The forms in which it can be sent, the one that is sent first.
    pub content: Vec<Content>,
}

/// One form of a body or an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The media type.
    pub media_type: String,
    /// Its schema as its author wrote it, if it has one.
    pub schema: Option<Value>,
    /// How fields of a form are written (`encoding`).
    pub encoding: Option<Value>,
}

impl Content {
    /// Whether it is JSON: `application/json`, `text/json` or a type that ends with `+json`.
    pub fn is_json(&self) -> bool {
        let essence = self.essence();
        essence == "application/json"
            || essence == "text/json"
            || essence.ends_with("+json")
            || essence == "*/*"
    }

    /// Whether it is a form: `application/x-www-form-urlencoded`.
    pub fn is_form(&self) -> bool {
        self.essence() == "application/x-www-form-urlencoded"
    }

    /// Whether it is a form of parts: `multipart/form-data` or another `multipart` type.
    pub fn is_multipart(&self) -> bool {
        self.essence().starts_with("multipart/")
    }

    /// Whether it is text: `text/*`, XML, YAML, CSV or JavaScript under whichever type.
    pub fn is_text(&self) -> bool {
        let essence = self.essence();
        let kind = essence.rsplit(['/', '+']).next().unwrap_or_default();
        let is_known = matches!(
            kind.trim_start_matches("x-"),
            "xml" | "yaml" | "csv" | "ndjson" | "jsonlines" | "javascript" | "graphql" | "sql"
        );
        essence.starts_with("text/") || is_known
    }

    /// The media type without its parameters, in lower case.
    fn essence(&self) -> String {
        self.media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The forms that keep most of a value's structure go first.
    fn rank(&self) -> u8 {
        match () {
            () if self.is_json() => 0,
            () if self.is_form() => 1,
            () if self.is_multipart() => 2,
            () if self.is_text() => 3,
            () => 4,
        }
    }
}

/// The body of an operation, if it has one.
pub(super) fn read<'d>(
    reader: &mut Reader<'d>,
    operation: &'d Value,
    parameters: &Parameters<'d>,
) -> Option<Body> {
    if reader.edition == Edition::Swagger2 {
        return swagger(reader, operation, parameters);
    }
    let body = operation.get("requestBody").filter(|body| !body.is_null())?;
    reader.below("requestBody", |reader| {
        let body = reader.resolve(body)?;
        let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
        let mut content = content(reader, body);
        content.sort_by_key(Content::rank);
        (!content.is_empty()).then_some(Body { required, content })
    })
}

/// The forms of a body or an answer, in the order of the document.
pub(super) fn content<'d>(reader: &mut Reader<'d>, of: &'d Value) -> Vec<Content> {
    let all = reader.map(of, "content");
    reader.below("content", |reader| {
        all.filter_map(|(media_type, value)| {
            let value = reader.below(media_type, |reader| reader.resolve(value))?;
            Some(Content {
                media_type: media_type.clone(),
                schema: value.get("schema").cloned(),
                encoding: value.get("encoding").cloned(),
            })
        })
        .collect()
    })
}

/// Swagger 2.0: a parameter `in: body`, or several `in: formData`.
fn swagger(reader: &Reader<'_>, operation: &Value, parameters: &Parameters<'_>) -> Option<Body> {
    let consumes = media_types(reader, operation, "consumes");
    let content = |media_type: String, schema: Option<Value>| Content { media_type, schema, encoding: None };
    if let Some(body) = parameters.body {
        let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
        let schema = body.get("schema").cloned();
        let mut content: Vec<_> = consumes.into_iter().map(|of| content(of, schema.clone())).collect();
        if content.is_empty() {
            content.push(Content { media_type: "application/json".to_owned(), schema, encoding: None });
        }
        content.sort_by_key(Content::rank);
        return Some(Body { required, content });
    }
    if parameters.form.is_empty() {
        return None;
    }
    let is_file = |field: &&Value| field.get("type").and_then(Value::as_str) == Some("file");
    let wants_parts = consumes.iter().any(|of| of.starts_with("multipart/"));
    let media_type = if wants_parts || parameters.form.iter().any(is_file) {
        "multipart/form-data"
    } else {
        "application/x-www-form-urlencoded"
    };
    let mut required = Vec::new();
    let mut properties = Map::new();
    for field in &parameters.form {
        let name = field.get("name").map(text).unwrap_or_default();
        if field.get("required").and_then(Value::as_bool) == Some(true) {
            required.push(name.clone());
        }
        properties.insert(name, inline_schema(field));
    }
    let schema = json!({"type": "object", "properties": properties, "required": required});
    Some(Body { required: !required.is_empty(), content: vec![content(media_type.to_owned(), Some(schema))] })
}

/// `consumes` or `produces` of a Swagger operation, or of the whole document.
pub(super) fn media_types(reader: &Reader<'_>, operation: &Value, name: &str) -> Vec<String> {
    let own = operation.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = own.or_else(|| reader.document.get(name)?.as_array());
    list.into_iter().flatten().map(text).filter(|text| !text.is_empty()).collect()
}
