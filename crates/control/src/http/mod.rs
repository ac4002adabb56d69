//! The HTTP face: the guard that every request passes, the handlers, and the server.

mod extract;
mod guard;
mod handlers;
mod handlers_dead;
mod handlers_session;
mod handlers_subscribers;
pub(crate) mod serve;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Control, Fault};

/// The longest body of a request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sinew control API",
        description = "What the command line and the console ask of a running Sinew. Every request but `/v1/health` \
            carries `Authorization: Bearer TOKEN`; under `/v1/receiver` the token is a receiver's. Errors are problem details (RFC 9457) with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(sinew_control_api::Problem)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Document;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// Every path with its handler: what is here is served and documented.
fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(handlers::health))
        .routes(routes!(handlers::stats))
        .routes(routes!(handlers::metrics))
        .routes(routes!(handlers::openapi))
        .routes(routes!(handlers::run_list, handlers::run_start))
        .routes(routes!(handlers::run_show))
        .routes(routes!(handlers::run_watch))
        .routes(routes!(handlers::run_cancel))
        .routes(routes!(handlers::run_decide))
        .routes(routes!(handlers::approval_list))
        .routes(routes!(handlers_dead::dead_list))
        .routes(routes!(handlers_dead::dead_show))
        .routes(routes!(handlers_dead::dead_edit))
        .routes(routes!(handlers_dead::dead_replay))
        .routes(routes!(handlers_dead::dead_discard))
        .routes(routes!(handlers_dead::dead_count))
        .routes(routes!(handlers_dead::dead_replay_many))
        .routes(routes!(handlers_dead::dead_discard_many))
        .routes(routes!(handlers::alert_list))
        .routes(routes!(handlers::flow_list))
        .routes(routes!(handlers::connection_list))
        .routes(routes!(handlers_session::connection_show))
        .routes(routes!(handlers_session::connection_scopes))
        .routes(routes!(handlers_session::connection_login))
        .routes(routes!(handlers_session::connection_logout))
        .routes(routes!(handlers::emit))
        .routes(routes!(handlers_subscribers::subscriber_list, handlers_subscribers::subscriber_create))
        .routes(routes!(handlers_subscribers::subscriber_show, handlers_subscribers::subscriber_remove))
        .routes(routes!(handlers_subscribers::subscriber_enable))
        .routes(routes!(handlers_subscribers::subscriber_disable))
        .routes(routes!(handlers_subscribers::subscriber_secret))
        .routes(routes!(handlers_subscribers::subscriber_rotate))
        .routes(routes!(handlers_subscribers::subscriber_token))
        .routes(routes!(handlers_subscribers::subscriber_replay))
        .routes(routes!(handlers_subscribers::delivery_list))
        .routes(routes!(handlers_subscribers::delivery_show))
        .routes(routes!(handlers_subscribers::receiver_show))
        .routes(routes!(handlers_subscribers::receiver_enable))
        .routes(routes!(handlers_subscribers::receiver_secret))
        .routes(routes!(handlers_subscribers::receiver_rotate))
        .routes(routes!(handlers_subscribers::receiver_replay))
        .routes(routes!(handlers_subscribers::receiver_deliveries))
        .routes(routes!(handlers_subscribers::receiver_delivery))
        .routes(routes!(handlers::validate))
        .routes(routes!(handlers::reload))
        .routes(routes!(handlers::backup))
}

/// The OpenAPI document as the routes say it.
#[cfg(test)]
pub(crate) fn document() -> String {
    let (_, document) = routes().split_for_parts();
    let mut text = document.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The router behind its guard. Layers are named from the inside out.
pub(crate) fn router(control: &Control) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .with_state(control.clone())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::in_time))
        .layer(middleware::from_fn_with_state(control.clone(), guard::admit))
        .layer(middleware::from_fn_with_state(control.clone(), guard::account))
}

async fn nothing_here(request: axum::extract::Request) -> Fault {
    let (method, path) = (request.method(), request.uri().path());
    Fault::new(
        http::StatusCode::NOT_FOUND,
        sinew_diag::codes::control::NO_SUCH_PATH,
        format!("there is no {method} {path}"),
    )
    .help("the API is described at /v1/openapi.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Write it anew with `SINEW_WRITE_OPENAPI=1`.
    #[test]
    fn the_checked_in_document_is_what_the_routes_say() {
        let fresh = document();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../control-api/openapi/control.json");
        if std::env::var_os("SINEW_WRITE_OPENAPI").is_some() {
            std::fs::write(path, &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(kept == fresh, "openapi/control.json is stale; run this test with SINEW_WRITE_OPENAPI=1");
    }

    #[test]
    fn every_path_of_the_contract_is_served() {
        use sinew_control_api::path;
        let document: serde_json::Value = serde_json::from_str(&document()).unwrap();
        let all = [
            path::HEALTH,
            path::STATS,
            path::OPENAPI,
            path::METRICS,
            path::RUNS,
            path::APPROVALS,
            path::DEAD,
            path::DEAD_COUNT,
            path::DEAD_REPLAY_MANY,
            path::DEAD_DISCARD_MANY,
            path::ALERTS,
            path::FLOWS,
            path::CONNECTIONS,
            path::EVENTS,
            path::VALIDATE,
            path::RELOAD,
            path::BACKUP,
            path::SUBSCRIBERS,
            path::RECEIVER,
        ];
        let id = |path: String| path.replace("ID", "{id}");
        let name = |path: String| path.replace("NAME", "{name}");
        let with_id = [
            id(path::run("ID")),
            id(path::run_watch("ID")),
            id(path::run_cancel("ID")),
            id(path::run_decide("ID")),
            id(path::dead("ID")),
            id(path::dead_payload("ID")),
            id(path::dead_replay("ID")),
            id(path::dead_discard("ID")),
            name(path::connection("NAME")),
            name(path::connection_scopes("NAME")),
            name(path::connection_login("NAME")),
            name(path::connection_logout("NAME")),
        ];
        let of_subscriber = ["enable", "disable", "secret", "rotate-secret", "token", "replay", "deliveries"];
        let of_receiver = ["enable", "secret", "rotate-secret", "replay", "deliveries", "deliveries/{id}"];
        let with_name: Vec<String> = of_subscriber
            .iter()
            .map(|what| path::subscriber_do("{name}", what))
            .chain([path::subscriber("{name}"), path::delivery("{name}", "{id}")])
            .chain(of_receiver.iter().map(|what| path::receiver_do(what)))
            .collect();
        let said: Vec<&str> =
            all.into_iter().chain(with_id.iter().chain(&with_name).map(String::as_str)).collect();
        let served = document["paths"].as_object().unwrap();
        for path in &said {
            assert!(served.contains_key(*path), "{path} is not served");
        }
        assert_eq!(served.len(), said.len(), "a path is served that the contract does not name");
    }
}
