//! One attempt at a delivery, signed by Standard Webhooks 1.0 (<https://www.standardwebhooks.com>).

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use sinew_connect::{HttpClient, Limits};
use sinew_stdx::Timestamp;
use sinew_store::{Attempt, DueDelivery};
use tokio::time::Instant;

use super::plan::Outcome;

/// How long connecting may take.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// What is read of an answer, and what is kept of it.
const ANSWER_MAX: u64 = 16 << 10;
const EXCERPT_CHARS: usize = 300;

/// Sends a delivery once. Redirects are not followed: who receives events says where.
pub(super) async fn send(
    client: &HttpClient,
    url: &str,
    keys: &[Vec<u8>],
    due: &DueDelivery,
    timeout: Duration,
    now: Timestamp,
) -> (Attempt, Outcome) {
    let began = Instant::now();
    let (status, excerpt, outcome) = match exchange(client, url, keys, due, timeout, now).await {
        Ok((status, excerpt, retry_after)) => (Some(status), excerpt, Outcome::of(status, retry_after)),
        Err(why) => (None, why, Outcome::Failed(None)),
    };
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    (Attempt { at: now, took_ms, status, excerpt: excerpt.into() }, outcome)
}

async fn exchange(
    client: &HttpClient,
    url: &str,
    keys: &[Vec<u8>],
    due: &DueDelivery,
    timeout: Duration,
    now: Timestamp,
) -> Result<(u16, String, Option<Duration>), String> {
    let url: Uri = url.parse().map_err(|_| "its URL is not a URL".to_owned())?;
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(&due.payload)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url;
    *request.headers_mut() = headers(keys, &due.id, &due.payload, now);
    let limits = Limits { until: Instant::now() + timeout, connect: CONNECT, read: timeout };
    let answer = client.send(request, &limits).await.map_err(|error| error.to_string())?;
    let (status, retry_after) = (answer.status.as_u16(), retry_after(&answer.headers, now));
    let said = answer.read(ANSWER_MAX, &limits).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let excerpt = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_CHARS).collect();
    Ok((status, excerpt, retry_after))
}

/// The headers of an attempt: the id is the same each time, the timestamp that of the attempt, with a signature for each
/// key that holds.
pub(super) fn headers(keys: &[Vec<u8>], id: &str, body: &[u8], now: Timestamp) -> HeaderMap {
    let timestamp = now.as_millis().div_euclid(1000).to_string();
    let signatures: Vec<String> = keys
        .iter()
        .map(|key| {
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                context.update(part);
            }
            format!("v1,{}", BASE64_STANDARD.encode(context.sign().as_ref()))
        })
        .collect();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("sinew"));
    let own =
        [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signatures.join(" "))];
    for (name, value) in own {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = said.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(said).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()).since(now))
}
