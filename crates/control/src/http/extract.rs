use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;
use sinew_control_api::ACTOR_HEADER;
use sinew_diag::codes::control;
use sinew_model::{Principal, PrincipalKind, Trace};
use sinew_stdx::Json;

use super::guard::ReceiverName;
use crate::Fault;

/// The longest name of an actor.
const ACTOR_CHARS_MAX: usize = 64;

/// The JSON body; an empty one stands for `{}`.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Fault::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    control::REQUEST_TOO_LARGE,
                    "the body is longer than 16 MiB",
                ),
                _ => Fault::bad_request("the body ended before it was whole"),
            })?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
        // Depth and UTF-8 are checked here once, for values that are taken over as text.
        let json = Json::parse(&bytes)
            .map_err(|e| Fault::bad_request(format!("the body is no acceptable JSON: {e}")))?;
        serde_json::from_str(json.as_str())
            .map(Self)
            .map_err(|e| Fault::bad_request(format!("the body: {e}")))
    }
}

/// The query parameters.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(of)| Self(of)).map_err(|e| Fault::bad_request(e.body_text()))
    }
}

/// On whose behalf the caller acts, as it says; whoever has the token may say so.
pub(crate) struct Actor(pub(crate) Principal);

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let Some(header) = parts.headers.get(ACTOR_HEADER) else {
            return Ok(Self(Principal::new(PrincipalKind::User, "operator")));
        };
        let name = header.to_str().ok().filter(|name| is_name(name));
        let name = name.ok_or_else(|| {
            Fault::bad_request(format!(
                "`{ACTOR_HEADER}` holds 1 to {ACTOR_CHARS_MAX} letters, digits and `-_.@`"
            ))
        })?;
        Ok(Self(Principal::new(PrincipalKind::User, name)))
    }
}

fn is_name(text: &str) -> bool {
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    (1..=ACTOR_CHARS_MAX).contains(&text.len()) && text.chars().all(fit)
}

/// The request's trace, as the guard found or made it.
pub(crate) struct Traced(pub(crate) Arc<Trace>);

impl<S: Send + Sync> FromRequestParts<S> for Traced {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let trace = parts.extensions.get::<Arc<Trace>>().cloned();
        trace.map(Self).ok_or_else(|| Fault::internal("a request has come past the guard"))
    }
}

/// The receiver that asks, as its token says.
pub(crate) struct Receiver(pub(crate) Arc<str>);

impl<S: Send + Sync> FromRequestParts<S> for Receiver {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let name = parts.extensions.get::<ReceiverName>().map(|name| Arc::clone(&name.0));
        name.map(Self).ok_or_else(|| Fault::internal("a receiver's request has come past the guard"))
    }
}
