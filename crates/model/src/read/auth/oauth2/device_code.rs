use crate::Grant;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Shape, Word, optional, word};

use super::needs_endpoint;

pub(super) const WORD: Word =
    word("device_code", "a person logs in on another device once, by `sinew connect NAME` (RFC 8628)");
pub(super) const FIELDS: &[Field] =
    &[optional("device_url", Shape::Url, "Where devices begin. Not needed with `issuer`.")
        .like("https://login.example.com/oauth/device")];

#[expect(clippy::unnecessary_wraps, reason = "other grants may lack fields")]
pub(super) fn read(oauth: Fields<'_>, reader: &mut Reader<'_>) -> Option<Grant> {
    needs_endpoint(oauth, "device_url", reader);
    Some(Grant::DeviceCode)
}
