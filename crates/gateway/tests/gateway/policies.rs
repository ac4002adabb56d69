//! Who may call what, and how often.

use crate::desk::{Answer, Desk, KEY, Origin, POOL};

const RESOURCES: &str = "
kind: Plan
name: small
apis: [accounts]
rate: 3/h
---
kind: Plan
name: other
apis: [other]
concurrency: 1
---
kind: Consumer
name: ann
owner: { team: t, contact: c@example.com, runbook: r.md }
plan: small
scopes: [read]
keys: [secret:keys/ann]
---
kind: Consumer
name: ben
owner: { team: t, contact: c@example.com, runbook: r.md }
plan: other
keys: [secret:keys/ben]
---
kind: Api
name: accounts
owner: { team: t, contact: c@example.com, runbook: r.md }
base_path: /accounts
auth: api_key
routes:
  - { path: 'GET /{id}', upstream: { name: origin, base_path: /internal } }
  - { path: 'PUT,DELETE /{id}', upstream: origin, scopes: [write] }
  - { path: 'GET /bearer', auth: { api_key: { header: Authorization } }, answer: { text: in } }
  - { path: 'GET /status', auth: none, answer: { json: { status: ok } } }
  - { path: 'GET /old', auth: none, redirect: /accounts/new }
---
kind: Api
name: other
owner: { team: t, contact: c@example.com, runbook: r.md }
base_path: /other
auth: api_key
routes: [{ path: '/', upstream: origin }]
";

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn desk(origin: &Origin) -> Desk {
    Desk::new(origin, &format!("{POOL}---{RESOURCES}"))
}

fn ask(desk: &Desk, line: &str, header: &str) -> Answer {
    desk.ask(&format!("{line} HTTP/1.1\r\nHost: a\r\n{header}Connection: close\r\n\r\n"))
}

#[test]
fn callers_prove_who_they_are() {
    let origin = Origin::saying(OK);
    let desk = desk(&origin);
    let check = |line, header: &str| {
        let answer = ask(&desk, line, header);
        (answer.status, if answer.status < 400 { String::new() } else { answer.code().to_owned() })
    };
    let no = |status, code: &str| (status, code.to_owned());
    assert_eq!(check("GET /accounts/1", ""), no(401, "SNW-8020"));
    assert_eq!(check("GET /accounts/1", "X-Api-Key: wrong-wrong-wrong\r\n"), no(401, "SNW-8021"));
    let key = format!("X-Api-Key: {KEY}\r\n");
    assert_eq!(check("GET /accounts/1", &key), no(200, ""));
    assert_eq!(check("GET /accounts/1", &format!("{key}{key}")), no(401, "SNW-8020"), "two keys are none");
    assert_eq!(check("PUT /accounts/1", &key), no(403, "SNW-8022"));
    assert_eq!(check("GET /accounts/1", &format!("X-Api-Key: ben{KEY}\r\n")), no(403, "SNW-8022"));
    assert_eq!(check("GET /accounts/bearer", &format!("Authorization: Bearer {KEY}\r\n")), no(200, ""));
    assert_eq!(check("GET /accounts/status", ""), no(200, ""));
    assert_eq!(check("GET /nowhere", ""), no(404, "SNW-8010"));
    assert_eq!(check("PATCH /accounts/1", ""), no(405, "SNW-8011"));
    let seen = origin.seen().remove(0);
    assert!(
        seen.starts_with("GET /internal/1 HTTP/1.1\r\n") && seen.contains("X-Consumer: ann\r\n"),
        "{seen}"
    );
    assert!(!seen.contains(KEY), "the key is nobody's business: {seen}");
    let records = desk.close();
    assert_eq!(records.iter().filter(|record| record.status == 401).count(), 3);
    assert!(records.iter().any(|record| record.consumer == Some(0) && record.key.is_some()));
}

#[test]
fn refusals_say_what_would_be_right() {
    let origin = Origin::saying(OK);
    let desk = desk(&origin);
    assert_eq!(ask(&desk, "PATCH /accounts/1", "").header("allow"), Some("DELETE, GET, HEAD, PUT"));
    assert_eq!(
        ask(&desk, "GET /accounts/1", "").header("www-authenticate"),
        Some("ApiKey header=\"x-api-key\"")
    );
    let refused = ask(&desk, "PUT /accounts/1", &format!("X-Api-Key: {KEY}\r\n"));
    assert!(refused.header("www-authenticate").unwrap().contains("scope=\"write\""));
    assert_eq!(ask(&desk, "GET /accounts/old", "").header("location"), Some("/accounts/new"));
}

#[test]
fn a_rate_is_told_kept_and_survives_a_change() {
    let origin = Origin::saying(OK);
    let mut desk = desk(&origin);
    let key = format!("X-Api-Key: {KEY}\r\n");
    for left in [2, 1, 0] {
        let answer = ask(&desk, "GET /accounts/1", &key);
        let told = answer.header("ratelimit").unwrap();
        assert!(told.starts_with(&format!("\"small\";r={left};t=")), "{told}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"small\";q=3;w=3600"));
    }
    desk.go(&origin, &format!("{POOL}---{RESOURCES}"));
    let refused = ask(&desk, "GET /accounts/1", &key);
    assert_eq!((refused.status, refused.code()), (429, "SNW-8030"));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1100..=1200).contains(&wait), "{wait}");
    assert_eq!(origin.seen().len(), 3);
}

#[test]
fn as_many_are_under_way_as_the_plan_allows() {
    let (free, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let origin = Origin::start(move |at| {
        while at.request().is_some() {
            let _ = held.lock().unwrap().recv();
            at.say(OK);
        }
    });
    let desk = desk(&origin);
    let request = format!("GET /other/ HTTP/1.1\r\nHost: a\r\nX-Api-Key: ben{KEY}\r\n\r\n");
    let mut first = desk.connect();
    first.say(&request);
    while origin.seen().is_empty() {
        std::thread::yield_now();
    }
    let second = desk.ask(&request);
    assert_eq!((second.status, second.code()), (429, "SNW-8031"));
    free.send(()).unwrap();
    assert_eq!(first.answer().unwrap().status, 200);
    free.send(()).unwrap();
    assert_eq!(desk.ask(&request).status, 200);
}
