//! One HTTP POST under a channel's egress policy.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;
use sinew_connect::{ClientOptions, HttpClient, Limits, SendError};
use sinew_model::AlertChannel;
use tokio::time::Instant;

use super::{Outside, PATIENCE, Undelivered};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// What is read of an answer, for the log.
const ANSWER_MAX: u64 = 16 << 10;
const ANSWER_SHOWN: usize = 200;

/// Sends a body. The URL may be a secret and is never shown.
pub(super) async fn post(
    outside: &Outside,
    channel: &AlertChannel,
    url: &str,
    headers: HeaderMap,
    body: &str,
) -> Result<(), Undelivered> {
    let url: Uri = url.trim().parse().map_err(|_| Undelivered::for_good("its URL is not a URL"))?;
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *request.method_mut() = Method::POST;
    *request.headers_mut() = headers;
    request
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    *request.uri_mut() = url;
    // Alerts are rare: a connection is not kept from one to the next.
    let client = HttpClient::new(ClientOptions {
        egress: channel.egress.clone(),
        connect: CONNECT,
        idle_max: 0,
        tls: outside.tls.clone(),
    });
    let limits = Limits { until: Instant::now() + PATIENCE, connect: CONNECT, read: PATIENCE };
    let answer = client.send(request, &limits).await.map_err(|error| match error {
        SendError::Dial(sinew_connect::DialError::Refused { .. }) => Undelivered::for_good(error.to_string()),
        _ => Undelivered::for_now(error.to_string()),
    })?;
    let status = answer.status;
    if status.is_success() {
        return Ok(());
    }
    let said = answer.read(ANSWER_MAX, &limits).await.unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().take(ANSWER_SHOWN).collect();
    let why = format!("it answered {status}: {said}");
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(if may_pass { Undelivered::for_now(why) } else { Undelivered::for_good(why) })
}
