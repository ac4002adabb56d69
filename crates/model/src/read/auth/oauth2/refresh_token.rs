use sinew_diag::codes::config;

use crate::Grant;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Shape, Word, optional, word};

pub(super) const WORD: Word =
    word("refresh_token", "with a refresh token that was obtained elsewhere (RFC 6749, section 6)");
pub(super) const FIELDS: &[Field] = &[optional(
    "refresh_token",
    Shape::Secret,
    "A refresh token that stays good. Where each use gives another one, `sinew connect` with `authorization_code` keeps them.",
)
.like("secret:crm/refresh")];

pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<Grant> {
    if oauth.node("refresh_token").is_none() {
        reader.error(config::MISSING_FIELD, "`oauth2` has no `refresh_token`", oauth.place("grant"));
    }
    Some(Grant::RefreshToken { token: oauth.secret("refresh_token")? })
}
