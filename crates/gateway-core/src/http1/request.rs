use super::connection::Connection;
use super::framing::Notes;
use super::grammar::{elements, line_end, target_end, token_end};
use super::head::{Searched, Stop};
use super::target::absolute_authority;
use super::{
    Authority, Field, Framing, HeadError, HeadLimits, Known, Method, Progress, Span, Target, Version, fields,
};

const METHOD_BYTES_MAX: usize = 32;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a request, for one after the other: used again, it allocates nothing.
///
/// What it holds is of meaning when [`parse`](Self::parse) has said [`Progress::Whole`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// What is asked for.
    pub method: Method,
    /// The same as it was written.
    pub method_text: Span,
    /// Of what it is asked, in a form that [`Target::parse`] understands.
    pub target: Span,
    /// The version of the client.
    pub version: Version,
    /// The fields in the order in which they came.
    pub fields: Vec<Field>,
    /// Bytes from the beginning of the buffer to the end of the head, with its empty line.
    pub length: usize,
    /// How the body ends: never with the connection.
    pub body: Framing,
    /// Whether the client may send another request after this one. Of no meaning after a `CONNECT` or an upgrade.
    pub keeps_alive: bool,
    /// Whether the client waits for a 100 before it sends the body. `Expect` does go on, unless the gateway answers it.
    pub expects_continue: bool,
    /// Whether the client takes trailers. `TE`, which says so, does not go on; a gateway that passes trailers back asks
    /// for them by a `TE: trailers` of its own, named in its own `Connection` (RFC 9110 10.1.4).
    pub takes_trailers: bool,
    /// The protocols to which the client would change on this connection, if `Connection` says so too (RFC 9110 7.8).
    /// Neither field goes on; a gateway that passes an upgrade on, as to `websocket`, writes both anew. `h2c` must not be
    /// among what it passes: behind it there are requests that the gateway does not see.
    pub upgrade: Option<Span>,
    /// The host and port that are asked: those of the target if it names them, else those of `Host` (RFC 9112 3.2).
    /// [`Authority::parse`] understands them. Always there in HTTP/1.1.
    pub host: Option<Span>,
    connection: Connection,
    searched: Searched,
}

impl RequestHead {
    /// Reads the head at the beginning of `bytes`. After [`Progress::More`] it is called again with the same bytes and
    /// more behind them.
    ///
    /// Before the head one empty line is overlooked (RFC 9112 2.2).
    pub fn parse(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<Progress, HeadError> {
        let mut searched = std::mem::take(&mut self.searched);
        let bytes_max = limits.head_bytes_max.min(u32::MAX as usize);
        let read = searched.read(bytes, bytes_max, |bytes| self.read(bytes, limits));
        self.searched = searched;
        Ok(if read?.is_some() { Progress::Whole } else { Progress::More })
    }

    /// Forgets what was read, and keeps the memory. Needed only when a message was given up at [`Progress::More`] and
    /// another one is to be read.
    pub fn clear(&mut self) {
        self.searched = Searched::default();
        self.fields.clear();
        self.connection.clear();
        self.expects_continue = false;
        self.takes_trailers = false;
        self.host = None;
    }

    /// Whether a field of this head, which was read from `bytes`, goes on to the next server (RFC 9110 7.6.1). What the
    /// gateway writes itself instead is its own affair.
    #[inline]
    pub fn lets_pass(&self, bytes: &[u8], field: &Field) -> bool {
        self.connection.lets_pass(bytes, field)
    }

    fn read(&mut self, bytes: &[u8], limits: &HeadLimits) -> Result<(), Stop> {
        self.clear();
        let start = begin(bytes)?;
        let fields_start = self.read_line(bytes, start, limits)?;
        let named_by_target = self.check_target(bytes)?;
        let mut notes = Notes::default();
        let Self { version, fields, connection, host, expects_continue, takes_trailers, .. } = self;
        self.length = fields::read(bytes, fields_start, limits.fields_max, fields, |field| {
            match field.known {
                Known::Host if host.is_some() => return Err(HeadError::HostTwice),
                Known::Host if Authority::parse(field.value.of(bytes)).is_none() => {
                    return Err(HeadError::HostInvalid);
                }
                Known::Host => *host = Some(field.value),
                Known::Expect if field.value.of(bytes).eq_ignore_ascii_case(b"100-continue") => {
                    // HTTP/1.0 does not know it, and is not to be answered (RFC 9110 10.1.1).
                    *expects_continue = *version == Version::Http11;
                }
                Known::Expect => return Err(HeadError::Expectation),
                Known::Te if *version == Version::Http11 => {
                    *takes_trailers |= lists_trailers(field.value.of(bytes));
                }
                _ => notes.take(bytes, field, connection)?,
            }
            Ok(())
        })?;
        self.judge(&notes, named_by_target)?;
        Ok(())
    }

    /// Reads `METHOD TARGET VERSION`.
    fn read_line(&mut self, bytes: &[u8], start: usize, limits: &HeadLimits) -> Result<usize, Stop> {
        let method_end = token_end(bytes, start);
        if method_end - start > METHOD_BYTES_MAX {
            return Err(HeadError::MethodTooLong.into());
        }
        match bytes.get(method_end) {
            None => return Err(Stop::More),
            Some(b' ') if method_end > start => {}
            Some(_) => return Err(HeadError::Method.into()),
        }
        self.method_text = Span::new(start, method_end);
        self.method = Method::of(&bytes[start..method_end]);

        let target_start = method_end + 1;
        let target_end = target_end(bytes, target_start);
        if target_end - target_start > limits.target_bytes_max {
            return Err(HeadError::TargetTooLong.into());
        }
        match bytes.get(target_end) {
            None => return Err(Stop::More),
            Some(b' ') if target_end > target_start => {}
            Some(b' ') => return Err(HeadError::RequestLine.into()),
            // A line without a version is one of HTTP/0.9.
            Some(b'\r' | b'\n') => {
                line_end(bytes, target_end, HeadError::Target)?;
                return Err(HeadError::VersionUnsupported.into());
            }
            Some(_) => return Err(HeadError::Target.into()),
        }
        self.target = Span::new(target_start, target_end);

        let version_start = target_end + 1;
        if bytes[version_start..].starts_with(b"HTTP/1.1\r\n") {
            self.version = Version::Http11;
            return Ok(version_start + 10);
        }
        self.read_version(bytes, version_start)
    }

    fn read_version(&mut self, bytes: &[u8], start: usize) -> Result<usize, Stop> {
        let end = target_end(bytes, start);
        if end - start > 8 {
            return Err(HeadError::VersionInvalid.into());
        }
        if end == bytes.len() {
            return Err(Stop::More);
        }
        if end == start {
            return Err(HeadError::RequestLine.into());
        }
        self.version = Version::of(&bytes[start..end])?;
        line_end(bytes, end, HeadError::RequestLine)
    }

    /// That the target is in a form which the method may have; the host that it names, if any.
    #[inline]
    fn check_target(&self, bytes: &[u8]) -> Result<Option<Span>, HeadError> {
        let target = self.target.of(bytes);
        if target.first() == Some(&b'/') && self.method != Method::Connect {
            return Ok(None);
        }
        let at = self.target.start();
        Ok(match Target::parse(self.method, target)? {
            Target::Origin { .. } | Target::Asterisk => None,
            Target::Authority(_) => Some(self.target),
            Target::Absolute { .. } => {
                absolute_authority(target).map(|(_, range)| Span::new(at + range.start, at + range.end))
            }
        })
    }

    /// What all fields together mean.
    fn judge(&mut self, notes: &Notes, named_by_target: Option<Span>) -> Result<(), HeadError> {
        if self.host.is_none() && self.version == Version::Http11 {
            return Err(HeadError::HostMissing);
        }
        self.host = named_by_target.or(self.host);
        self.body = notes.framing(self.version)?.unwrap_or(Framing::Empty);
        if self.body == Framing::Empty {
            self.expects_continue = false;
        } else if matches!(self.method, Method::Connect | Method::Trace) {
            return Err(HeadError::BodyNotAllowed);
        }
        self.keeps_alive = self.connection.is_kept(self.version);
        let may_upgrade = self.connection.upgrade && self.version == Version::Http11;
        self.upgrade = notes.upgrade.filter(|protocols| may_upgrade && !protocols.is_empty());
        Ok(())
    }
}

/// Where the request line begins.
fn begin(bytes: &[u8]) -> Result<usize, Stop> {
    match bytes {
        [b'\r' | b'\n', ..] => {
            let start = line_end(bytes, 0, HeadError::EmptyLines)?;
            match bytes.get(start) {
                Some(b'\r' | b'\n') => Err(HeadError::EmptyLines.into()),
                _ => Ok(start),
            }
        }
        [b'P', b'R', ..] if bytes.starts_with(PREFACE) => Err(HeadError::Http2.into()),
        [b'P', b'R', ..] if PREFACE.starts_with(bytes) => Err(Stop::More),
        _ => Ok(0),
    }
}

fn lists_trailers(value: &[u8]) -> bool {
    elements(value).any(|(_, coding)| coding.eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request is understood as, or why it is not.
    fn check(text: &str) -> String {
        let mut head = RequestHead::default();
        let bytes = text.as_bytes();
        match head.parse(bytes, &HeadLimits::default()) {
            Ok(Progress::More) => "more".to_owned(),
            Err(error) => format!("{} {error:?}", error.status()),
            Ok(Progress::Whole) => {
                let text = |span: Span| std::str::from_utf8(span.of(bytes)).unwrap();
                let mut said = format!("{:?} {} {:?}", head.method, text(head.target), head.body);
                for (flag, name) in [
                    (head.version == Version::Http10, "1.0"),
                    (!head.keeps_alive, "close"),
                    (head.expects_continue, "continue"),
                    (head.takes_trailers, "trailers"),
                ] {
                    if flag {
                        said = format!("{said} {name}");
                    }
                }
                let upgrade = head.upgrade.map(|to| format!(" to {}", text(to))).unwrap_or_default();
                let host = head.host.map(|host| format!(" at {}", text(host))).unwrap_or_default();
                said + &upgrade + &host
            }
        }
    }

    #[test]
    fn a_request_is_a_line_fields_and_an_empty_line_rfc_9112_2_1() {
        assert_eq!(check("GET /a?b HTTP/1.1\r\nHost: c\r\n\r\n"), "Get /a?b Empty at c");
        assert_eq!(check("GET /a?b HTTP/1.1\r\nHost: c\r\n\r"), "more");
        assert_eq!(check("PURGE / HTTP/1.1\r\nHost: c\r\n\r\n"), "Other / Empty at c");
        assert_eq!(check("get / HTTP/1.1\r\nHost: c\r\n\r\n"), "Other / Empty at c");
    }

    #[test]
    fn one_empty_line_before_it_is_overlooked_rfc_9112_2_2() {
        assert_eq!(check("\r\nGET / HTTP/1.1\r\nHost: c\r\n\r\n"), "Get / Empty at c");
        assert_eq!(check("\r\n"), "more");
        assert_eq!(check("\r\n\r\nGET / HTTP/1.1\r\nHost: c\r\n\r\n"), "400 EmptyLines");
        assert_eq!(check("\nGET / HTTP/1.1\r\nHost: c\r\n\r\n"), "400 BareLf");
    }

    #[test]
    fn the_request_line_has_three_words_with_one_space_between_rfc_9112_3() {
        for (line, said) in [
            (" GET / HTTP/1.1", "400 Method"),
            ("G(T / HTTP/1.1", "400 Method"),
            ("GET\t/ HTTP/1.1", "400 Method"),
            ("GET", "400 Method"),
            ("GET  / HTTP/1.1", "400 RequestLine"),
            ("GET /  HTTP/1.1", "400 RequestLine"),
            ("GET / HTTP/1.1 ", "400 RequestLine"),
            ("GET / HTTP/1.1 x", "400 RequestLine"),
            ("GET /\tHTTP/1.1", "400 Target"),
            ("GET /a b HTTP/1.1", "400 VersionInvalid"),
            ("GET /#a HTTP/1.1", "400 Target"),
            ("GET /ä HTTP/1.1", "400 Target"),
            ("GET /\0 HTTP/1.1", "400 Target"),
            ("GET a HTTP/1.1", "400 Target"),
            ("GET /\rHTTP/1.1", "400 BareCr"),
            ("GET / HTTP/1.1\rHost: c", "400 BareCr"),
        ] {
            assert_eq!(check(&format!("{line}\r\nHost: c\r\n\r\n")), said, "{line}");
        }
        assert_eq!(check("GET / HTTP/1.1\nHost: c\n\n"), "400 BareLf");
        assert_eq!(check(&format!("{} / HTTP/1.1\r\n\r\n", "M".repeat(33))), "501 MethodTooLong");
        assert_eq!(check(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(8192))), "414 TargetTooLong");
    }

    #[test]
    fn versions_are_those_of_http_1_rfc_9110_2_5() {
        for (version, said) in [
            ("HTTP/1.0", "Get / Empty 1.0 close at c"),
            ("HTTP/1.2", "Get / Empty at c"),
            ("HTTP/0.9", "505 VersionUnsupported"),
            ("HTTP/2.0", "505 VersionUnsupported"),
            ("HTTP/3.1", "505 VersionUnsupported"),
            ("http/1.1", "400 VersionInvalid"),
            ("HTTP/1.10", "400 VersionInvalid"),
            ("HTTP/11", "400 VersionInvalid"),
            ("HTTP/1,1", "400 VersionInvalid"),
            ("H", "400 VersionInvalid"),
        ] {
            assert_eq!(check(&format!("GET / {version}\r\nHost: c\r\n\r\n")), said, "{version}");
        }
        assert_eq!(check("GET /\r\n"), "505 VersionUnsupported");
    }

    #[test]
    fn the_preface_of_http_2_is_known_rfc_9113_3_4() {
        assert_eq!(check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0"), "505 Http2");
        assert_eq!(check("PRI * HTTP/2.0\r\n\r\nSM"), "more");
        assert_eq!(check("PRI * HTTP/2.0\r\n\r\nS!"), "505 VersionUnsupported");
    }

    #[test]
    fn a_request_has_one_host_rfc_9112_3_2() {
        assert_eq!(check("GET / HTTP/1.1\r\n\r\n"), "400 HostMissing");
        assert_eq!(check("GET / HTTP/1.0\r\n\r\n"), "Get / Empty 1.0 close");
        assert_eq!(check("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), "400 HostTwice");
        assert_eq!(check("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"), "400 HostTwice");
        assert_eq!(check("GET / HTTP/1.1\r\nHost:\r\n\r\n"), "400 HostInvalid");
        assert_eq!(check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "400 HostInvalid");
    }

    #[test]
    fn the_host_of_the_target_counts_rfc_9112_3_2_2() {
        assert_eq!(
            check("GET http://a:81/b?c HTTP/1.1\r\nHost: d\r\n\r\n"),
            "Get http://a:81/b?c Empty at a:81"
        );
        assert_eq!(check("GET http://a/ HTTP/1.1\r\n\r\n"), "400 HostMissing");
        assert_eq!(check("CONNECT a:443 HTTP/1.1\r\nHost: d\r\n\r\n"), "Connect a:443 Empty at a:443");
        assert_eq!(check("OPTIONS * HTTP/1.1\r\nHost: d\r\n\r\n"), "Options * Empty at d");
    }

    /// The same of a `POST` with these fields.
    fn check_post(fields: &str) -> String {
        let said = check(&format!("POST / HTTP/1.1\r\nHost: c\r\n{fields}\r\n\r\n"));
        said.trim_start_matches("Post / ").trim_end_matches(" at c").to_owned()
    }

    #[test]
    fn a_body_ends_in_one_way_only_rfc_9112_6_3() {
        assert_eq!(check_post("Content-Length: 5"), "Length(5)");
        assert_eq!(check_post("Content-Length: 0"), "Empty");
        assert_eq!(check_post("Transfer-Encoding: Chunked"), "Chunked");
        assert_eq!(check_post("Content-Length: 5\r\nContent-Length: 5"), "400 LengthTwice");
        assert_eq!(check_post("Content-Length: 5\r\nTransfer-Encoding: chunked"), "400 LengthAndCoding");
        assert_eq!(check_post("Transfer-Encoding: chunked\r\nContent-Length: 5"), "400 LengthAndCoding");
        assert_eq!(
            check_post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            "400 CodingInvalid"
        );
        assert_eq!(check_post("Transfer-Encoding: gzip, chunked"), "501 CodingUnknown");
        assert_eq!(check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), "400 CodingInHttp10");
    }

    #[test]
    fn connect_and_trace_have_no_body_rfc_9110_9_3() {
        assert_eq!(
            check("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"),
            "400 BodyNotAllowed"
        );
        assert_eq!(
            check("TRACE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "400 BodyNotAllowed"
        );
        assert_eq!(check("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), "Trace / Empty at a");
    }

    #[test]
    fn a_client_may_wait_for_100_rfc_9110_10_1_1() {
        assert_eq!(check_post("Content-Length: 5\r\nExpect: 100-Continue"), "Length(5) continue");
        assert_eq!(check_post("Expect: 100-continue"), "Empty");
        assert_eq!(check_post("Content-Length: 5\r\nExpect: 200-ok"), "417 Expectation");
        let in_1_0 = "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        assert_eq!(check(in_1_0), "Post / Length(5) 1.0 close");
    }

    #[test]
    fn upgrades_are_offered_by_two_fields_rfc_9110_7_8() {
        assert_eq!(check_post("Connection: Upgrade\r\nUpgrade: websocket"), "Empty to websocket");
        assert_eq!(check_post("Upgrade: websocket"), "Empty");
        assert_eq!(check_post("Connection: Upgrade"), "Empty");
        assert_eq!(check_post("Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b"), "Empty");
        let in_1_0 = "GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(check(in_1_0), "Get / Empty 1.0 close");
    }

    #[test]
    fn connections_are_kept_or_closed_rfc_9112_9_3() {
        assert_eq!(check_post("Connection: close"), "Empty close");
        assert_eq!(check_post("Connection: a\r\nConnection: Close"), "Empty close");
        assert_eq!(check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "Get / Empty 1.0");
        assert_eq!(check_post("Connection: TE\r\nTE: gzip, Trailers"), "Empty trailers");
    }

    /// The names of the fields that go on, of a `GET` with these.
    fn check_passing(fields: &str) -> String {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let (mut head, bytes) = (RequestHead::default(), text.as_bytes());
        assert_eq!(head.parse(bytes, &HeadLimits::default()), Ok(Progress::Whole));
        let passing = head.fields.iter().filter(|field| head.lets_pass(bytes, field));
        let names: Vec<_> = passing.map(|field| String::from_utf8_lossy(field.name.of(bytes))).collect();
        names.join(" ")
    }

    #[test]
    fn what_is_for_one_connection_does_not_go_on_rfc_9110_7_6_1() {
        assert_eq!(check_passing("Connection: keep-alive\r\nKeep-Alive: 5\r\nX-Mine: a"), "Host X-Mine");
        assert_eq!(check_passing("X-MINE: a\r\nConnection: close, x-mine\r\nX-Yours: a"), "Host X-Yours");
        assert_eq!(
            check_passing("TE: trailers\r\nTrailer: a\r\nUpgrade: a\r\nTransfer-Encoding: chunked"),
            "Host Trailer"
        );
        assert_eq!(
            check_passing("Proxy-Connection: a\r\nProxy-Authorization: a\r\nHTTP2-Settings: a"),
            "Host"
        );
    }

    #[test]
    fn nothing_that_others_rely_on_is_taken_away_by_naming_it() {
        let relied_on =
            "Authorization: a\r\nCookie: a\r\nContent-Length: 0\r\nX-Forwarded-For: a\r\nX-Api-Key: a";
        let named = "Connection: Host, Authorization, Cookie, Content-Length, X-Forwarded-For, X-Api-Key";
        let names = "Host Authorization Cookie Content-Length X-Forwarded-For X-Api-Key";
        assert_eq!(check_passing(&format!("{relied_on}\r\n{named}")), names);
    }

    #[test]
    fn fields_that_are_alike_but_for_underscores_do_not_go_on() {
        assert_eq!(check_passing("X_Forwarded_For: a\r\nContent_Length: 5\r\nuser_id: a"), "Host user_id");
    }

    #[test]
    fn limits_hold() {
        assert_eq!(check_post(&"a: b\r\n".repeat(100)), "431 TooManyFields");
        assert_eq!(check_post(&format!("a: {}", "b".repeat(32 << 10))), "431 TooLarge");
        assert_eq!(check("GET / HTTP/1.1\r\n"), "more");
    }
}
