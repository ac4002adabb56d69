use std::path::Path;

use sinew_contract::graphql::{Api, INTROSPECTION, INTROSPECTION_OF_OLD, NotASchema};
use sinew_model::Listed;

use super::Imported;
use super::fetch::Source;
use super::guess::unusable;
use crate::cli::ImportKind;
use crate::error::CliError;

/// Reads a schema: from a file, or by asking an endpoint for it.
pub(super) fn read(source: &Source) -> Result<Imported, CliError> {
    let (api, text) = match source {
        Source::File(_) => {
            let bytes = source.read()?;
            let unusable =
                |error: NotASchema| unusable(ImportKind::Graphql, source, &bytes, &error.to_string());
            let api = Api::read(&bytes).map_err(unusable)?;
            // What is text already stays as its author wrote it.
            let is_json = matches!(bytes.iter().find(|byte| byte.is_ascii_graphic()), Some(b'{' | b'['));
            let text = if is_json { api.to_sdl().into_bytes() } else { bytes };
            (api, text)
        }
        Source::Url(..) => {
            let api = asked(source)?;
            let text = api.to_sdl().into_bytes();
            (api, text)
        }
    };
    let (title, servers) = match source {
        Source::File(path) => (stem(path), Vec::new()),
        Source::Url(at) => (
            at.0.host().unwrap_or_default().replace('.', " "),
            vec![at.0.to_string().trim_end_matches('/').to_owned()],
        ),
    };
    Ok(Imported {
        title,
        version: String::new(),
        text,
        ending: "graphql",
        listed: api.operations.iter().filter_map(Listed::of_graphql).collect(),
        warnings: api.warnings.iter().map(ToString::to_string).collect(),
        servers,
        logins: vec!["{ bearer: secret:NAME/token }".to_owned()],
    })
}

/// Asks an endpoint for its schema, and once more in older words if it does not know the newest.
fn asked(source: &Source) -> Result<Api, CliError> {
    let ask = |query: &str| {
        let question = serde_json::json!({ "query": query, "operationName": "IntrospectionQuery" });
        let answer = source.ask(&question.to_string());
        answer.map(|answer| Api::read(&answer).map_err(|error| refused(source, &answer, &error)))
    };
    match ask(INTROSPECTION) {
        Ok(Ok(api)) => Ok(api),
        // Also a status may say that it does not know a word.
        Ok(Err(_)) | Err(_) => ask(INTROSPECTION_OF_OLD)?,
    }
}

fn refused(source: &Source, answer: &[u8], error: &NotASchema) -> CliError {
    let told = unusable(ImportKind::Graphql, source, answer, &error.to_string());
    match error {
        NotASchema::Refused(_) => told
            .help("ask its vendor for the schema, or introspect with your credential, and import the file"),
        _ => told,
    }
}

/// `linear.graphql`: `linear`.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}
