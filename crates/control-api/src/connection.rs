use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Access, BreakerState, Failure, Session};

/// Who answers for a resource.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Owner {
    /// The team.
    pub team: String,
    /// How to reach it.
    pub contact: String,
    /// Where it says what to do when this breaks.
    pub runbook: String,
}

/// A connection and how it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Its connector and version.
    pub connector: String,
    /// Who answers for it.
    pub owner: Owner,
    /// Where the system is.
    pub base_url: String,
    /// What may be done with it.
    pub access: Access,
    /// Whether calls pass.
    pub breaker: BreakerState,
    /// How long an open breaker stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_for_ms: Option<u64>,
    /// Whether the credential was refused or missing when it was last used.
    pub credential_failed: bool,
    /// The session, for connections that somebody logs in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Calls under way.
    pub in_flight: u32,
    /// Calls that wait for budget or for one under way to end.
    pub waiting: u32,
    /// The rate budget, such as `100/10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// How long the system asked us to stay away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_for_ms: Option<u64>,
    /// The last attempt that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// The last attempt that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<String>,
    /// How it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// All connections.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectionList {
    /// By name.
    pub items: Vec<Connection>,
}
