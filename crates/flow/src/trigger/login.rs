//! Browsers that come back from a provider after somebody has logged in.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::reply::Reply;
use crate::Engine;

/// Where they come back to.
pub(crate) const PATH: &str = "/oauth/callback";

/// Redeems what the browser brings, and tells the person. What was begun is ended also if the browser goes away.
pub(crate) async fn answer(engine: &Engine, request: &Request<Incoming>) -> Reply {
    if request.method() != Method::GET {
        let mut reply = page(StatusCode::METHOD_NOT_ALLOWED, "Not connected", "Browsers come back by GET.");
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return reply;
    }
    let (caller, query) = (engine.caller().clone(), request.uri().query().unwrap_or_default().to_owned());
    let redeeming = tokio::spawn(async move { caller.came_back(&query).await });
    match redeeming.await {
        Ok(Ok(name)) => {
            page(StatusCode::OK, "Connected", &format!("{name} is connected. You can close this window."))
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, code = %error.code(), "a browser came back, and nobody was logged in");
            page(StatusCode::BAD_REQUEST, "Not connected", &format!("{error} ({}).", error.code()))
        }
        Err(_) => {
            page(StatusCode::SERVICE_UNAVAILABLE, "Not connected", "The server is stopping; try again.")
        }
    }
}

/// A page without anything that could be loaded, kept or referred from.
fn page(status: StatusCode, title: &str, text: &str) -> Reply {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><body><h1>{title}</h1><p>{text}</p>"
    );
    let mut reply = Response::new(Full::new(Bytes::from(html)));
    *reply.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}
