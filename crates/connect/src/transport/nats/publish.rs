//! Messages for JetStream, which says of each in which stream it is kept.

use serde::Deserialize;
use sinew_stdx::Json;

use super::session::{Session, header_block};
use super::wire::Message;
use crate::source::Data;
use crate::transport::broker::Publishing;
use crate::transport::line::Line;
use crate::transport::{PublishAsk, Told, TransportError, TransportErrorKind as Kind};

/// By this a stream recognises a message that comes twice.
const KEY: &str = "Nats-Msg-Id";
/// Nobody takes messages of the subject.
const NO_RESPONDERS: u16 = 503;

#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<Wrong>,
}

/// What JetStream refuses, and why.
#[derive(Deserialize)]
pub(super) struct Wrong {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

impl Wrong {
    /// It had no effect.
    pub(super) fn into_error(self) -> TransportError {
        let kind = match self.code {
            404 => Kind::NotThere,
            // Out of room, or without a leader for now.
            503 => Kind::Busy,
            _ => Kind::Refused,
        };
        TransportError::new(kind, self.description).code(self.err_code.to_string())
    }
}

impl Publishing for Session {
    async fn publish(&mut self, message: &PublishAsk) -> Result<Told, TransportError> {
        let mut headers: Vec<(&str, &str)> =
            message.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        headers.extend(message.key.as_deref().map(|key| (KEY, key)));
        let bytes = header_block(&headers).len() + message.body.len();
        if bytes > self.payload_max {
            let words = format!("the message has {bytes} bytes, and the server takes {}", self.payload_max);
            return Err(TransportError::new(Kind::Unfit, words));
        }
        let answer = self.ask(&message.to, &headers, &message.body).await?;
        told(&answer, &message.to)
    }

    fn line(&mut self) -> &mut Line {
        &mut self.line
    }
}

/// What the stream says. An answer that no stream gives comes from somebody else, who has the message.
fn told(answer: &Message, subject: &str) -> Result<Told, TransportError> {
    if answer.status() == Some(NO_RESPONDERS) {
        return Err(TransportError::new(Kind::NotThere, format!("no stream takes messages of `{subject}`")));
    }
    let strange = || {
        let words = format!("`{subject}` was answered, but not as a stream does");
        TransportError::new(Kind::Unusable, words)
    };
    let Data::Whole(bytes) = &answer.data else { return Err(strange()) };
    let kept: Kept = serde_json::from_slice(bytes).map_err(|_| strange())?;
    match kept {
        Kept { error: Some(wrong), .. } => Err(wrong.into_error()),
        Kept { stream: Some(stream), seq, duplicate, .. } => Ok(Told {
            summary: format!("{stream} {seq}{}", if duplicate { ", a duplicate" } else { "" }),
            value: Json::object([
                ("stream", &Json::string(&stream)),
                ("sequence", &Json::of(&seq)),
                ("duplicate", &Json::of(&duplicate)),
            ]),
        }),
        Kept { stream: None, .. } => Err(strange()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn answered(headers: &'static str, data: &'static str) -> Result<String, (Kind, String)> {
        let (headers, data) = (Bytes::from_static(headers.as_bytes()), Data::Whole(data.into()));
        let answer = Message { subject: "i".to_owned(), reply: None, headers, data };
        told(&answer, "a").map(|told| told.value.to_string()).map_err(|error| (error.kind, error.words))
    }

    #[test]
    fn a_stream_says_what_became_of_a_message() {
        assert_eq!(
            answered("", r#"{"stream":"S","seq":7}"#).unwrap(),
            r#"{"stream":"S","sequence":7,"duplicate":false}"#
        );
        assert!(answered("", r#"{"stream":"S","seq":7,"duplicate":true}"#).unwrap().contains("true"));
        let full = r#"{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}"#;
        assert_eq!(answered("", full).unwrap_err(), (Kind::Busy, "maximum messages exceeded".to_owned()));
        assert_eq!(answered("NATS/1.0 503\r\n\r\n", "").unwrap_err().0, Kind::NotThere);
        for strange in ["", "hello", "{}"] {
            assert_eq!(answered("", strange).unwrap_err().0, Kind::Unusable, "{strange}");
        }
    }
}
