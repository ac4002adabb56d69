//! OAuth 2.0: one file a grant, each with the fields that it has beyond what all have.
//!
//! A new grant is a file with `WORD`, `FIELDS` and `read`, and one line in [`grants!`] below.

mod authorization_code;
mod client;
mod client_credentials;
mod device_code;
mod jwt_bearer;
mod jwt_key;
mod refresh_token;
mod token_exchange;

use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{FIELD, Field, Record, Shape, Word, Words, default, one_of, optional, words};
use crate::{Auth, Endpoints, Grant, OAuth2};

use super::Login;

pub(super) const FIELDS: &[Field] =
    &[one_of("oauth2", Shape::Record(&OAUTH2), "OAuth 2.0; tokens are fetched, kept and renewed by Sinew.")
        .like("{ token_path: /oauth/token, client_id: sinew, client_secret: secret:crm/client }")];

/// Reads what a grant has of its own.
type ReadGrant = fn(Fields<'_>, &mut Reader<'_>) -> Option<Grant>;

macro_rules! grants {
    ($($grant:ident)+) => {
        static GRANTS: &[Word] = &[$($grant::WORD),+];
        static OAUTH2: Record = Record {
            name: "oauth2",
            doc: "OAuth 2.0 (RFC 6749).",
            fields: &[COMMON, client::FIELDS, $($grant::FIELDS),+],
        };
        static READERS: &[(Word, &[Field], ReadGrant)] = &[$(($grant::WORD, $grant::FIELDS, $grant::read)),+];
    };
}

// Every grant, in the order of the reference.
grants! {
    client_credentials
    refresh_token
    authorization_code
    jwt_bearer
    device_code
    token_exchange
}

const COMMON: &[Field] = &[
    default("grant", Shape::Word(GRANTS), "client_credentials", "How a token is obtained."),
    one_of("token_url", Shape::Url, "The token endpoint.").like("https://login.example.com/oauth/token"),
    one_of("token_path", Shape::Text, "The token endpoint, below `base_url`.").like("/oauth/token"),
    one_of(
        "issuer",
        Shape::Url,
        "The provider's issuer, whose published metadata (RFC 8414, OpenID Connect Discovery) names the endpoints.",
    )
    .like("https://login.example.com"),
    optional("scopes", Shape::List(&Shape::Text), "Scopes asked for.").like("[contacts.read, deals.write]"),
    default("scope_separator", Shape::Word(Separator::WORDS), "space", "What stands between scopes."),
    optional("audience", Shape::Text, "The `audience` parameter, which some providers ask for."),
    optional("resource", Shape::Url, "The `resource` parameter (RFC 8707)."),
    optional("parameters", Shape::Table(&FIELD, &Shape::Text), "Further parameters for the token endpoint.")
        .like("{ tenant: acme }"),
    optional(
        "refresh_rotation",
        Shape::Boolean,
        "Whether the provider gives a new refresh token at each renewal and takes the old one no more. With `false`, a renewal whose \
         answer is lost is tried again; left out, only after the provider has been seen not to.",
    ),
    optional("revoke_url", Shape::Url, "Where tokens are given back (RFC 7009)."),
];

#[derive(Clone, Copy)]
enum Separator {
    Space,
    Comma,
}

words!(Separator {
    Space = "space", "a blank, as the standard has it (section 3.3)";
    Comma = "comma", "a comma";
});

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let oauth = login.auth.record("oauth2")?;
    let grant = oauth.said("grant")?;
    let (_, _, read) = READERS.iter().find(|(word, _, _)| word.word == grant)?;
    foreign(oauth, grant, login.reader);
    let endpoints = endpoints(oauth, login);
    let (grant, client) = (read(oauth, login.reader), client::read(oauth, login.reader));
    Some(Auth::OAuth2(Box::new(OAuth2 {
        grant: grant?,
        endpoints: endpoints?,
        client: client?,
        scopes: oauth.texts("scopes"),
        scope_separator: match oauth.word("scope_separator")? {
            Separator::Space => ' ',
            Separator::Comma => ',',
        },
        audience: oauth.text("audience"),
        resource: oauth.text("resource"),
        rotates: oauth.said("refresh_rotation").map(|_| oauth.boolean("refresh_rotation")),
        parameters: table(oauth, "parameters"),
    })))
}

/// Reports the fields that only other grants have.
fn foreign(oauth: Fields<'_>, grant: &str, reader: &mut Reader<'_>) {
    let has = |fields: &[Field], name: &str| fields.iter().any(|field| field.name == name);
    for entry in oauth.all().entries() {
        let owners = READERS.iter().filter(|(_, fields, _)| has(fields, &entry.name));
        let owners: Vec<&str> = owners.map(|(word, _, _)| word.word).collect();
        if !owners.is_empty() && !owners.contains(&grant) {
            let message = format!("`{}` means nothing with `grant: {grant}`", entry.name);
            reader.out.push(
                Diagnostic::error(config::UNKNOWN_FIELD, message)
                    .at(entry.name_place.clone())
                    .help(format!("it belongs to `grant: {}`", owners.join("`, `"))),
            );
        }
    }
}

fn endpoints(oauth: Fields<'_>, login: &Login<'_, '_, '_>) -> Option<Endpoints> {
    let mut endpoints = Endpoints {
        authorize: oauth.text("authorize_url"),
        device: oauth.text("device_url"),
        revoke: oauth.text("revoke_url"),
        ..Endpoints::default()
    };
    match oauth.alternative()? {
        ("token_path", node) => {
            let path = node.text()?.trim_start_matches('/');
            endpoints.token = Some(Arc::from(format!("{}/{path}", login.base_url?)));
        }
        ("issuer", node) => endpoints.issuer = Some(Arc::from(node.text()?.trim_end_matches('/'))),
        (_, node) => endpoints.token = Some(Arc::from(node.text()?)),
    }
    Some(endpoints)
}

/// The names and texts of a map.
fn table(fields: Fields<'_>, name: &str) -> Vec<(Arc<str>, Arc<str>)> {
    let entries = fields.node(name).map_or(&[][..], |node| node.entries());
    entries.iter().filter_map(|e| Some((Arc::from(e.name.as_str()), Arc::from(e.value.text()?)))).collect()
}

/// Says that a grant needs an endpoint that neither a field nor an issuer gives.
fn needs_endpoint(oauth: Fields<'_>, field: &str, reader: &mut Reader<'_>) {
    if oauth.node(field).is_none() && oauth.node("issuer").is_none() {
        let message = format!("`oauth2` has no `{field}`");
        reader.out.push(
            Diagnostic::error(config::MISSING_FIELD, message)
                .at(oauth.place("grant"))
                .help(format!("give `{field}`, or an `issuer` whose metadata names it")),
        );
    }
}
