use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::HealthStatus;

/// Whether the server is well. Needs no token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// How it is.
    pub status: HealthStatus,
    /// The version of Sinew.
    pub version: String,
}

/// The server at a glance.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// The version of Sinew.
    pub version: String,
    /// How long it has been up.
    pub up_ms: u64,
    /// Flows in force.
    pub flows: usize,
    /// Connections in force.
    pub connections: usize,
    /// Runs in memory.
    pub in_flight: usize,
    /// Runs that are not in a final state.
    pub active: u64,
    /// Runs accepted since the start.
    pub accepted: u64,
    /// Runs that came to a final state since the start.
    pub ended: u64,
    /// Open dead letters.
    pub dead_letters: u64,
    /// Attempts at calls since the start.
    pub calls: u64,
    /// Bytes of the store on disk.
    pub store_bytes: u64,
    /// Transactions since the start.
    pub store_commits: u64,
    /// Writes since the start.
    pub store_writes: u64,
}

/// Copies the store while it is in use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// The new file, an absolute path on the server's machine. An existing one is not overwritten.
    pub to: String,
}

/// A copy that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BackupDone {
    /// The file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// It is done, and durable.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// The run or dead letter it was done to.
    pub id: String,
}
