//! What goes on of requests and answers, and what does not.

use crate::desk::{Desk, Origin};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: 1\r\n\r\nhi";

/// What the origin sees of a request.
fn check(request: &str) -> String {
    let origin = Origin::saying(OK);
    let desk = Desk::open(&origin);
    assert_eq!(desk.ask(request).status, 200, "{request}");
    origin.seen().remove(0)
}

#[test]
fn a_request_and_its_answer_pass() {
    let origin = Origin::saying(OK);
    let desk = Desk::open(&origin);
    let answer = desk.ask("GET /a/b?c=d HTTP/1.1\r\nHost: api.example.com\r\nX-Mine: 2\r\n\r\n");
    assert_eq!((answer.status, &*answer.body, answer.header("x-own")), (200, "hi", Some("1")));
    assert!(answer.header("date").is_some());
    let seen = origin.seen().remove(0);
    assert!(seen.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("\r\nHost: {}\r\n", origin.address)), "{seen}");
    assert!(seen.contains("\r\nX-Mine: 2\r\n") && seen.contains("\r\nVia: 1.1 sinew\r\n"), "{seen}");
    assert!(seen.contains("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"), "{seen}");
    let records = desk.close();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].status, records[0].attempts, records[0].route), (200, 1, Some(0)));
}

#[test]
fn what_is_for_one_connection_stays_there() {
    let seen = check(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nTE: gzip\r\nX-End: 2\r\n\r\n",
    );
    for gone in ["X-Hop", "Keep-Alive", "Connection", "TE:"] {
        assert!(!seen.contains(gone), "{gone} in {seen}");
    }
    assert!(seen.contains("X-End: 2"), "{seen}");
}

#[test]
fn what_callers_say_of_themselves_is_not_believed() {
    let seen = check(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Consumer: root\r\n\r\n",
    );
    assert!(!seen.contains("6.6.6.6") && !seen.contains("root"), "{seen}");
}

#[test]
fn a_trace_goes_on_under_a_span_of_its_own() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let seen =
        check(&format!("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\r\n"));
    assert!(
        seen.contains(&format!("Traceparent: 00-{trace}-")) && !seen.contains("00f067aa0ba902b7"),
        "{seen}"
    );
}

#[test]
fn paths_go_on_in_their_normal_form() {
    assert!(
        check("GET /a/./b/../%63?x=%2e HTTP/1.1\r\nHost: a\r\n\r\n")
            .starts_with("GET /a/c?x=%2e HTTP/1.1\r\n")
    );
    let seen = check("GET http://other.example.com/a HTTP/1.1\r\nHost: other.example.com\r\n\r\n");
    assert!(seen.starts_with("GET /a HTTP/1.1\r\n"), "{seen}");
}

#[test]
fn requests_follow_one_another_on_one_connection() {
    let origin = Origin::saying(OK);
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    caller.say("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(caller.answer().unwrap().status, 200);
    assert_eq!(caller.answer().unwrap().status, 200);
    caller.say("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let last = caller.answer().unwrap();
    assert_eq!(last.header("connection"), Some("close"));
    assert!(caller.ends());
    assert_eq!(origin.seen().len(), 3);
}

#[test]
fn old_callers_are_answered_as_they_understand() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    let desk = Desk::open(&origin);
    let answer = desk.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((answer.header("transfer-encoding"), &*answer.body), (None, "hi"));
    let answer = desk.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((answer.header("transfer-encoding"), &*answer.body), (Some("chunked"), "hi"));
}

#[test]
fn an_answer_to_head_has_no_body() {
    let origin = Origin::saying("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    for _ in 0..2 {
        caller.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let mut byte = [0];
            std::io::Read::read_exact(&mut caller.stream, &mut byte).unwrap();
            head.push(byte[0] as char);
        }
        assert!(head.contains("Content-Length: 1000"), "{head}");
    }
}

#[test]
fn another_protocol_passes_both_ways() {
    let origin = Origin::start(|at| {
        let asked = at.request().unwrap();
        assert!(asked.contains("Upgrade: echo") && asked.contains("Connection: upgrade"), "{asked}");
        at.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello ");
        let mut said = [0; 5];
        std::io::Read::read_exact(&mut at.stream, &mut said).unwrap();
        at.say(std::str::from_utf8(&said).unwrap());
    });
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    caller.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nworld");
    let answer = caller.answer().unwrap();
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("echo")));
    let mut said = [0; 11];
    let mut at = 0;
    while at < said.len() {
        match caller.raw(&mut said[at..]) {
            0 => break,
            read => at += read,
        }
    }
    assert_eq!(&said[..at], b"hello world");
}
