//! How messages get to people, one file a kind of channel.

mod email;
mod log;
mod post;
mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use sinew_call::Clock;
use sinew_connect::Tls;
use sinew_model::{AlertChannel, ChannelKind};
use sinew_vault::{SecretError, SecretSource};

use super::message::Message;

pub(crate) use log::log;

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What channels need of their surroundings.
pub(crate) struct Outside {
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tls: Tls,
}

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    /// For the log; holds no secret.
    pub(crate) why: String,
    /// Whether trying again is of no use.
    pub(crate) for_good: bool,
}

impl Undelivered {
    fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: false }
    }

    fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), for_good: true }
    }
}

/// A secret may be put right at any moment.
impl From<SecretError> for Undelivered {
    fn from(error: SecretError) -> Self {
        Self::for_now(error.to_string())
    }
}

/// Makes one attempt to send a message. A new kind of channel is one line here.
pub(crate) async fn send(
    outside: &Outside,
    channel: &AlertChannel,
    message: &Message,
) -> Result<(), Undelivered> {
    match &channel.kind {
        ChannelKind::Slack { url } => slack::send(outside, channel, url, message).await,
        ChannelKind::Webhook { url, secret } => webhook::send(outside, channel, url, secret, message).await,
        ChannelKind::Email { server, tls, login, from, to } => {
            let letter = email::Letter { server, tls: *tls, login: login.as_ref(), from, to };
            letter.send(outside, channel, message).await
        }
        ChannelKind::Log => {
            log(message);
            Ok(())
        }
    }
}
