use crate::shape::{Field, Record, Shape, one_of, optional, required};
use crate::{Auth, WsSecurity};

use super::Login;

pub(super) const FIELDS: &[Field] = &[one_of(
    "ws_security",
    Shape::Record(&WS_SECURITY),
    "WS-Security: a user name token in the header of SOAP messages.",
)
.like("{ username: sinew, password: secret:erp/password, digest: true }")];

static WS_SECURITY: Record = Record {
    name: "ws_security",
    doc: "WS-Security 1.0 (UsernameToken Profile): who calls stands in the header of each SOAP message.",
    fields: &[&[
        required("username", Shape::Text, "The user name.").like("sinew"),
        required("password", Shape::Secret, "The password.").like("secret:erp/password"),
        optional(
            "digest",
            Shape::Boolean,
            "Sends a digest of the password with a nonce and the time, not the password.",
        )
        .like("true"),
        optional(
            "timestamp",
            Shape::Boolean,
            "Says in each message when it was made; it holds for five minutes.",
        )
        .like("true"),
    ]],
};

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let given = login.auth.record("ws_security")?;
    Some(Auth::WsSecurity(Box::new(WsSecurity {
        username: given.text("username")?,
        password: given.secret("password")?,
        digest: given.boolean("digest"),
        timestamp: given.boolean("timestamp"),
    })))
}
