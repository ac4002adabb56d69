use std::sync::Arc;

use crate::SecretRef;

/// HTTP Basic (RFC 7617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasicLogin {
    /// A user name and a password.
    User {
        /// User name.
        username: Arc<str>,
        /// Password.
        password: SecretRef,
    },
    /// A key in the place of the user name.
    Key {
        /// The key.
        key: SecretRef,
        /// What stands for the password; often nothing.
        password: Option<SecretRef>,
    },
}

impl BasicLogin {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::User { password, .. } => vec![password],
            Self::Key { key, password } => std::iter::once(key).chain(password).collect(),
        }
    }
}
