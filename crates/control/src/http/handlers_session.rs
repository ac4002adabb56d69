//! Handlers of sessions: parse, call, view.

use axum::Json;
use axum::extract::{Path, State};
use sinew_control_api as api;

use crate::cases::{scopes, sessions};
use crate::{Control, Fault};

type Answer<T> = Result<Json<T>, Fault>;

/// One connection and how it is.
#[utoipa::path(get, path = "/v1/connections/{name}", tag = "project", params(("name" = String, Path)),
    responses((status = 200, body = api::Connection), (status = 404, body = api::Problem)))]
pub(crate) async fn connection_show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::Connection> {
    sessions::connection_show(&control, &name).await.map(Json)
}

/// What was granted to a connection against what the project uses it for.
#[utoipa::path(get, path = "/v1/connections/{name}/scopes", tag = "project", params(("name" = String, Path)),
    responses((status = 200, body = api::ScopeAdvice), (status = 404, body = api::Problem)))]
pub(crate) async fn connection_scopes(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::ScopeAdvice> {
    scopes::connection_scopes(&control, &name).await.map(Json)
}

/// Begins a log-in for a connection: somebody has to go to the URL of the answer.
#[utoipa::path(post, path = "/v1/connections/{name}/login", tag = "project", params(("name" = String, Path)),
    responses((status = 200, body = api::Login), (status = 409, body = api::Problem), (status = 502, body = api::Problem)))]
pub(crate) async fn connection_login(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::Login> {
    sessions::login(&control, &name).await.map(Json)
}

/// Forgets the session of a connection.
#[utoipa::path(post, path = "/v1/connections/{name}/logout", tag = "project", params(("name" = String, Path)),
    responses((status = 200, body = api::LoggedOut), (status = 404, body = api::Problem)))]
pub(crate) async fn connection_logout(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Answer<api::LoggedOut> {
    sessions::logout(&control, &name).await.map(Json)
}
