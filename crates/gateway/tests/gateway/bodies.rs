//! Bodies, both ways.

use std::io::Write as _;

use crate::desk::{Desk, Origin};

/// An origin that answers with the request's body.
fn echo() -> Origin {
    Origin::start(|at| {
        while let Some(request) = at.request() {
            let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
            at.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

#[test]
fn a_body_passes_with_the_head_behind_it_or_in_pieces() {
    let (origin, body) = (echo(), "x".repeat(90_000));
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    for pieces in [1, 3, 1000] {
        let whole = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        for piece in whole.as_bytes().chunks(whole.len().div_ceil(pieces)) {
            caller.stream.write_all(piece).unwrap();
        }
        let answer = caller.answer().unwrap();
        assert!(answer.status == 200 && answer.body == body, "{pieces}: {}", answer.head);
    }
}

#[test]
fn chunks_pass_as_chunks() {
    let origin = echo();
    let desk = Desk::open(&origin);
    let answer = desk.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(answer.body, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_comes_or_when_it_has() {
    let origin = echo();
    let desk = Desk::open(&origin);
    let answer = desk.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    assert_eq!((answer.status, answer.code(), answer.header("connection")), (413, "SNW-8040", Some("close")));
    let mut caller = desk.connect();
    caller.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("c350\r\n{}\r\n", "x".repeat(50_000));
    for _ in 0..3 {
        caller.say(&chunk);
    }
    assert_eq!(caller.answer().unwrap().status, 413);
}

#[test]
fn a_caller_that_waits_to_be_asked_for_its_body_is_asked() {
    let origin = echo();
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    caller.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(caller.answer().unwrap().status, 100);
    caller.say("hi");
    assert_eq!(caller.answer().unwrap().body, "hi");
    assert!(!origin.seen()[0].contains("Expect"), "{}", origin.seen()[0]);
}

#[test]
fn a_large_answer_passes_whole() {
    let body = "0123456789".repeat(300_000);
    let length = body.len();
    let said = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n");
    let closed = format!("HTTP/1.1 200 OK\r\n\r\n{body}");
    let origin = Origin::start(move |at| {
        while let Some(request) = at.request() {
            match request.split(' ').nth(1) {
                Some("/length") => at.say(&said),
                Some("/chunks") => at.say(&chunked),
                _ => {
                    at.say(&closed);
                    return;
                }
            }
        }
    });
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    for path in ["/length", "/chunks", "/close", "/length"] {
        caller.say(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = caller.answer().unwrap();
        assert!(answer.body == body, "{path}: {} of {length}", answer.body.len());
    }
}

#[test]
fn an_answer_that_is_cut_short_does_not_pass_for_a_whole_one() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let origin = Origin::start(move |at| {
            at.request();
            at.say(cut);
        });
        let desk = Desk::open(&origin);
        let mut caller = desk.connect();
        caller.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(caller.answer().is_none(), "{cut}");
    }
}

#[test]
fn a_body_that_the_caller_cuts_short_reaches_no_end() {
    let origin = echo();
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    caller.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    caller.end();
    assert!(caller.answer().is_none_or(|answer| answer.status == 400));
    assert!(origin.seen().is_empty());
}

#[test]
fn what_is_no_http_is_refused_with_a_problem() {
    let origin = echo();
    let desk = Desk::open(&origin);
    for (bytes, status, code) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "SNW-8001"),
        ("GET / HTTP/1.1\nHost: a\n\n", 400, "SNW-8001"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "SNW-8001",
        ),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "SNW-8003"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, "SNW-8003"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417, "SNW-8003"),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, "SNW-8003"),
    ] {
        let answer = desk.ask(bytes);
        assert_eq!((answer.status, answer.code()), (status, code), "{bytes}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000));
    assert_eq!(desk.ask(&long).status, 414);
    let chunks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    assert_eq!((desk.ask(chunks).status, desk.ask(chunks).code()), (400, "SNW-8041"));
    assert!(origin.seen().is_empty());
}
