use std::fmt::Write as _;

use serde_json::{Value, json};
use sinew_contract::{Schema, example_of};
use sinew_model::{BodyKind, Connector, Effect, Idempotency, Listed, Operation, ParameterLocation};

use crate::cli::ConnectorShow;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint, counted, one_line};

/// Fields of an input or answer that are shown of each object, and objects inside one another.
const FIELDS_SHOWN: usize = 60;
const DEPTH_SHOWN: usize = 3;
/// Fields of a step to copy, if none is required.
const FIELDS_TO_BEGIN: usize = 4;

/// Shows what a connector can do.
pub fn run(show: &ConnectorShow, output: &Output) -> Result<Exit, CliError> {
    let (snapshot, _) = super::load(&show.project, output)?;
    let connector = super::find(&snapshot, &show.connector)?;
    let Some(id) = &show.operation else {
        list(&connector, show.find.as_deref(), output);
        return Ok(Exit::Ok);
    };
    let Some(operation) = connector.operations.get(id) else {
        return Err(unknown(&connector, id));
    };
    let example = match &operation.input {
        Some(schema) => example_of(schema),
        None => Some(begun(&operation)),
    };
    output.answer(&as_json(&connector, &operation, example.as_ref()), || {
        let called = snapshot.connections.values().find(|of| of.connector.id == connector.id);
        let connection = called.map_or("CONNECTION", |of| of.name.as_str());
        as_text(&operation, connection, example.as_ref(), output)
    });
    Ok(Exit::Ok)
}

/// Every operation, those of the description and those that the author wrote.
pub(super) fn listed(connector: &Connector) -> Vec<Listed> {
    let mut all: Vec<Listed> =
        connector.operations.description().map(|of| of.listed().to_vec()).unwrap_or_default();
    for operation in connector.operations.written() {
        let own = Listed {
            id: operation.id.clone(),
            summary: operation.description.clone(),
            effect: operation.effect,
            reached: operation.binding.reached().into(),
            deprecated: false,
        };
        match all.iter_mut().find(|of| of.id == own.id) {
            Some(described) => {
                let (summary, deprecated) = (described.summary.clone(), described.deprecated);
                *described = own;
                described.deprecated = deprecated;
                if described.summary.is_empty() {
                    described.summary = summary;
                }
            }
            None => all.push(own),
        }
    }
    all
}

fn list(connector: &Connector, find: Option<&str>, output: &Output) {
    let find = find.map(str::to_lowercase);
    let holds = |of: &Listed| {
        let text = format!("{} {} {}", of.id, of.reached, of.summary).to_lowercase();
        find.as_ref().is_none_or(|find| text.contains(find))
    };
    let all: Vec<Listed> = listed(connector).into_iter().filter(holds).collect();
    let items = all.iter().map(|of| {
        json!({
            "id": of.id.to_string(), "effect": word(of.effect), "reached": of.reached,
            "summary": of.summary, "deprecated": of.deprecated,
        })
    });
    let description = connector.operations.description();
    let whole = json!({
        "connector": connector.id.to_string(),
        "description": connector.description,
        "published": description.map(|of| of.path.to_string()),
        "servers": connector.servers,
        "warnings": description.map(|of| of.warnings.clone()).unwrap_or_default(),
        "operations": items.collect::<Vec<_>>(),
    });
    output.answer(&whole, || {
        let mut text = format!("{}\n", output.tint(&connector.id.to_string(), Tint::Strong));
        if !connector.description.is_empty() {
            let _ = writeln!(text, "{}", one_line(&connector.description));
        }
        if let Some(of) = description {
            let warned = if of.warnings.is_empty() {
                String::new()
            } else {
                format!(", {}", counted(of.warnings.len(), "warning"))
            };
            let called = format!("{} {}", of.title, of.version);
            let _ = writeln!(text, "from {} ({}{warned})", of.path, called.trim());
        }
        let mut table = Table::new(&["OPERATION", "EFFECT", "CALLS", "SUMMARY"]);
        for of in &all {
            let effect = (word(of.effect).to_owned(), Some(tint(of.effect)));
            let summary = plain(&of.summary);
            let summary = if of.deprecated { format!("(deprecated) {summary}") } else { summary };
            table.row([
                (of.id.to_string(), Some(Tint::Strong)),
                effect,
                (of.reached.to_string(), None),
                (summary, None),
            ]);
        }
        text.push('\n');
        text.push_str(&table.render(output));
        text
    });
}

fn unknown(connector: &Connector, id: &str) -> CliError {
    CliError::usage(format!("`{}` has no operation `{id}`", connector.id)).help(super::instead(connector, id))
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Destructive => "destructive",
    }
}

fn tint(effect: Effect) -> Tint {
    match effect {
        Effect::Read => Tint::Good,
        Effect::Write => Tint::Odd,
        Effect::Destructive => Tint::Bad,
    }
}

fn repeated(operation: &Operation) -> String {
    match &operation.idempotency {
        Idempotency::Natural => "may be sent again: the second call has no further effect".to_owned(),
        Idempotency::Key { header } => format!("sent again under the same `{header}`, it acts once"),
        Idempotency::None if operation.probe.is_some() => {
            "acts twice when sent twice; a probe tells".to_owned()
        }
        Idempotency::None => "acts twice when sent twice; a lost answer is `unknown`".to_owned(),
    }
}

/// The faults that an operation's description declares.
fn faults(operation: &Operation) -> Vec<&str> {
    match operation.binding.as_http().map(|http| &http.body) {
        Some(BodyKind::Soap(codec)) => codec.operation().fault_names().collect(),
        _ => Vec::new(),
    }
}

fn as_json(connector: &Connector, operation: &Operation, example: Option<&Value>) -> Value {
    json!({
        "connector": connector.id.to_string(),
        "id": operation.id.to_string(),
        "description": operation.description,
        "effect": word(operation.effect),
        "method": operation.binding.as_http().map(|http| http.method.clone()),
        "path": operation.binding.as_http().map(|http| http.path.clone()),
        "reached": operation.binding.reached(),
        "faults": faults(operation),
        "repeated": repeated(operation),
        "paginated": operation.pagination.is_some(),
        "scopes": operation.scopes,
        "input": operation.input.as_ref().map(Schema::source),
        "output": operation.output.as_ref().map(Schema::source),
        "example": example,
    })
}

fn as_text(operation: &Operation, connection: &str, example: Option<&Value>, output: &Output) -> String {
    let mut text =
        format!("{} {}\n", output.tint(operation.id.as_str(), Tint::Strong), operation.binding.reached());
    if !operation.description.is_empty() {
        let _ = writeln!(text, "{}", one_line(&plain(&operation.description)));
    }
    let _ = writeln!(text, "{}; {}", word(operation.effect), repeated(operation));
    let faults = faults(operation);
    if !faults.is_empty() {
        let _ = writeln!(text, "faults: {}", faults.join(", "));
    }
    for scopes in &operation.scopes {
        let _ = writeln!(text, "scopes: {}", scopes.join(", "));
    }
    for (what, schema) in [("input", &operation.input), ("answer", &operation.output)] {
        let Some(schema) = schema else {
            let _ = writeln!(text, "\n{what}: not described");
            if what == "input" {
                parameters(&mut text, operation, output);
            }
            continue;
        };
        let _ = writeln!(text, "\n{what}:");
        fields(&mut text, schema.source(), schema.source(), 1, output);
    }
    let _ = write!(text, "\nas a step:\n  - NAME:\n      call: {connection}.{}\n", operation.id);
    if let Some(Value::Object(fields)) = example.filter(|of| of.as_object().is_some_and(|of| !of.is_empty()))
    {
        text.push_str("      with:\n");
        let required =
            operation.input.as_ref().and_then(|of| of.source().get("required")).and_then(Value::as_array);
        // Of an input that is not described there is nothing else.
        let is_required = |name: &str| {
            operation.input.is_none()
                || required.is_some_and(|list| list.iter().any(|of| of.as_str() == Some(name)))
        };
        // What must be given, and if nothing must, a few fields to begin with.
        let needed: Vec<_> = fields.iter().filter(|(name, _)| is_required(name)).collect();
        let shown = if needed.is_empty() { fields.iter().take(FIELDS_TO_BEGIN).collect() } else { needed };
        for (name, value) in shown {
            let _ = writeln!(text, "        {name}: {}", expression(value));
        }
    }
    text
}

/// The beginning of an input that nobody describes: what a call cannot be formed without.
fn begun(operation: &Operation) -> Value {
    operation.binding.required().into_iter().map(|name| (name.to_owned(), json!("..."))).collect()
}

/// What is known of an input that nobody describes: what stands in the request's line and head, or what must be there.
fn parameters(text: &mut String, operation: &Operation, output: &Output) {
    let mut line = |name: &str, about: &str| {
        let _ = writeln!(text, "  {}: {about}", output.tint(name, Tint::Strong));
    };
    let Some(http) = operation.binding.as_http() else {
        operation.binding.required().into_iter().for_each(|name| line(name, "anything (required)"));
        return;
    };
    for parameter in &http.parameters {
        let place = match parameter.location {
            ParameterLocation::Path => "in the path",
            ParameterLocation::Query => "in the query",
            ParameterLocation::Header => "in a header",
            ParameterLocation::Cookie => "in a cookie",
        };
        let need = if parameter.required { " (required)" } else { "" };
        line(&parameter.field, &format!("{place}{need}"));
    }
    if http.body != BodyKind::None {
        text.push_str("  and the fields of the body\n");
    }
}

/// A value as it stands under `with:`, where texts are expressions.
fn expression(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let quoted = serde_json::to_string(text).unwrap_or_default();
            format!("'{}'", quoted.replace('\'', "''"))
        }
        Value::Object(_) | Value::Array(_) => format!("'{}'", value.to_string().replace('\'', "''")),
        other => other.to_string(),
    }
}

/// The fields of an object, indented.
fn fields(text: &mut String, root: &Value, schema: &Value, depth: usize, output: &Output) {
    let schema = resolve(root, schema);
    let indent = "  ".repeat(depth);
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        let _ = writeln!(text, "{indent}{}", kind(root, schema));
        return;
    };
    if properties.is_empty() {
        let is_open = schema.get("additionalProperties").is_some_and(|of| *of != Value::Bool(false));
        let _ = writeln!(text, "{indent}{}", if is_open { "any fields" } else { "nothing" });
        return;
    }
    let required = |name: &str| {
        let list = schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|of| of.as_str() == Some(name)))
    };
    for (name, value) in properties.iter().take(FIELDS_SHOWN) {
        let of = resolve(root, value);
        let doc = value.get("description").or_else(|| of.get("description")).and_then(Value::as_str);
        let need = if required(name) { " (required)" } else { "" };
        let doc = doc
            .map(|doc| output.tint(&format!("  {}", one_line(&plain(doc))), Tint::Faint))
            .unwrap_or_default();
        let _ =
            writeln!(text, "{indent}{}: {}{need}{doc}", output.tint(name, Tint::Strong), kind(root, value));
        let inner = match of.get("items") {
            Some(items) => resolve(root, items),
            None => of,
        };
        if inner.get("properties").is_some() && depth < DEPTH_SHOWN {
            fields(text, root, inner, depth + 1, output);
        }
    }
    if let Some(more @ 1..) = properties.len().checked_sub(FIELDS_SHOWN) {
        let _ = writeln!(text, "{indent}and {}", counted(more, "more field"));
    }
}

/// What a value is, in a few words.
fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let shown: Vec<_> = choices.iter().take(8).map(Value::to_string).collect();
        let more = if choices.len() > 8 { " | ..." } else { "" };
        return format!("{}{more}", shown.join(" | "));
    }
    let said = match schema.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => ["oneOf", "anyOf"]
            .iter()
            .find_map(|word| schema.get(*word)?.as_array())
            .map_or_else(|| "anything".to_owned(), |list| format!("one of {}", counted(list.len(), "form"))),
    };
    match (said.as_str(), schema.get("items"), schema.get("format").and_then(Value::as_str)) {
        ("array", Some(items), _) => {
            let inner = resolve(root, items);
            let inner =
                if inner.get("properties").is_some() { "object".to_owned() } else { kind(root, inner) };
            format!("list of {inner}")
        }
        (_, _, Some(format)) => format!("{said} ({format})"),
        _ => said,
    }
}

/// A text without the HTML tags that some vendors put into theirs.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let is_tag = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        if let Some((_, behind)) = after.split_once('>').filter(|_| is_tag) {
            rest = behind;
        } else {
            out.push('<');
            rest = after;
        }
    }
    out.push_str(rest);
    out.trim().to_owned()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|of| of.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}
