//! What every request passes, from the outside in: it is traced, its host and token are checked, and it has so long.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use sinew_control_api::{CORRELATION_HEADER, path};
use sinew_diag::codes::control;
use sinew_model::Trace;

use crate::{Control, Fault};

/// How long a request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// How long copying the store may take.
const BACKUP_WITHIN: Duration = Duration::from_hours(4);

/// Outermost: gives the request its trace, turns faults into problem details, and notes what came of it.
pub(crate) async fn account(State(control): State<Control>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let given =
        request.headers().get("traceparent").and_then(|value| value.to_str().ok()).and_then(Trace::parse);
    let trace = Arc::new(given.unwrap_or_else(|| control.engine().new_trace()));
    request.extensions_mut().insert(Arc::clone(&trace));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let correlation_id = trace.correlation_id();
    let mut response = rescue(response, &correlation_id, &path);
    if let Ok(value) = HeaderValue::from_str(&correlation_id) {
        response.headers_mut().insert(CORRELATION_HEADER, value);
    }
    let (status, took_ms) = (response.status().as_u16(), began.elapsed().as_millis());
    tracing::debug!(%method, path, status, took_ms, correlation_id, "control");
    response
}

/// Every answer that is no success becomes problem details (RFC 9457).
fn rescue(mut response: Response, correlation_id: &str, path: &str) -> Response {
    let fault = response.extensions_mut().remove::<Fault>();
    let status = response.status();
    let fault = match fault {
        Some(fault) => fault,
        None if status.is_client_error() => {
            Fault::new(status, control::BAD_REQUEST, status.canonical_reason().unwrap_or("not understood"))
        }
        None if status.is_server_error() => {
            Fault::new(status, control::INTERNAL, "something went wrong inside")
        }
        None => return response,
    };
    if fault.status.is_server_error() {
        tracing::error!(path, correlation_id, code = %fault.code, detail = fault.detail, "control request failed");
    }
    let body = serde_json::to_vec(&fault.problem(correlation_id)).unwrap_or_default();
    let mut answer = (fault.status, Body::from(body)).into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if fault.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sinew\""));
    }
    if let Some(seconds) = fault.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// Checks that the request means this server, and that whoever sends it has the token.
pub(crate) async fn admit(
    State(control): State<Control>,
    mut request: Request,
    next: Next,
) -> Result<Response, Fault> {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_ours(host, &control.inner.hosts) {
        let detail = format!("this server does not go by `{}`", host.chars().take(100).collect::<String>());
        let fault = Fault::new(StatusCode::MISDIRECTED_REQUEST, control::HOST_REFUSED, detail);
        return Err(fault.help("call it by its address, or start it with `--control-host NAME`"));
    }
    let said = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = said
        .and_then(|said| said.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if is_of_receivers(request.uri().path()) {
        let receiver = token.and_then(|(_, token)| control.inner.deliveries.receiver(token.trim()));
        let receiver = receiver.ok_or_else(|| {
            Fault::new(StatusCode::UNAUTHORIZED, control::TOKEN_REFUSED, "the token is no receiver's")
                .help("ask who sends you events for a token; `sinew subscribers token NAME` prints it")
        })?;
        request.extensions_mut().insert(ReceiverName(receiver));
        return Ok(next.run(request).await);
    }
    let open = request.uri().path() == path::HEALTH;
    if !open && !token.is_some_and(|(_, token)| control.inner.token.is(token.trim())) {
        let detail = if said.is_some() { "the token is not the right one" } else { "the token is missing" };
        let fault = Fault::new(StatusCode::UNAUTHORIZED, control::TOKEN_REFUSED, detail);
        return Err(
            fault.help("send `Authorization: Bearer TOKEN`; it stands in `control.token` in the data folder")
        );
    }
    Ok(next.run(request).await)
}

/// The receiver whose token a request carries.
#[derive(Clone)]
pub(crate) struct ReceiverName(pub(crate) Arc<str>);

/// Whether a path is for receivers, who see their own and nothing else.
fn is_of_receivers(path: &str) -> bool {
    path.strip_prefix(path::RECEIVER).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A page in a browser can make it call a name that means a loopback address, but never the address itself under that
/// name: literal addresses and `localhost` are ours, names only if we were told.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Gives up on what takes too long.
pub(crate) async fn in_time(request: Request, next: Next) -> Result<Response, Fault> {
    let patience = if request.uri().path() == path::BACKUP { BACKUP_WITHIN } else { ANSWER_WITHIN };
    tokio::time::timeout(patience, next.run(request)).await.map_err(|_| {
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, control::TOO_SLOW, "the answer took too long")
            .help("what was begun goes on; look again later")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_localhost_are_ours_and_names_only_if_told() {
        let names = ["sinew.internal".to_owned()];
        for host in
            ["127.0.0.1:7401", "localhost:7401", "[::1]:7401", "10.0.0.5", "LOCALHOST", "sinew.internal:7401"]
        {
            assert!(is_ours(host, &names), "{host}");
        }
        for host in ["", "evil.example.com", "localhost.evil.example.com:7401", "127.0.0.1.nip.example:7401"]
        {
            assert!(!is_ours(host, &names), "{host}");
        }
    }

    #[test]
    fn what_the_framework_refuses_becomes_a_problem_too() {
        let answer = rescue(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(), "c0ffee", "/v1/runs");
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    }
}
