//! Frames and methods of AMQP 0-9-1, as far as a client needs them that consumes and publishes.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What a connection begins with.
pub(super) const HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";
/// The largest frame that we agree to.
pub(super) const FRAME_MAX: u32 = 128 << 10;
const FRAME_END: u8 = 0xce;
/// What a frame has beside its payload.
pub(super) const FRAME_OVER: usize = 8;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A method, by its class and number, with its arguments.
    Method { class: u16, number: u16, arguments: Bytes },
    /// What is said about a message, and how long it is.
    Header { length: u64, properties: Properties },
    /// A piece of a message.
    Body(Bytes),
    /// The broker is there.
    Heartbeat,
}

/// What is said about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) id: Option<Arc<str>>,
    pub(super) kind: Option<Arc<str>>,
    pub(super) sent_s: Option<u64>,
    /// Headers that are text or numbers, and properties under their names.
    pub(super) headers: Headers,
}

/// Names and values.
type Headers = Vec<(Arc<str>, Arc<str>)>;

/// Takes a frame from what was read, if it is there whole.
pub(super) fn take(input: &mut BytesMut) -> Result<Option<Frame>, TransportError> {
    let Some(head) = input.get(..7) else { return Ok(None) };
    let (kind, mut length) = (head[0], &head[3..7]);
    if head.starts_with(b"AMQP") {
        return Err(TransportError::new(Kind::Refused, "the broker does not speak AMQP 0-9-1"));
    }
    let length = length.get_u32();
    if length > FRAME_MAX {
        return Err(wrong("a frame that is too long"));
    }
    let length = length as usize;
    if input.len() < length + 8 {
        return Ok(None);
    }
    let mut frame = input.split_to(length + 8).freeze();
    if frame[length + 7] != FRAME_END {
        return Err(wrong("a frame without an end"));
    }
    let mut payload = frame.split_off(7);
    payload.truncate(length);
    Ok(Some(match kind {
        1 => {
            Frame::Method { class: u16_of(&mut payload)?, number: u16_of(&mut payload)?, arguments: payload }
        }
        2 => header(payload)?,
        3 => Frame::Body(payload),
        8 => Frame::Heartbeat,
        _ => return Err(wrong("an unknown frame")),
    }))
}

fn header(mut payload: Bytes) -> Result<Frame, TransportError> {
    let (_class, _weight) = (u16_of(&mut payload)?, u16_of(&mut payload)?);
    let length = u64_of(&mut payload)?;
    let flags = u16_of(&mut payload)?;
    let has = |bit: u32| flags & (1 << bit) != 0;
    let mut properties = Properties::default();
    let mut named = Vec::new();
    for (bit, name) in [(15, "content-type"), (14, "content-encoding")] {
        if has(bit) {
            named.push((name, short_text(&mut payload)?));
        }
    }
    if has(13) {
        properties.headers = table(&mut payload)?;
    }
    for bit in [12, 11] {
        if has(bit) {
            u8_of(&mut payload)?;
        }
    }
    for (bit, name) in [(10, "correlation-id"), (9, "reply-to"), (8, "expiration")] {
        if has(bit) {
            named.push((name, short_text(&mut payload)?));
        }
    }
    if has(7) {
        properties.id = Some(short_text(&mut payload)?);
    }
    if has(6) {
        properties.sent_s = Some(u64_of(&mut payload)?);
    }
    if has(5) {
        properties.kind = Some(short_text(&mut payload)?);
    }
    for (bit, name) in [(4, "user-id"), (3, "app-id")] {
        if has(bit) {
            named.push((name, short_text(&mut payload)?));
        }
    }
    properties.headers.extend(named.into_iter().map(|(name, value)| (name.into(), value)));
    Ok(Frame::Header { length, properties })
}

/// The entries of a table that are text or numbers. What stands behind an entry of an unknown kind is not read: its length
/// is not known, and a message that is refused for it would come again and again.
fn table(input: &mut Bytes) -> Result<Headers, TransportError> {
    let length = u32_of(input)? as usize;
    let mut entries = split(input, length)?;
    let mut shown = Vec::new();
    while entries.has_remaining() {
        let Ok(name) = short_text(&mut entries) else { break };
        match value(&mut entries) {
            Ok(Some(value)) => shown.push((name, value.into())),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    Ok(shown)
}

/// A value of a table, as text if it is text or a number.
fn value(input: &mut Bytes) -> Result<Option<String>, TransportError> {
    let kind = u8_of(input)?;
    let mut number = |length| split(input, length);
    Ok(match kind {
        b't' => Some((number(1)?.get_u8() != 0).to_string()),
        b'b' => Some(number(1)?.get_i8().to_string()),
        b'B' => Some(number(1)?.get_u8().to_string()),
        b's' => Some(number(2)?.get_i16().to_string()),
        b'u' => Some(number(2)?.get_u16().to_string()),
        b'I' => Some(number(4)?.get_i32().to_string()),
        b'i' => Some(number(4)?.get_u32().to_string()),
        b'l' | b'L' => Some(number(8)?.get_i64().to_string()),
        b'T' => Some(number(8)?.get_u64().to_string()),
        b'f' => Some(number(4)?.get_f32().to_string()),
        b'd' => Some(number(8)?.get_f64().to_string()),
        b'D' => {
            number(5)?;
            None
        }
        b'S' => {
            let length = number(4)?.get_u32() as usize;
            Some(String::from_utf8_lossy(&number(length)?).into_owned())
        }
        // What is in lists, bytes and tables is passed over whole.
        b'A' | b'x' | b'F' => {
            let length = number(4)?.get_u32() as usize;
            number(length)?;
            None
        }
        b'V' => None,
        _ => return Err(wrong("an unknown kind of header")),
    })
}

pub(super) fn split(input: &mut Bytes, length: usize) -> Result<Bytes, TransportError> {
    if input.len() < length {
        return Err(wrong("a frame that is too short"));
    }
    Ok(input.split_to(length))
}

pub(super) fn u8_of(input: &mut Bytes) -> Result<u8, TransportError> {
    Ok(split(input, 1)?.get_u8())
}

pub(super) fn u16_of(input: &mut Bytes) -> Result<u16, TransportError> {
    Ok(split(input, 2)?.get_u16())
}

pub(super) fn u32_of(input: &mut Bytes) -> Result<u32, TransportError> {
    Ok(split(input, 4)?.get_u32())
}

pub(super) fn u64_of(input: &mut Bytes) -> Result<u64, TransportError> {
    Ok(split(input, 8)?.get_u64())
}

pub(super) fn short_text(input: &mut Bytes) -> Result<Arc<str>, TransportError> {
    let length = usize::from(u8_of(input)?);
    Ok(String::from_utf8_lossy(&split(input, length)?).into())
}

/// Arguments of a method that is written.
#[derive(Default)]
pub(super) struct Arguments(BytesMut);

impl Arguments {
    pub(super) fn u8(mut self, value: u8) -> Self {
        self.0.put_u8(value);
        self
    }

    pub(super) fn u16(mut self, value: u16) -> Self {
        self.0.put_u16(value);
        self
    }

    pub(super) fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    pub(super) fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    /// A text of at most 255 bytes; the rest is cut.
    pub(super) fn short(mut self, text: &str) -> Self {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        self.0.put_u8(length);
        self.0.put_slice(&text.as_bytes()[..usize::from(length)]);
        self
    }

    pub(super) fn long(mut self, bytes: &[u8]) -> Self {
        // What is written here was measured before: a frame holds less.
        self.0.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.0.put_slice(bytes);
        self
    }

    /// A table of texts and of what we are capable of.
    pub(super) fn table(self, texts: &[(&str, &str)], capabilities: &[&str]) -> Self {
        let mut entries = Self::default();
        for (name, text) in texts {
            entries = entries.short(name).u8(b'S').long(text.as_bytes());
        }
        if !capabilities.is_empty() {
            let able =
                capabilities.iter().fold(Self::default(), |able, name| able.short(name).u8(b't').u8(1));
            entries = entries.short("capabilities").u8(b'F').long(&able.0);
        }
        self.long(&entries.0)
    }
}

pub(super) fn method(output: &mut BytesMut, channel: u16, class: u16, number: u16, arguments: &Arguments) {
    let payload = Arguments::default().u16(class).u16(number);
    frame(output, 1, channel, &[&payload.0, &arguments.0]);
}

/// What is said about a message that is published.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) media_type: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) id: Option<&'a str>,
    pub(super) sent_s: u64,
    pub(super) kind: Option<&'a str>,
}

/// The header and the body of a message that is published, in frames of at most this size. It outlives the broker.
pub(super) fn message(output: &mut BytesMut, channel: u16, frame_max: usize, said: &Said<'_>, body: &[u8]) {
    let has = |bit: u32, is_there: bool| u16::from(is_there) << bit;
    let flags = has(15, true) | has(13, true) | has(12, true) | has(7, said.id.is_some());
    let flags = flags | has(6, true) | has(5, said.kind.is_some());
    let mut header = Arguments::default().u16(60).u16(0).u64(body.len() as u64).u16(flags);
    header = header.short(said.media_type).table(&said.headers, &[]).u8(PERSISTENT);
    header = said.id.into_iter().fold(header, Arguments::short).u64(said.sent_s);
    header = said.kind.into_iter().fold(header, Arguments::short);
    frame(output, 2, channel, &[&header.0]);
    for piece in body.chunks(frame_max.saturating_sub(FRAME_OVER).max(1)) {
        frame(output, 3, channel, &[piece]);
    }
}

/// Messages that are written to disk.
const PERSISTENT: u8 = 2;

fn frame(output: &mut BytesMut, kind: u8, channel: u16, payload: &[&[u8]]) {
    let length: usize = payload.iter().map(|part| part.len()).sum();
    output.put_u8(kind);
    output.put_u16(channel);
    output.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    for part in payload {
        output.put_slice(part);
    }
    output.put_u8(FRAME_END);
}

pub(super) fn heartbeat(output: &mut BytesMut) {
    output.put_slice(&[8, 0, 0, 0, 0, 0, 0, FRAME_END]);
}

pub(super) fn wrong(what: &str) -> TransportError {
    TransportError::new(Kind::Unusable, format!("the broker sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut bytes = BytesMut::new();
        heartbeat(&mut bytes);
        let arguments = Arguments::default().u64(7).short("q").table(&[("a", "b")], &["c"]);
        method(&mut bytes, 1, 60, 80, &arguments);
        for cut in 0..bytes.len() - 8 {
            let mut part = BytesMut::from(&bytes[..8 + cut]);
            assert_eq!(take(&mut part).unwrap(), Some(Frame::Heartbeat));
            assert_eq!(take(&mut part).unwrap(), None);
        }
        assert_eq!(take(&mut bytes).unwrap(), Some(Frame::Heartbeat));
        let Some(Frame::Method { class: 60, number: 80, mut arguments }) = take(&mut bytes).unwrap() else {
            panic!("it is a method")
        };
        assert_eq!((u64_of(&mut arguments).unwrap(), &*short_text(&mut arguments).unwrap()), (7, "q"));
        assert_eq!(table(&mut arguments).unwrap(), [("a".into(), "b".into())]);
    }

    #[test]
    fn what_is_said_about_a_message_is_read() {
        let flags = 1 << 15 | 1 << 13 | 1 << 12 | 1 << 7 | 1 << 6 | 1 << 5;
        let headers = Arguments::default()
            .short("n")
            .u8(b'I')
            .u32(5)
            .short("x")
            .u8(b'V')
            .short("s")
            .u8(b'S')
            .long(b"t");
        let payload = Arguments::default()
            .u16(60)
            .u16(0)
            .u64(42)
            .u16(flags)
            .short("text/plain")
            .long(&headers.0)
            .u8(2)
            .short("id-1")
            .u64(1_700_000_000)
            .short("paid");
        let Frame::Header { length: 42, properties } = header(payload.0.freeze()).unwrap() else { panic!() };
        assert_eq!((properties.id.as_deref(), properties.kind.as_deref()), (Some("id-1"), Some("paid")));
        let shown: Vec<_> = properties.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(shown, [("n", "5"), ("s", "t"), ("content-type", "text/plain")]);
    }

    #[test]
    fn a_header_of_an_unknown_kind_hides_those_behind_it_and_nothing_else() {
        let headers = Arguments::default().short("a").u8(b'S').long(b"1").short("b").u8(b'?').short("c");
        let payload =
            Arguments::default().u16(60).u16(0).u64(1).u16(1 << 13 | 1 << 7).long(&headers.0).short("id");
        let Frame::Header { properties, .. } = header(payload.0.freeze()).unwrap() else { panic!() };
        assert_eq!((properties.headers.len(), properties.id.as_deref()), (1, Some("id")));
    }

    #[test]
    fn a_message_that_is_published_reads_as_what_was_said() {
        let said = Said {
            media_type: "application/json",
            headers: vec![("a", "b")],
            id: Some("k"),
            sent_s: 5,
            kind: Some("paid"),
        };
        let (mut bytes, body) = (BytesMut::new(), vec![b'x'; 100]);
        message(&mut bytes, 1, 48, &said, &body);
        let Some(Frame::Header { length: 100, properties }) = take(&mut bytes).unwrap() else { panic!() };
        assert_eq!((properties.id.as_deref(), properties.kind.as_deref()), (Some("k"), Some("paid")));
        assert_eq!(properties.sent_s, Some(5));
        assert_eq!(properties.headers[0], ("a".into(), "b".into()));
        let mut came = Vec::new();
        while let Some(Frame::Body(piece)) = take(&mut bytes).unwrap() {
            assert!(piece.len() <= 40, "a frame is no larger than was agreed");
            came.extend_from_slice(&piece);
        }
        assert_eq!(came, body);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut random = sinew_stdx::Random::seeded(7);
        for _ in 0..50_000 {
            let length = random.below(40);
            let payload: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            let _ = header(Bytes::from(payload.clone()));
            let _ = table(&mut Bytes::from([&[0, 0, 0, length as u8][..], &payload].concat()));
            let head = [1 + random.below(3) as u8, 0, 1, 0, 0, 0, length as u8];
            let _ = take(&mut BytesMut::from(&[&head[..], &payload, &[FRAME_END]].concat()[..]));
        }
    }

    #[test]
    fn what_is_no_amqp_is_refused() {
        for bytes in [&b"AMQP\x00\x00\x09\x01"[..], b"HTTP/1.1 400", &[1, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(take(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
        assert!(header(Bytes::from_static(&[0, 60, 0])).is_err());
    }
}
