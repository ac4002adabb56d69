use sinew_vault::Secret;

use super::{Form, Provider};

/// RFC 6749, section 6. Scopes are not repeated: what is left out stays as it was granted.
pub(super) fn fill(_: &Provider<'_>, form: &mut Form, token: &Secret) {
    form.add("grant_type", "refresh_token");
    form.add_secret("refresh_token", token);
}
