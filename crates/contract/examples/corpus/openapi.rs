//! OpenAPI documents: each operation's input must have an example that fits.

use std::path::Path;
use std::time::Instant;

use sinew_contract::openapi::Api;
use sinew_contract::{Schema, document, example_of};

use crate::{Kind, Outcome};

pub(crate) const KIND: Kind = Kind { folder: "openapi", endings: &["json", "yaml", "yml"], read };

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let read = std::fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| {
        let tree = document::parse(&bytes).map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let (tree, _missing) = document::bundle(tree, |name| beside(folder, name));
        Api::read(tree).map_err(|error| error.to_string())
    });
    outcome.is_read(begin);
    match read {
        Err(error) => outcome.error = Some(error),
        Ok(api) => {
            (outcome.operations, outcome.warnings) = (api.operations.len(), api.warnings.len());
            for operation in &api.operations {
                outcome.is_formed(&operation.id, form(&api, operation));
            }
        }
    }
    outcome
}

/// Makes an example of what an operation takes, and reads what it answers.
fn form(api: &Api, operation: &sinew_contract::openapi::Operation) -> Result<(), String> {
    let input = Schema::compile(api.input(operation).schema).map_err(|error| error.to_string())?;
    example_of(&input).ok_or("no example fits its input")?;
    api.output(operation).map(Schema::compile).transpose().map_err(|error| error.to_string())?;
    Ok(())
}

/// A file that a document refers to.
fn beside(folder: &Path, name: &str) -> Result<serde_json::Value, String> {
    if name.contains("://") || name.starts_with('/') || name.starts_with("..") {
        return Err("it is not beside the document".to_owned());
    }
    let bytes = std::fs::read(folder.join(name)).map_err(|error| error.to_string())?;
    document::parse(&bytes).map_err(|error| error.to_string())
}
