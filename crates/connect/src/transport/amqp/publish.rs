//! Messages that a broker confirms: it has them on all the queues where they belong.

use std::time::{SystemTime, UNIX_EPOCH};

use sinew_stdx::Json;

use super::session::{CHANNEL, Method, Session};
use super::wire::{self, Arguments, Frame, Said, short_text, u8_of, u16_of, u64_of};
use crate::transport::broker::Publishing;
use crate::transport::line::Line;
use crate::transport::{PublishAsk, Told, TransportError, TransportErrorKind as Kind};

const CONFIRM_OK: Method = (85, 11);
const RETURN: Method = (60, 50);
const ACK: Method = (60, 80);
const NACK: Method = (60, 120);
/// A message that goes to no queue comes back.
const MANDATORY: u8 = 1;

/// A channel whose messages are confirmed.
pub(in crate::transport) struct Publisher {
    session: Session,
    /// Messages so far, which are numbered from 1.
    sent: u64,
}

impl Publisher {
    pub(super) async fn begin(mut session: Session) -> Result<Self, TransportError> {
        session.say(CHANNEL, (85, 10), &Arguments::default().u8(0));
        session.expect(CONFIRM_OK).await?;
        Ok(Self { session, sent: 0 })
    }

    fn send(&mut self, message: &PublishAsk) -> Result<(), TransportError> {
        let binding = &message.binding;
        let headers: Vec<(&str, &str)> =
            message.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        if let Some((name, _)) = headers.iter().find(|(name, _)| u8::try_from(name.len()).is_err()) {
            return Err(TransportError::new(
                Kind::Unfit,
                format!("the header `{name:.20}..` has too long a name"),
            ));
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
        let room = self.session.frame_max / 2;
        if bytes > room {
            let words = format!("the headers have {bytes} bytes, and there is room for {room}");
            return Err(TransportError::new(Kind::Unfit, words));
        }
        if message.key.as_ref().is_some_and(|key| u8::try_from(key.len()).is_err()) {
            return Err(TransportError::new(Kind::Unfit, "the idempotency key is longer than 255 bytes"));
        }
        let publish = Arguments::default().u16(0).short(&binding.exchange).short(&message.to).u8(MANDATORY);
        self.session.say(CHANNEL, (60, 40), &publish);
        let said = Said {
            media_type: message.media_type,
            headers,
            id: message.key.as_deref(),
            sent_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            kind: binding.event.as_deref(),
        };
        let frame_max = self.session.frame_max;
        wire::message(&mut self.session.line.output, CHANNEL, frame_max, &said, &message.body);
        self.session.line.asked();
        self.sent += 1;
        Ok(())
    }
}

impl Publishing for Publisher {
    async fn publish(&mut self, message: &PublishAsk) -> Result<Told, TransportError> {
        self.send(message)?;
        let mut returned = None;
        loop {
            let Frame::Method { class, number, mut arguments } = self.session.frame().await? else {
                continue;
            };
            match (class, number) {
                RETURN => {
                    let code = u16_of(&mut arguments)?;
                    returned = Some((code, short_text(&mut arguments)?));
                }
                ACK | NACK => {
                    let (tag, multiple) = (u64_of(&mut arguments)?, u8_of(&mut arguments)? & 1 == 1);
                    if tag == self.sent || (multiple && (tag == 0 || tag > self.sent)) {
                        return told((class, number) == ACK, returned, message);
                    }
                }
                _ => {}
            }
        }
    }

    fn line(&mut self) -> &mut Line {
        &mut self.session.line
    }
}

/// What became of a message.
fn told(
    is_confirmed: bool,
    returned: Option<(u16, std::sync::Arc<str>)>,
    message: &PublishAsk,
) -> Result<Told, TransportError> {
    let exchange = &message.binding.exchange;
    match returned {
        Some((code, words)) => {
            let words = format!("no queue takes messages of `{}`: {words}", message.to);
            Err(TransportError::new(Kind::NotThere, words).code(code.to_string()))
        }
        None if is_confirmed => Ok(Told {
            value: Json::object([("confirmed", &Json::of(&true))]),
            summary: "confirmed".to_owned(),
        }),
        None => {
            let words = "a queue does not take the message now; perhaps it is full";
            let refused = TransportError::new(Kind::Busy, words);
            // Of several queues behind an exchange others may have it.
            Err(if exchange.is_empty() { refused } else { refused.in_doubt() })
        }
    }
}
