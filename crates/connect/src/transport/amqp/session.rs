use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::wire::{self, Arguments, Frame, short_text, split, u16_of, u32_of};
use crate::transport::broker::Who;
use crate::transport::line::Line;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The one channel that is used.
pub(super) const CHANNEL: u16 = 1;
/// No heartbeats: nobody would send them while a session is idle.
pub(super) const UNBEATEN: u16 = 0;
/// The smallest frames that a broker may agree to (section 1.4.2.6).
const FRAME_MIN: u32 = 4096;

// Methods, by class and number.
const START: Method = (10, 10);
const TUNE: Method = (10, 30);
const OPEN_OK: Method = (10, 41);
const CLOSE: Method = (10, 50);
const CHANNEL_OPEN_OK: Method = (20, 11);
const CHANNEL_CLOSE: Method = (20, 40);

/// A method, by its class and number.
pub(super) type Method = (u16, u16);

/// A connection that knows us, with a channel.
pub(in crate::transport) struct Session {
    pub(super) line: Line,
    pub(super) frame_max: usize,
    /// How often each side is heard of; nothing if nobody asks for it.
    pub(super) heartbeat: Option<Duration>,
    /// When the broker heard of us last.
    pub(super) told: Instant,
}

impl Session {
    /// Logs in at a virtual host, and opens the channel.
    pub(super) async fn begin(
        line: Line,
        who: Who<'_>,
        vhost: &str,
        heartbeat_s: u16,
    ) -> Result<Self, TransportError> {
        let mut session = Self { line, frame_max: 0, heartbeat: None, told: Instant::now() };
        session.log_in(who, vhost, heartbeat_s).await.map_err(|error| {
            // Before there is a channel, what is refused is the account.
            let kind = if error.kind == Kind::Forbidden { Kind::Login } else { error.kind };
            TransportError { kind, ..error }
        })?;
        session.say(CHANNEL, (20, 10), &Arguments::default().short(""));
        session.expect(CHANNEL_OPEN_OK).await?;
        Ok(session)
    }

    async fn log_in(&mut self, who: Who<'_>, vhost: &str, heartbeat_s: u16) -> Result<(), TransportError> {
        self.line.output.extend_from_slice(wire::HELLO);
        let mut start = self.expect(START).await?;
        split(&mut start, 2)?;
        long(&mut start)?;
        if !long(&mut start)?.split(|byte| *byte == b' ').any(|mechanism| mechanism == b"PLAIN") {
            let words = "the broker does not let anybody in by user name and password";
            return Err(TransportError::new(Kind::Refused, words));
        }
        let user = who.user.unwrap_or("guest");
        let password = who.password.map_or("guest", |password| password.expose());
        let login = Zeroizing::new(format!("\0{user}\0{password}"));
        let ours = [("product", "sinew"), ("version", env!("CARGO_PKG_VERSION"))];
        let able =
            ["publisher_confirms", "basic.nack", "consumer_cancel_notify", "authentication_failure_close"];
        let start = Arguments::default().table(&ours, &able).short("PLAIN").long(login.as_bytes());
        self.say(0, (10, 11), &start.short("en_US"));
        let mut tune = self.expect(TUNE).await?;
        let (_, frame_max, theirs_s) = (u16_of(&mut tune)?, u32_of(&mut tune)?, u16_of(&mut tune)?);
        let frame_max = if frame_max == 0 { wire::FRAME_MAX } else { frame_max.min(wire::FRAME_MAX) };
        let frame_max = frame_max.max(FRAME_MIN);
        let heartbeat_s = if theirs_s == 0 { heartbeat_s } else { heartbeat_s.min(theirs_s) };
        self.frame_max = frame_max as usize;
        self.heartbeat = (heartbeat_s > 0).then(|| Duration::from_secs(u64::from(heartbeat_s)));
        self.say(0, (10, 31), &Arguments::default().u16(CHANNEL).u32(frame_max).u16(heartbeat_s));
        self.say(0, (10, 40), &Arguments::default().short(vhost).short("").u8(0));
        self.expect(OPEN_OK).await?;
        Ok(())
    }

    /// Puts a method where it will be written from.
    pub(super) fn say(&mut self, channel: u16, (class, number): Method, arguments: &Arguments) {
        wire::method(&mut self.line.output, channel, class, number, arguments);
        self.told = Instant::now();
    }

    /// The next frame. May be given up while it is waited for. What ends the session is an error.
    pub(super) async fn frame(&mut self) -> Result<Frame, TransportError> {
        loop {
            match wire::take(&mut self.line.input)? {
                Some(Frame::Method { class, number, arguments })
                    if [CLOSE, CHANNEL_CLOSE].contains(&(class, number)) =>
                {
                    return Err(closed(arguments));
                }
                Some(frame) => return Ok(frame),
                None => self.line.read().await?,
            }
        }
    }

    /// The arguments of a method that has to come.
    pub(super) async fn expect(&mut self, wanted: Method) -> Result<Bytes, TransportError> {
        loop {
            match self.frame().await? {
                Frame::Method { class, number, arguments } if (class, number) == wanted => {
                    return Ok(arguments);
                }
                Frame::Method { .. } | Frame::Heartbeat => {}
                Frame::Header { .. } | Frame::Body(_) => {
                    return Err(wire::wrong("a message that nobody asked for"));
                }
            }
        }
    }

    /// Says that we are there.
    pub(super) fn beat(&mut self) {
        wire::heartbeat(&mut self.line.output);
        self.told = Instant::now();
    }
}

fn long(input: &mut Bytes) -> Result<Bytes, TransportError> {
    let length = u32_of(input)? as usize;
    split(input, length)
}

/// Why the broker ends the channel, or all of it. What it refuses so has no effect.
fn closed(mut arguments: Bytes) -> TransportError {
    let code = if arguments.remaining() < 2 { 0 } else { arguments.get_u16() };
    let words = short_text(&mut arguments).unwrap_or_default();
    let kind = match code {
        403 | 530 => Kind::Forbidden,
        404 => Kind::NotThere,
        405 => Kind::Conflict,
        320 => Kind::Lost,
        506 => Kind::Busy,
        541 => Kind::Broken,
        _ => Kind::Refused,
    };
    TransportError::new(kind, &*words).code(code.to_string())
}
