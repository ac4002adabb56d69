use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, masks};

/// HTTP Basic (RFC 7617).
pub(super) fn credential(username: &str, password: &Secret) -> Result<Credential, AuthError> {
    if username.contains(':') {
        return Err(AuthError::ColonInUserName);
    }
    let pair = pair(username, password.expose());
    let mut credential =
        Credential::header(AUTHORIZATION, &Zeroizing::new(format!("Basic {}", pair.expose())), password)?;
    credential.masks.extend(masks(&pair));
    Ok(credential)
}

/// `user:password` in Base64, which is the password to whoever sees it.
pub(super) fn pair(username: &str, password: &str) -> Secret {
    Secret::new(STANDARD.encode(Zeroizing::new(format!("{username}:{password}")).as_bytes()))
}
