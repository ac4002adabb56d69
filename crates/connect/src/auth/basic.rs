use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use sinew_model::BasicLogin;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, Login, Proof, Resolve, masks};

/// HTTP Basic (RFC 7617).
pub(super) fn credential(login: &BasicLogin, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let mut log_in = None;
    let (pair, secrets) = match login {
        BasicLogin::User { username, password } => {
            if username.contains(':') {
                return Err(AuthError::ColonInUserName);
            }
            let password = resolve(password)?;
            log_in = Some(Login::new(Arc::clone(username), password.clone(), Proof::Password));
            (pair(username, password.expose()), vec![password])
        }
        BasicLogin::Key { key, password } => {
            let key = resolve(key)?;
            if key.expose().contains(':') {
                return Err(AuthError::ColonInUserName);
            }
            let password = password.as_ref().map(resolve).transpose()?;
            let pair = pair(key.expose(), password.as_ref().map_or("", |password| password.expose()));
            (pair, std::iter::once(key).chain(password).collect())
        }
    };
    let text = Zeroizing::new(format!("Basic {}", pair.expose()));
    let mut credential = Credential::header(AUTHORIZATION, &text, &pair)?;
    credential.login = log_in;
    credential.masks.extend(secrets.iter().flat_map(masks));
    Ok(credential)
}

/// `user:password` in Base64, which is the password to whoever sees it.
pub(super) fn pair(username: &str, password: &str) -> Secret {
    Secret::new(STANDARD.encode(Zeroizing::new(format!("{username}:{password}")).as_bytes()))
}
