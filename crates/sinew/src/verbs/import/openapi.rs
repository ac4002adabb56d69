use sinew_contract::document;
use sinew_contract::openapi::{Api, Grant, Location, SchemeKind};
use sinew_model::Listed;

use super::Imported;
use super::fetch::Source;
use super::guess::unusable;
use crate::cli::ImportKind;
use crate::error::CliError;

/// Reads an API description, with all files that it refers to as one.
pub(super) fn read(source: &Source) -> Result<Imported, CliError> {
    let bytes = source.read()?;
    let unusable = |cause: String| unusable(ImportKind::Openapi, source, &bytes, &cause);
    let tree = document::parse(&bytes).map_err(|error| unusable(error.to_string()))?;
    let (tree, missing) = document::bundle(tree, |name| {
        document::parse(&source.beside(name)?).map_err(|error| error.to_string())
    });
    let text = serde_json::to_vec_pretty(&tree).map_err(|error| unusable(error.to_string()))?;
    let api = Api::read(tree).map_err(|error| unusable(error.to_string()))?;
    let missing = missing.iter().map(|of| format!("{} is missing: {}", of.file, of.message));
    Ok(Imported {
        title: api.title.clone(),
        version: api.version.clone(),
        text,
        ending: "openapi.json",
        listed: api.operations.iter().filter_map(Listed::of_openapi).collect(),
        warnings: missing.chain(api.warnings.iter().map(ToString::to_string)).collect(),
        servers: api.servers.iter().map(|server| absolute(&server.url, source)).collect(),
        logins: api.security_schemes.iter().flat_map(|scheme| logins(&scheme.kind)).collect(),
    })
}

/// A server's URL; one that is a path stands on the host that the description came from.
fn absolute(url: &str, source: &Source) -> String {
    match source {
        Source::Url(at) => {
            sinew_connect::follow(&at.0, url).map_or_else(|_| url.to_owned(), |url| url.to_string())
        }
        Source::File(_) if url.starts_with('/') => format!("https://...{url}"),
        Source::File(_) => url.to_owned(),
    }
    .trim_end_matches('/')
    .to_owned()
}

/// How a connection says that it logs in this way.
fn logins(kind: &SchemeKind) -> Vec<String> {
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    match kind {
        SchemeKind::ApiKey { location, name } => {
            vec![format!("{{ api_key: {{ {}: {}, key: secret:NAME/key }} }}", place(*location), text(name))]
        }
        SchemeKind::Basic => vec!["{ basic: { username: ..., password: secret:NAME/password } }".to_owned()],
        SchemeKind::Bearer => vec!["{ bearer: secret:NAME/token }".to_owned()],
        SchemeKind::OAuth2(flows) => flows.iter().filter_map(|flow| {
            let client = "client_id: ID, client_secret: secret:NAME/client";
            let token = text(flow.token_url.as_deref().unwrap_or("https://..."));
            match flow.grant {
                Grant::ClientCredentials => {
                    Some(format!("{{ oauth2: {{ token_url: {token}, {client} }} }}"))
                }
                Grant::AuthorizationCode => {
                    let authorize = text(flow.authorization_url.as_deref().unwrap_or("https://..."));
                    Some(format!(
                        "{{ oauth2: {{ grant: authorization_code, authorize_url: {authorize}, token_url: {token}, {client} }} }}"
                    ))
                }
                Grant::Password | Grant::Implicit | Grant::Device => None,
            }
        }).collect(),
        SchemeKind::OpenIdConnect(_) | SchemeKind::Http(_) | SchemeKind::MutualTls => Vec::new(),
    }
}

fn place(location: Location) -> &'static str {
    match location {
        Location::Query => "query",
        Location::Cookie => "cookie",
        Location::Header | Location::Path => "header",
    }
}
