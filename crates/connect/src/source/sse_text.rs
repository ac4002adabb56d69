//! The text of Server-Sent Events, as the WHATWG HTML standard reads it (section 9.2.6, "Interpreting an event stream").

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

/// What a line may hold beyond the data of an event.
const LINE_OVER: usize = 16 << 10;
/// The longest id that is remembered: it has to fit a header.
const ID_MAX: usize = 4 << 10;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Its name; `message` if none was given.
    pub(super) name: Arc<str>,
    /// Its data, or how much it was if that is too much.
    pub(super) data: Result<Bytes, u64>,
    /// The last id that was given, in this event or earlier.
    pub(super) last_id: Option<Arc<str>>,
    /// Whether it was given in this event.
    pub(super) own_id: bool,
}

/// Reads pieces as they come.
pub(super) struct Reader {
    data_max: usize,
    /// The line that is under way, up to its bound.
    line: Vec<u8>,
    /// All of its length.
    line_length: usize,
    begun: bool,
    after_cr: bool,
    name: String,
    data: Vec<u8>,
    /// Data of this event that was too much, all of it counted.
    data_length: Option<u64>,
    has_data: bool,
    last_id: Option<Arc<str>>,
    own_id: bool,
    /// What the sender asks to be waited before it is asked again.
    pub(super) retry: Option<Duration>,
}

impl Reader {
    /// Begins behind an id.
    pub(super) fn new(data_max: usize, last_id: Option<Arc<str>>) -> Self {
        Self {
            data_max,
            line: Vec::new(),
            line_length: 0,
            begun: false,
            after_cr: false,
            name: String::new(),
            data: Vec::new(),
            data_length: None,
            has_data: false,
            last_id,
            own_id: false,
            retry: None,
        }
    }

    /// Reads a piece, and adds the events that it completes.
    pub(super) fn read(&mut self, piece: &[u8], events: &mut VecDeque<Event>) {
        let mut rest = piece;
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let end = rest[at];
            let ends_crlf = end == b'\n' && at == 0 && std::mem::take(&mut self.after_cr);
            if !ends_crlf {
                self.take(&rest[..at]);
                self.end_line(events);
            }
            self.after_cr = end == b'\r';
            rest = &rest[at + 1..];
        }
        if !rest.is_empty() {
            self.after_cr = false;
            self.take(rest);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = (self.data_max + LINE_OVER).saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.line_length += bytes.len();
    }

    fn end_line(&mut self, events: &mut VecDeque<Event>) {
        let mut line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.line_length) > line.len();
        let length = line.len();
        let mut text = &line[..];
        if !std::mem::replace(&mut self.begun, true) {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        if text.is_empty() {
            events.extend(self.dispatch());
        } else {
            let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let value = text.get(colon + 1..).unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            // A field other than `data` that is as long as that means nothing to anybody.
            if !cut || &text[..colon] == b"data" {
                self.field(&text[..colon], value);
            }
        }
        // Its room is used again, unless it was uncommonly much.
        line.clear();
        if length <= LINE_OVER {
            self.line = line;
        }
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => self.add(value),
            b"id" if !value.contains(&0) && value.len() <= ID_MAX => {
                self.last_id = (!value.is_empty()).then(|| String::from_utf8_lossy(value).into());
                self.own_id = self.last_id.is_some();
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                let ms = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.retry = ms.map(Duration::from_millis);
            }
            _ => {}
        }
    }

    fn add(&mut self, value: &[u8]) {
        let joint = usize::from(self.has_data);
        self.has_data = true;
        let length = self.data.len() + joint + value.len();
        if let Some(so_far) = &mut self.data_length {
            *so_far += (joint + value.len()) as u64;
        } else if length > self.data_max {
            self.data_length = Some(length as u64);
            self.data = Vec::new();
        } else {
            if joint == 1 {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
    }

    /// The event whose lines have ended. One without data only changes what was the last id.
    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        let too_much = self.data_length.take();
        let own_id = std::mem::take(&mut self.own_id);
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        Some(Event {
            name: if name.is_empty() { "message".into() } else { name.into() },
            data: too_much.map_or_else(|| Ok(data.into()), Err),
            last_id: self.last_id.clone(),
            own_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a text whole, byte by byte, and cut in two at every place: always the same.
    fn read(text: &[u8]) -> Vec<Event> {
        let pieces = |cuts: &[&[u8]]| {
            let (mut reader, mut events) = (Reader::new(64, None), VecDeque::new());
            for piece in cuts {
                reader.read(piece, &mut events);
            }
            Vec::from(events)
        };
        let whole = pieces(&[text]);
        assert_eq!(pieces(&text.chunks(1).collect::<Vec<_>>()), whole, "byte by byte");
        for at in 0..text.len() {
            assert_eq!(pieces(&[&text[..at], &text[at..]]), whole, "cut at {at}");
        }
        whole
    }

    fn check(text: &str, expected: &[(&str, &str, Option<&str>)]) {
        let events = read(text.as_bytes());
        let shown: Vec<_> = events
            .iter()
            .map(|event| {
                let data = event.data.as_ref().map_or("too much", |data| std::str::from_utf8(data).unwrap());
                (&*event.name, data, event.last_id.as_deref())
            })
            .collect();
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn the_examples_of_the_standard_are_read_as_it_says() {
        check("data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10", None)]);
        check(
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[
                ("message", "first event", Some("1")),
                ("message", "second event", None),
                ("message", " third event", None),
            ],
        );
        check("data\n\ndata\ndata\n\ndata:", &[("message", "", None), ("message", "\n", None)]);
        check("data:test\n\ndata: test\n\n", &[("message", "test", None), ("message", "test", None)]);
    }

    #[test]
    fn lines_end_by_any_of_three_ends_and_a_byte_order_mark_is_passed_over() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "\u{feff}event: add\ndata: 1\nid: a\n\ndata: 2\n\n".replace('\n', end);
            check(&text, &[("add", "1", Some("a")), ("message", "2", Some("a"))]);
        }
        check("data: 1\r\n\r\ndata: 2\n\r\n", &[("message", "1", None), ("message", "2", None)]);
    }

    #[test]
    fn what_is_not_completed_by_an_empty_line_is_no_event() {
        check("data: 1\n\ndata: 2\nid: 9\n", &[("message", "1", None)]);
    }

    #[test]
    fn an_event_without_data_is_none_but_its_id_counts() {
        check("id: 7\nevent: ping\n\ndata: 1\n\n", &[("message", "1", Some("7"))]);
        check("id: a\0b\ndata: 1\n\n", &[("message", "1", None)]);
        check("unknown: x\n: comment\ndata: 1\n\n", &[("message", "1", None)]);
    }

    #[test]
    fn what_is_too_much_is_counted_and_not_kept() {
        let long = format!("data: {}\nid: 1\n\ndata: ok\n\n", "x".repeat(100));
        check(&long, &[("message", "too much", Some("1")), ("message", "ok", Some("1"))]);
        let lines = format!("{}\ndata: ok\n\n", "data: 123456789\n".repeat(10));
        check(&lines, &[("message", "too much", None), ("message", "ok", None)]);
        let (mut reader, mut events) = (Reader::new(64, None), VecDeque::new());
        for _ in 0..1000 {
            reader.read(&[b'y'; 1000], &mut events);
        }
        assert!(reader.line.len() <= 64 + LINE_OVER && events.is_empty(), "a line without an end");
    }

    #[test]
    fn the_sender_says_how_long_to_wait() {
        let retry = |text: &str| {
            let mut reader = Reader::new(64, None);
            reader.read(text.as_bytes(), &mut VecDeque::new());
            reader.retry
        };
        assert_eq!(retry("retry: 1500\n"), Some(Duration::from_millis(1500)));
        assert_eq!(retry("retry: soon\n"), None);
        assert_eq!(retry("retry: 99999999999999999999999\n"), None);
    }
}
