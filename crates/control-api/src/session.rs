use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SessionState;

/// The session of a connection that somebody logs in for. Never holds a token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Whether it can be used.
    pub state: SessionState,
    /// Why it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it is in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How often tokens were put in.
    pub generation: u64,
    /// When the access token ends; it is renewed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Whether it can be renewed without anybody.
    pub renewable: bool,
    /// Who is renewing it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewing: Option<String>,
    /// The scopes that were granted, if the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Vec<String>>,
}

/// What somebody has to do to log in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Login {
    /// Where to go with a browser.
    pub url: String,
    /// What to type there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_code: Option<String>,
    /// How much time there is.
    pub expires_in_ms: u64,
}

/// What came of a log-out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoggedOut {
    /// Whether there was a session.
    pub was_connected: bool,
}
