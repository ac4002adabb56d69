use std::sync::Arc;

use sinew_model::SshKey;
use sinew_vault::Secret;

use super::{AuthError, Credential, Login, Proof, Resolve, masks};

/// A private key by which one logs in over SSH.
pub(super) fn credential(ssh: &SshKey, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let key = resolve(&ssh.key)?;
    let passphrase = ssh.passphrase.as_ref().map(resolve).transpose()?;
    let hidden = std::iter::once(&key).chain(&passphrase).flat_map(masks).collect();
    let password = passphrase.unwrap_or_else(|| Secret::new(""));
    let login = Login { key: Some(key), ..Login::new(Arc::clone(&ssh.username), password, Proof::Password) };
    Ok(Credential { login: Some(login), masks: hidden, ..Credential::none() })
}
