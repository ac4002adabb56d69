//! What is kept of a subscriber beside its resource.

use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;

/// What the store has of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its resource as JSON, if it came by the control API; those of the project say themselves what they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<String>,
    /// Tells it from an earlier one of the same name.
    pub(super) nonce: String,
    pub(super) created_ms: i64,
    /// The version of its secret, and until when the one before holds too.
    pub(super) secret_version: u32,
    #[serde(default)]
    pub(super) previous_until_ms: Option<i64>,
    pub(super) token_version: u32,
    /// Since when nothing has succeeded.
    #[serde(default)]
    pub(super) failing_since_ms: Option<i64>,
    /// Since when and why nothing is sent.
    #[serde(default)]
    pub(super) disabled: Option<Disabled>,
    #[serde(default)]
    pub(super) last_success_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Disabled {
    pub(super) at_ms: i64,
    pub(super) why: String,
}

impl Record {
    pub(super) fn new(nonce: &str, spec: Option<String>, now_ms: i64) -> Self {
        Self {
            spec,
            nonce: nonce.to_owned(),
            created_ms: now_ms,
            secret_version: 1,
            previous_until_ms: None,
            token_version: 1,
            failing_since_ms: None,
            disabled: None,
            last_success_ms: None,
        }
    }

    /// The versions of the secret that hold now, the newest first.
    pub(super) fn versions(&self, now: Timestamp) -> Vec<u32> {
        let before = self.previous_until_ms.filter(|until| *until > now.as_millis());
        let before = before.and_then(|_| self.secret_version.checked_sub(1));
        [Some(self.secret_version), before].into_iter().flatten().collect()
    }
}
