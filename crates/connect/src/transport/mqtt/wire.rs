//! Packets of MQTT 3.1.1 (OASIS standard, sections 2 and 3), as far as a client needs them that listens and publishes.

use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, BytesMut};

use crate::source::Data;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What a packet may hold beyond the data of a message: the longest topic, and a number.
const HEAD_MAX: usize = 2 + 0xffff + 2;

/// What a broker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    /// Whether we are let in: 0, or why not.
    ConnAck { code: u8 },
    /// A message.
    Publish(Message),
    /// It has a message of ours.
    PubAck { number: u16 },
    /// What we get of what we asked to listen to.
    SubAck { code: u8 },
    /// It is there.
    Pong,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: Arc<str>,
    /// What it is acknowledged by, if it wants to be.
    pub(super) number: Option<u16>,
    /// It was kept for those who come later.
    pub(super) retained: bool,
    /// It may have come before.
    pub(super) again: bool,
    pub(super) data: Data,
}

/// Takes packets from what was read.
pub(super) struct Reader {
    data_max: usize,
    /// A message that is too large, and what of it has still to pass.
    passing: Option<(Message, usize)>,
}

impl Reader {
    pub(super) fn new(data_max: usize) -> Self {
        Self { data_max, passing: None }
    }

    /// The next packet, if it is there whole.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Option<Packet>, TransportError> {
        if let Some((_, left)) = &mut self.passing {
            let passing = input.len().min(*left);
            input.advance(passing);
            *left -= passing;
            return Ok(self
                .passing
                .take_if(|(_, left)| *left == 0)
                .map(|(message, _)| Packet::Publish(message)));
        }
        let Some((length, head)) = length(input)? else { return Ok(None) };
        let kind = input[0];
        let is_message = kind >> 4 == 3;
        // Only messages have flags (section 2.2.2).
        if !is_message && kind & 0x0f != 0 {
            return Err(wrong("an unknown packet"));
        }
        if !is_message && length > HEAD_MAX {
            return Err(wrong("a packet that is too long"));
        }
        if is_message && length > self.data_max.saturating_add(HEAD_MAX) {
            // So much is never waited for; its topic is enough.
            if input.len() < head + HEAD_MAX {
                return Ok(None);
            }
        } else if input.len() < head + length {
            return Ok(None);
        }
        input.advance(head);
        if is_message {
            return self.message(kind, length, input);
        }
        let body = input.split_to(length);
        let at = |place: usize| body.get(place).copied().ok_or_else(|| wrong("a packet that is too short"));
        let number = |high: u8, low: u8| u16::from_be_bytes([high, low]);
        Ok(Some(match kind >> 4 {
            2 => Packet::ConnAck { code: at(1)? },
            4 => Packet::PubAck { number: number(at(0)?, at(1)?) },
            9 => Packet::SubAck { code: at(2)? },
            13 => Packet::Pong,
            _ => return Err(wrong("an unknown packet")),
        }))
    }

    fn message(
        &mut self,
        kind: u8,
        length: usize,
        input: &mut BytesMut,
    ) -> Result<Option<Packet>, TransportError> {
        let short = || wrong("a message that is too short");
        let mut left = length;
        let mut take = |input: &mut BytesMut, count: usize| {
            left = left.checked_sub(count).ok_or_else(short)?;
            (input.len() >= count).then(|| input.split_to(count)).ok_or_else(short)
        };
        let topic_length = take(input, 2)?.get_u16();
        let topic = take(input, usize::from(topic_length))?;
        let topic: Arc<str> = String::from_utf8_lossy(&topic).into();
        let number = if kind & 0b0110 == 0 { None } else { Some(take(input, 2)?.get_u16()) };
        let (retained, again) = (kind & 1 == 1, kind & 0b1000 != 0);
        if left > self.data_max {
            let data = Data::TooLarge { bytes: left as u64 };
            self.passing = Some((Message { topic, number, retained, again, data }, left));
            return self.take(input);
        }
        let data = Data::Whole(input.split_to(left).freeze());
        Ok(Some(Packet::Publish(Message { topic, number, retained, again, data })))
    }
}

/// The length that a packet announces, and how many bytes say so; nothing if they are not there yet.
fn length(input: &[u8]) -> Result<Option<(usize, usize)>, TransportError> {
    let mut length = 0;
    for place in 0..4 {
        let Some(byte) = input.get(1 + place) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((length, 2 + place)));
        }
    }
    Err(wrong("a packet without a length"))
}

/// Who connects.
pub(super) struct Connect<'a> {
    pub(super) client: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    pub(super) keep_alive_s: u16,
    /// What was not acknowledged is forgotten.
    pub(super) clean: bool,
}

pub(super) fn connect(output: &mut BytesMut, who: &Connect<'_>) {
    let mut flags = u8::from(who.clean) << 1;
    flags |= u8::from(who.user.is_some()) << 7;
    flags |= u8::from(who.user.is_some() && who.password.is_some()) << 6;
    let mut body = BytesMut::new();
    put_text(&mut body, "MQTT");
    body.put_u8(4);
    body.put_u8(flags);
    body.put_u16(who.keep_alive_s);
    put_text(&mut body, who.client);
    if let Some(user) = who.user {
        put_text(&mut body, user);
        if let Some(password) = who.password {
            put_text(&mut body, password);
        }
    }
    put(output, 0x10, &body);
}

pub(super) fn subscribe(output: &mut BytesMut, number: u16, topic: &str) {
    let mut body = BytesMut::new();
    body.put_u16(number);
    put_text(&mut body, topic);
    body.put_u8(1);
    put(output, 0x82, &body);
}

/// A message of quality 1.
pub(super) fn publish(output: &mut BytesMut, number: u16, topic: &str, retain: bool, data: &[u8]) {
    let mut head = BytesMut::new();
    put_text(&mut head, topic);
    head.put_u16(number);
    put_head(output, 0x32 | u8::from(retain), head.len() + data.len());
    output.put_slice(&head);
    output.put_slice(data);
}

pub(super) fn acknowledge(output: &mut BytesMut, number: u16) {
    put(output, 0x40, &number.to_be_bytes());
}

pub(super) fn ping(output: &mut BytesMut) {
    put(output, 0xc0, &[]);
}

pub(super) fn leave(output: &mut BytesMut) {
    put(output, 0xe0, &[]);
}

fn put(output: &mut BytesMut, kind: u8, body: &[u8]) {
    put_head(output, kind, body.len());
    output.put_slice(body);
}

/// What a packet begins with: its kind, and how much follows.
fn put_head(output: &mut BytesMut, kind: u8, mut length: usize) {
    output.put_u8(kind);
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        output.put_u8(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
}

/// A text with its length; one that is longer than MQTT knows is cut.
fn put_text(output: &mut BytesMut, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    output.put_u16(length);
    output.put_slice(&text.as_bytes()[..usize::from(length)]);
}

fn wrong(what: &str) -> TransportError {
    TransportError::new(Kind::Unusable, format!("the broker sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Packet> {
        let all = |pieces: &[&[u8]]| {
            let (mut reader, mut input, mut packets) = (Reader::new(8), BytesMut::new(), Vec::new());
            for piece in pieces {
                input.extend_from_slice(piece);
                while let Some(packet) = reader.take(&mut input).unwrap() {
                    packets.push(packet);
                }
            }
            assert!(input.is_empty(), "{input:?}");
            packets
        };
        let whole = all(&[bytes]);
        assert_eq!(all(&bytes.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        whole
    }

    fn published(qos: u8, data: &[u8]) -> Vec<u8> {
        let (mut body, mut packet) = (BytesMut::new(), BytesMut::new());
        put_text(&mut body, "a/b");
        if qos > 0 {
            body.put_u16(7);
        }
        body.put_slice(data);
        put(&mut packet, 0x30 | qos << 1, &body);
        packet.to_vec()
    }

    #[test]
    fn packets_are_taken_apart() {
        let bytes = [
            &[0x20, 2, 1, 5][..],
            &[0x90, 3, 0, 1, 0x80],
            &[0xd0, 0],
            &published(1, b"hi"),
            &published(0, b""),
        ];
        let message = |number, data: &'static [u8]| {
            let data = Data::Whole(bytes::Bytes::from_static(data));
            Packet::Publish(Message { topic: "a/b".into(), number, retained: false, again: false, data })
        };
        assert_eq!(
            read(&bytes.concat()),
            [
                Packet::ConnAck { code: 5 },
                Packet::SubAck { code: 0x80 },
                Packet::Pong,
                message(Some(7), b"hi"),
                message(None, b""),
            ]
        );
    }

    #[test]
    fn what_is_too_large_passes_without_being_kept() {
        for size in [9, 200_000] {
            let bytes = [published(1, &vec![b'x'; size]), vec![0xd0, 0]].concat();
            let mut reader = Reader::new(8);
            let (mut input, mut held_max, mut packets) = (BytesMut::new(), 0, Vec::new());
            for piece in bytes.chunks(1000) {
                input.extend_from_slice(piece);
                while let Some(packet) = reader.take(&mut input).unwrap() {
                    packets.push(packet);
                }
                held_max = held_max.max(input.len());
            }
            let [Packet::Publish(large), Packet::Pong] = &packets[..] else { panic!("{packets:?}") };
            assert_eq!((large.number, &large.data), (Some(7), &Data::TooLarge { bytes: size as u64 }));
            assert!(held_max <= HEAD_MAX + 2000, "{held_max} bytes were held");
        }
    }

    #[test]
    fn a_message_that_is_published_reads_as_what_was_said() {
        let mut bytes = BytesMut::new();
        publish(&mut bytes, 7, "a/b", true, &[b'x'; 200]);
        let Ok(Some(Packet::Publish(message))) = Reader::new(1000).take(&mut bytes) else { panic!() };
        assert_eq!((&*message.topic, message.number, message.retained), ("a/b", Some(7), true));
        assert_eq!(message.data.held(), 200);
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut random = sinew_stdx::Random::seeded(7);
        for _ in 0..50_000 {
            let bytes: Vec<u8> = (0..random.below(24))
                .map(|at| if at == 1 { random.below(20) } else { random.below(256) } as u8)
                .collect();
            let (mut reader, mut input) = (Reader::new(8), BytesMut::from(&bytes[..]));
            while let Ok(Some(_)) = reader.take(&mut input) {}
        }
    }

    #[test]
    fn what_is_no_mqtt_is_refused() {
        for bytes in
            [&b"HTTP/1.1 400 Bad"[..], &[0x30, 0xff, 0xff, 0xff, 0xff, 1], &[0x30, 1, 0], &[0x40, 1, 0]]
        {
            assert!(Reader::new(8).take(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
    }
}
