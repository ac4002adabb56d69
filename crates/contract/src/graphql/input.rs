//! What an operation takes, as JSON Schema 2020-12 that stands by itself.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::schema::{Argument, EnumValue, Kind, Types};
use super::syntax::{Literal, Name, TypeRef};

/// Where definitions stand.
const DEFS: &str = "$defs";
/// What an `Int` may be (section 3.5.1).
const INT: (i64, i64) = (i32::MIN as i64, i32::MAX as i64);

/// One object with these arguments as its fields.
pub(super) fn of(types: &Types, arguments: &[Argument]) -> Value {
    let mut lowering = Lowering { types, order: Vec::new(), seen: HashSet::new() };
    let mut schema = lowering.object(arguments);
    let mut definitions = Map::new();
    let mut done = 0;
    while let Some(name) = lowering.order.get(done).cloned() {
        let definition = lowering.definition(&name);
        definitions.insert(name.to_string(), definition);
        done += 1;
    }
    if let (Value::Object(fields), false) = (&mut schema, definitions.is_empty()) {
        fields.insert(DEFS.to_owned(), Value::Object(definitions));
    }
    schema
}

struct Lowering<'s> {
    types: &'s Types,
    /// What is referred to.
    order: Vec<Name>,
    seen: HashSet<Name>,
}

impl Lowering<'_> {
    fn object(&mut self, arguments: &[Argument]) -> Value {
        let mut properties = Map::new();
        for argument in arguments {
            let mut schema = self.type_ref(&argument.of);
            if let Value::Object(fields) = &mut schema {
                describe(fields, &argument.description, argument.deprecated.as_ref());
                let default = argument.default.as_ref().map(Literal::to_json);
                fields.extend(default.map(|default| ("default".to_owned(), default)));
            }
            properties.insert(argument.name.to_string(), schema);
        }
        let required = arguments.iter().filter(|argument| argument.is_required());
        let required: Vec<Value> = required.map(|argument| (*argument.name).into()).collect();
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        schema.insert("additionalProperties".to_owned(), false.into());
        Value::Object(schema)
    }

    fn type_ref(&mut self, of: &TypeRef) -> Value {
        if let TypeRef::NonNull(inside) = of {
            return self.value(inside);
        }
        or_null(self.value(of))
    }

    /// A value that is not null.
    fn value(&mut self, of: &TypeRef) -> Value {
        match of {
            TypeRef::NonNull(inside) => self.value(inside),
            TypeRef::List(item) => json!({"type": "array", "items": self.type_ref(item)}),
            TypeRef::Named(name) => self.named(name),
        }
    }

    fn named(&mut self, name: &Name) -> Value {
        if let Some(schema) = built_in(name) {
            return schema;
        }
        match self.types.get(name).map(|of| &of.kind) {
            Some(Kind::Enum { .. } | Kind::Input { .. }) => {
                if self.seen.insert(name.clone()) {
                    self.order.push(name.clone());
                }
                json!({"$ref": format!("#/{DEFS}/{name}")})
            }
            _ => custom(self.types, name),
        }
    }

    fn definition(&mut self, name: &Name) -> Value {
        let types = self.types;
        let Some(of) = types.get(name) else { return json!({}) };
        let mut schema = match &of.kind {
            Kind::Enum { values } => choices(values),
            Kind::Input { fields, one_of } => {
                let mut schema = self.object(fields);
                if let (true, Value::Object(schema)) = (*one_of, &mut schema) {
                    exactly_one(schema);
                }
                schema
            }
            _ => json!({}),
        };
        if let Value::Object(fields) = &mut schema {
            describe(fields, &of.description, None);
        }
        schema
    }
}

/// Exactly one field, and that not null (section 3.10.1).
fn exactly_one(schema: &mut Map<String, Value>) {
    schema.insert("minProperties".to_owned(), 1.into());
    schema.insert("maxProperties".to_owned(), 1.into());
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut() {
        let Value::Object(fields) = property else { continue };
        if let Some(Value::Array(kinds)) = fields.get_mut("type") {
            kinds.retain(|kind| kind != "null");
        }
        if let Some(Value::Array(alternatives)) = fields.get_mut("anyOf") {
            alternatives.retain(|of| of.get("type").is_none_or(|kind| kind != "null"));
        }
    }
}

/// A scalar that every schema has, as it is taken.
fn built_in(name: &str) -> Option<Value> {
    Some(match name {
        "Int" => json!({"type": "integer", "minimum": INT.0, "maximum": INT.1}),
        "Float" => json!({"type": "number"}),
        "String" => json!({"type": "string"}),
        "Boolean" => json!({"type": "boolean"}),
        "ID" => json!({"type": ["string", "integer"]}),
        _ => return None,
    })
}

/// Any value, with what is said of it: only the server knows how a scalar of its own is written.
pub(super) fn custom(types: &Types, name: &str) -> Value {
    let mut text = format!("A `{name}`");
    if let Some(of) = types.get(name) {
        if !of.description.is_empty() {
            text = format!("{text}: {}", of.description);
        }
        if let Kind::Scalar { specified_by: Some(url) } = &of.kind {
            text = format!("{text} (specified by {url})");
        }
    }
    json!({"description": text})
}

/// One of these words.
pub(super) fn choices(values: &[EnumValue]) -> Value {
    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
    if names.is_empty() {
        return json!({"type": "string"});
    }
    let explained = values.iter().filter(|value| !value.description.is_empty());
    let lines: Vec<String> =
        explained.map(|value| format!("`{}`: {}", value.name, value.description)).collect();
    let mut schema = json!({"type": "string", "enum": names});
    if let (Value::Object(fields), false) = (&mut schema, lines.is_empty()) {
        fields.insert("description".to_owned(), lines.join("\n").into());
    }
    schema
}

/// The same or null.
pub(super) fn or_null(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    if fields.contains_key("$ref") || fields.contains_key("anyOf") {
        return json!({"anyOf": [fields, {"type": "null"}]});
    }
    match fields.get_mut("type") {
        Some(Value::Array(kinds)) => kinds.push("null".into()),
        Some(kind) => *kind = json!([kind.take(), "null"]),
        None => {}
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.push(Value::Null);
    }
    Value::Object(fields)
}

fn describe(fields: &mut Map<String, Value>, description: &str, deprecated: Option<&String>) {
    if !description.is_empty() {
        fields.insert("description".to_owned(), description.into());
    }
    if deprecated.is_some() {
        fields.insert("deprecated".to_owned(), true.into());
    }
}
