//! Messages of quality 1: the broker says of each that it has it.

use sinew_stdx::Json;

use super::session::Session;
use super::wire::{self, Packet};
use crate::transport::broker::{Publishing, Who};
use crate::transport::line::Line;
use crate::transport::unique;
use crate::transport::{PublishAsk, Told, TransportError, TransportErrorKind as Kind};

/// The longest packet that there can be (section 2.2.3).
const PACKET_MAX: usize = 268_435_455;
/// What is never read: nobody listens by this session.
const DATA_MAX: usize = 0;

/// A session by which messages are published.
pub(in crate::transport) struct Publisher {
    session: Session,
    number: u16,
}

impl Publisher {
    pub(super) async fn begin(line: Line, who: Who<'_>) -> Result<Self, TransportError> {
        // Brokers have to know names of up to 23 bytes (section 3.1.3.1).
        let client = format!("sinew-{:.16}", unique()?);
        // Without a keep-alive: nobody would send it while a session is idle.
        let session = Session::begin(line, who, &client, true, 0, DATA_MAX).await?;
        Ok(Self { session, number: 0 })
    }
}

impl Publishing for Publisher {
    async fn publish(&mut self, message: &PublishAsk) -> Result<Told, TransportError> {
        if message.to.len() + message.body.len() + 4 > PACKET_MAX {
            return Err(TransportError::new(Kind::Unfit, "the message is larger than MQTT knows"));
        }
        self.number = self.number.checked_add(1).unwrap_or(1);
        let retain = message.binding.retain;
        wire::publish(&mut self.session.line.output, self.number, &message.to, retain, &message.body);
        self.session.line.asked();
        loop {
            match self.session.packet().await? {
                Packet::PubAck { number } if number == self.number => {
                    return Ok(Told {
                        value: Json::object([("confirmed", &Json::of(&true))]),
                        summary: "confirmed".to_owned(),
                    });
                }
                _ => {}
            }
        }
    }

    fn line(&mut self) -> &mut Line {
        &mut self.session.line
    }
}
