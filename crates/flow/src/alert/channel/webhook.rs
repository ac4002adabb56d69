//! A POST that receivers can verify, by Standard Webhooks 1.0 (<https://www.standardwebhooks.com>).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use sinew_model::{AlertChannel, SecretRef};
use sinew_stdx::Timestamp;

use super::post::post;
use super::{Outside, Undelivered};
use crate::alert::message::Message;
use crate::trigger::signing_key;

pub(super) async fn send(
    outside: &Outside,
    channel: &AlertChannel,
    url: &str,
    secret: &SecretRef,
    message: &Message,
) -> Result<(), Undelivered> {
    let secret = outside.secrets.resolve(secret)?;
    let key = signing_key(secret.expose()).map_err(Undelivered::for_now)?;
    let headers = signed(&key, message, outside.clock.now());
    post(outside, channel, url, headers, message.json.as_str()).await
}

/// The three headers of a delivery. Its id is the same when it is sent again, its timestamp that of the attempt.
fn signed(key: &[u8], message: &Message, at: Timestamp) -> HeaderMap {
    let timestamp = at.as_millis().div_euclid(1000).to_string();
    let content = format!("{}.{timestamp}.{}", message.id, message.json);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), content.as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()));
    let fields = [
        ("webhook-id", message.id.clone()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        Some((http::HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
    });
    fields.collect()
}
