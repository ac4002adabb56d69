use std::sync::Arc;

use http::header::AUTHORIZATION;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, Login, Proof};

/// A bearer token (RFC 6750, section 2.1).
pub(super) fn credential(token: &Secret) -> Result<Credential, AuthError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let login = Login::new(Arc::from(""), token.clone(), Proof::Token);
    Ok(Credential { login: Some(login), ..Credential::header(AUTHORIZATION, &text, token)? })
}
