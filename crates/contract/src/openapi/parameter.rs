use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::{Edition, text};

/// A part of a call that is not in its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name on the wire.
    pub name: String,
    /// Where it goes.
    pub location: Location,
    /// Whether a call without it is wrong.
    pub required: bool,
    /// How its value is written.
    pub style: Style,
    /// Whether each item or field is written by itself.
    pub explode: bool,
    /// Whether characters that have a meaning in URLs stay as they are.
    pub allow_reserved: bool,
    /// What it is, for people.
    pub description: String,
    /// Its schema as its author wrote it.
    pub schema: Value,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// Into the path.
    Path,
    /// Into the query.
    Query,
    /// Into a header.
    Header,
    /// Into a cookie.
    Cookie,
}

impl Location {
    /// Its name in a description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        [Self::Path, Self::Query, Self::Header, Self::Cookie].into_iter().find(|of| of.as_str() == text)
    }
}

/// How a value is written (OpenAPI 3.1, "Style Values"; RFC 6570).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `a,b`
    Simple,
    /// `.a.b`
    Label,
    /// `;name=a,b`
    Matrix,
    /// `name=a,b` or, exploded, `name=a&name=b`
    Form,
    /// `name=a%20b`
    SpaceDelimited,
    /// `name=a|b`
    PipeDelimited,
    /// `name=a` tab `b`; Swagger 2.0's `tsv`
    TabDelimited,
    /// `name[field]=a`
    DeepObject,
    /// The value as JSON text (a parameter with `content`).
    Json,
}

/// What a path or operation says of its parameters, those that Swagger 2.0 puts into the body apart.
pub(super) struct Parameters<'d> {
    pub(super) outside: Vec<Parameter>,
    /// `in: body`
    pub(super) body: Option<&'d Value>,
    /// `in: formData`
    pub(super) form: Vec<&'d Value>,
}

/// Reads the parameters of an operation: those of its path, and its own, which go before them.
pub(super) fn read<'d>(
    reader: &mut Reader<'d>,
    item: &'d Value,
    operation: &'d Value,
    path: &str,
) -> Parameters<'d> {
    let mut found = Parameters { outside: Vec::new(), body: None, form: Vec::new() };
    let mut seen = HashSet::new();
    for of in [operation, item] {
        let list = reader.list(of, "parameters");
        reader.below("parameters", |reader| {
            for (n, value) in list.iter().enumerate() {
                reader.below(&n.to_string(), |reader| {
                    if let Some(value) = reader.resolve(value) {
                        take(reader, value, path, &mut seen, &mut found);
                    }
                });
            }
        });
    }
    for name in template_names(path) {
        if !found.outside.iter().any(|of| of.location == Location::Path && of.name == name) {
            reader.warn(format!("the path parameter `{name}` is not described; taken as a text"));
            found.outside.push(implied(name));
        }
    }
    found
}

fn take<'d>(
    reader: &mut Reader<'d>,
    value: &'d Value,
    path: &str,
    seen: &mut HashSet<(String, String)>,
    found: &mut Parameters<'d>,
) {
    let field = |name: &str| value.get(name).map(text).unwrap_or_default();
    let (name, place) = (field("name"), field("in"));
    if name.is_empty() && place != "body" {
        reader.warn("a parameter without a name; ignored");
        return;
    }
    if !seen.insert((name.clone(), place.clone())) {
        return;
    }
    match (place.as_str(), reader.edition) {
        ("body", Edition::Swagger2) => found.body = Some(value),
        ("formData", Edition::Swagger2) => found.form.push(value),
        _ => match Location::read(&place) {
            None => reader.warn(format!("`in: {place}` is no place for a parameter; ignored")),
            Some(Location::Path) if !template_names(path).any(|of| of == name) => {
                reader.warn(format!("the path has no `{{{name}}}`; ignored"));
            }
            Some(Location::Header) if is_set_by_others(&name) => {}
            Some(location) => found.outside.push(one(reader, value, name, location)),
        },
    }
}

fn one(reader: &mut Reader<'_>, value: &Value, name: String, location: Location) -> Parameter {
    let flag = |name: &str| value.get(name).and_then(Value::as_bool);
    let (style, explode, schema) = if reader.edition == Edition::Swagger2 {
        let (style, explode) = collection(value, location);
        (style, explode, inline_schema(value))
    } else {
        written(reader, value, location)
    };
    Parameter {
        required: location == Location::Path || flag("required").unwrap_or(false),
        style,
        explode,
        allow_reserved: flag("allowReserved").unwrap_or(false),
        description: value.get("description").map(text).unwrap_or_default(),
        schema,
        name,
        location,
    }
}

/// OpenAPI 3: `style`, `explode`, and `schema` or `content`.
fn written(reader: &mut Reader<'_>, value: &Value, location: Location) -> (Style, bool, Value) {
    if let Some((_, content)) =
        value.get("content").and_then(Value::as_object).and_then(|all| all.iter().next())
    {
        return (Style::Json, false, content.get("schema").cloned().unwrap_or(Value::Bool(true)));
    }
    let usual =
        if matches!(location, Location::Path | Location::Header) { Style::Simple } else { Style::Form };
    let style = match value.get("style").and_then(Value::as_str) {
        None => usual,
        Some("simple") => Style::Simple,
        Some("label") => Style::Label,
        Some("matrix") => Style::Matrix,
        Some("form") => Style::Form,
        Some("spaceDelimited") => Style::SpaceDelimited,
        Some("pipeDelimited") => Style::PipeDelimited,
        Some("deepObject") => Style::DeepObject,
        Some(other) => {
            reader.warn(format!("`style: {other}` is not known; taken as the usual one"));
            usual
        }
    };
    let explode = value.get("explode").and_then(Value::as_bool).unwrap_or(style == Style::Form);
    // Some authors leave `schema` out and write what belongs into it beside, as Swagger 2.0 had it.
    let schema = value.get("schema").cloned().unwrap_or_else(|| inline_schema(value));
    (style, explode, schema)
}

/// Swagger 2.0: `collectionFormat`.
fn collection(value: &Value, location: Location) -> (Style, bool) {
    let style = match value.get("collectionFormat").and_then(Value::as_str) {
        Some("ssv") => Style::SpaceDelimited,
        Some("tsv") => Style::TabDelimited,
        Some("pipes") => Style::PipeDelimited,
        _ if matches!(location, Location::Path | Location::Header) => Style::Simple,
        Some("multi") => return (Style::Form, true),
        _ => Style::Form,
    };
    (style, false)
}

/// The schema that stands among the fields of a parameter of Swagger 2.0.
pub(super) fn inline_schema(value: &Value) -> Value {
    const NOT_OF_THE_SCHEMA: [&str; 8] =
        ["name", "in", "required", "style", "explode", "collectionFormat", "allowEmptyValue", "schema"];
    let fields = value.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| !NOT_OF_THE_SCHEMA.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// The names in a path's template.
fn template_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).filter(|name| !name.is_empty())
}

fn implied(name: &str) -> Parameter {
    Parameter {
        name: name.to_owned(),
        location: Location::Path,
        required: true,
        style: Style::Simple,
        explode: false,
        allow_reserved: false,
        description: String::new(),
        schema: json!({"type": "string"}),
    }
}

/// Headers that follow from other parts of a description (OpenAPI 3.1, "Parameter Object").
fn is_set_by_others(header: &str) -> bool {
    ["accept", "content-type", "authorization"].iter().any(|of| header.eq_ignore_ascii_case(of))
}
