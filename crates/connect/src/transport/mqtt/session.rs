use sinew_vault::Secret;

use super::wire::{self, Connect, Packet, Reader};
use crate::transport::broker::Who;
use crate::transport::line::Line;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// A connection that knows us.
pub(super) struct Session {
    pub(super) line: Line,
    reader: Reader,
}

impl Session {
    /// Logs in under a name. What a name that is not `clean` did not acknowledge is kept, and comes again.
    pub(super) async fn begin(
        line: Line,
        who: Who<'_>,
        client: &str,
        clean: bool,
        keep_alive_s: u16,
        data_max: usize,
    ) -> Result<Self, TransportError> {
        let mut session = Self { line, reader: Reader::new(data_max) };
        let password = who.password.map(Secret::expose);
        wire::connect(
            &mut session.line.output,
            &Connect { client, user: who.user, password, keep_alive_s, clean },
        );
        match session.packet().await? {
            Packet::ConnAck { code: 0, .. } => Ok(session),
            Packet::ConnAck { code, .. } => Err(turned_away(code)),
            _ => Err(TransportError::new(Kind::Unusable, "the broker does not answer as MQTT does")),
        }
    }

    /// The next packet. May be given up while it is waited for.
    pub(super) async fn packet(&mut self) -> Result<Packet, TransportError> {
        loop {
            match self.reader.take(&mut self.line.input)? {
                Some(packet) => return Ok(packet),
                None => self.line.read().await?,
            }
        }
    }
}

/// Why the broker does not let us in (section 3.2.2.3).
fn turned_away(code: u8) -> TransportError {
    let (kind, words) = match code {
        1 => (Kind::Refused, "the broker does not speak MQTT 3.1.1"),
        2 => (Kind::Refused, "the broker does not take this client's name"),
        3 => (Kind::Busy, "the broker is not available"),
        4 => (Kind::Login, "the user name or the password is wrong"),
        5 => (Kind::Login, "the broker does not let this account in"),
        _ => (Kind::Broken, "the broker does not let anybody in"),
    };
    TransportError::new(kind, words).code(code.to_string())
}
