use super::connection::Connection;
use super::framing::Notes;
use super::grammar::{line_end, text_end};
use super::head::{Searched, Stop};
use super::{Field, Framing, HeadError, HeadLimits, Method, Progress, Span, Version, fields};

/// Bytes of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

/// The head of a response, for one after the other: used again, it allocates nothing.
///
/// What it holds is of meaning when [`parse`](Self::parse) has said [`Progress::Whole`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status, of 100 to 999.
    pub status: u16,
    /// What the server says of it; often nothing.
    pub reason: Span,
    /// The version of the server.
    pub version: Version,
    /// The fields in the order in which they came.
    pub fields: Vec<Field>,
    /// Bytes from the beginning of the buffer to the end of the head, with its empty line.
    pub length: usize,
    /// How the body ends.
    pub body: Framing,
    /// Whether the connection takes another request after this response. Of no meaning once the protocol has changed.
    pub keeps_alive: bool,
    /// The protocols that the server names, if `Connection` says so too: of a 101 those to which it changes (RFC 9110
    /// 7.8).
    pub upgrade: Option<Span>,
    connection: Connection,
    searched: Searched,
}

impl ResponseHead {
    /// Reads the head at the beginning of `bytes`, of a response to a request with this method. After
    /// [`Progress::More`] it is called again with the same bytes and more behind them.
    ///
    /// To a 1xx but 101 a further response follows (RFC 9110 15.2).
    pub fn parse(&mut self, bytes: &[u8], to: Method, limits: &HeadLimits) -> Result<Progress, HeadError> {
        let mut searched = std::mem::take(&mut self.searched);
        let bytes_max = limits.head_bytes_max.min(u32::MAX as usize);
        let read = searched.read(bytes, bytes_max, |bytes| self.read(bytes, to, limits));
        self.searched = searched;
        Ok(if read?.is_some() { Progress::Whole } else { Progress::More })
    }

    /// Forgets what was read, and keeps the memory. Needed only when a message was given up at [`Progress::More`] and
    /// another one is to be read.
    pub fn clear(&mut self) {
        self.searched = Searched::default();
        self.fields.clear();
        self.connection.clear();
    }

    /// Whether a field of this head, which was read from `bytes`, goes on to the client (RFC 9110 7.6.1).
    #[inline]
    pub fn lets_pass(&self, bytes: &[u8], field: &Field) -> bool {
        self.connection.lets_pass(bytes, field)
    }

    fn read(&mut self, bytes: &[u8], to: Method, limits: &HeadLimits) -> Result<(), Stop> {
        self.clear();
        let fields_start = self.read_line(bytes)?;
        let mut notes = Notes::default();
        let Self { fields, connection, .. } = self;
        self.length = fields::read(bytes, fields_start, limits.fields_max, fields, |field| {
            notes.take(bytes, field, connection)
        })?;
        self.judge(&notes, to)?;
        Ok(())
    }

    /// Reads `VERSION STATUS REASON`. The space before a reason that is empty is often left out, and may be.
    fn read_line(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        let Some(line) = bytes.first_chunk::<STATUS_END>() else {
            // What ends earlier will never be one.
            let has_ended = memchr::memchr(b'\n', bytes).is_some();
            return Err(if has_ended { HeadError::StatusLine.into() } else { Stop::More });
        };
        let [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9', b' ', digits @ ..] = line else {
            return Err(HeadError::StatusLine.into());
        };
        if !matches!(digits, [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9']) {
            return Err(HeadError::StatusLine.into());
        }
        self.status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        self.version = Version::of(&line[..8])?;
        let reason_start = match bytes.get(STATUS_END) {
            Some(b' ') => STATUS_END + 1,
            _ => STATUS_END,
        };
        let reason_end = if reason_start > STATUS_END { text_end(bytes, reason_start) } else { reason_start };
        self.reason = Span::new(reason_start, reason_end);
        line_end(bytes, reason_end, HeadError::StatusLine)
    }

    /// What all fields together mean (RFC 9112 6.3).
    fn judge(&mut self, notes: &Notes, to: Method) -> Result<(), HeadError> {
        let framing = notes.framing(self.version)?;
        let is_tunnel = to == Method::Connect && matches!(self.status, 200..=299);
        self.body = match self.status {
            // Whoever sends a body here is not of one mind with us about where the next response begins.
            100..=199 | 204 if !matches!(framing, None | Some(Framing::Empty)) => {
                return Err(HeadError::BodyNotAllowed);
            }
            100..=199 | 204 | 304 => Framing::Empty,
            _ if to == Method::Head || is_tunnel => Framing::Empty,
            _ => framing.unwrap_or(Framing::UntilClose),
        };
        self.keeps_alive = self.connection.is_kept(self.version) && self.body != Framing::UntilClose;
        let may_upgrade = self.connection.upgrade && self.version == Version::Http11;
        self.upgrade = notes.upgrade.filter(|protocols| may_upgrade && !protocols.is_empty());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a response to this is understood as, or why it is not.
    fn check(to: Method, text: &str) -> String {
        let mut head = ResponseHead::default();
        let bytes = text.as_bytes();
        match head.parse(bytes, to, &HeadLimits::default()) {
            Ok(Progress::More) => "more".to_owned(),
            Err(error) => format!("{error:?}"),
            Ok(Progress::Whole) => {
                let text = |span: Span| std::str::from_utf8(span.of(bytes)).unwrap();
                let kept = if head.keeps_alive { "kept" } else { "closed" };
                let upgrade = head.upgrade.map(|to| format!(" to {}", text(to))).unwrap_or_default();
                format!("{} {} {:?} {kept}{upgrade}", head.status, text(head.reason), head.body)
            }
        }
    }

    /// The same to a `GET`, with these fields.
    fn check_fields(status: &str, fields: &str) -> String {
        check(Method::Get, &format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n"))
    }

    #[test]
    fn a_response_is_a_line_fields_and_an_empty_line_rfc_9112_4() {
        assert_eq!(check_fields("200 OK", "Content-Length: 5"), "200 OK Length(5) kept");
        assert_eq!(check_fields("200 Sehr schön", "Content-Length: 0"), "200 Sehr schön Empty kept");
        assert_eq!(check_fields("200 ", "Content-Length: 5"), "200  Length(5) kept");
        assert_eq!(check_fields("200", "Content-Length: 5"), "200  Length(5) kept");
        assert_eq!(check(Method::Get, "HTTP/1.1 200 OK\r\nA: b\r\n"), "more");
        for text in ["", "H", "HTTP/1.1", "HTTP/1.1 200", "HTTP/1.1 200\r"] {
            assert_eq!(check(Method::Get, text), "more", "{text}");
        }
    }

    #[test]
    fn whatever_else_stands_there_is_no_status_line() {
        for (line, said) in [
            ("HTTP/1.1 20 OK", "StatusLine"),
            ("HTTP/1.1 2000 OK", "StatusLine"),
            ("HTTP/1.1 099 OK", "StatusLine"),
            ("HTTP/1.1 +20 OK", "StatusLine"),
            ("HTTP/1.1  200 OK", "StatusLine"),
            ("HTTP/1.1\t200 OK", "StatusLine"),
            ("ICY 200 OK", "StatusLine"),
            ("", "StatusLine"),
            ("HTTP/1.1 200 O\0K", "StatusLine"),
            ("HTTP/1.1 200\tOK", "StatusLine"),
            ("HTTP/1.1 200 OK\rA: b", "BareCr"),
            ("HTTP/1.1 200 OK\nA: b", "BareLf"),
            ("HTTP/2.0 200 OK", "VersionUnsupported"),
            ("HTTP/1.x 200 OK", "StatusLine"),
        ] {
            assert_eq!(check(Method::Get, &format!("{line}\r\nContent-Length: 5\r\n\r\n")), said, "{line:?}");
        }
    }

    #[test]
    fn a_body_ends_in_one_way_only_rfc_9112_6_3() {
        assert_eq!(check_fields("200 OK", "Transfer-Encoding: chunked"), "200 OK Chunked kept");
        assert_eq!(check_fields("200 OK", "A: b"), "200 OK UntilClose closed");
        assert_eq!(
            check_fields("200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
            "LengthAndCoding"
        );
        assert_eq!(check_fields("200 OK", "Content-Length: 5\r\nContent-Length: 5"), "LengthTwice");
        assert_eq!(check_fields("200 OK", "Content-Length: 5, 5"), "LengthInvalid");
        assert_eq!(check_fields("200 OK", "Transfer-Encoding: gzip, chunked"), "CodingUnknown");
        let in_1_0 = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(check(Method::Get, in_1_0), "CodingInHttp10");
    }

    #[test]
    fn some_responses_have_no_body_whatever_their_fields_say_rfc_9112_6_3() {
        let long = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(check(Method::Head, long), "200 OK Empty kept");
        assert_eq!(check(Method::Connect, long), "200 OK Empty kept");
        assert_eq!(check(Method::Connect, &long.replace("200", "407")), "407 OK Length(5) kept");
        assert_eq!(check_fields("304 Not Modified", "Content-Length: 5"), "304 Not Modified Empty kept");
        assert_eq!(check_fields("204 No Content", "A: b"), "204 No Content Empty kept");
        assert_eq!(check_fields("100 Continue", "A: b"), "100 Continue Empty kept");
    }

    #[test]
    fn a_body_where_there_must_be_none_is_refused_rfc_9110_8_6() {
        assert_eq!(check_fields("204 No Content", "Content-Length: 0"), "204 No Content Empty kept");
        assert_eq!(check_fields("204 No Content", "Content-Length: 5"), "BodyNotAllowed");
        assert_eq!(check_fields("204 No Content", "Transfer-Encoding: chunked"), "BodyNotAllowed");
        assert_eq!(check_fields("103 Early Hints", "Content-Length: 5"), "BodyNotAllowed");
    }

    #[test]
    fn connections_are_kept_closed_or_change_rfc_9112_9_3() {
        assert_eq!(
            check_fields("200 OK", "Content-Length: 5\r\nConnection: close"),
            "200 OK Length(5) closed"
        );
        let in_1_0 = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(check(Method::Get, in_1_0), "200 OK Length(5) kept");
        assert_eq!(check(Method::Get, &in_1_0.replace("keep-alive", "x")), "200 OK Length(5) closed");
        let switches = "Connection: upgrade\r\nUpgrade: websocket";
        assert_eq!(check_fields("101 Switching", switches), "101 Switching Empty kept to websocket");
    }

    #[test]
    fn folded_lines_and_spaces_before_colons_are_refused_rfc_9112_5() {
        assert_eq!(check_fields("200 OK", "A: b\r\n c"), "Folded");
        assert_eq!(check_fields("200 OK", "A : b"), "SpaceBeforeColon");
    }
}
