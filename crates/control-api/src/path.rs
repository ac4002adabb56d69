//! The paths of the API, for those who call it.

/// Whether the server is well.
pub const HEALTH: &str = "/v1/health";
/// The server at a glance.
pub const STATS: &str = "/v1/stats";
/// The OpenAPI document.
pub const OPENAPI: &str = "/v1/openapi.json";
/// The figures for Prometheus.
pub const METRICS: &str = "/metrics";
/// Runs: list and start.
pub const RUNS: &str = "/v1/runs";
/// Approvals that wait.
pub const APPROVALS: &str = "/v1/approvals";
/// Dead letters.
pub const DEAD: &str = "/v1/dead";
/// How many dead letters match.
pub const DEAD_COUNT: &str = "/v1/dead-count";
/// Replays many dead letters.
pub const DEAD_REPLAY_MANY: &str = "/v1/dead-replay";
/// Discards many dead letters.
pub const DEAD_DISCARD_MANY: &str = "/v1/dead-discard";
/// Alerts.
pub const ALERTS: &str = "/v1/alerts";
/// Flows.
pub const FLOWS: &str = "/v1/flows";
/// Connections.
pub const CONNECTIONS: &str = "/v1/connections";
/// Events from outside.
pub const EVENTS: &str = "/v1/events";
/// Checks a project.
pub const VALIDATE: &str = "/v1/validate";
/// Reads the project again.
pub const RELOAD: &str = "/v1/reload";
/// Copies the store.
pub const BACKUP: &str = "/v1/backup";

/// Subscribers to events.
pub const SUBSCRIBERS: &str = "/v1/subscribers";
/// What receivers see of their own.
pub const RECEIVER: &str = "/v1/receiver";

/// One subscriber.
pub fn subscriber(name: &str) -> String {
    format!("{SUBSCRIBERS}/{name}")
}

/// Something of one subscriber, or to be done to it: `deliveries`, `enable`, `disable`, `secret`, `rotate-secret`,
/// `token`, `replay`.
pub fn subscriber_do(name: &str, what: &str) -> String {
    format!("{SUBSCRIBERS}/{name}/{what}")
}

/// One delivery of a subscriber.
pub fn delivery(name: &str, id: &str) -> String {
    format!("{SUBSCRIBERS}/{name}/deliveries/{id}")
}

/// Something of the receiver's own: `deliveries`, `deliveries/ID`, `enable`, `secret`, `rotate-secret`, `replay`.
pub fn receiver_do(what: &str) -> String {
    format!("{RECEIVER}/{what}")
}

/// One connection.
pub fn connection(name: &str) -> String {
    format!("{CONNECTIONS}/{name}")
}

/// The scopes of a connection.
pub fn connection_scopes(name: &str) -> String {
    format!("{CONNECTIONS}/{name}/scopes")
}

/// Logs in for a connection.
pub fn connection_login(name: &str) -> String {
    format!("{CONNECTIONS}/{name}/login")
}

/// Logs out of a connection.
pub fn connection_logout(name: &str) -> String {
    format!("{CONNECTIONS}/{name}/logout")
}

/// One run.
pub fn run(id: &str) -> String {
    format!("{RUNS}/{id}")
}

/// News of a run.
pub fn run_watch(id: &str) -> String {
    format!("{RUNS}/{id}/watch")
}

/// Stops a run.
pub fn run_cancel(id: &str) -> String {
    format!("{RUNS}/{id}/cancel")
}

/// Decides on a run's approval.
pub fn run_decide(id: &str) -> String {
    format!("{RUNS}/{id}/decision")
}

/// One dead letter.
pub fn dead(id: &str) -> String {
    format!("{DEAD}/{id}")
}

/// A dead letter's payload.
pub fn dead_payload(id: &str) -> String {
    format!("{DEAD}/{id}/payload")
}

/// Replays one dead letter.
pub fn dead_replay(id: &str) -> String {
    format!("{DEAD}/{id}/replay")
}

/// Discards one dead letter.
pub fn dead_discard(id: &str) -> String {
    format!("{DEAD}/{id}/discard")
}
