//! What heads cost. Figures are shown by `cargo test --release -p sinew-gateway-core speed -- --nocapture`.

use std::fmt;
use std::hint::black_box;
use std::num::NonZeroU64;
use std::time::Instant;

use super::*;

const GET: &[u8] = b"GET /v1/orders/8412?expand=lines&limit=20 HTTP/1.1\r\nHost: api.example.com\r\n\
    User-Agent: example-client/3.2 (linux)\r\nAccept: application/json\r\nAccept-Encoding: gzip, br\r\n\
    X-Api-Key: sk_live_0123456789abcdef\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
    Connection: keep-alive\r\n\r\n";

const POST: &[u8] = b"POST /v1/orders HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n\
    X-Idempotent-For: 24h\r\nAuthorization: Bearer 0123456789abcdef0123456789abcdef\r\nContent-Length: 375\r\n\r\n";

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Tue, 01 Jul 2025 10:00:00 GMT\r\nServer: example\r\n\
    Content-Type: application/json\r\nContent-Length: 375\r\nConnection: keep-alive\r\n\r\n";

/// Does it often, and shows how long it took when the machine had nothing else to do.
fn check(what: impl fmt::Display, mut act: impl FnMut()) {
    let times = if cfg!(debug_assertions) { 10 } else { 10_000 };
    let rounds = (0..100).map(|_| {
        let start = Instant::now();
        (0..times).for_each(|_| act());
        start.elapsed() / times
    });
    let shortest = rounds.min().unwrap_or_default();
    println!("{what}: {} ns", shortest.as_nanos());
}

#[test]
fn a_head_that_is_used_again_keeps_its_memory() {
    let limits = HeadLimits::default();
    let mut head = RequestHead::default();
    for (what, bytes) in [("GET", GET), ("POST", POST)] {
        head.parse(bytes, &limits).unwrap();
        let memory = head.fields.as_ptr();
        check(format_args!("{what} of {} bytes, {} fields", bytes.len(), head.fields.len()), || {
            assert_eq!(head.parse(black_box(bytes), &limits), Ok(Progress::Whole));
        });
        assert_eq!(head.fields.as_ptr(), memory);
    }
    let mut head = ResponseHead::default();
    head.parse(OK, Method::Get, &limits).unwrap();
    let memory = head.fields.as_ptr();
    check(format_args!("200 of {} bytes, {} fields", OK.len(), head.fields.len()), || {
        assert_eq!(head.parse(black_box(OK), Method::Get, &limits), Ok(Progress::Whole));
    });
    assert_eq!(head.fields.as_ptr(), memory);
}

#[test]
fn what_goes_on_is_copied_into_memory_that_is_there() {
    let mut head = RequestHead::default();
    head.parse(GET, &HeadLimits::default()).unwrap();
    let mut out = Vec::with_capacity(GET.len());
    let memory = out.as_ptr();
    check("fields that go on", || {
        out.clear();
        for field in head.fields.iter().filter(|field| head.lets_pass(GET, field)) {
            field.write(GET, &mut out);
        }
        black_box(&out);
    });
    assert_eq!(out.as_ptr(), memory);
    assert!(out.starts_with(b"Host: ") && !out.ends_with(b"keep-alive\r\n"));
}

#[test]
fn a_chunked_body_that_is_there_takes_a_step_a_chunk() {
    let mut body = Vec::new();
    for _ in 0..10 {
        write_chunk_head(&mut body, NonZeroU64::new(100).unwrap());
        body.extend_from_slice(&[b'a'; 100]);
        body.extend_from_slice(CHUNK_END);
    }
    body.extend_from_slice(LAST_CHUNK);
    write_trailers(&mut body, &[], &[]);
    let mut chunks = Chunks::default();
    check("10 chunks of 100 bytes", || {
        chunks.clear();
        let (mut rest, mut steps) = (black_box(&*body), 0);
        while let Ok(Step { consumed, kind: StepKind::Data(_) }) = chunks.next(rest, &ChunkLimits::default())
        {
            rest = &rest[consumed..];
            steps += 1;
        }
        assert_eq!((steps, rest), (10, &b"0\r\n\r\n"[..]));
    });
}

#[test]
fn a_path_in_normal_form_is_looked_at_once() {
    let mut out = Vec::new();
    check("a path in normal form", || {
        assert_eq!(normal_path(black_box(b"/v1/orders/8412/lines.json"), &mut out), Ok(false));
    });
    assert_eq!(out.capacity(), 0);
}
