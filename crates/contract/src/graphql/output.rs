//! What comes back of a selection: its JSON Schema, and its fields under the names that flows know.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::input::{choices, custom, or_null};
use super::schema::{Kind, Types};
use super::selection::{Alias, Selected, Selection};
use super::syntax::TypeRef;

/// The schema of a value of this type of which this is selected.
pub(super) fn schema(types: &Types, of: &TypeRef, selection: Option<&Selection>) -> Value {
    match of {
        TypeRef::NonNull(inside) => value(types, inside, selection),
        of => or_null(value(types, of, selection)),
    }
}

fn value(types: &Types, of: &TypeRef, selection: Option<&Selection>) -> Value {
    match (of, selection) {
        (TypeRef::NonNull(inside), _) => value(types, inside, selection),
        (TypeRef::List(item), _) => json!({"type": "array", "items": schema(types, item, selection)}),
        (TypeRef::Named(_), Some(selection)) => object(types, selection),
        (TypeRef::Named(name), None) => leaf(types, name),
    }
}

/// A scalar as servers give it.
fn leaf(types: &Types, name: &str) -> Value {
    match name {
        "Int" => json!({"type": "integer"}),
        "Float" => json!({"type": "number"}),
        "String" | "ID" => json!({"type": "string"}),
        "Boolean" => json!({"type": "boolean"}),
        _ => match types.get(name).map(|of| &of.kind) {
            Some(Kind::Enum { values }) => choices(values),
            _ => custom(types, name),
        },
    }
}

fn object(types: &Types, selection: &Selection) -> Value {
    let mut properties: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    let mut required: Vec<Value> = Vec::new();
    if selection.typename {
        order.push("__typename");
        properties.insert("__typename", vec![json!({"type": "string"})]);
        required.push("__typename".into());
    }
    required.extend(selection.fields.iter().map(|field| Value::from(&**field.shown())));
    for field in selection.flat() {
        let schema = schema(types, &field.of, field.below.as_ref());
        let alternatives = properties.entry(field.shown()).or_insert_with(|| {
            order.push(field.shown());
            Vec::new()
        });
        if !alternatives.contains(&schema) {
            alternatives.push(schema);
        }
    }
    let mut fields = Map::new();
    for name in order {
        let mut alternatives = properties.remove(name).unwrap_or_default();
        let schema =
            if alternatives.len() == 1 { alternatives.remove(0) } else { json!({"anyOf": alternatives}) };
        fields.insert(name.to_owned(), schema);
    }
    json!({"type": "object", "properties": fields, "required": required})
}

/// Gives the fields of an answer their own names back, where several types have one of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restore {
    /// From what a field is called in the answer to its own name.
    names: BTreeMap<String, String>,
    /// What to do below fields, by what they are called in the answer.
    below: BTreeMap<String, Restore>,
}

impl Restore {
    /// None if there is nothing to restore.
    pub(super) fn of(selection: &Selection) -> Option<Self> {
        let mut restore = Self::default();
        restore.add(selection);
        (!restore.is_empty()).then_some(restore)
    }

    fn add(&mut self, selection: &Selection) {
        for field in selection.flat() {
            let Selected { name, alias, below, .. } = field;
            if let Some(Alias::Apart(alias)) = alias {
                self.names.insert(alias.to_string(), name.to_string());
            }
            if let Some(below) = below {
                let mut inside = Self::default();
                inside.add(below);
                if !inside.is_empty() {
                    self.below.entry(field.key().to_string()).or_default().merge(inside);
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.names.extend(other.names);
        for (key, below) in other.below {
            self.below.entry(key).or_default().merge(below);
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.below.is_empty()
    }

    /// The text of an answer with the fields' own names. What is no JSON stays as it is.
    pub fn apply(&self, json: &str) -> String {
        let mut out = String::with_capacity(json.len());
        self.write(json, &mut out);
        out
    }

    fn write(&self, json: &str, out: &mut String) {
        let text = json.trim_start();
        if text.starts_with('[') {
            let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) else { return out.push_str(json) };
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                self.write(item.get(), out);
            }
            out.push(']');
        } else if text.starts_with('{') {
            // Text keeps the order of the fields, and the digits of numbers.
            let Ok(fields) = serde_json::from_str::<Ordered<'_>>(text) else { return out.push_str(json) };
            out.push('{');
            for (n, (key, value)) in fields.0.iter().enumerate() {
                let name = self.names.get(key).unwrap_or(key);
                out.push_str(if n == 0 { "" } else { "," });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                match self.below.get(key) {
                    Some(below) => below.write(value.get(), out),
                    None => out.push_str(value.get()),
                }
            }
            out.push('}');
        } else {
            out.push_str(json);
        }
    }
}

/// An object's fields in the order of the text.
struct Ordered<'t>(Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> serde::Deserialize<'de> for Ordered<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'t>(std::marker::PhantomData<&'t ()>);
        impl<'de: 't, 't> serde::de::Visitor<'de> for Fields<'t> {
            type Value = Ordered<'t>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Ordered(fields))
            }
        }
        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}
