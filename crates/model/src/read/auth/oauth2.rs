use std::sync::Arc;

use crate::shape::{Field, Record, Shape, Word, Words, default, one_of, optional, required, word, words};
use crate::{Auth, ClientProof, Endpoints, Grant, OAuth2, OAuthClient};

use super::Login;

pub(super) const FIELDS: &[Field] =
    &[one_of("oauth2", Shape::Record(&OAUTH2), "OAuth 2.0; tokens are fetched, kept and renewed by Sinew.")];

static OAUTH2: Record = Record {
    name: "oauth2",
    doc: "OAuth 2.0 (RFC 6749).",
    fields: &[&[
        default("grant", Shape::Word(GRANTS), "client_credentials", "How a token is obtained."),
        one_of("token_url", Shape::Url, "The token endpoint.").like("https://login.example.com/oauth/token"),
        one_of("token_path", Shape::Text, "The token endpoint, below `base_url`.").like("/oauth/token"),
        required("client_id", Shape::Text, "The client's id.").like("sinew"),
        required("client_secret", Shape::Secret, "The client's secret.").like("secret:crm/client"),
        optional("scopes", Shape::List(&Shape::Text), "Scopes asked for.")
            .like("[contacts.read, deals.write]"),
        optional("audience", Shape::Text, "The `audience` parameter, which some providers ask for."),
        default(
            "client_auth",
            Shape::Word(ClientAuth::WORDS),
            "basic",
            "How the client names itself (section 2.3.1).",
        ),
    ]],
};

static GRANTS: &[Word] = &[word("client_credentials", "the client acts for itself (section 4.4)")];

#[derive(Clone, Copy)]
enum ClientAuth {
    Basic,
    Body,
}

words!(ClientAuth {
    Basic = "basic", "in an HTTP Basic header";
    Body = "body", "in the form body";
});

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let oauth = login.auth.record("oauth2")?;
    let token: Arc<str> = match oauth.alternative()? {
        ("token_path", node) => {
            Arc::from(format!("{}/{}", login.base_url?, node.text()?.trim_start_matches('/')))
        }
        (_, node) => Arc::from(node.text()?),
    };
    let secret = oauth.secret("client_secret")?;
    let proof = match oauth.word("client_auth")? {
        ClientAuth::Basic => ClientProof::Basic(secret),
        ClientAuth::Body => ClientProof::Body(secret),
    };
    Some(Auth::OAuth2(Box::new(OAuth2 {
        grant: Grant::ClientCredentials,
        endpoints: Endpoints { token: Some(token) },
        client: OAuthClient { id: oauth.text("client_id")?, proof },
        scopes: oauth.texts("scopes"),
        audience: oauth.text("audience"),
        parameters: Vec::new(),
    })))
}
