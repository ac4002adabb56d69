//! Schemas of a description as JSON Schema 2020-12 that stands by itself.
//!
//! References become references into `$defs`, which holds what can be reached and nothing else. Keywords that cannot be
//! meant as they are written (`"minLength": "1"`, `required: true`, patterns that are no regular expressions) are left
//! out: a contract that says less is better than none.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::Edition;
use super::reader::target;
use crate::Schema;

/// Which way a value goes: what the system alone sets is not asked of callers, and what it never tells is not expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

impl Direction {
    /// The keyword of properties that do not go this way.
    const fn absent(self) -> &'static str {
        match self {
            Self::Input => "readOnly",
            Self::Output => "writeOnly",
        }
    }
}

/// Schemas inside one another, and references that lead to one another, at most.
const DEPTH_MAX: usize = 100;
/// Where definitions stand.
const DEFS: &str = "$defs";

/// One schema with all that it refers to.
pub(super) fn standing_alone(
    document: &Value,
    edition: Edition,
    direction: Direction,
    schema: &Value,
) -> Value {
    let mut lowering = Lowering::new(document, edition, direction);
    let lowered = lowering.lower(schema, 0);
    lowering.with_definitions(lowered)
}

/// Schemas on their way into one that stands by itself.
pub(super) struct Lowering<'d> {
    document: &'d Value,
    edition: Edition,
    direction: Direction,
    /// Names of definitions by reference, and their references in the order of the names.
    names: HashMap<String, String>,
    order: Vec<String>,
    patterns: HashMap<String, bool>,
}

impl<'d> Lowering<'d> {
    pub(super) fn new(document: &'d Value, edition: Edition, direction: Direction) -> Self {
        let (names, order, patterns) = (HashMap::new(), Vec::new(), HashMap::new());
        Self { document, edition, direction, names, order, patterns }
    }

    /// Adds what the schemas so far refer to.
    pub(super) fn with_definitions(mut self, mut schema: Value) -> Value {
        let mut definitions = Map::new();
        let mut done = 0;
        while let Some(reference) = self.order.get(done).cloned() {
            let found = target(self.document, &reference).unwrap_or(&Value::Bool(true));
            let name = self.names.get(&reference).cloned().unwrap_or_default();
            let lowered = self.lower(found, 0);
            definitions.insert(name, lowered);
            done += 1;
        }
        if definitions.is_empty() {
            return schema;
        }
        if !schema.is_object() {
            schema = json!({"allOf": [schema]});
        }
        if let Value::Object(fields) = &mut schema {
            fields.insert(DEFS.to_owned(), Value::Object(definitions));
        }
        schema
    }

    /// A schema as 2020-12.
    pub(super) fn lower(&mut self, schema: &Value, depth: usize) -> Value {
        let Value::Object(fields) = schema else {
            return Value::Bool(schema.as_bool().unwrap_or(true));
        };
        if depth > DEPTH_MAX {
            return Value::Bool(true);
        }
        let mut out = Map::new();
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let Some(name) = self.name(reference) else { return Value::Bool(true) };
            out.insert("$ref".to_owned(), Value::String(format!("#/{DEFS}/{}", encode(&name))));
            if self.edition != Edition::OpenApi31 {
                // Before 3.1 what stands beside a reference is ignored; that it may be null is meant nevertheless.
                return if is_nullable(fields) { or_null(&out) } else { Value::Object(out) };
            }
        }
        for (keyword, value) in fields {
            if let Some(value) = self.keyword(keyword, value, fields, depth) {
                out.insert(keyword.clone(), value);
            }
        }
        bounds(fields, &mut out);
        self.directions(fields, &mut out);
        if is_nullable(fields) { allow_null(out) } else { Value::Object(out) }
    }

    /// A keyword's value, if it is one that says something about values and is written as it must be.
    fn keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        of: &Map<String, Value>,
        depth: usize,
    ) -> Option<Value> {
        let deeper = depth + 1;
        match keyword {
            "type" => kind(value),
            "items" if value.is_array() => None,
            "items"
            | "additionalProperties"
            | "not"
            | "contains"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "unevaluatedProperties"
            | "unevaluatedItems" => {
                (value.is_object() || value.is_boolean()).then(|| self.lower(value, deeper))
            }
            "properties" | "patternProperties" | "dependentSchemas" => {
                let properties = value.as_object()?.iter();
                let fit: Vec<_> = properties
                    .filter(|(name, _)| keyword != "patternProperties" || self.is_pattern(name))
                    .collect();
                let lowered = fit.into_iter().map(|(name, value)| (name.clone(), self.lower(value, deeper)));
                Some(Value::Object(lowered.collect()))
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                let list = value.as_array().filter(|list| !list.is_empty())?;
                Some(Value::Array(list.iter().map(|value| self.lower(value, deeper)).collect()))
            }
            "maximum" | "minimum" => value.as_number().map(|number| Value::Number(number.clone())),
            "exclusiveMaximum" | "exclusiveMinimum" => value.is_number().then(|| value.clone()),
            "multipleOf" => value.as_f64().filter(|number| *number > 0.0).map(|_| value.clone()),
            "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
                count(value)
            }
            "uniqueItems" => value.is_boolean().then(|| value.clone()),
            "pattern" => value.as_str().filter(|pattern| self.is_pattern(pattern)).map(Value::from),
            "format" | "title" | "description" | "contentEncoding" | "contentMediaType" => {
                value.as_str().map(Value::from)
            }
            "required" => names(value),
            "dependentRequired" => value.is_object().then(|| value.clone()),
            "enum" => choices(value, of),
            "const" | "default" | "examples" => Some(value.clone()),
            "deprecated" | "readOnly" | "writeOnly" => value.is_boolean().then(|| value.clone()),
            _ => None,
        }
    }

    /// Properties that do not go this way are not required.
    fn directions(&self, fields: &Map<String, Value>, out: &mut Map<String, Value>) {
        let Some(Value::Array(required)) = out.get_mut("required") else { return };
        let Some(properties) = fields.get("properties").and_then(Value::as_object) else { return };
        let absent = self.direction.absent();
        required.retain(|name| {
            let property = name.as_str().and_then(|name| properties.get(name));
            let property = property.map(|property| match property.get("$ref").and_then(Value::as_str) {
                Some(reference) => target(self.document, reference).unwrap_or(property),
                None => property,
            });
            property.and_then(|property| property.get(absent)) != Some(&Value::Bool(true))
        });
    }

    /// The name of the definition that a reference leads to.
    fn name(&mut self, reference: &str) -> Option<String> {
        if let Some(name) = self.names.get(reference) {
            return Some(name.clone());
        }
        target(self.document, reference)?;
        let last = reference.rsplit('/').next().unwrap_or_default().replace("~1", "_").replace("~0", "_");
        let mut name = last.clone();
        let mut n = 2;
        while self.names.values().any(|taken| *taken == name) {
            name = format!("{last}_{n}");
            n += 1;
        }
        self.names.insert(reference.to_owned(), name.clone());
        self.order.push(reference.to_owned());
        Some(name)
    }

    /// Whether a text is a regular expression that values can be checked with.
    fn is_pattern(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let fits = Schema::compile(json!({"pattern": pattern})).is_ok();
        self.patterns.insert(pattern.to_owned(), fits);
        fits
    }
}

/// A name as it stands in a reference.
fn encode(name: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(&name.replace('~', "~0").replace('/', "~1"), KEPT).to_string()
}

fn is_nullable(fields: &Map<String, Value>) -> bool {
    ["nullable", "x-nullable"].iter().any(|name| fields.get(*name) == Some(&Value::Bool(true)))
}

fn or_null(schema: &Map<String, Value>) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// `exclusiveMaximum: true` of JSON Schema draft 4, which OpenAPI had before 3.1.
fn bounds(fields: &Map<String, Value>, out: &mut Map<String, Value>) {
    for (flag, bound) in [("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")] {
        if fields.get(flag) == Some(&Value::Bool(true))
            && let Some(number) = out.remove(bound)
        {
            out.insert(flag.to_owned(), number);
        }
    }
}

/// The same schema, for null too.
fn allow_null(mut schema: Map<String, Value>) -> Value {
    let says_other =
        ["allOf", "anyOf", "oneOf", "not", "const", "$ref"].iter().any(|name| schema.contains_key(*name));
    match schema.get_mut("type") {
        Some(kind @ Value::String(_)) if !says_other => *kind = json!([kind.take(), "null"]),
        Some(Value::Array(kinds)) if !says_other => {
            if !kinds.contains(&json!("null")) {
                kinds.push(json!("null"));
            }
        }
        // Without a type a schema says nothing against null, but for those words that do.
        None if !says_other => {}
        _ => return or_null(&schema),
    }
    if let Some(Value::Array(choices)) = schema.get_mut("enum")
        && !choices.contains(&Value::Null)
    {
        choices.push(Value::Null);
    }
    Value::Object(schema)
}

/// `type`, with what vendors call types.
fn kind(value: &Value) -> Option<Value> {
    let known = |text: &str| match text {
        "string" | "number" | "integer" | "boolean" | "object" | "array" | "null" => Some(text.to_owned()),
        // Swagger 2.0: the content of a file.
        "file" => Some("string".to_owned()),
        _ => None,
    };
    match value {
        Value::String(text) => known(text).map(Value::String),
        Value::Array(list) => {
            let mut kinds: Vec<_> = list.iter().filter_map(Value::as_str).filter_map(known).collect();
            kinds.sort();
            kinds.dedup();
            (kinds.len() == list.len() && !kinds.is_empty()).then(|| json!(kinds))
        }
        _ => None,
    }
}

/// A count, also if its author put it into quotes.
fn count(value: &Value) -> Option<Value> {
    let whole =
        value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0).map(|number| number as u64);
    let quoted = || value.as_str().and_then(|text| text.trim().parse::<u64>().ok());
    value.as_u64().or(whole).or_else(quoted).map(Value::from)
}

/// A list of names, each once.
fn names(value: &Value) -> Option<Value> {
    let mut names: Vec<&str> = Vec::new();
    for name in value.as_array()?.iter().filter_map(Value::as_str) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| json!(names))
}

/// The values of an `enum`, as the type says they are: authors quote numbers, and forget quotes.
fn choices(value: &Value, of: &Map<String, Value>) -> Option<Value> {
    let list = value.as_array().filter(|list| !list.is_empty())?;
    let kind = of.get("type").and_then(Value::as_str);
    let as_typed = |value: &Value| match (kind, value) {
        (Some("string"), Value::Number(_) | Value::Bool(_)) => Value::String(value.to_string()),
        (Some("integer" | "number"), Value::String(text)) => {
            text.parse().map_or(value.clone(), Value::Number)
        }
        _ => value.clone(),
    };
    let mut choices: Vec<Value> = Vec::with_capacity(list.len());
    for value in list.iter().map(as_typed) {
        if !choices.contains(&value) {
            choices.push(value);
        }
    }
    Some(Value::Array(choices))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn check(edition: Edition, schema: Value, wanted: Value) {
        let lowered = standing_alone(&Value::Null, edition, Direction::Input, &schema);
        assert_eq!(lowered, wanted);
        Schema::compile(lowered).unwrap();
    }

    #[test]
    fn schemas_of_before_3_1_mean_the_same() {
        let old = Edition::OpenApi30;
        check(
            old,
            json!({"type": "string", "nullable": true, "enum": ["a"]}),
            json!({"type": ["string", "null"], "enum": ["a", null]}),
        );
        check(
            old,
            json!({"type": "number", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false}),
            json!({"type": "number", "exclusiveMinimum": 1, "maximum": 9}),
        );
        check(
            old,
            json!({"nullable": true, "allOf": [{"type": "string"}]}),
            json!({"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]}),
        );
        check(Edition::Swagger2, json!({"type": "file"}), json!({"type": "string"}));
        check(
            old,
            json!({"type": "object", "required": ["id", "name"], "properties": {"id": {"type": "integer", "readOnly": true}, "name": {}}}),
            json!({"type": "object", "required": ["name"], "properties": {"id": {"type": "integer", "readOnly": true}, "name": {}}}),
        );
    }

    #[test]
    fn what_cannot_be_meant_is_left_out() {
        check(
            Edition::OpenApi31,
            json!({"type": "any", "required": true, "minLength": "3", "maxLength": -1, "pattern": "(", "multipleOf": 0, "x-a": 1, "enum": [],
                "properties": [], "items": [{}], "anyOf": []}),
            json!({"minLength": 3}),
        );
        check(
            Edition::OpenApi31,
            json!({"type": "string", "enum": [1, "a", "a"]}),
            json!({"type": "string", "enum": ["1", "a"]}),
        );
    }

    #[test]
    fn references_become_definitions_and_may_be_circular() {
        let document = json!({"components": {"schemas": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "tag": {"$ref": "#/x/Node"}}},
        }}, "x": {"Node": {"type": "string"}}, "unused": {}});
        let schema = json!({"$ref": "#/components/schemas/Node", "nullable": true});
        let lowered = standing_alone(&document, Edition::OpenApi30, Direction::Output, &schema);
        assert_eq!(
            lowered,
            json!({
                "anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}],
                "$defs": {
                    "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "tag": {"$ref": "#/$defs/Node_2"}}},
                    "Node_2": {"type": "string"},
                },
            })
        );
        Schema::compile(lowered).unwrap();
        let nowhere = json!({"properties": {"a": {"$ref": "#/gone"}}});
        check(Edition::OpenApi30, nowhere, json!({"properties": {"a": true}}));
    }
}
