//! Types as JSON Schemas (2020-12), by the convention of `docs/decisions/0010-soap-as-json.md`.

use std::collections::HashMap;

use serde_json::{Map, Number, Value, json};

use super::content::{Form, Shape};
use super::{Builtin, ElementId, Facets, Field, Kind, Simple, TypeId, TypeKind, Types, Variety, pattern};

/// Whether values are sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

/// Makes schemas, and gathers what they refer to.
pub(crate) struct Schemas<'t> {
    types: &'t Types,
    direction: Direction,
    definitions: Map<String, Value>,
    names: HashMap<(TypeId, bool), String>,
    wanted: Vec<(TypeId, bool)>,
}

/// Definitions that one schema has at most; beyond, anything may stand there.
const DEFINITIONS_MAX: usize = 5000;
/// Simple types inside one another at most.
const DEPTH_MAX: usize = 32;
/// Types that may stand for a type and are told apart at most.
const DERIVED_MAX: usize = 300;

impl<'t> Schemas<'t> {
    pub(crate) fn new(types: &'t Types, direction: Direction) -> Self {
        let (definitions, names) = (Map::new(), HashMap::new());
        Self { types, direction, definitions, names, wanted: Vec::new() }
    }

    /// A schema that stands by itself, with all that it refers to.
    pub(crate) fn finish(mut self, mut schema: Map<String, Value>) -> Value {
        while let Some((id, exact)) = self.wanted.pop() {
            let Some(name) = self.names.get(&(id, exact)).cloned() else { continue };
            let made = match self.types.form(id) {
                Form::Complex(shape) => Value::Object(self.object(id, &shape, exact)),
                _ => self.simple(id, 0),
            };
            self.definitions.insert(name, made);
        }
        let mut whole = Map::new();
        whole.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        whole.append(&mut schema);
        if !self.definitions.is_empty() {
            whole.insert("$defs".to_owned(), Value::Object(self.definitions));
        }
        Value::Object(whole)
    }

    /// What stands in an element: its type's schema, or null where that is allowed.
    pub(crate) fn element(&mut self, id: ElementId) -> Value {
        let types = self.types;
        let element = types.element(id);
        let mut schema = self.of(element.of);
        if element.nillable {
            schema = nullable(schema);
        }
        describe(&mut schema, &element.doc);
        if let (Some(text), Value::Object(fields)) =
            (element.fixed.as_ref().or(element.default.as_ref()), &mut schema)
        {
            let kind = types.builtin(element.of).map(|builtin| builtin.kind);
            fields.insert("default".to_owned(), constant(text, kind, false));
        }
        schema
    }

    /// The schema of a type.
    pub(crate) fn of(&mut self, id: TypeId) -> Value {
        let id = self.types.real(id);
        match self.types.form(id) {
            Form::Any => Value::Bool(true),
            Form::Simple => {
                if self.is_shared(id) {
                    return self.reference(id, false);
                }
                self.simple(id, 0)
            }
            Form::Complex(shape) => match shape.array_of {
                Some(item) => {
                    let items = self.of(item);
                    json!({"type": "array", "items": nullable(items)})
                }
                None => self.reference(id, false),
            },
        }
    }

    /// The fields of a type's object, to stand at the top of a schema.
    pub(crate) fn top(&mut self, id: TypeId) -> Option<Map<String, Value>> {
        match self.types.form(id) {
            Form::Complex(shape) if shape.array_of.is_none() => {
                Some(self.object(self.types.real(id), &shape, false))
            }
            _ => None,
        }
    }

    fn is_shared(&self, id: TypeId) -> bool {
        let def = self.types.of(id);
        matches!(&def.kind, TypeKind::Simple(simple) if def.name.is_some() && simple.facets.enumeration.len() > 4)
    }

    fn reference(&mut self, id: TypeId, exact: bool) -> Value {
        if let Some(name) = self.names.get(&(id, exact)) {
            return json!({"$ref": format!("#/$defs/{name}")});
        }
        if self.names.len() >= DEFINITIONS_MAX {
            return Value::Bool(true);
        }
        let base = self.types.of(id).name.as_ref().map_or("content", |name| &name.local);
        let base: String =
            base.chars().map(|c| if c.is_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect();
        let taken = |name: &String| self.names.values().any(|known| known == name);
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base);
        self.names.insert((id, exact), name.clone());
        self.wanted.push((id, exact));
        json!({"$ref": format!("#/$defs/{name}")})
    }

    /// The object that an element of a type with attributes or elements is. `exact`: just this type, none derived from it.
    fn object(&mut self, id: TypeId, shape: &Shape, exact: bool) -> Map<String, Value> {
        let types = self.types;
        let mut properties = Map::new();
        let mut required = Vec::new();
        let derived = if exact { Vec::new() } else { types.derivations(id) };
        let derived: Vec<TypeId> = derived
            .into_iter()
            .filter(|of| matches!(types.form(*of), Form::Complex(_)) && !types.of(*of).is_abstract)
            .take(DERIVED_MAX)
            .collect();
        if types.of(id).is_abstract && !derived.is_empty() {
            return self.any_of_derived(id, &derived);
        }
        for attribute in &shape.attributes {
            properties.insert(attribute.key.clone(), self.of(attribute.of));
            if attribute.required && attribute.fixed.is_none() {
                required.push(Value::from(attribute.key.clone()));
            }
        }
        if let Some(text) = shape.text.filter(|_| shape.is_text()) {
            properties.insert("$text".to_owned(), self.of(text));
            required.push("$text".into());
        }
        for field in &shape.fields {
            properties.insert(field.key.clone(), self.field(field));
            if field.required && !shape.mixed {
                required.push(Value::from(field.key.clone()));
            }
        }
        Self::extras(shape, &mut properties);
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        if !types.of(id).doc.is_empty() {
            schema.insert("description".to_owned(), types.of(id).doc.clone().into());
        }
        schema.insert("properties".to_owned(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".to_owned(), Value::Array(required));
        }
        let closed = derived.is_empty() && !exact && self.direction == Direction::Input;
        let labels =
            std::iter::once(id).chain(derived.iter().copied()).filter(|of| types.of(*of).name.is_some());
        let labels: Vec<String> = labels.map(|of| types.label(of, id)).collect();
        schema.extend(marks(shape, closed, (!exact && !derived.is_empty()).then_some(labels)));
        if !derived.is_empty() {
            let conditions = derived.iter().map(|of| self.condition(*of, id)).collect();
            schema.insert("allOf".to_owned(), Value::Array(conditions));
        }
        schema
    }

    fn extras(shape: &Shape, properties: &mut Map<String, Value>) {
        let items = json!({"type": "object", "minProperties": 1, "maxProperties": 1});
        if shape.any {
            properties.insert("$any".to_owned(), json!({"type": "array", "items": items}));
        }
        if shape.mixed {
            properties.insert("$text".to_owned(), json!({"type": "string"}));
        }
    }

    fn field(&mut self, field: &Field) -> Value {
        if !field.repeated {
            return self.element(field.element);
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "array".into());
        schema.insert("items".to_owned(), self.element(field.element));
        if let Some(occurs) = field.occurs {
            if field.required && occurs.min > 0 {
                schema.insert("minItems".to_owned(), occurs.min.into());
            }
            if occurs.max != u32::MAX {
                schema.insert("maxItems".to_owned(), occurs.max.into());
            }
        }
        Value::Object(schema)
    }

    /// If it says that it is of a derived type, it is.
    fn condition(&mut self, derived: TypeId, declared: TypeId) -> Value {
        let label = self.types.label(derived, declared);
        let then = self.reference(derived, true);
        json!({"if": {"required": ["$type"], "properties": {"$type": {"const": label}}}, "then": then})
    }

    fn any_of_derived(&mut self, id: TypeId, derived: &[TypeId]) -> Map<String, Value> {
        let mut alternatives = Vec::new();
        for of in derived {
            let label = self.types.label(*of, id);
            let properties = json!({"$type": {"const": label}});
            let same = self.reference(*of, true);
            alternatives.push(json!({"required": ["$type"], "properties": properties, "allOf": [same]}));
        }
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("anyOf".to_owned(), Value::Array(alternatives));
        schema
    }

    /// The schema of a type that is a text in XML.
    fn simple(&self, id: TypeId, depth: usize) -> Value {
        let def = self.types.of(id);
        match &def.kind {
            _ if depth > DEPTH_MAX => Value::Bool(true),
            TypeKind::Builtin(builtin) => of_builtin(builtin),
            TypeKind::Simple(Simple { variety, facets }) => {
                let schema = match variety {
                    Variety::Restriction(base) => self.simple(*base, depth + 1),
                    Variety::List(item) => json!({"type": "array", "items": self.simple(*item, depth + 1)}),
                    Variety::Union(members) => {
                        let members = members.iter().map(|member| self.simple(*member, depth + 1));
                        json!({"anyOf": members.collect::<Vec<_>>()})
                    }
                };
                let kind = self.types.builtin(id).map(|builtin| builtin.kind);
                let mut schema = narrowed(schema, facets, kind);
                describe(&mut schema, &def.doc);
                schema
            }
            // A text of which more cannot be known.
            TypeKind::Complex(_) | TypeKind::Any | TypeKind::Undefined | TypeKind::Same(_) => {
                Value::Bool(true)
            }
        }
    }
}

/// What may stand beside the fields of an object: what says how it is written. `closed`: and beside that only what is given
/// by its whole name. `labels`: the types that it may say that it is of.
fn marks(shape: &Shape, closed: bool, labels: Option<Vec<String>>) -> Map<String, Value> {
    let mut marks = Map::new();
    if closed {
        marks.insert(if shape.any_attribute { "^@" } else { "^@\\{" }.to_owned(), Value::Bool(true));
        marks.insert("^\\{".to_owned(), Value::Bool(true));
    }
    if closed || !shape.fields.is_empty() {
        marks.insert("^\\$nil$".to_owned(), json!({"const": true}));
    }
    if let Some(labels) = labels {
        marks.insert("^\\$type$".to_owned(), json!({"enum": labels}));
    } else if closed {
        marks.insert("^\\$type$".to_owned(), json!({"type": "string"}));
    }
    if shape.mixed {
        let content = json!({"type": "array", "items": {"type": ["string", "object"]}});
        marks.insert("^\\$content$".to_owned(), content);
    }
    if shape.free_order {
        marks.insert("^\\$order$".to_owned(), json!({"type": "array", "items": {"type": "string"}}));
    }
    let mut keywords = Map::new();
    if !marks.is_empty() {
        keywords.insert("patternProperties".to_owned(), Value::Object(marks));
    }
    if closed {
        keywords.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    keywords
}

pub(crate) fn nullable(schema: Value) -> Value {
    if schema.is_boolean() { schema } else { json!({"anyOf": [schema, {"type": "null"}]}) }
}

fn describe(schema: &mut Value, doc: &str) {
    if let Value::Object(fields) = schema
        && !doc.is_empty()
    {
        fields.insert("description".to_owned(), doc.into());
    }
}

fn of_builtin(builtin: &Builtin) -> Value {
    match builtin.kind {
        Kind::Text | Kind::Token(None) | Kind::Name => json!({"type": "string"}),
        Kind::Token(Some(format)) => json!({"type": "string", "format": format}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer(min, max) => {
            let mut schema = Map::new();
            schema.insert("type".to_owned(), "integer".into());
            schema.extend(min.map(|min| ("minimum".to_owned(), Value::from(min))));
            schema.extend(max.map(|max| ("maximum".to_owned(), Value::from(max))));
            Value::Object(schema)
        }
        Kind::Decimal => json!({"type": "number"}),
        Kind::Float => json!({"anyOf": [{"type": "number"}, {"enum": ["INF", "-INF", "NaN"]}]}),
        Kind::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
        Kind::Hex => json!({"type": "string", "pattern": "^(?:[0-9a-fA-F]{2})*$"}),
        Kind::Words => json!({"type": "array", "items": {"type": "string"}}),
    }
}

/// A schema with what a restriction adds.
fn narrowed(schema: Value, facets: &Facets, kind: Option<Kind>) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    let is_list = fields.get("type").is_some_and(|of| of == "array");
    let is_text = matches!(kind, Some(Kind::Text | Kind::Token(_)));
    if !facets.enumeration.is_empty() {
        let values: Vec<Value> =
            facets.enumeration.iter().map(|text| constant(text, kind, is_list)).collect();
        fields.retain(|name, _| name == "type" && !is_list);
        fields.insert("enum".to_owned(), Value::Array(values));
    }
    for (bound, text) in &facets.bounds {
        let count = || text.trim().parse::<u64>().ok();
        let (least, most) = if is_list { ("minItems", "maxItems") } else { ("minLength", "maxLength") };
        let keywords: &[(&str, Option<Value>)] = match *bound {
            "length" if is_text || is_list => {
                &[(least, count().map(Value::from)), (most, count().map(Value::from))]
            }
            "minLength" if is_text || is_list => &[(least, count().map(Value::from))],
            "maxLength" if is_text || is_list => &[(most, count().map(Value::from))],
            "minInclusive" => &[("minimum", number(text, kind))],
            "maxInclusive" => &[("maximum", number(text, kind))],
            "minExclusive" => &[("exclusiveMinimum", number(text, kind))],
            "maxExclusive" => &[("exclusiveMaximum", number(text, kind))],
            _ => &[],
        };
        for (keyword, value) in keywords {
            fields.extend(value.clone().map(|value| ((*keyword).to_owned(), value)));
        }
    }
    if is_text && facets.enumeration.is_empty() {
        let pattern = pattern::translated(&facets.patterns);
        if let Some(pattern) = pattern {
            // A pattern of the base holds as well.
            if fields.contains_key("pattern") {
                let outer = Value::Object(std::mem::take(&mut fields));
                fields.insert("allOf".to_owned(), json!([outer]));
                fields.insert("type".to_owned(), "string".into());
            }
            fields.insert("pattern".to_owned(), pattern.into());
        }
    }
    Value::Object(fields)
}

fn number(text: &str, kind: Option<Kind>) -> Option<Value> {
    matches!(kind, Some(Kind::Integer(..) | Kind::Decimal | Kind::Float))
        .then(|| constant(text, kind, false))
        .filter(Value::is_number)
}

/// A value of an enumeration.
fn constant(text: &str, kind: Option<Kind>, is_list: bool) -> Value {
    let trimmed = text.trim();
    match kind {
        _ if is_list => text.split_whitespace().map(Value::from).collect(),
        Some(Kind::Boolean) => Value::from(matches!(trimmed, "true" | "1")),
        Some(Kind::Integer(..) | Kind::Decimal | Kind::Float) => {
            let whole = trimmed.trim_start_matches('+').parse::<i64>().map(Value::from);
            let number = || trimmed.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number);
            whole.ok().or_else(number).unwrap_or_else(|| text.into())
        }
        Some(Kind::Text) => text.into(),
        _ => trimmed.into(),
    }
}
