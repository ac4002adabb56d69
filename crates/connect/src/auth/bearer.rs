use http::header::AUTHORIZATION;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential};

/// A bearer token (RFC 6750, section 2.1).
pub(super) fn credential(token: &Secret) -> Result<Credential, AuthError> {
    Credential::header(AUTHORIZATION, &Zeroizing::new(format!("Bearer {}", token.expose())), token)
}
