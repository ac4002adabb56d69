//! The protocol of NATS: lines of text, and messages whose length a line announces.

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::source::Data;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The longest line: subjects, and what a server says of itself.
const LINE_MAX: usize = 64 << 10;
/// The headers of a message; one that has more is too large.
const HEADERS_MAX: usize = 64 << 10;
/// The largest message that there can be.
const MESSAGE_MAX: u64 = 1 << 32;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// About itself, as JSON.
    Info(Bytes),
    /// A message.
    Message(Message),
    /// Whether we are there.
    Ping,
    /// That it is there, or all is well.
    Nothing,
    /// What is wrong.
    Error(String),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) reply: Option<String>,
    /// Its headers as they stand, `NATS/1.0` included.
    pub(super) headers: Bytes,
    pub(super) data: Data,
}

/// A message whose line was read.
struct Announced {
    subject: String,
    reply: Option<String>,
    headers: u64,
    total: u64,
    /// What was passed over of one that is too large.
    passed: u64,
}

/// Takes what a server says from what was read.
pub(super) struct Reader {
    data_max: u64,
    announced: Option<Announced>,
}

impl Reader {
    pub(super) fn new(data_max: usize) -> Self {
        Self { data_max: data_max as u64, announced: None }
    }

    /// The next thing said, if it is there whole.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<Option<Said>, TransportError> {
        if self.announced.is_some() {
            return Ok(self.message(input)?.map(Said::Message));
        }
        let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") else {
            return if input.len() > LINE_MAX { Err(wrong("a line without an end")) } else { Ok(None) };
        };
        let line = input.split_to(end).freeze();
        input.advance(2);
        let (word, rest) = cut(&line);
        match word.to_ascii_uppercase().as_slice() {
            b"INFO" => Ok(Some(Said::Info(line.slice_ref(rest)))),
            b"PING" => Ok(Some(Said::Ping)),
            b"PONG" | b"+OK" => Ok(Some(Said::Nothing)),
            b"-ERR" => {
                let words = String::from_utf8_lossy(rest);
                Ok(Some(Said::Error(words.trim_matches(['\'', ' ']).to_owned())))
            }
            b"MSG" => self.announce(rest, false, input),
            b"HMSG" => self.announce(rest, true, input),
            _ => Err(wrong("an unknown word")),
        }
    }

    fn announce(
        &mut self,
        rest: &[u8],
        with_headers: bool,
        input: &mut BytesMut,
    ) -> Result<Option<Said>, TransportError> {
        let text = String::from_utf8_lossy(rest);
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let numbers = if with_headers { 2 } else { 1 };
        let (names, lengths) =
            words.split_at_checked(words.len().saturating_sub(numbers)).unwrap_or_default();
        let [subject, _, reply @ ..] = names else { return Err(wrong("a message without a subject")) };
        let lengths: Result<Vec<u64>, _> = lengths.iter().map(|length| length.parse()).collect();
        let lengths = lengths.map_err(|_| wrong("a message of no length"))?;
        let (headers, total) = match lengths[..] {
            [total] if total <= MESSAGE_MAX => (0, total),
            [headers, total] if headers <= total && total <= MESSAGE_MAX => (headers, total),
            _ => return Err(wrong("a message of no length")),
        };
        let (subject, reply) = ((*subject).to_owned(), reply.first().map(|reply| (*reply).to_owned()));
        self.announced = Some(Announced { subject, reply, headers, total, passed: 0 });
        Ok(self.message(input)?.map(Said::Message))
    }

    /// The message that was announced, if all of it is there; of one that is too large, if all of it has passed.
    fn message(&mut self, input: &mut BytesMut) -> Result<Option<Message>, TransportError> {
        let Some(announced) = self.announced.as_mut() else { return Ok(None) };
        let length = announced.total - announced.headers;
        let whole = announced.total + 2;
        let (mut headers, mut data) = (Bytes::new(), Data::TooLarge { bytes: announced.total });
        if length <= self.data_max && announced.headers <= HEADERS_MAX as u64 {
            if (input.len() as u64) < whole {
                return Ok(None);
            }
            headers = input.split_to(small(announced.headers)).freeze();
            data = Data::Whole(input.split_to(small(length)).freeze());
            if !input.starts_with(b"\r\n") {
                return Err(wrong("a message that does not end where it should"));
            }
            input.advance(2);
        } else {
            let passing = (input.len() as u64).min(whole - announced.passed);
            input.advance(small(passing));
            announced.passed += passing;
            if announced.passed < whole {
                return Ok(None);
            }
        }
        let announced = self.announced.take();
        Ok(announced.map(|Announced { subject, reply, .. }| Message { subject, reply, headers, data }))
    }
}

/// A length that is known to be one of bytes at hand.
fn small(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Message {
    /// The status that a message without data may be: `404`, `408`.
    pub(super) fn status(&self) -> Option<u16> {
        let line = self.headers.split(|byte| *byte == b'\r').next()?;
        let status = line.strip_prefix(b"NATS/1.0 ")?.get(..3)?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    /// What stands behind the status.
    pub(super) fn status_words(&self) -> String {
        let line = self.headers.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line.get(12..).unwrap_or_default()).trim().to_owned()
    }

    /// Its headers.
    pub(super) fn headers(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let text = String::from_utf8_lossy(&self.headers);
        let lines = text.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name.trim().into(), value.trim().into())).collect()
    }
}

fn cut(line: &[u8]) -> (&[u8], &[u8]) {
    let at = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    (&line[..at], line.get(at + 1..).unwrap_or_default())
}

pub(super) fn wrong(what: &str) -> TransportError {
    TransportError::new(Kind::Unusable, format!("the server sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Said> {
        let all = |pieces: &[&[u8]]| {
            let (mut reader, mut input, mut said) = (Reader::new(8), BytesMut::new(), Vec::new());
            for piece in pieces {
                input.extend_from_slice(piece);
                while let Some(next) = reader.take(&mut input).unwrap() {
                    said.push(next);
                }
            }
            assert!(input.is_empty(), "{input:?}");
            said
        };
        let whole = all(&[text]);
        assert_eq!(all(&text.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        whole
    }

    fn message(subject: &str, reply: Option<&str>, headers: &'static str, data: &'static [u8]) -> Said {
        let (subject, reply) = (subject.to_owned(), reply.map(str::to_owned));
        let (headers, data) = (Bytes::from_static(headers.as_bytes()), Data::Whole(Bytes::from_static(data)));
        Said::Message(Message { subject, reply, headers, data })
    }

    #[test]
    fn what_a_server_says_is_taken_apart() {
        let said = read(
            b"INFO {\"a\":1}\r\nPING\r\n+OK\r\n-ERR 'No'\r\nMSG a.b 1 5\r\nhello\r\nMSG a 1 r 0\r\n\r\n",
        );
        assert_eq!(
            said,
            [
                Said::Info(Bytes::from_static(b"{\"a\":1}")),
                Said::Ping,
                Said::Nothing,
                Said::Error("No".into()),
                message("a.b", None, "", b"hello"),
                message("a", Some("r"), "", b""),
            ]
        );
    }

    #[test]
    fn headers_and_their_status_are_read() {
        let said = read(
            b"HMSG a 1 r 20 22\r\nNATS/1.0\r\nX: y:z\r\n\r\nhi\r\nHMSG a 1 21 21\r\nNATS/1.0 404 None\r\n\r\n\r\n",
        );
        let [Said::Message(first), Said::Message(second)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(first.headers(), [("X".into(), "y:z".into())]);
        assert_eq!((first.status(), second.status()), (None, Some(404)));
        assert_eq!(second.status_words(), "None");
        assert_eq!(first.data, Data::Whole(Bytes::from_static(b"hi")));
    }

    #[test]
    fn what_is_too_large_passes_without_being_kept() {
        let said = read(b"MSG a 1 r 20\r\n01234567890123456789\r\nPING\r\n");
        let [Said::Message(large), Said::Ping] = &said[..] else { panic!("{said:?}") };
        assert_eq!((&large.data, large.reply.as_deref()), (&Data::TooLarge { bytes: 20 }, Some("r")));
        let head = HEADERS_MAX + 1;
        let headers = [format!("HMSG a 1 {head} {head}\r\n").as_bytes(), &vec![b'h'; head], b"\r\n"].concat();
        let (mut reader, mut input) = (Reader::new(8), BytesMut::from(&headers[..]));
        let Ok(Some(Said::Message(large))) = reader.take(&mut input) else { panic!("not passed over") };
        assert_eq!(large.data, Data::TooLarge { bytes: head as u64 }, "headers count, too");
    }

    #[test]
    fn what_is_no_nats_is_refused() {
        for text in [
            "HTTP/1.1 400\r\n",
            "MSG a\r\n",
            "MSG a 1 x\r\n",
            "HMSG a 1 9 3\r\n",
            "MSG a 1 18446744073709551615\r\n",
            "MSG a 1 2\r\nabcdef\r\n",
        ] {
            let mut input = BytesMut::from(text.as_bytes());
            assert!(Reader::new(8).take(&mut input).is_err(), "{text}");
        }
        let mut endless = BytesMut::from(&vec![b'x'; LINE_MAX + 1][..]);
        assert!(Reader::new(8).take(&mut endless).is_err());
    }

    #[test]
    fn no_bytes_at_all_make_it_panic() {
        let mut random = sinew_stdx::Random::seeded(7);
        let words: [&[u8]; 8] =
            [b"MSG a 1 ", b"HMSG a 1 r ", b"\r\n", b"NATS/1.0", b"9", b" ", b"\xff", b"INFO"];
        for _ in 0..20_000 {
            let (mut reader, mut input) = (Reader::new(8), BytesMut::new());
            for _ in 0..random.below(12) {
                let at = usize::try_from(random.below(words.len() as u64)).unwrap();
                input.extend_from_slice(words[at]);
            }
            while let Ok(Some(said)) = reader.take(&mut input) {
                if let Said::Message(message) = said {
                    let _ = (message.headers(), message.status(), message.status_words());
                }
            }
        }
    }
}
