//! A schema as text: what is kept of a server that was asked for it.

use std::fmt::Write as _;

use super::schema::{Argument, Field, Kind, Type, Types};
use super::syntax::Name;

/// The schema definition language of all that is known of a schema.
pub(super) fn schema(types: &Types) -> String {
    let mut out = String::new();
    let roots = [("query", &types.query), ("mutation", &types.mutation)];
    let roots: Vec<_> = roots.iter().filter_map(|(word, name)| Some((word, name.as_ref()?))).collect();
    out.push_str("schema {\n");
    for (word, name) in roots {
        let _ = writeln!(out, "  {word}: {name}");
    }
    out.push_str("}\n");
    // Readers of older editions do not have it.
    if types.all.iter().any(|of| matches!(of.kind, Kind::Input { one_of: true, .. })) {
        out.push_str("\ndirective @oneOf on INPUT_OBJECT\n");
    }
    for of in &types.all {
        if !matches!(&*of.name, "Int" | "Float" | "String" | "Boolean" | "ID") {
            out.push('\n');
            definition(&mut out, of);
        }
    }
    out
}

fn definition(out: &mut String, of: &Type) {
    describe(out, "", &of.description);
    let name = &of.name;
    // Writing into a String does not fail.
    let _ = match &of.kind {
        Kind::Scalar { specified_by: None } => writeln!(out, "scalar {name}"),
        Kind::Scalar { specified_by: Some(url) } => {
            writeln!(out, "scalar {name} @specifiedBy(url: {})", quoted(url))
        }
        Kind::Object { fields, interfaces } => {
            let _ = write!(out, "type {name}{}", implements(interfaces));
            fields_of(out, fields);
            Ok(())
        }
        Kind::Interface { fields, interfaces } => {
            let _ = write!(out, "interface {name}{}", implements(interfaces));
            fields_of(out, fields);
            Ok(())
        }
        Kind::Union { members } => {
            let joint = if members.is_empty() { "" } else { " = " };
            writeln!(out, "union {name}{joint}{}", joined(members, " | "))
        }
        Kind::Enum { values } => {
            let _ = write!(out, "enum {name}");
            block(out, values.is_empty(), |out| {
                for value in values {
                    describe(out, "  ", &value.description);
                    let _ = writeln!(out, "  {}{}", value.name, deprecated(value.deprecated.as_deref()));
                }
            });
            Ok(())
        }
        Kind::Input { fields, one_of } => {
            let _ = write!(out, "input {name}{}", if *one_of { " @oneOf" } else { "" });
            block(out, fields.is_empty(), |out| {
                for field in fields {
                    describe(out, "  ", &field.description);
                    let _ = writeln!(out, "  {}", argument(field));
                }
            });
            Ok(())
        }
    };
}

fn fields_of(out: &mut String, fields: &[Field]) {
    block(out, fields.is_empty(), |out| {
        for field in fields {
            describe(out, "  ", &field.description);
            let _ = write!(out, "  {}", field.name);
            if field.arguments.iter().any(|argument| !argument.description.is_empty()) {
                out.push_str("(\n");
                for of in &field.arguments {
                    describe(out, "    ", &of.description);
                    let _ = writeln!(out, "    {}", argument(of));
                }
                out.push_str("  )");
            } else if !field.arguments.is_empty() {
                let arguments: Vec<_> = field.arguments.iter().map(argument).collect();
                let _ = write!(out, "({})", arguments.join(", "));
            }
            let _ = writeln!(out, ": {}{}", field.of, deprecated(field.deprecated.as_deref()));
        }
    });
}

fn block(out: &mut String, is_empty: bool, inside: impl FnOnce(&mut String)) {
    if is_empty {
        out.push('\n');
        return;
    }
    out.push_str(" {\n");
    inside(out);
    out.push_str("}\n");
}

fn argument(of: &Argument) -> String {
    let default = of.default.as_ref().map(|default| format!(" = {default}")).unwrap_or_default();
    format!("{}: {}{default}{}", of.name, of.of, deprecated(of.deprecated.as_deref()))
}

fn deprecated(reason: Option<&str>) -> String {
    match reason {
        None => String::new(),
        Some("") => " @deprecated".to_owned(),
        Some(reason) => format!(" @deprecated(reason: {})", quoted(reason)),
    }
}

fn implements(interfaces: &[Name]) -> String {
    if interfaces.is_empty() {
        return String::new();
    }
    format!(" implements {}", joined(interfaces, " & "))
}

fn joined(names: &[Name], joint: &str) -> String {
    names.iter().map(|name| &**name).collect::<Vec<_>>().join(joint)
}

fn describe(out: &mut String, indent: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    // A block string trims what a description may begin or end with.
    let plain = text.trim() != text || text.contains(|c: char| c.is_control() && c != '\n');
    if plain || !text.contains('\n') {
        let _ = writeln!(out, "{indent}{}", quoted(text));
        return;
    }
    let _ = writeln!(out, "{indent}\"\"\"");
    for line in text.replace("\"\"\"", "\\\"\"\"").lines() {
        let _ = writeln!(out, "{}", format!("{indent}{line}").trim_end());
    }
    let _ = writeln!(out, "{indent}\"\"\"");
}

/// JSON's escapes are GraphQL's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
