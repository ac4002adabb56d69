//! GraphQL schemas: of each operation the request for its whole value must be valid, and its input must have an example
//! that fits.

use std::path::Path;
use std::time::Instant;

use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema as Judge, response::JsonMap};
use sinew_contract::graphql::{Api, Operation, Wanted};
use sinew_contract::{Schema, example_of};

use crate::{Kind, Outcome};

pub(crate) const KIND: Kind =
    Kind { folder: "graphql", endings: &["graphql", "graphqls", "gql", "json"], read };

fn read(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let read = std::fs::read(file)
        .map_err(|error| error.to_string())
        .and_then(|bytes| Api::read(&bytes).map_err(|error| error.to_string()));
    outcome.is_read(begin);
    let api = match read {
        Ok(api) => api,
        Err(error) => return Outcome { error: Some(error), ..outcome },
    };
    (outcome.operations, outcome.warnings) = (api.operations.len(), api.warnings.len());
    // The judge reads what we print of the schema, so that it also judges that.
    let judge = Judge::parse_and_validate(api.to_sdl(), "schema.graphql").unwrap_or_else(|refused| {
        outcome.unformed.push(format!("the schema: {}", first_line(&refused.errors.to_string())));
        // Its author's mistakes need not keep it from judging requests.
        Valid::assume_valid(refused.partial)
    });
    for operation in &api.operations {
        outcome.is_formed(&operation.id, form(&api, &judge, operation));
    }
    outcome
}

fn form(api: &Api, judge: &Valid<Judge>, operation: &Operation) -> Result<(), String> {
    let request = api.request(operation, &Wanted::Everything);
    let document = ExecutableDocument::parse_and_validate(judge, &request.document, "request.graphql")
        .map_err(|refused| first_line(&refused.errors.to_string()))?;
    let input = Schema::compile(request.input).map_err(|error| error.to_string())?;
    let example = example_of(&input).ok_or("no example fits its input")?;
    let variables: JsonMap = serde_json::from_value(example).map_err(|error| error.to_string())?;
    let asked = document.operations.get(None).map_err(|_| "the request has no operation")?;
    coerce_variable_values(judge, asked, &variables).map_err(|error| error.message().to_string())?;
    Schema::compile(request.output).map_err(|error| error.to_string())?;
    Ok(())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
