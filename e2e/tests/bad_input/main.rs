//! Bad input of every kind: a clear coded error each time, nothing lost, and the server still serving.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod disk;
mod raw;
mod yaml;

use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{
    Server, ServerOptions, Submission, World, fast, free_port, now_s, sinew, standard_webhook, until,
};

use raw::{Raw, Sent};

const PATIENCE: Duration = Duration::from_mins(1);
/// What a refused body may cost in memory, however large it says it is.
const MEMORY_KB_MAX: u64 = 32 * 1024;

/// Takes anything, and one way never ends.
const FLOWS: &str = r"
kind: Flow
name: echo
owner: { team: platform, contact: platform@example.com, runbook: runbooks/echo.md }
trigger: { webhook: { path: echo, verify: none, dedupe: id } }
steps: [{ value: { map: trigger } }]
result: value
---
kind: Flow
name: forever
owner: { team: platform, contact: platform@example.com, runbook: runbooks/forever.md }
trigger: { webhook: { path: forever, verify: none } }
steps:
  - turns: { map: '($turn := function($n) { $turn($n + trigger.step) }; $turn(0))' }
result: turns
";

fn world(seed: u64) -> World {
    World::with_own(seed, FLOWS)
}

/// The server still takes work and does it.
fn check_serving(world: &World, id: &str) {
    let answer = world.hook("echo", &json!({ "id": id }));
    assert!(answer.is_ok(), "{answer:?}");
    world.run_in(&answer.run().unwrap(), "finished");
}

/// Refused with this status and code, and nothing is left behind.
fn check_refused(world: &World, sent: &Sent, status: u16, code: &str) {
    let got: Value = serde_json::from_str(&sent.body).unwrap_or_default();
    assert_eq!((sent.status, got["code"].as_str()), (status, Some(code)), "{sent:?}");
    assert!(got["correlation_id"].is_string() && got["detail"].is_string(), "{got:#}");
    assert!(world.runs("").is_empty(), "a refused delivery left a run behind");
}

#[test]
fn an_expression_that_never_ends_is_a_dead_letter_and_others_are_served_meanwhile() {
    let world = world(1);
    let run = world.hook("forever", &json!({ "step": 1 })).run().unwrap();
    check_serving(&world, "meanwhile");
    let dead = world.run_in(&run, "dead");
    assert_eq!(dead["failure"]["code"], "SNW-3001", "{:#}", dead["failure"]);
    assert_eq!(world.dead()[0]["reason"], "mapping");
    check_serving(&world, "afterwards");
}

#[test]
fn a_body_of_a_gigabyte_is_refused_before_it_comes() {
    let world = world(2);
    let (_, before) = world.server().memory_kb();
    let sent = Raw::to(world.server().hooks())
        .post("/hooks/echo", &[("content-length", "1073741824")])
        .flood(1 << 30);
    check_refused(&world, &sent, 413, "SNW-4005");
    assert!(sent.bytes < 64 << 20, "{} bytes were taken of what was refused", sent.bytes);
    let (_, after) = world.server().memory_kb();
    assert!(after < before + MEMORY_KB_MAX, "memory rose from {before} kB to {after} kB");
    check_serving(&world, "afterwards");
}

#[test]
fn a_streamed_body_without_end_is_refused_at_its_bound() {
    let world = world(3);
    let (_, before) = world.server().memory_kb();
    let sent = Raw::to(world.server().hooks())
        .post("/hooks/echo", &[("transfer-encoding", "chunked")])
        .flood_chunked(1 << 30);
    check_refused(&world, &sent, 413, "SNW-4005");
    assert!(sent.bytes < 64 << 20, "{} bytes were taken of what was refused", sent.bytes);
    let (_, after) = world.server().memory_kb();
    assert!(after < before + MEMORY_KB_MAX, "memory rose from {before} kB to {after} kB");
    check_serving(&world, "afterwards");
}

#[test]
fn a_body_that_stops_half_way_leaves_nothing_behind() {
    let world = world(4);
    let sent = Raw::to(world.server().hooks())
        .post("/hooks/echo", &[("content-length", "100")])
        .send(b"{\"id\": \"half");
    // Whoever hangs up in the middle may or may not hear the answer; if there is one it says what was wrong.
    if sent.status != 0 {
        check_refused(&world, &sent, 400, "SNW-4006");
    }
    assert!(world.runs("").is_empty());
    check_serving(&world, "afterwards");
}

#[test]
fn a_head_that_is_no_http_leaves_the_server_serving() {
    let world = world(5);
    for head in [
        "\0\0\0\0\r\n\r\n",
        "GET / SMTP/1.0\r\n\r\n",
        "POST /hooks/echo HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ] {
        let sent = Raw::to(world.server().hooks()).exactly(head.as_bytes());
        assert!(sent.status == 0 || (400..500).contains(&sent.status), "{head:?}: {sent:?}");
    }
    let smuggled = [("content-length", "4"), ("transfer-encoding", "chunked")];
    let sent = Raw::to(world.server().hooks()).post("/hooks/echo", &smuggled).send(b"0\r\n\r\n");
    assert!(!(200..300).contains(&sent.status) || world.runs("").len() <= 1, "{sent:?}");
    check_serving(&world, "afterwards");
}

#[test]
fn deep_json_and_text_that_is_none_are_refused_with_a_code() {
    let world = world(6);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&str, &[u8]); 5] = [
        ("deep", deep.as_bytes()),
        ("not utf-8", b"{\"id\": \"\xff\xfe\"}"),
        ("not json", b"{\"id\": }"),
        ("empty", b""),
        ("cut off", b"{\"id\": \"x\""),
    ];
    for (what, body) in cases {
        let answer = world.server().hooks().post_bytes("/hooks/echo", body, &[]);
        assert_eq!((answer.status, answer.code().as_str()), (400, "SNW-4001"), "{what}: {answer:?}");
    }
    assert!(world.runs("").is_empty());
    check_serving(&world, "afterwards");
}

#[test]
fn bad_requests_to_the_control_api_are_problems_with_a_code() {
    let world = world(7);
    let control = world.control();
    let deep = format!("{{\"flow\":\"echo\",\"input\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        (control.post_bytes("/v1/runs", deep.as_bytes(), &[]), 400, "SNW-6002"),
        (control.post_bytes("/v1/runs", b"\xff", &[]), 400, "SNW-6002"),
        (control.post("/v1/runs", &json!({ "flow": "ecko" })), 404, "SNW-5008"),
        (control.get("/v1/runs?limit=1000000"), 400, "SNW-6002"),
        (control.get("/v1/runs?stauts=dead"), 400, "SNW-6002"),
        (control.get("/v1/nothing"), 404, "SNW-6003"),
        (sinew_e2e::Http::new(control.base(), None).get("/v1/runs"), 401, "SNW-6001"),
        (sinew_e2e::Http::new(control.base(), Some("wrong".to_owned())).get("/v1/runs"), 401, "SNW-6001"),
    ];
    for (answer, status, code) in cases {
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    }
    check_serving(&world, "afterwards");
}

#[test]
fn forged_stale_and_replayed_deliveries_start_nothing() {
    let world = World::with_changed(8, &["new-hire", "closed-won-to-invoice"], &mut fast);
    let hooks = world.server().hooks();
    let badge = Submission::badge("9");
    let body = badge.body.to_string().into_bytes();
    let post = |secret: &str, at_s: u64, body: &[u8]| {
        let headers = standard_webhook(secret, "msg_1", at_s, &badge.body.to_string().into_bytes());
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        hooks.post_bytes("/hooks/badge-issued", body, &headers)
    };
    let refused = [
        (post("another-secret", now_s(), &body), "SNW-4010"),
        (post("badges-webhook-secret", now_s(), br#"{"badge_number":"B-9","employee_id":"10"}"#), "SNW-4010"),
        (post("badges-webhook-secret", now_s() - 3600, &body), "SNW-4011"),
        (post("badges-webhook-secret", now_s() + 3600, &body), "SNW-4011"),
        (hooks.post_bytes("/hooks/badge-issued", &body, &[]), "SNW-4010"),
        (
            hooks.post_bytes("/hooks/closed-won-to-invoice", &body, &[("x-crm-signature", "sha256=00")]),
            "SNW-4010",
        ),
    ];
    for (answer, code) in refused {
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "{answer:?}");
    }
    assert!(world.runs("").is_empty());
    let first = badge.send(world.server());
    let again = badge.send(world.server());
    assert_eq!((first.run(), again.json()["duplicate"].as_bool()), (again.run(), Some(true)));
    assert_eq!(world.settled().len(), 1);
}

#[test]
fn a_store_in_use_is_refused_to_a_second_server() {
    let world = world(9);
    let second = ServerOptions { listen: free_port(), control: free_port(), ..world.options.clone() };
    let said = Server::try_start(&second).err().expect("the second server must not start");
    assert!(said.contains("SNW-5002"), "{said}");
    check_serving(&world, "afterwards");
}

#[test]
fn a_store_from_a_later_version_is_left_alone() {
    let mut world = world(10);
    check_serving(&world, "before");
    world.stop();
    let db = world.options.data.join("sinew.db");
    let change = |sql: &str| rusqlite::Connection::open(&db).unwrap().execute(sql, []).unwrap();
    change("INSERT INTO schema_versions VALUES (999, 999)");
    let said = Server::try_start(&world.options).err().expect("an older version must not start");
    assert!(said.contains("SNW-5003") && said.contains("999"), "{said}");
    change("DELETE FROM schema_versions WHERE version = 999");
    world.serve();
    assert_eq!(world.runs("").len(), 1, "nothing was changed");
}

#[test]
fn a_file_that_is_no_store_is_said_to_be_none() {
    let mut world = world(11);
    world.stop();
    // What is in the log would be put back into the file.
    for beside in ["sinew.db-wal", "sinew.db-shm"] {
        let _ = std::fs::remove_file(world.options.data.join(beside));
    }
    std::fs::write(
        world.options.data.join("sinew.db"),
        "this is no database, and it is longer than a head\n".repeat(200),
    )
    .unwrap();
    let said = Server::try_start(&world.options).err().expect("it must not start");
    assert!(said.contains("SNW-5004"), "{said}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let world = world(12);
    let own = world.project("own").display().to_string();
    let (taken, free) = (world.options.control.to_string(), free_port().to_string());
    let arguments = ["serve", own.as_str(), "--data", "other", "--listen", &free, "--control", &taken];
    let said = sinew(world.folder(), &arguments);
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains("SNW-6015") && said.err.contains(&taken), "{}", said.err);
    let taken = world.options.listen.to_string();
    let arguments = ["serve", own.as_str(), "--data", "other", "--listen", &taken, "--control", &free];
    let said = sinew(world.folder(), &arguments);
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains("SNW-4030") && said.err.contains(&taken), "{}", said.err);
    until("the first to serve on", PATIENCE, || world.control().get("/v1/health").is_ok().then_some(()));
    check_serving(&world, "afterwards");
}
