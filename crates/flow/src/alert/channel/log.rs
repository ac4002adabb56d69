//! The server's own log.

use crate::alert::message::Message;

/// Writes a message to the log, as one event with the text for people in it.
pub(crate) fn log(message: &Message) {
    tracing::warn!(alert = %message.subject, "{}", message.text);
}
