use crate::Auth;
use crate::shape::{Field, Shape, one_of};

use super::Login;

pub(super) const FIELDS: &[Field] =
    &[one_of("bearer", Shape::Secret, "A fixed bearer token (RFC 6750).").like("secret:crm/token")];

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    Some(Auth::Bearer(login.auth.secret("bearer")?))
}
