//! Schemas as servers tell them: the answer to an introspection query (GraphQL, section 4.2).

use serde_json::Value;

use super::schema::{Argument, EnumValue, Field, Kind, Type, Types};
use super::syntax::{DEPTH_MAX, Name, TypeRef, literal};
use super::{NotASchema, Warning};

/// The query that asks a server for its schema, as the specification of 2025 has it.
pub const INTROSPECTION: &str = concat!(
    "query IntrospectionQuery{__schema{queryType{name}mutationType{name}types{kind name description specifiedByURL isOneOf ",
    "fields(includeDeprecated:true){name description args(includeDeprecated:true){...Input}type{...Of}isDeprecated deprecationReason}",
    "inputFields(includeDeprecated:true){...Input}interfaces{name}",
    "enumValues(includeDeprecated:true){name description isDeprecated deprecationReason}possibleTypes{name}}}}",
    "fragment Input on __InputValue{name description type{...Of}defaultValue isDeprecated deprecationReason}",
    "fragment Of on __Type{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name}}}}}}}}",
);

/// The same for servers of older editions, which refuse what they do not know.
pub const INTROSPECTION_OF_OLD: &str = concat!(
    "query IntrospectionQuery{__schema{queryType{name}mutationType{name}types{kind name description ",
    "fields(includeDeprecated:true){name description args{...Input}type{...Of}isDeprecated deprecationReason}",
    "inputFields{...Input}interfaces{name}",
    "enumValues(includeDeprecated:true){name description isDeprecated deprecationReason}possibleTypes{name}}}}",
    "fragment Input on __InputValue{name description type{...Of}defaultValue}",
    "fragment Of on __Type{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name}}}}}}}}",
);

/// Reads a schema from an answer, with or without the `data` round it.
pub(super) fn read(answer: &Value, warnings: &mut Vec<Warning>) -> Result<Types, NotASchema> {
    let answer = match answer {
        Value::Array(list) => list.first().unwrap_or(answer),
        other => other,
    };
    let data = answer.get("data").filter(|data| !data.is_null()).unwrap_or(answer);
    let Some(schema) = data.get("__schema").filter(|schema| schema.is_object()) else {
        return Err(no_schema(answer));
    };
    let Some(list) = schema.get("types").and_then(Value::as_array) else { return Err(NotASchema::NoTypes) };
    let mut types = Vec::new();
    for (n, of) in list.iter().enumerate() {
        let Some(name) = text(of, "name").filter(|name| !name.is_empty()) else {
            let at = format!("/__schema/types/{n}");
            warnings.push(Warning { at, message: "a type without a name; ignored".to_owned() });
            continue;
        };
        // What introspection itself is made of.
        if name.starts_with("__") {
            continue;
        }
        let name = Name::from(name);
        let Some(kind) = kind(of, &name, warnings) else {
            let message = format!("`{}` is no kind of type; ignored", text(of, "kind").unwrap_or_default());
            warnings.push(Warning { at: name.to_string(), message });
            continue;
        };
        types.push(Type { name, description: owned(of, "description"), kind });
    }
    let root = |name: &str| schema.get(name).and_then(|of| text(of, "name")).map(Name::from);
    Ok(Types::new(types, [root("queryType"), root("mutationType")], warnings))
}

/// What an answer without a schema says.
fn no_schema(answer: &Value) -> NotASchema {
    let errors = answer.get("errors").and_then(Value::as_array);
    if let Some(message) = errors.and_then(|errors| text(errors.first()?, "message")) {
        return NotASchema::Refused(message.chars().filter(|c| !c.is_control()).take(300).collect());
    }
    let has = |name: &str| answer.get(name).is_some();
    NotASchema::SomethingElse(if has("openapi") || has("swagger") {
        "an OpenAPI document; import it with `sinew import openapi`"
    } else if has("query") {
        "a GraphQL request"
    } else {
        "something else"
    })
}

fn kind(of: &Value, name: &str, warnings: &mut Vec<Warning>) -> Option<Kind> {
    Some(match text(of, "kind")? {
        "SCALAR" => Kind::Scalar { specified_by: text(of, "specifiedByURL").map(str::to_owned) },
        "OBJECT" => Kind::Object { fields: fields(of, name, warnings), interfaces: names(of, "interfaces") },
        "INTERFACE" => {
            Kind::Interface { fields: fields(of, name, warnings), interfaces: names(of, "interfaces") }
        }
        "UNION" => Kind::Union { members: names(of, "possibleTypes") },
        "ENUM" => Kind::Enum { values: list(of, "enumValues").filter_map(value).collect() },
        "INPUT_OBJECT" => Kind::Input {
            fields: inputs(of, "inputFields", |field| format!("{name}.{field}"), warnings),
            one_of: flag(of, "isOneOf"),
        },
        _ => return None,
    })
}

fn fields(of: &Value, within: &str, warnings: &mut Vec<Warning>) -> Vec<Field> {
    let mut fields = Vec::new();
    for field in list(of, "fields") {
        let name = text(field, "name").unwrap_or_default();
        let Some(kind) = field.get("type").and_then(|of| type_ref(of, 0)) else {
            let at = format!("{within}.{name}");
            warnings.push(Warning { at, message: "its type is not told; left out".to_owned() });
            continue;
        };
        fields.push(Field {
            name: name.into(),
            description: owned(field, "description"),
            arguments: inputs(field, "args", |argument| format!("{within}.{name}({argument}:)"), warnings),
            of: kind,
            deprecated: deprecated(field),
        });
    }
    fields
}

fn inputs(
    of: &Value,
    list_name: &str,
    at: impl Fn(&str) -> String,
    warnings: &mut Vec<Warning>,
) -> Vec<Argument> {
    let mut inputs = Vec::new();
    for input in list(of, list_name) {
        let name = text(input, "name").unwrap_or_default();
        let Some(kind) = input.get("type").and_then(|of| type_ref(of, 0)) else {
            warnings.push(Warning { at: at(name), message: "its type is not told; left out".to_owned() });
            continue;
        };
        let default = text(input, "defaultValue");
        let literal = default.and_then(literal);
        if let (Some(default), None) = (default, &literal) {
            let message = format!("its default `{default:.80}` is no value; ignored");
            warnings.push(Warning { at: at(name), message });
        }
        inputs.push(Argument {
            name: name.into(),
            description: owned(input, "description"),
            of: kind,
            default: literal,
            deprecated: deprecated(input),
        });
    }
    inputs
}

fn value(of: &Value) -> Option<EnumValue> {
    let name = text(of, "name")?.to_owned();
    Some(EnumValue { name, description: owned(of, "description"), deprecated: deprecated(of) })
}

fn type_ref(of: &Value, depth: usize) -> Option<TypeRef> {
    if depth > DEPTH_MAX {
        return None;
    }
    let inside = || of.get("ofType").and_then(|inside| type_ref(inside, depth + 1)).map(Box::new);
    match text(of, "kind") {
        Some("NON_NULL") => inside().map(TypeRef::NonNull),
        Some("LIST") => inside().map(TypeRef::List),
        _ => text(of, "name").map(|name| TypeRef::Named(name.into())),
    }
}

fn deprecated(of: &Value) -> Option<String> {
    flag(of, "isDeprecated").then(|| owned(of, "deprecationReason"))
}

fn names(of: &Value, name: &str) -> Vec<Name> {
    list(of, name).filter_map(|of| text(of, "name")).map(Name::from).collect()
}

fn list<'v>(of: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(of: &'v Value, name: &str) -> Option<&'v str> {
    of.get(name).and_then(Value::as_str)
}

fn owned(of: &Value, name: &str) -> String {
    text(of, name).unwrap_or_default().to_owned()
}

fn flag(of: &Value, name: &str) -> bool {
    of.get(name).and_then(Value::as_bool).unwrap_or(false)
}
