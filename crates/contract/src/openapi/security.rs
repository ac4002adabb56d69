use serde_json::Value;

use super::parameter::Location;
use super::reader::Reader;
use super::{Edition, text};

/// A way in which callers show who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityScheme {
    /// Its name, by which operations ask for it.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// What it consists of.
    pub kind: SchemeKind,
}

/// What a scheme consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemeKind {
    /// A key in a header, the query or a cookie.
    ApiKey {
        /// Where it goes.
        location: Location,
        /// Its name there.
        name: String,
    },
    /// Name and password (RFC 7617).
    Basic,
    /// A token in `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// Another scheme of HTTP, by its registered name (`digest`).
    Http(String),
    /// OAuth 2 (RFC 6749), by one or several grants.
    OAuth2(Vec<OAuthFlow>),
    /// `OpenID` Connect; the URL of the provider's metadata.
    OpenIdConnect(String),
    /// A certificate of the caller's.
    MutualTls,
}

/// A grant of OAuth 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthFlow {
    /// Which.
    pub grant: Grant,
    /// Where a person agrees, if the grant asks one.
    pub authorization_url: Option<String>,
    /// Where tokens come from.
    pub token_url: Option<String>,
    /// Where they are renewed, if elsewhere.
    pub refresh_url: Option<String>,
    /// What can be asked for: scopes, and what each is for.
    pub scopes: Vec<(String, String)>,
}

/// How a token is come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// A person agrees in a browser.
    AuthorizationCode,
    /// The caller acts for itself.
    ClientCredentials,
    /// A person's name and password are handed over. OAuth 2.1 no longer has it.
    Password,
    /// A token in a URL. OAuth 2.1 no longer has it.
    Implicit,
    /// A person agrees on another device (RFC 8628).
    Device,
}

/// The schemes of a description.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<SecurityScheme> {
    let document = reader.document;
    if reader.edition == Edition::Swagger2 {
        return reader.below("securityDefinitions", |reader| all(reader, document, "securityDefinitions"));
    }
    let Some(components) = document.get("components") else { return Vec::new() };
    reader.below("components", |reader| {
        reader.below("securitySchemes", |reader| all(reader, components, "securitySchemes"))
    })
}

fn all<'d>(reader: &mut Reader<'d>, of: &'d Value, field: &str) -> Vec<SecurityScheme> {
    let schemes = reader.map(of, field);
    schemes
        .filter_map(|(name, value)| {
            reader.below(name, |reader| {
                let value = reader.resolve(value)?;
                let kind = kind(reader, value)?;
                let description = value.get("description").map(text).unwrap_or_default();
                Some(SecurityScheme { name: name.clone(), description, kind })
            })
        })
        .collect()
}

fn kind(reader: &mut Reader<'_>, value: &Value) -> Option<SchemeKind> {
    let field = |name: &str| value.get(name).map(text).unwrap_or_default();
    match field("type").as_str() {
        "apiKey" => match (Location::read(&field("in")), field("name")) {
            (Some(location), name) if !name.is_empty() && location != Location::Path => {
                Some(SchemeKind::ApiKey { location, name })
            }
            _ => {
                reader.warn(
                    "an API key needs a `name`, and `in` one of `header`, `query` and `cookie`; ignored",
                );
                None
            }
        },
        "basic" => Some(SchemeKind::Basic),
        "http" => Some(match field("scheme").to_ascii_lowercase().as_str() {
            "basic" => SchemeKind::Basic,
            "bearer" => SchemeKind::Bearer,
            other => SchemeKind::Http(other.to_owned()),
        }),
        "oauth2" if reader.edition == Edition::Swagger2 => {
            let grant = grant(&field("flow"));
            Some(SchemeKind::OAuth2(grant.map(|grant| flow(grant, value)).into_iter().collect()))
        }
        "oauth2" => {
            let flows = value.get("flows").and_then(Value::as_object);
            let known = flows.into_iter().flatten().filter_map(|(name, of)| Some(flow(grant(name)?, of)));
            Some(SchemeKind::OAuth2(known.collect()))
        }
        "openIdConnect" => Some(SchemeKind::OpenIdConnect(field("openIdConnectUrl"))),
        "mutualTLS" => Some(SchemeKind::MutualTls),
        other => {
            reader.warn(format!("`type: {other}` is no known way to show who one is; ignored"));
            None
        }
    }
}

fn grant(name: &str) -> Option<Grant> {
    Some(match name {
        "authorizationCode" | "accessCode" => Grant::AuthorizationCode,
        "clientCredentials" | "application" => Grant::ClientCredentials,
        "password" => Grant::Password,
        "implicit" => Grant::Implicit,
        "deviceAuthorization" => Grant::Device,
        _ => return None,
    })
}

fn flow(grant: Grant, of: &Value) -> OAuthFlow {
    let url = |name: &str| of.get(name).map(text).filter(|url| !url.is_empty());
    let scopes = of.get("scopes").and_then(Value::as_object).into_iter().flatten();
    OAuthFlow {
        grant,
        authorization_url: url("authorizationUrl").or_else(|| url("deviceAuthorizationUrl")),
        token_url: url("tokenUrl"),
        refresh_url: url("refreshUrl"),
        scopes: scopes.map(|(name, meaning)| (name.clone(), text(meaning))).collect(),
    }
}
