use serde::{Deserialize, Serialize};
use sinew_stdx::Json;
use utoipa::ToSchema;

/// An event from outside: starts the flows that it triggers, wakes the runs that wait for it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Emit {
    /// Its name.
    pub event: String,
    /// The key by which waiting runs are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its payload.
    #[serde(default = "Json::null")]
    #[schema(value_type = serde_json::Value)]
    pub payload: Json,
}

/// What an event led to. It is durable.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Emitted {
    /// The runs that it started.
    pub items: Vec<EmittedRun>,
}

/// A run that an event started.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EmittedRun {
    /// The run; absent if the flow's backlog is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether an earlier event with the same dedupe key had started it.
    pub duplicate: bool,
}
