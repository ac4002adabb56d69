//! What a project's files say about the calls that its flows make, read without Sinew.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::documents;

/// What a destination does when the same call comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// It knows a repetition by its key.
    Key,
    /// The second call changes nothing more.
    Natural,
    /// It acts twice.
    Nothing,
}

/// An operation of a connection.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The vendor, as the sandbox calls it.
    pub vendor: String,
    /// The method.
    pub method: String,
    /// The path up to its first parameter.
    pub path: String,
    /// Whether it changes nothing.
    pub read: bool,
    /// What happens when it is called twice.
    pub idempotency: Idempotency,
    /// Whether the destination can be asked if it took effect.
    pub probe: bool,
    /// A field that its answer must have.
    pub required: Option<String>,
}

/// A call step of a flow.
#[derive(Clone, Debug)]
pub struct CallStep {
    /// The flow.
    pub flow: String,
    /// The step.
    pub step: String,
    /// What it calls, such as `crm.getContact`.
    pub call: String,
    /// The channel of a chat message, if it is plain text.
    pub channel: Option<String>,
    /// What takes it back.
    pub undo: Option<String>,
    /// Sent again although the outcome is unknown.
    pub at_least_once: bool,
    /// Reasons that are caught; `None` if nothing is, empty if everything is.
    pub caught: Option<Vec<String>>,
    /// Whether it stands in an `each`: its failure is that of one item.
    pub in_each: bool,
    /// Whether a condition decides if it is called at all.
    pub conditional: bool,
}

/// Everything that is called, and by whom.
#[derive(Debug, Default)]
pub struct Project {
    /// The calls of all flows, in the order in which they stand.
    pub calls: Vec<CallStep>,
    /// Operations by `connection.operation`.
    pub operations: BTreeMap<String, Operation>,
    /// Flows that take back what was done when a step fails.
    pub undoing: Vec<String>,
}

impl Project {
    /// Reads the files of project folders.
    pub fn read(folders: &[impl AsRef<Path>]) -> Self {
        let mut all = Vec::new();
        for folder in folders {
            read_folder(folder.as_ref(), &mut all);
        }
        let of = |kind: &'static str| all.iter().filter(move |document| document["kind"] == kind);
        let mut project = Self::default();
        for connection in of("Connection") {
            let name = connection["name"].as_str().unwrap_or_default();
            let connector = connection["connector"].as_str().unwrap_or_default();
            let connector = connector.split('@').next().unwrap_or_default();
            let Some(connector) = of("Connector").find(|c| c["name"] == connector) else { continue };
            for (id, operation) in connector["operations"].as_object().into_iter().flatten() {
                project.operations.insert(format!("{name}.{id}"), read_operation(name, connector, operation));
            }
        }
        for flow in of("Flow") {
            let name = flow["name"].as_str().unwrap_or_default();
            read_block(
                &flow["steps"],
                &Around { flow: name, in_each: false, conditional: false },
                &mut project.calls,
            );
            if flow["on_failure"] == "undo" {
                project.undoing.push(name.to_owned());
            }
        }
        project
    }

    /// The calls of one flow.
    pub fn calls_of<'a>(&'a self, flow: &'a str) -> impl Iterator<Item = &'a CallStep> + 'a {
        self.calls.iter().filter(move |call| call.flow == flow)
    }

    /// What a call calls.
    pub fn operation(&self, call: &str) -> &Operation {
        self.operations.get(call).unwrap_or_else(|| panic!("no connector has `{call}`"))
    }
}

fn read_folder(folder: &Path, all: &mut Vec<Value>) {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry of a project's folder").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            read_folder(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            all.extend(documents(&fs::read_to_string(&path).expect("a project's file is text")));
        }
    }
}

fn read_operation(vendor: &str, connector: &Value, operation: &Value) -> Operation {
    let methods = ["get", "head", "post", "put", "patch", "delete"];
    let method = methods.into_iter().find(|method| operation[method].is_string()).unwrap_or("get");
    let path = operation[method].as_str().unwrap_or_default();
    let read = matches!(method, "get" | "head");
    let by_key = connector["idempotency"].is_string();
    let idempotency = match &operation["idempotency"] {
        Value::String(word) if word == "natural" => Idempotency::Natural,
        Value::String(_) => Idempotency::Nothing,
        Value::Object(_) => Idempotency::Key,
        _ if read || matches!(method, "put" | "delete") => Idempotency::Natural,
        _ if by_key => Idempotency::Key,
        _ => Idempotency::Nothing,
    };
    Operation {
        vendor: vendor.to_owned(),
        method: method.to_uppercase(),
        path: path.split('{').next().unwrap_or_default().to_owned(),
        read,
        idempotency,
        probe: operation["probe"].is_object(),
        required: operation["output"]["required"][0].as_str().map(str::to_owned),
    }
}

/// What stands around a block.
#[derive(Clone, Copy)]
struct Around<'a> {
    flow: &'a str,
    in_each: bool,
    conditional: bool,
}

fn read_block(block: &Value, around: &Around<'_>, calls: &mut Vec<CallStep>) {
    for step in block.as_array().into_iter().flatten() {
        for (name, body) in step.as_object().into_iter().flatten() {
            read_step(name, body, around, calls);
        }
    }
}

fn read_step(name: &str, body: &Value, around: &Around<'_>, calls: &mut Vec<CallStep>) {
    let conditional = Around { conditional: true, ..*around };
    let around = if body["when"].is_string() { conditional } else { *around };
    if let Some(call) = body["call"].as_str() {
        let words = |list: &Value| {
            let words = list.as_array().into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        calls.push(CallStep {
            flow: around.flow.to_owned(),
            step: name.to_owned(),
            call: call.to_owned(),
            channel: body["with"]["channel"].as_str().map(|text| text.trim_matches('"').to_owned()),
            undo: body["undo"]["call"].as_str().map(str::to_owned),
            at_least_once: body["at_least_once"] == true,
            caught: body["catch"].is_object().then(|| words(&body["catch"]["on"])),
            in_each: around.in_each,
            conditional: around.conditional,
        });
    }
    for arm in body["parallel"].as_object().into_iter().flatten() {
        read_block(arm.1, &around, calls);
    }
    for arm in body["branch"].as_array().into_iter().flatten() {
        read_block(&arm["steps"], &conditional, calls);
        read_block(&arm["else"], &conditional, calls);
    }
    read_block(&body["each"]["steps"], &Around { in_each: true, ..around }, calls);
    read_block(&body["catch"]["steps"], &conditional, calls);
}
