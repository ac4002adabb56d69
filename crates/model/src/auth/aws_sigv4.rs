use std::sync::Arc;

use crate::SecretRef;

/// AWS Signature Version 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSigV4 {
    /// The access key's id.
    pub access_key: SecretRef,
    /// The secret key.
    pub secret_key: SecretRef,
    /// The session's token, for keys that are lent.
    pub session_token: Option<SecretRef>,
    /// The region, such as `eu-central-1`.
    pub region: Arc<str>,
    /// The service, such as `execute-api`.
    pub service: Arc<str>,
}

impl AwsSigV4 {
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        [&self.secret_key, &self.access_key].into_iter().chain(&self.session_token).collect()
    }
}
