use sinew_diag::codes::config;

use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Record, Shape, Word, default, optional, required, word};
use crate::{Grant, TokenExchange, TokenGiven};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

pub(super) const WORD: Word = word("token_exchange", "a token is given for a token (RFC 8693)");
pub(super) const FIELDS: &[Field] = &[
    optional("subject", Shape::Record(&TOKEN), "The token on whose behalf another is asked for.")
        .like("{ token: secret:id/user }"),
    optional("actor", Shape::Record(&TOKEN), "The token of who acts, if that is somebody else."),
    optional(
        "requested_type",
        Shape::Text,
        "What is asked for, as a URI. Left out: what the provider gives.",
    ),
];

static TOKEN: Record = Record {
    name: "given_token",
    doc: "A token that is given for another.",
    fields: &[&[
        required("token", Shape::Secret, "The token.").like("secret:id/user"),
        default("type", Shape::Text, ACCESS_TOKEN, "What it is, as a URI (RFC 8693, section 3)."),
    ]],
};

pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<Grant> {
    if oauth.node("subject").is_none() {
        reader.error(config::MISSING_FIELD, "`oauth2` has no `subject`", oauth.place("grant"));
    }
    let given =
        |fields: Fields<'_>| Some(TokenGiven { token: fields.secret("token")?, kind: fields.text("type")? });
    Some(Grant::TokenExchange(TokenExchange {
        subject: given(oauth.record("subject")?)?,
        actor: oauth.record("actor").and_then(given),
        requested_type: oauth.text("requested_type"),
    }))
}
