use crate::Grant;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Word, word};

pub(super) const WORD: Word =
    word("client_credentials", "the client acts for itself (RFC 6749, section 4.4)");
pub(super) const FIELDS: &[Field] = &[];

#[expect(clippy::unnecessary_wraps, reason = "grants that have fields may lack some")]
pub(super) fn read(_: Fields<'_>, _: &mut Reader<'_>) -> Option<Grant> {
    Some(Grant::ClientCredentials)
}
