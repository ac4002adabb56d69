use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Finding;

/// Checks a project without putting it in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Validate {
    /// The project's files. If there are none, the server reads its own folders again.
    pub files: Vec<ProjectFile>,
}

/// A file of a project.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectFile {
    /// Its path within the project.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// What a project was found to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Validated {
    /// Whether it could be put in force.
    pub valid: bool,
    /// How many flows it has.
    pub flows: usize,
    /// How many connections it has.
    pub connections: usize,
    /// Everything that was found.
    pub findings: Vec<Finding>,
}

/// The project was read again and is in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// Flows that are new, or whose version is.
    pub changed: Vec<String>,
    /// Flows that are gone.
    pub removed: Vec<String>,
    /// How many flows are in force.
    pub flows: usize,
    /// Warnings.
    pub findings: Vec<Finding>,
}
