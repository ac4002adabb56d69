use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::AlertKind;

/// An alert that is open or was.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// What it is about; repetitions have the same key.
    pub key: String,
    /// The kind.
    pub kind: AlertKind,
    /// The flow or connection.
    pub subject: String,
    /// What happened.
    pub message: String,
    /// Whether it still holds.
    pub open: bool,
    /// When it began.
    pub opened_at: String,
    /// When it last happened.
    pub last_at: String,
    /// How often.
    pub count: u64,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
}

/// Which alerts, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct AlertQuery {
    /// Also those that are over.
    pub all: bool,
    /// At most so many: 50 unless said, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Alerts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// The alerts, newest first.
    pub items: Vec<Alert>,
}
