use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Shape, Words, optional, words};
use crate::{ClientProof, OAuthClient};

use super::jwt_key;

pub(super) const FIELDS: &[Field] = &[
    optional("client_id", Shape::Text, "The client's id. Only service accounts have none.").like("sinew"),
    optional("client_secret", Shape::Secret, "The client's secret; public clients have none.")
        .like("secret:crm/client"),
    optional(
        "client_key",
        Shape::Record(&jwt_key::CLIENT_KEY),
        "The private key with which the client signs who it is, in the place of a secret.",
    ),
    optional(
        "client_auth",
        Shape::Word(ClientAuth::WORDS),
        "How the client names itself. Left out: `basic` with a secret, `private_key_jwt` with a key, else `none`.",
    ),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientAuth {
    Basic,
    Body,
    PrivateKey,
    Certificate,
    None,
}

words!(ClientAuth {
    Basic = "basic", "by its secret in an HTTP Basic header (RFC 6749, section 2.3.1)";
    Body = "body", "by its secret in the form body";
    PrivateKey = "private_key_jwt", "by an assertion that it signs with `client_key` (RFC 7523)";
    Certificate = "certificate", "by the client certificate under `tls:` (RFC 8705)";
    None = "none", "by its id alone: a public client";
});

/// Reads as whom tokens are asked for.
pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<OAuthClient> {
    let (secret, key) = (oauth.secret("client_secret"), oauth.record("client_key"));
    let said = oauth.node("client_auth").is_some();
    let how = match oauth.word::<ClientAuth>("client_auth") {
        Some(how) => how,
        None if said => return None,
        None if key.is_some() => ClientAuth::PrivateKey,
        None if oauth.node("client_secret").is_some() => ClientAuth::Basic,
        None => ClientAuth::None,
    };
    let mut lacks = |field: &str, present: bool| {
        if !present {
            let message = format!("`oauth2` has no `{field}`, which its way to name the client needs");
            reader.error(config::MISSING_FIELD, message, oauth.place("client_auth"));
        }
    };
    match how {
        ClientAuth::Basic | ClientAuth::Body => {
            lacks("client_secret", oauth.node("client_secret").is_some());
        }
        ClientAuth::PrivateKey => lacks("client_key", key.is_some()),
        ClientAuth::Certificate | ClientAuth::None => {}
    }
    let id = oauth.text("client_id");
    // A service account names itself in its assertion, and an exchange by the token that it gives.
    let nameless = matches!(oauth.said("grant"), Some("jwt_bearer" | "token_exchange"));
    // Of one whose variable is not set, that has been said.
    let said = oauth.node("client_id").and_then(Node::scalar).is_some_and(|scalar| scalar.unset);
    lacks("client_id", id.is_some() || said || (nameless && how == ClientAuth::None));
    let proof = match how {
        ClientAuth::Basic => ClientProof::Basic(secret?),
        ClientAuth::Body => ClientProof::Body(secret?),
        ClientAuth::PrivateKey => {
            let key = key?;
            ClientProof::PrivateKey { key: jwt_key::read(key)?, audience: key.text("audience") }
        }
        ClientAuth::Certificate => ClientProof::Certificate,
        ClientAuth::None => ClientProof::None,
    };
    Some(OAuthClient { id, proof })
}
