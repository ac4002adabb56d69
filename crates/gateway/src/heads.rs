//! Heads that are written: what goes on of those that came, and what the gateway says itself.

use std::time::SystemTime;

use sinew_gateway_core::http1::{Field, Framing, Known, RequestHead, ResponseHead, Version};
use sinew_model::Trace;

/// What is different in a request that goes on.
pub(crate) struct Onward<'a> {
    /// Path and query.
    pub(crate) target: &'a [u8],
    /// What stands in `Host`.
    pub(crate) authority: &'a [u8],
    /// What the caller's `Host` said.
    pub(crate) host: &'a [u8],
    /// The caller's address.
    pub(crate) peer: &'a [u8],
    pub(crate) scheme: &'static [u8],
    pub(crate) trace: Trace,
    pub(crate) consumer: Option<&'a str>,
    /// The header that held the caller's credential, which is nobody else's business.
    pub(crate) credential: Option<&'a str>,
}

/// Writes the head of a request for a server.
pub(crate) fn write_request(out: &mut Vec<u8>, head: &RequestHead, bytes: &[u8], onward: &Onward<'_>) {
    out.extend_from_slice(head.method_text.of(bytes));
    out.push(b' ');
    out.extend_from_slice(onward.target);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(onward.authority);
    out.extend_from_slice(b"\r\n");
    let credential = onward.credential.map(|name| (Known::of(name.as_bytes()), name.as_bytes()));
    for field in &head.fields {
        if !head.lets_pass(bytes, field) || is_ours(field, bytes) {
            continue;
        }
        let is_credential = credential.is_some_and(|(known, name)| {
            field.known == known && (known != Known::Other || field.name.of(bytes).eq_ignore_ascii_case(name))
        });
        if !is_credential {
            write_field(out, field, bytes);
        }
    }
    if head.body == Framing::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    // HTTP/2 is agreed on with the gateway, or not at all.
    let protocols = head.upgrade.filter(|protocols| !protocols.of(bytes).eq_ignore_ascii_case(b"h2c"));
    if let Some(protocols) = protocols {
        write(out, &[b"Connection: upgrade\r\nUpgrade: ", protocols.of(bytes), b"\r\n"]);
    }
    write(out, &[b"X-Forwarded-For: ", onward.peer, b"\r\nX-Forwarded-Proto: ", onward.scheme]);
    write(out, &[b"\r\nX-Forwarded-Host: ", onward.host, b"\r\nVia: 1.1 sinew\r\nTraceparent: 00-"]);
    write_hex(out, onward.trace.trace_id, 32);
    out.push(b'-');
    write_hex(out, u128::from(onward.trace.span_id), 16);
    out.extend_from_slice(if onward.trace.sampled { b"-01\r\n" } else { b"-00\r\n" });
    if let Some(consumer) = onward.consumer {
        write(out, &[b"X-Consumer: ", consumer.as_bytes(), b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Fields that the gateway writes itself: what callers say of them is not believed.
fn is_ours(field: &Field, bytes: &[u8]) -> bool {
    match field.known {
        Known::Host
        | Known::Expect
        | Known::Forwarded
        | Known::XForwardedFor
        | Known::XForwardedProto
        | Known::XForwardedHost
        | Known::XForwardedPort
        | Known::XForwardedPrefix
        | Known::XRealIp
        | Known::Traceparent => true,
        Known::Other => field.name.of(bytes).eq_ignore_ascii_case(b"x-consumer"),
        _ => false,
    }
}

/// What is different in an answer that goes back.
pub(crate) struct Back {
    pub(crate) version: Version,
    /// Whether another request may follow.
    pub(crate) keeps_alive: bool,
    pub(crate) trace_id: u128,
    /// How its body goes on.
    pub(crate) body: Framing,
}

/// Writes the head of a server's answer for the caller, up to the empty line.
pub(crate) fn write_response(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8], back: &Back, date: &[u8]) {
    write_status(out, head.status, head.reason.of(bytes));
    let mut dated = false;
    for field in &head.fields {
        if head.lets_pass(bytes, field) {
            dated |= field.known == Known::Date;
            write_field(out, field, bytes);
        }
    }
    if !dated {
        write(out, &[b"Date: ", date, b"\r\n"]);
    }
    match head.upgrade.filter(|_| head.status == 101) {
        Some(protocols) => write(out, &[b"Connection: upgrade\r\nUpgrade: ", protocols.of(bytes), b"\r\n"]),
        None => write_back(out, back),
    }
}

/// Writes an interim answer (RFC 9110, section 15.2), with its empty line.
pub(crate) fn write_interim(out: &mut Vec<u8>, head: &ResponseHead, bytes: &[u8]) {
    write_status(out, head.status, head.reason.of(bytes));
    head.fields
        .iter()
        .filter(|field| head.lets_pass(bytes, field))
        .for_each(|field| write_field(out, field, bytes));
    out.extend_from_slice(b"\r\n");
}

/// What each answer's head ends with, but for the empty line.
pub(crate) fn write_back(out: &mut Vec<u8>, back: &Back) {
    if back.body == Framing::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    match (back.version, back.keeps_alive) {
        (Version::Http11, true) | (Version::Http10, false) => {}
        (Version::Http11, false) => out.extend_from_slice(b"Connection: close\r\n"),
        (Version::Http10, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
    }
    out.extend_from_slice(b"X-Correlation-Id: ");
    write_hex(out, back.trace_id, 32);
    out.extend_from_slice(b"\r\n");
}

pub(crate) fn write_status(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    write_number(out, u64::from(status));
    write(out, &[b" ", reason, b"\r\n"]);
}

fn write_field(out: &mut Vec<u8>, field: &Field, bytes: &[u8]) {
    write(out, &[field.name.of(bytes), b": ", field.value.of(bytes), b"\r\n"]);
}

fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_hex(out: &mut Vec<u8>, number: u128, digits: usize) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (at, digit) in text[..digits].iter_mut().enumerate() {
        *digit = HEX[(number >> (4 * (digits - 1 - at)) & 15) as usize];
    }
    out.extend_from_slice(&text[..digits]);
}

/// The time as heads say it (RFC 9110, section 5.6.7), made once a second.
#[derive(Default)]
pub(crate) struct Date {
    second: u64,
    text: String,
}

impl Date {
    pub(crate) fn text(&mut self, now: SystemTime) -> &[u8] {
        let second = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |span| span.as_secs());
        if second != self.second || self.text.is_empty() {
            (self.second, self.text) = (second, httpdate::fmt_http_date(now));
        }
        self.text.as_bytes()
    }
}
