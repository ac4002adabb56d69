//! Slack's incoming webhooks, and everything that understands `{"text": ...}` as they do.

use http::HeaderMap;
use sinew_model::{AlertChannel, UrlOrSecret};
use sinew_stdx::Json;

use super::post::post;
use super::{Outside, Undelivered};
use crate::alert::message::Message;

pub(super) async fn send(
    outside: &Outside,
    channel: &AlertChannel,
    url: &UrlOrSecret,
    message: &Message,
) -> Result<(), Undelivered> {
    let body = Json::object([("text", &Json::string(&escaped(&message.text)))]);
    match url {
        UrlOrSecret::Url(url) => post(outside, channel, url, HeaderMap::new(), body.as_str()).await,
        UrlOrSecret::Secret(name) => {
            let url = outside.secrets.resolve(name)?;
            post(outside, channel, url.expose(), HeaderMap::new(), body.as_str()).await
        }
    }
}

/// Slack reads `<...>` as links and mentions; what a vendor says must not call everybody.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
