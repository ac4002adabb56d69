//! What senders are answered.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use sinew_diag::{Code, codes};
use sinew_model::Trace;
use sinew_stdx::Json;
use sinew_store::{RunId, StoreError};

use crate::Refusal;
use crate::refusal::Answered;

/// When a sender may try again, unless the refusal itself says.
const RETRY_SOON_S: u32 = 5;

/// An answer.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Why a delivery was not taken, for its sender.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) status: u16,
    pub(crate) code: Code,
    detail: String,
    retry_after_s: Option<u32>,
    closing: bool,
}

impl Rejection {
    pub(crate) fn new(status: u16, code: Code, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after_s: None, closing: false }
    }

    /// What was sent cannot be taken as it is.
    pub(crate) fn unacceptable(detail: impl Into<String>) -> Self {
        Self::new(400, codes::trigger::UNACCEPTABLE_PAYLOAD, detail)
    }

    /// Not now.
    pub(crate) fn busy(code: Code, detail: impl Into<String>) -> Self {
        Self { retry_after_s: Some(RETRY_SOON_S), ..Self::new(503, code, detail) }
    }

    pub(crate) fn backlog_full() -> Self {
        Refusal::BacklogFull(String::new()).into()
    }

    /// A refusal, in words that are the sender's business.
    fn of(refusal: &Refusal, detail: impl Into<String>) -> Self {
        let Answered { status, retry_after_s } = refusal.answered();
        Self { retry_after_s, ..Self::new(status, refusal.code(), detail) }
    }

    /// The same, after which the connection is closed, as it is not known where the next request begins.
    pub(crate) fn closing(self) -> Self {
        Self { closing: true, ..self }
    }
}

/// What the sender may know of it; the rest is for the log.
impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::BacklogFull(_) => {
                Self::of(&refusal, "as many runs of this flow are waiting as it accepts; send again later")
            }
            Refusal::Stopping => Self::of(&refusal, "the server is stopping; send again later"),
            Refusal::Unacceptable(message) => Self::of(&refusal, message.clone()),
            Refusal::Store(StoreError::Full(_)) => {
                Self::of(&refusal, "there is no room to keep the delivery; send again later")
            }
            // None of it is the sender's doing: whatever it is, sending again is right.
            Refusal::Store(_) | Refusal::Missing(_) | Refusal::Conflict(_) => {
                let code = refusal.code();
                tracing::error!(%refusal, %code, "a delivery could not be kept");
                Self::busy(code, "the delivery could not be kept; send again later")
            }
        }
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: Code,
    correlation_id: String,
}

/// A rejection as problem details (RFC 9457).
pub(crate) fn problem(rejection: &Rejection, trace: Trace) -> Reply {
    let title = sinew_diag::page(rejection.code.as_str()).map_or("", |page| page.title);
    let body = Json::of(&Problem {
        r#type: rejection.code.uri(),
        title,
        status: rejection.status,
        detail: &rejection.detail,
        code: rejection.code,
        correlation_id: trace.correlation_id(),
    });
    let status = StatusCode::from_u16(rejection.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = json(status, body.as_str().to_owned());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = rejection.retry_after_s {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if rejection.status == 405 {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    if rejection.closing {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// Durable; it will be carried to its end, or `status` says that it has come to one without a result.
pub(crate) fn accepted(run: RunId, status: &str, url: Option<String>) -> Reply {
    located(json(StatusCode::ACCEPTED, format!(r#"{{"run":"{run}","status":"{status}"}}"#)), url)
}

/// It was accepted before.
pub(crate) fn duplicate(run: RunId, url: Option<String>) -> Reply {
    located(json(StatusCode::OK, format!(r#"{{"run":"{run}","duplicate":true}}"#)), url)
}

/// It starts nothing.
pub(crate) fn ignored() -> Reply {
    json(StatusCode::OK, r#"{"ignored":true}"#.to_owned())
}

/// The flow's result, with its run's address.
pub(crate) fn result(result: Option<&Json>, url: Option<String>) -> Reply {
    let text = result.map_or("null", Json::as_str);
    located(json(StatusCode::OK, text.to_owned()), url)
}

pub(crate) fn json(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn located(mut reply: Reply, url: Option<String>) -> Reply {
    if let Some(Ok(url)) = url.map(HeaderValue::try_from) {
        reply.headers_mut().insert(LOCATION, url);
    }
    reply
}
