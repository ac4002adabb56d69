//! Each handler: parse, call the use case, answer.

use axum::Json;
use axum::extract::{Path, State};
use http::header::{CONTENT_TYPE, HeaderName};
use sinew_control_api as api;

use super::extract::{Actor, Body, Params, Traced};
use crate::cases::{approvals, looks, project, runs};
use crate::{Control, Fault};

type Answer<T> = Result<Json<T>, Fault>;

/// Whether the server is well. Needs no token; it answers 200 also when the store takes no writes, since reading and
/// finishing go on then.
#[utoipa::path(get, path = "/v1/health", tag = "server", security(()), responses((status = 200, body = api::Health)))]
pub(crate) async fn health(State(control): State<Control>) -> Json<api::Health> {
    Json(looks::health(&control).await)
}

/// The server at a glance.
#[utoipa::path(get, path = "/v1/stats", tag = "server", responses((status = 200, body = api::Stats)))]
pub(crate) async fn stats(State(control): State<Control>) -> Answer<api::Stats> {
    looks::stats(&control).await.map(Json)
}

/// The figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(
    State(control): State<Control>,
) -> Result<([(HeaderName, &'static str); 1], String), Fault> {
    let text = looks::metrics(&control).await?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server",
    responses((status = 200, body = String, content_type = "application/json")))]
pub(crate) async fn openapi() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "application/json")], api::OPENAPI)
}

/// Runs, newest first.
#[utoipa::path(get, path = "/v1/runs", tag = "runs", params(api::RunQuery),
    responses((status = 200, body = api::RunPage), (status = 400, body = api::Problem)))]
pub(crate) async fn run_list(
    State(control): State<Control>,
    Params(query): Params<api::RunQuery>,
) -> Answer<api::RunPage> {
    runs::run_list(&control, &query).await.map(Json)
}

/// Starts a run by hand, as its trigger would. It is durable when this answers.
#[utoipa::path(post, path = "/v1/runs", tag = "runs", request_body = api::RunStart,
    responses((status = 200, body = api::RunStarted), (status = 404, body = api::Problem),
        (status = 422, body = api::Problem), (status = 429, body = api::Problem)))]
pub(crate) async fn run_start(
    State(control): State<Control>,
    Actor(by): Actor,
    Traced(trace): Traced,
    Body(start): Body<api::RunStart>,
) -> Answer<api::RunStarted> {
    runs::run_start(&control, start, by, *trace).await.map(Json)
}

/// A run in full.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "runs", params(("id" = String, Path, description = "The run")),
    responses((status = 200, body = api::RunDetail), (status = 404, body = api::Problem)))]
pub(crate) async fn run_show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Answer<api::RunDetail> {
    runs::run_show(&control, &id).await.map(Json)
}

/// A run in full, as soon as there is more of it than the caller knows.
#[utoipa::path(get, path = "/v1/runs/{id}/watch", tag = "runs",
    params(("id" = String, Path, description = "The run"), api::RunWatch),
    responses((status = 200, body = api::RunDetail), (status = 404, body = api::Problem)))]
pub(crate) async fn run_watch(
    State(control): State<Control>,
    Path(id): Path<String>,
    Params(watch): Params<api::RunWatch>,
) -> Answer<api::RunDetail> {
    runs::run_watch(&control, &id, &watch).await.map(Json)
}

/// Stops a run: what is being sent is answered first, nothing more is sent.
#[utoipa::path(post, path = "/v1/runs/{id}/cancel", tag = "runs",
    params(("id" = String, Path, description = "The run")),
    responses((status = 200, body = api::Done), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn run_cancel(
    State(control): State<Control>,
    Path(id): Path<String>,
    Actor(by): Actor,
) -> Answer<api::Done> {
    runs::run_cancel(&control, &id, by).await.map(Json)
}

/// Decides on a step that waits for approval.
#[utoipa::path(post, path = "/v1/runs/{id}/decision", tag = "runs",
    params(("id" = String, Path, description = "The run")), request_body = api::Decide,
    responses((status = 200, body = api::Done), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn run_decide(
    State(control): State<Control>,
    Path(id): Path<String>,
    Actor(by): Actor,
    Body(decide): Body<api::Decide>,
) -> Answer<api::Done> {
    runs::run_decide(&control, &id, decide, &by).await.map(Json)
}

/// What waits for a decision.
#[utoipa::path(get, path = "/v1/approvals", tag = "runs", responses((status = 200, body = api::ApprovalList)))]
pub(crate) async fn approval_list(State(control): State<Control>) -> Answer<api::ApprovalList> {
    approvals::approval_list(&control).await.map(Json)
}

/// Alerts, newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "server", params(api::AlertQuery),
    responses((status = 200, body = api::AlertList)))]
pub(crate) async fn alert_list(
    State(control): State<Control>,
    Params(query): Params<api::AlertQuery>,
) -> Answer<api::AlertList> {
    looks::alert_list(&control, &query).await.map(Json)
}

/// All flows with their counts.
#[utoipa::path(get, path = "/v1/flows", tag = "project", responses((status = 200, body = api::FlowList)))]
pub(crate) async fn flow_list(State(control): State<Control>) -> Answer<api::FlowList> {
    looks::flow_list(&control).await.map(Json)
}

/// All connections and how they are.
#[utoipa::path(get, path = "/v1/connections", tag = "project", responses((status = 200, body = api::ConnectionList)))]
pub(crate) async fn connection_list(State(control): State<Control>) -> Answer<api::ConnectionList> {
    looks::connection_list(&control).await.map(Json)
}

/// Emits an event: starts the flows that it triggers and wakes the runs that wait for it.
#[utoipa::path(post, path = "/v1/events", tag = "runs", request_body = api::Emit,
    responses((status = 200, body = api::Emitted), (status = 422, body = api::Problem)))]
pub(crate) async fn emit(
    State(control): State<Control>,
    Actor(by): Actor,
    Body(emit): Body<api::Emit>,
) -> Answer<api::Emitted> {
    looks::emit(&control, emit, by).await.map(Json)
}

/// Checks a project without putting it in force.
#[utoipa::path(post, path = "/v1/validate", tag = "project", request_body = api::Validate,
    responses((status = 200, body = api::Validated)))]
pub(crate) async fn validate(
    State(control): State<Control>,
    Body(files): Body<api::Validate>,
) -> Answer<api::Validated> {
    project::validate(&control, files).await.map(Json)
}

/// Reads the project again and puts it in force. If it is not valid, the one in force stays.
#[utoipa::path(post, path = "/v1/reload", tag = "project",
    responses((status = 200, body = api::Reloaded), (status = 422, body = api::Problem)))]
pub(crate) async fn reload(State(control): State<Control>) -> Answer<api::Reloaded> {
    project::reload(&control).await.map(Json)
}

/// Copies the store into a new file on the server's machine, while it is in use.
#[utoipa::path(post, path = "/v1/backup", tag = "server", request_body = api::Backup,
    responses((status = 200, body = api::BackupDone), (status = 409, body = api::Problem)))]
pub(crate) async fn backup(
    State(control): State<Control>,
    Body(backup): Body<api::Backup>,
) -> Answer<api::BackupDone> {
    looks::backup(&control, &backup).await.map(Json)
}
