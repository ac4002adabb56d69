use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// The documents of a YAML text.
pub fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("no YAML: {error}\n{text}"))
}

/// Copies a project with every document changed. What comes out is JSON, which is YAML too.
pub fn rewrite(from: &Path, to: &Path, change: &mut dyn FnMut(&mut Value)) {
    fs::create_dir_all(to).expect("a folder for a project");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("an entry of a project's folder").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            rewrite(&path, &target, change);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).expect("a project's file is text");
            let changed = documents(&text).into_iter().map(|mut document| {
                change(&mut document);
                format!("{document:#}\n")
            });
            fs::write(&target, changed.collect::<Vec<_>>().join("---\n"))
                .expect("a project's file is written");
        } else {
            fs::copy(&path, &target).expect("a project's file is copied");
        }
    }
}

/// The same project in a hurry: retries wait milliseconds and are three, and no breaker opens on the way.
pub fn fast(document: &mut Value) {
    match document["kind"].as_str() {
        Some("Flow") => {
            for step in document["steps"].as_array_mut().into_iter().flatten() {
                hurry(step);
            }
        }
        Some("Connection") => document["breaker"] = json!({ "failures": 10_000, "open_for": "1s" }),
        _ => {}
    }
}

/// Puts a retry in a hurry at every call, wherever it stands.
fn hurry(value: &mut Value) {
    let quick = || json!({ "attempts": 3, "base": "5ms", "max": "20ms" });
    match value {
        Value::Object(fields) => {
            if fields.get("call").is_some_and(Value::is_string) {
                fields.insert("retry".to_owned(), quick());
            }
            for (name, field) in fields.iter_mut() {
                // Texts under `with` and `map` are the author's words, whatever they are called.
                if name != "with" && name != "map" {
                    hurry(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hurry),
        _ => {}
    }
}
