use sinew_diag::codes::config;

use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{FIELD, Field, Record, Shape, Word, Words, default, optional, word, words};
use crate::{Grant, JwtBearer, ScopeIn};

use super::{jwt_key, table};

pub(super) const WORD: Word =
    word("jwt_bearer", "a service account signs an assertion (RFC 7523, section 2.1)");
pub(super) const FIELDS: &[Field] =
    &[optional("assertion", Shape::Record(&ASSERTION), "What a service account signs.")
        .like("{ key: secret:google/account, subject: ada@example.com }")];

static ASSERTION: Record = Record {
    name: "assertion",
    doc: "What a service account signs (RFC 7523, section 3).",
    fields: &[
        jwt_key::FIELDS,
        &[
            optional(
                "issuer",
                Shape::Text,
                "`iss`. Left out: the `client_email` of a Google key, or `client_id`.",
            ),
            optional("subject", Shape::Text, "`sub`: for whom it acts. Left out: the issuer itself."),
            optional("audience", Shape::Text, "`aud`. Left out: the token endpoint."),
            default("lives", Shape::Duration, "5m", "How long an assertion lives."),
            default(
                "back",
                Shape::Duration,
                "10s",
                "How far its start is dated back, so that a provider whose clock is behind takes it.",
            ),
            default("scope_in", Shape::Word(ScopeIn::WORDS), "claims", "Where the scopes stand."),
            optional("claims", Shape::Table(&FIELD, &Shape::Text), "Further claims."),
        ],
    ],
};

words!(ScopeIn {
    Claims = "claims", "in the assertion, as `scope`";
    Parameters = "parameters", "beside it, as a parameter";
});

pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<Grant> {
    let Some(assertion) = oauth.record("assertion") else {
        if oauth.node("assertion").is_none() {
            reader.error(config::MISSING_FIELD, "`oauth2` has no `assertion`", oauth.place("grant"));
        }
        return None;
    };
    Some(Grant::JwtBearer(JwtBearer {
        key: jwt_key::read(assertion)?,
        issuer: assertion.text("issuer"),
        subject: assertion.text("subject"),
        audience: assertion.text("audience"),
        lives: assertion.duration("lives")?,
        back: assertion.duration("back")?,
        scope_in: assertion.word("scope_in")?,
        claims: table(assertion, "claims"),
    }))
}
