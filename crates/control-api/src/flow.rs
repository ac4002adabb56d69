use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Owner;

/// A flow and how it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// The version in force.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Who answers for it.
    pub owner: Owner,
    /// What starts it, in a few words: `webhook /hooks/greet`, `schedule 0 2 * * * Europe/Berlin`.
    pub trigger: String,
    /// Where it stands: file, line and column.
    pub place: String,
    /// Runs accepted that wait for room or their key.
    pub queued: u64,
    /// Runs under way.
    pub running: u64,
    /// Runs that rest.
    pub waiting: u64,
    /// Open dead letters.
    pub dead: u64,
    /// When the newest run was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accepted_at: Option<String>,
    /// Whether the project still has it; one that is gone may have runs.
    pub present: bool,
}

/// All flows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowList {
    /// By name.
    pub items: Vec<Flow>,
}
