//! Handlers of dead letters.

use axum::Json;
use axum::extract::{Path, State};
use sinew_control_api as api;

use super::extract::{Actor, Body, Params};
use crate::cases::dead;
use crate::cases::dead_bulk::{BulkAction, dead_bulk};
use crate::{Control, Fault};

type Answer<T> = Result<Json<T>, Fault>;

/// Dead letters, newest first.
#[utoipa::path(get, path = "/v1/dead", tag = "dead letters", params(api::DeadQuery),
    responses((status = 200, body = api::DeadPage), (status = 400, body = api::Problem)))]
pub(crate) async fn dead_list(
    State(control): State<Control>,
    Params(query): Params<api::DeadQuery>,
) -> Answer<api::DeadPage> {
    dead::dead_list(&control, &query).await.map(Json)
}

/// How many dead letters match.
#[utoipa::path(get, path = "/v1/dead-count", tag = "dead letters", params(api::DeadQuery),
    responses((status = 200, body = api::DeadCount), (status = 400, body = api::Problem)))]
pub(crate) async fn dead_count(
    State(control): State<Control>,
    Params(query): Params<api::DeadQuery>,
) -> Answer<api::DeadCount> {
    dead::dead_count(&control, &query).await.map(Json)
}

/// A dead letter in full.
#[utoipa::path(get, path = "/v1/dead/{id}", tag = "dead letters",
    params(("id" = String, Path, description = "The dead letter")),
    responses((status = 200, body = api::DeadDetail), (status = 404, body = api::Problem)))]
pub(crate) async fn dead_show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Answer<api::DeadDetail> {
    dead::dead_show(&control, &id).await.map(Json)
}

/// Replaces the payload of an open dead letter.
#[utoipa::path(put, path = "/v1/dead/{id}/payload", tag = "dead letters",
    params(("id" = String, Path, description = "The dead letter")), request_body = api::DeadEdit,
    responses((status = 200, body = api::DeadEdited), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn dead_edit(
    State(control): State<Control>,
    Path(id): Path<String>,
    Body(edit): Body<api::DeadEdit>,
) -> Answer<api::DeadEdited> {
    dead::dead_edit(&control, &id, edit.payload).await.map(Json)
}

/// Sends a dead letter on its way again: its run goes on at the failed step with its earlier results.
#[utoipa::path(post, path = "/v1/dead/{id}/replay", tag = "dead letters",
    params(("id" = String, Path, description = "The dead letter")), request_body = api::DeadReplay,
    responses((status = 200, body = api::DeadReplayed), (status = 404, body = api::Problem),
        (status = 409, body = api::Problem)))]
pub(crate) async fn dead_replay(
    State(control): State<Control>,
    Path(id): Path<String>,
    Actor(by): Actor,
    Body(replay): Body<api::DeadReplay>,
) -> Answer<api::DeadReplayed> {
    dead::dead_replay(&control, &id, &replay, by).await.map(Json)
}

/// Gives a dead letter up: its run is over, and runs behind it go on.
#[utoipa::path(post, path = "/v1/dead/{id}/discard", tag = "dead letters",
    params(("id" = String, Path, description = "The dead letter")),
    responses((status = 200, body = api::Done), (status = 404, body = api::Problem), (status = 409, body = api::Problem)))]
pub(crate) async fn dead_discard(
    State(control): State<Control>,
    Path(id): Path<String>,
    Actor(by): Actor,
) -> Answer<api::Done> {
    dead::dead_discard(&control, &id, by).await.map(Json)
}

/// Replays many dead letters.
#[utoipa::path(post, path = "/v1/dead-replay", tag = "dead letters", request_body = api::DeadBulk,
    responses((status = 200, body = api::DeadBulkDone), (status = 400, body = api::Problem)))]
pub(crate) async fn dead_replay_many(
    State(control): State<Control>,
    Actor(by): Actor,
    Body(bulk): Body<api::DeadBulk>,
) -> Answer<api::DeadBulkDone> {
    dead_bulk(&control, BulkAction::Replay, &bulk, &by).await.map(Json)
}

/// Discards many dead letters.
#[utoipa::path(post, path = "/v1/dead-discard", tag = "dead letters", request_body = api::DeadBulk,
    responses((status = 200, body = api::DeadBulkDone), (status = 400, body = api::Problem)))]
pub(crate) async fn dead_discard_many(
    State(control): State<Control>,
    Actor(by): Actor,
    Body(bulk): Body<api::DeadBulk>,
) -> Answer<api::DeadBulkDone> {
    dead_bulk(&control, BulkAction::Discard, &bulk, &by).await.map(Json)
}
