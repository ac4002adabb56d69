use serde_json::{Map, Value, json};

use super::{Field, Need, Record, Resource, Shape, Variants, Word};

/// Where the schema of a kind is known under.
const BASE: &str = "https://sinew.dev/schema/";

/// The JSON Schema (2020-12) of one kind of resource.
pub(crate) fn resource_schema(resource: &'static Resource) -> Value {
    let mut definitions = Map::new();
    let mut schema = resource_object(resource, &mut definitions);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        fields.insert("$id".into(), format!("{BASE}{}.json", resource.kind).into());
        fields.insert("$defs".into(), Value::Object(definitions));
    }
    schema
}

/// The JSON Schema (2020-12) of any resource.
pub(crate) fn schema(resources: &[&'static Resource]) -> Value {
    let mut definitions = Map::new();
    let mut kinds = Vec::new();
    for resource in resources {
        let schema = resource_object(resource, &mut definitions);
        definitions.insert(resource.kind.into(), schema);
        kinds.push(json!({
            "if": { "properties": { "kind": { "const": resource.kind } }, "required": ["kind"] },
            "then": { "$ref": format!("#/$defs/{}", resource.kind) },
        }));
    }
    let words: Vec<_> = resources.iter().map(|r| r.kind).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{BASE}resource.json"),
        "title": "A resource of Sinew",
        "type": "object",
        "required": ["kind"],
        "properties": { "kind": { "enum": words, "description": "What kind of resource this is." } },
        "allOf": kinds,
        "$defs": definitions,
    })
}

fn resource_object(resource: &'static Resource, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = object(resource.record, definitions);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("kind".into(), json!({ "const": resource.kind }));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, "kind".into());
    }
    schema
}

fn object(record: &'static Record, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in record.fields() {
        properties.insert(field.name.into(), property(field, definitions));
    }
    let required: Vec<_> =
        record.fields().filter(|f| matches!(f.need, Need::Required)).map(|f| Value::from(f.name)).collect();
    let mut schema = json!({
        "title": record.name,
        "description": record.doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    });
    let choices: Vec<_> = record.alternatives().map(|f| json!({ "required": [f.name] })).collect();
    if let (false, Value::Object(fields)) = (choices.is_empty(), &mut schema) {
        fields.insert("oneOf".into(), Value::Array(choices));
    }
    schema
}

fn property(field: &'static Field, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = of(field.shape, definitions);
    if let Value::Object(fields) = &mut schema {
        fields.insert("description".into(), field.doc.into());
        if let Need::Default(value) = field.need {
            fields.insert("default".into(), serde_json::from_str(value).unwrap_or_else(|_| value.into()));
        }
        if let Some(example) = field.example {
            fields.insert("examples".into(), json!([example]));
        }
    }
    schema
}

/// Anything may also come from a variable, which editors see as a text.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

fn of(shape: Shape, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Text => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Expression => {
            json!({ "type": ["string", "number", "boolean"], "title": "a JSONata expression" })
        }
        Shape::Name(name) => {
            json!({ "type": ["string", "number"], "pattern": or_variable(name.pattern), "title": name.what })
        }
        Shape::Url => json!({ "type": "string", "pattern": or_variable("^https?://[^@\\s]+$") }),
        Shape::SystemUrl => {
            json!({ "type": "string", "pattern": or_variable("^[a-z][a-z0-9+]*://[^@\\s]+$") })
        }
        Shape::Secret => json!({ "type": "string", "pattern": "^secret:[A-Za-z0-9._/-]+$" }),
        Shape::UrlOrSecret => {
            json!({ "type": "string", "pattern": or_variable("^(https?://[^@\\s]+|secret:[A-Za-z0-9._/-]+)$") })
        }
        Shape::Template => json!({ "title": "values; texts in it are JSONata expressions" }),
        Shape::Literal => json!({}),
        Shape::JsonSchema => json!({ "type": ["object", "boolean"], "title": "a JSON Schema" }),
        Shape::Duration => json!({ "type": "string", "pattern": or_variable("^([0-9]+(ms|s|m|h|d))+$") }),
        Shape::Size => {
            json!({ "type": ["string", "integer"], "pattern": or_variable("^[0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)?$") })
        }
        Shape::Rate => json!({ "type": "string", "pattern": or_variable("^[0-9]+ */ *[0-9a-z]+$") }),
        Shape::Count(min, max) => {
            let mut whole = json!({ "type": "integer", "minimum": min });
            if let (Value::Object(fields), true) = (&mut whole, max != u64::MAX) {
                fields.insert("maximum".into(), max.into());
            }
            json!({ "anyOf": [whole, { "type": "string", "pattern": VARIABLE }] })
        }
        Shape::Boolean => {
            json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": VARIABLE }] })
        }
        Shape::Word(list) => words(list),
        Shape::List(item) => json!({ "type": "array", "items": of(*item, definitions) }),
        Shape::OneOrList(item) => {
            let one = of(*item, definitions);
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
        Shape::Table(name, value) => json!({
            "type": "object",
            "propertyNames": { "pattern": name.pattern },
            "additionalProperties": of(*value, definitions),
        }),
        Shape::Named(name, value) => json!({
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": { "pattern": name.pattern },
                "additionalProperties": of(*value, definitions),
            },
        }),
        Shape::Record(record) => defined(record, definitions),
        Shape::Variants(variants) => defined_variants(variants, definitions),
        Shape::WordOr(list, other) => json!({ "anyOf": [words(list), of(*other, definitions)] }),
        Shape::ShortOr(short, record) => {
            json!({ "anyOf": [of(*short, definitions), defined(record, definitions)] })
        }
    }
}

fn or_variable(pattern: &str) -> String {
    format!("({pattern})|({VARIABLE})")
}

fn words(list: &'static [Word]) -> Value {
    let choices: Vec<_> = list.iter().map(|w| json!({ "const": w.word, "description": w.doc })).collect();
    let mut choices = choices;
    choices.push(json!({ "type": "string", "pattern": format!("^{VARIABLE}$") }));
    json!({ "anyOf": choices })
}

/// Records stand under `$defs`, because steps hold steps.
fn defined(record: &'static Record, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(record.name) {
        definitions.insert(record.name.into(), Value::Null);
        let schema = object(record, definitions);
        definitions.insert(record.name.into(), schema);
    }
    json!({ "$ref": pointer(record.name) })
}

fn defined_variants(variants: &'static Variants, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(variants.name) {
        definitions.insert(variants.name.into(), Value::Null);
        let choices: Vec<_> = variants
            .records
            .iter()
            .map(|record| {
                let of = defined(record, definitions);
                let key = record.fields().next().map(|field| field.name);
                json!({ "allOf": [of, { "required": [key] }] })
            })
            .collect();
        definitions.insert(variants.name.into(), json!({ "anyOf": choices }));
    }
    json!({ "$ref": pointer(variants.name) })
}

fn pointer(name: &str) -> String {
    format!("#/$defs/{}", name.replace(' ', "%20"))
}
