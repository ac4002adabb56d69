//! WSDL documents: of each operation an example of its input must become a message, and that message the example again;
//! its output likewise.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use sinew_contract::soap::{Answer, Options};
use sinew_contract::wsdl::{Operation, Wsdl};
use sinew_contract::{Schema, example_of};
use sinew_stdx::Json;

use crate::{Kind, Outcome};

pub(crate) const KIND: Kind = Kind { folder: "soap/wsdl", endings: &["wsdl", "xml", "asmx"], read };

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let read = open(file);
    outcome.is_read(begin);
    match read {
        Err(error) => outcome.error = Some(error),
        Ok(wsdl) => {
            (outcome.operations, outcome.warnings) = (wsdl.operations.len(), wsdl.warnings.len());
            for operation in &wsdl.operations {
                outcome.is_formed(&operation.id, form(&wsdl, operation));
            }
        }
    }
    outcome
}

pub(crate) fn open(file: &Path) -> Result<Wsdl, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let folder = file.parent().unwrap_or(Path::new("."));
    Wsdl::read(&bytes, |name| beside(folder, name)).map_err(|error| error.to_string())
}

/// A file that a document refers to.
fn beside(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    if name.contains("://") || name.starts_with('/') || name.starts_with("..") {
        return Err("it is not beside the document".to_owned());
    }
    std::fs::read(folder.join(name)).map_err(|error| error.to_string())
}

fn form(wsdl: &Wsdl, operation: &Operation) -> Result<(), String> {
    let input = example(wsdl.input(operation))?;
    let request = wsdl.request(operation, &Json::of(&input), &Options::default());
    let request = request.map_err(|error| format!("its request: {error}"))?;
    let given = wsdl.given(operation, Some(&request.content_type), &request.body);
    let given = given.map_err(|error| format!("its request, read again: {error}"))?;
    same("request", &input, &given)?;
    let Some(output) = wsdl.output(operation) else { return Ok(()) };
    let output = example(output).map_err(|error| format!("its output: {error}"))?;
    let Some(written) = wsdl.answering(operation, &Json::of(&output)) else { return Ok(()) };
    let written = written.map_err(|error| format!("its answer: {error}"))?;
    match wsdl.answer(operation, Some(&written.content_type), &written.body) {
        Ok(Answer::Output(answer)) => same("answer", &output, &answer),
        Ok(Answer::Fault(fault)) => Err(format!("its answer is read as a fault: {fault}")),
        Err(error) => Err(format!("its answer, read again: {error}")),
    }
}

fn example(schema: Value) -> Result<Value, String> {
    let schema = Schema::compile(schema).map_err(|error| error.to_string())?;
    example_of(&schema).ok_or_else(|| "no example fits".to_owned())
}

fn same(what: &str, wanted: &Value, found: &Json) -> Result<(), String> {
    let found = found.to_value();
    if settled(wanted) == settled(&found) {
        return Ok(());
    }
    Err(format!("the {what} says something else than what was given: {found} instead of {wanted}"))
}

/// A value without what cannot be told apart in XML: what is not there, and what is there and empty.
fn settled(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            // Where anything may stand, a name without a namespace is one of the element's around it.
            let local = |key: &String| key.rsplit('}').next().unwrap_or_default().to_owned();
            let fields = fields.iter().map(|(key, value)| (local(key), settled(value)));
            let fields: serde_json::Map<_, _> = fields.filter(|(_, value)| !value.is_null()).collect();
            if fields.is_empty() { Value::Null } else { Value::Object(fields) }
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(settled).collect(),
        Value::String(text) if text.trim().is_empty() => Value::Null,
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}
