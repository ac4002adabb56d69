use sinew_diag::codes::config;

use crate::shape::{Field, Record, Shape, one_of, optional};
use crate::{Auth, BasicLogin};

use super::Login;

pub(super) const FIELDS: &[Field] = &[one_of("basic", Shape::Record(&BASIC), "HTTP Basic (RFC 7617).")
    .like("{ username: sinew, password: secret:erp/password }")];

static BASIC: Record = Record {
    name: "basic",
    doc: "HTTP Basic (RFC 7617).",
    fields: &[&[
        one_of("username", Shape::Text, "The user name.").like("sinew"),
        one_of("key", Shape::Secret, "A key that stands in the place of the user name.")
            .like("secret:payments/key"),
        optional("password", Shape::Secret, "The password; beside a key it is empty if left out.")
            .like("secret:erp/password"),
    ]],
};

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let basic = login.auth.record("basic")?;
    let password = basic.secret("password");
    if let Some(key) = basic.secret("key") {
        return Some(Auth::Basic(BasicLogin::Key { key, password }));
    }
    let username = basic.text("username")?;
    if basic.node("password").is_none() {
        let place = basic.place("username");
        login.reader.error(config::MISSING_FIELD, "`basic` has a user name but no `password`", place);
    }
    Some(Auth::Basic(BasicLogin::User { username, password: password? }))
}
