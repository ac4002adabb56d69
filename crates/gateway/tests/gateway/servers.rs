//! Servers that fail, and tables that change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::desk::{Desk, OPEN, Origin, POOL};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_server_that_is_not_there_is_passed_over() {
    let origin = Origin::saying(OK);
    let both = POOL.replace(
        "endpoints: 'http://ORIGIN'",
        &format!("endpoints: ['http://{}', 'http://ORIGIN']", nowhere()),
    );
    let desk = Desk::new(&origin, &format!("{both}---{OPEN}"));
    for _ in 0..10 {
        // Nothing was sent, so what changes something is sent to another as well.
        assert_eq!(desk.ask(POST).status, 200);
    }
}

#[test]
fn without_a_server_it_says_so() {
    let origin = Origin::saying(OK);
    let none = POOL.replace("http://ORIGIN", &format!("http://{}", nowhere()));
    let desk = Desk::new(&origin, &format!("{none}---{OPEN}"));
    let answer = desk.ask(GET);
    assert_eq!((answer.status, answer.code()), (502, "SNW-8050"));
    assert!(!answer.body.contains("127.0.0.1"), "how it is inside is nobody's business: {}", answer.body);
}

#[test]
fn what_may_be_sent_again_is_and_what_may_not_is_not() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    // Every connection ends with the first request of its own, unanswered, but for the third.
    let origin = Origin::start(move |at| {
        if at.request().is_some() && counted.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            at.say(OK);
        }
    });
    let desk = Desk::open(&origin);
    assert_eq!(desk.ask(GET).status, 502, "one server, and it has failed");
    assert_eq!(desk.ask(POST).status, 200);
    let answer = desk.ask(POST);
    assert_eq!((answer.status, answer.code()), (502, "SNW-8050"));
    // Whether the third came at all depends on when the gateway heard that the connection had ended; none came twice.
    assert!((2..=3).contains(&count.load(Ordering::SeqCst)));
}

#[test]
fn a_connection_that_the_server_closes_while_it_is_used_again_costs_nothing() {
    let origin = Origin::start(|at| {
        at.request();
        at.say(OK);
        // The next one on this connection is read and not answered.
        if at.number == 0 {
            at.request();
        }
    });
    let desk = Desk::open(&origin);
    let mut caller = desk.connect();
    for _ in 0..2 {
        caller.say(GET);
        assert_eq!(caller.answer().unwrap().status, 200);
    }
}

#[test]
fn an_answer_that_is_none_or_late_is_told_so() {
    for (said, status, code) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 502, "SNW-8051"),
        ("what?\r\n\r\n", 502, "SNW-8051"),
        ("", 504, "SNW-8052"),
    ] {
        let origin = Origin::start(move |at| {
            at.request();
            at.say(said);
            // Until the gateway goes.
            at.request();
        });
        let desk = Desk::new(
            &origin,
            &format!("{POOL}---{}", OPEN.replace("body_max", "deadline: 300ms, body_max")),
        );
        let answer = desk.ask(GET);
        assert_eq!((answer.status, answer.code()), (status, code), "{said}");
    }
}

#[test]
fn a_new_table_loses_nothing() {
    let origin = Origin::saying(OK);
    let mut desk = Desk::open(&origin);
    let (mut caller, moved) = (desk.connect(), OPEN.replace("routes:", "base_path: /new\nroutes:"));
    for round in 0..50 {
        let (resources, path) = if round % 2 == 0 { (OPEN, "/old") } else { (&*moved, "/new/x") };
        desk.go(&origin, &format!("{POOL}---{resources}"));
        let answered = (0..100).any(|_| {
            caller.say(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
            caller.answer().expect("the connection stays").status == 200
        });
        assert!(answered, "round {round}");
    }
}

#[test]
fn the_gateway_closes_when_what_is_under_way_has_ended() {
    let (free, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let origin = Origin::start(move |at| {
        at.request();
        let _ = held.lock().unwrap().recv();
        at.say(OK);
    });
    let desk = Desk::open(&origin);
    let (mut busy, idle) = (desk.connect(), desk.connect());
    busy.say(GET);
    while origin.seen().is_empty() {
        std::thread::yield_now();
    }
    let closing = std::thread::spawn(move || desk.close());
    assert!(idle.ends());
    free.send(()).unwrap();
    let answer = busy.answer().unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(closing.join().unwrap().len(), 1);
}
