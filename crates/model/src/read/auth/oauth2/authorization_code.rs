use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{FIELD, Field, Shape, Word, default, optional, word};
use crate::{AuthorizationCode, Grant};

use super::{needs_endpoint, table};

pub(super) const WORD: Word = word(
    "authorization_code",
    "a person logs in at a browser once, by `sinew connect NAME` (RFC 6749, section 4.1, with RFC 7636)",
);
pub(super) const FIELDS: &[Field] = &[
    optional("authorize_url", Shape::Url, "Where people log in. Not needed with `issuer`.")
        .like("https://login.example.com/oauth/authorize"),
    optional(
        "authorize_parameters",
        Shape::Table(&FIELD, &Shape::Text),
        "Further parameters for where people log in.",
    )
    .like("{ access_type: offline, prompt: consent }"),
    optional(
        "redirect",
        Shape::Url,
        "Where the browser is sent back to. Left out: this server's own address.",
    ),
    default("pkce", Shape::Boolean, "true", "Whether the code is bound to who asked for it (RFC 7636)."),
];

#[expect(clippy::unnecessary_wraps, reason = "other grants may lack fields")]
pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<Grant> {
    needs_endpoint(oauth, "authorize_url", reader);
    Some(Grant::AuthorizationCode(AuthorizationCode {
        redirect: oauth.text("redirect"),
        pkce: oauth.boolean("pkce"),
        parameters: table(oauth, "authorize_parameters"),
    }))
}
