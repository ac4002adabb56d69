use crate::error::{CliError, Exit};
use crate::output::Output;

/// Prints the JSON Schema of resources.
pub fn run(kind: Option<&str>, output: &Output) -> Result<Exit, CliError> {
    let schema = match kind {
        None => sinew_model::json_schema(),
        Some(kind) => {
            let known = sinew_model::kinds().find(|known| known.eq_ignore_ascii_case(kind));
            known.and_then(sinew_model::json_schema_of).ok_or_else(|| {
                let kinds: Vec<&str> = sinew_model::kinds().collect();
                CliError::usage(format!("there is no kind `{kind}`"))
                    .help(format!("there are {}", kinds.join(", ")))
            })?
        }
    };
    output.line(&serde_json::to_string_pretty(&schema).unwrap_or_default());
    Ok(Exit::Ok)
}
