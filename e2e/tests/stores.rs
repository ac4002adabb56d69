//! MariaDB and Redis as systems like any other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::service::{Mariadb, PASSWORD, Redis, USER, authority};
use sinew_e2e::{Said, World, sinew_with, until};

const PATIENCE: Duration = Duration::from_mins(1);

const TABLES: &str = "
    create table orders (id bigint unsigned primary key, customer varchar(50), total decimal(30, 10));
    insert into orders select seq, concat('c', seq), seq + 0.10 from seq_1_to_1200;
    create table booked (id int auto_increment primary key, order_id bigint unique, total decimal(30, 10));
    create table kinds (big bigint unsigned, amount decimal(30, 10), at timestamp(6), day date, span time(3),
      raw varbinary(10), name varchar(20), flag boolean, real8 double, nothing int);";

const MARIADB: &str = r#"
kind: Connector
name: orders-database
version: "1"
transport: mysql
operations:
  allOrders: { sql: { statement: "select id, total from orders order by id", page: 250 } }
  book:
    sql: "insert into booked (order_id, total) values (:order, :total)"
    probe: { call: findBooked, with: { order: input.order }, found: order_id }
  findBooked: { sql: { statement: "select order_id from booked where order_id = :order", answer: row } }
  keep:
    sql: |
      insert into kinds values (:big, :amount, :at, :day, '-26:03:04.5', from_base64(:raw), :name, :flag, 0.1, :nothing)
  kept: { sql: { statement: "select * from kinds where name = :name and name = :name", answer: row } }
  newOrders: { sql: "select id, customer, total from orders where id > :after order by id" }
  bookOnce:
    sql: "insert ignore into booked (order_id, total) values (:order, :total)"
    idempotency: natural
  bookSlowly: { sql: "insert into booked (order_id, total) select :order, sleep(20)" }
  allNotes: { sql: "select seq as amount, repeat('lorem ', 100) as note from seq_0_to_199999" }
  slow: { sql: "select sum(a.seq * b.seq) as added from seq_1_to_100000 as a, seq_1_to_100000 as b where a.seq < :most", deadline: 300ms }
  cheat: { sql: "delete from booked", effect: read }
  archive: { sql: "insert into archive.orders values (:order)" }
  open: { sql: "start transaction" }
  question: { sql: "select ? as one" }
"#;

fn connection(connector: &str, url: &str, tls: &str) -> String {
    format!(
        "---\nkind: Connection\nname: store\nconnector: {connector}@1\n\
         owner: {{ team: t, contact: c@example.com, runbook: r.md }}\nbase_url: {url}\n\
         auth: {{ basic: {{ username: {USER}, password: secret:store/password }} }}\naccess: write\n\
         egress: {{ allow: [loopback] }}\n{tls}\n"
    )
}

fn trusting() -> String {
    let pem = std::fs::read_to_string(authority()).unwrap().replace('\n', "\n    ");
    format!("tls:\n  ca: |\n    {pem}")
}

fn project(documents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), documents).unwrap();
    folder
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &str, password: &str) -> Said {
    let words = ["connector", "try", call, "--input", input, "--yes"];
    let secret = [("SINEW_SECRET_STORE_PASSWORD".to_owned(), password.to_owned())];
    sinew_with(folder, &words, "", &secret)
}

fn check(folder: &Path, call: &str, input: &Value, code: &str, words: &str) {
    let said = called(folder, call, &input.to_string(), PASSWORD);
    let told = format!("{}{}", said.out, said.err);
    assert!(said.code != 0 && told.contains(code) && told.contains(words), "{call}: {told}");
    assert!(!told.contains(PASSWORD), "the password shows: {told}");
}

#[test]
fn mariadb_is_read_and_written_and_says_why_it_refuses() {
    let test = "mariadb_is_read_and_written_and_says_why_it_refuses";
    let (Some(secure), Some(plain)) = (Mariadb::start(test, true), Mariadb::start(test, false)) else {
        return;
    };
    secure.sql(TABLES);
    let folder = project(&format!("{MARIADB}{}", connection("orders-database", &secure.url(), &trusting())));
    let at = folder.path();
    let input = r#"{"big":18446744073709551615,"amount":12345678901234567890.123456789,
        "at":"2026-11-21 08:00:00.123456","day":"2026-11-21","raw":"AP8=","name":"it's","flag":true,"nothing":null}"#;
    let said = called(at, "store.keep", input, PASSWORD).ok().out;
    assert!(said.contains("\"changed\": 1"), "{said}");
    let said = called(at, "store.kept", r#"{"name":"it's"}"#, PASSWORD).ok().out;
    for part in [
        "\"big\": 18446744073709551615",
        "\"at\": \"2026-11-21T08:00:00.123456Z\"",
        "\"day\": \"2026-11-21\"",
        "\"span\": \"-26:03:04.500000\"",
        "\"raw\": \"AP8=\"",
        "\"name\": \"it's\"",
        "\"flag\": 1",
        "\"real8\": 0.1",
        "\"nothing\": null",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(secure.sql("select amount from kinds"), "12345678901234567890.1234567890");
    let order = json!({ "order": 1, "total": 5 });
    let booked = called(at, "store.book", &order.to_string(), PASSWORD).ok().out;
    assert!(booked.contains("\"id\": 1"), "{booked}");
    check(at, "store.book", &order, "SNW-2041", "Duplicate entry");
    check(at, "store.book", &json!({ "order": "many", "total": 5 }), "SNW-2040", "1366");
    check(at, "store.cheat", &json!({}), "SNW-2040", "READ ONLY");
    check(at, "store.keep", &json!({ "big": -1, "name": "x" }), "SNW-2051", "`amount`");
    check(at, "store.archive", &json!({ "order": 1 }), "SNW-2022", "1142");
    check(at, "store.question", &json!({}), "SNW-2040", "write `:name`");
    check(at, "store.slow", &json!({ "most": 100_000 }), "SNW-2005", "1317");
    assert_eq!(
        secure.sql("select count(*) from information_schema.processlist where info like 'select sum%'"),
        "0",
        "it was called off"
    );
    let wrong = called(at, "store.book", &order.to_string(), "wrong");
    assert!(wrong.code != 0 && wrong.err.contains("SNW-2021"), "{}", wrong.err);
    let clear = project(&format!("{MARIADB}{}", connection("orders-database", &plain.url(), "")));
    check(clear.path(), "store.book", &order, "SNW-2018", "mode: none");
    let meant =
        project(&format!("{MARIADB}{}", connection("orders-database", &plain.url(), "tls: { mode: none }")));
    check(meant.path(), "store.book", &order, "SNW-2040", "booked");
    let strange = project(&format!("{MARIADB}{}", connection("orders-database", &secure.url(), "")));
    check(strange.path(), "store.book", &order, "SNW-2015", "tls: { ca: ... }");
}

const FLOWS: &str = "
---
kind: Flow
name: follow-orders
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: { poll: { call: store.newOrders, with: { after: cursor }, every: 1s, start: 0, cursor: id, dedupe: $string(id) } }
steps:
  - book: { call: store.book, with: { order: trigger.id, total: trigger.total } }
---
kind: Flow
name: copy-orders
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - all:
      each:
        pages: { call: store.allOrders }
        concurrency: 8
        steps:
          - copy: { call: store.bookOnce, with: { order: item.id, total: item.total } }
result: { ok: all.ok, failed: all.failed }
---
kind: Flow
name: add-notes
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - all:
      each:
        pages: { call: store.allNotes }
        as: rows
        batch: 1000
        steps: [{ sum: { map: $sum(rows.amount) } }]
        reduce: { start: { total: 0 }, with: { total: acc.total + result } }
result: all
---
kind: Flow
name: book-slowly
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - book: { call: store.bookSlowly, with: { order: 777 } }
---
kind: Flow
name: take
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - taken: { call: store.take }
";

/// A world with a store, and one flow of [`FLOWS`].
fn world(connector: &str, connection: &str, flow: &str) -> World {
    let flows: Vec<_> = FLOWS.split("---").filter(|of| of.contains(&format!("name: {flow}\n"))).collect();
    let own = format!("{connector}{connection}---{}", flows.join("---"));
    let mut world = World::prepare(1, sinew_sandbox::Tuning::default(), Vec::new());
    world.write_own(&own);
    let project = world.project("own");
    world.options.projects.push(project);
    world.options.env.push(("SINEW_SECRET_STORE_PASSWORD".to_owned(), PASSWORD.to_owned()));
    world.serve();
    world
}

fn mariadb_world(mariadb: &Mariadb, flow: &str) -> World {
    world(MARIADB, &connection("orders-database", &mariadb.url(), &trusting()), flow)
}

const SAME: &str =
    "select count(*) from booked join orders on order_id = orders.id and booked.total = orders.total";

#[test]
fn rows_that_are_new_in_mariadb_start_runs_and_kills_lose_none() {
    let test = "rows_that_are_new_in_mariadb_start_runs_and_kills_lose_none";
    let Some(mariadb) = Mariadb::start(test, true) else { return };
    mariadb.sql(TABLES);
    mariadb.sql("delete from orders where id > 100; insert into booked (order_id, total) values (450, 0)");
    let mut world = mariadb_world(&mariadb, "follow-orders");
    let booked = |count: u32| {
        until("the orders to be booked", PATIENCE, || {
            (mariadb.sql("select count(*) from booked").parse::<u32>().unwrap() >= count).then_some(())
        });
    };
    for round in 1..=4_u32 {
        booked(round * 100 - 60);
        world.kill();
        let (from, to) = (round * 100 + 1, round * 100 + 100);
        mariadb.sql(&format!("insert into orders select seq, 'late', seq from seq_{from}_to_{to}"));
        world.serve();
    }
    booked(500);
    world.settled();
    assert_eq!(mariadb.sql(SAME), "499", "all but the one that was there before");
    let letters = world.letters("status=open");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = world.letter(letters[0]["id"].as_str().unwrap()).to_string();
    assert!(letter.contains("SNW-2041") && letter.contains("'450' for key 'order_id'"), "{letter}");
}

#[test]
fn each_goes_over_all_rows_of_mariadb_also_after_a_kill() {
    let test = "each_goes_over_all_rows_of_mariadb_also_after_a_kill";
    let Some(mariadb) = Mariadb::start(test, true) else { return };
    mariadb.sql(TABLES);
    let mut world = mariadb_world(&mariadb, "copy-orders");
    let run = world.start("copy-orders", &json!({}));
    until("some rows to be copied", PATIENCE, || {
        (mariadb.sql("select count(*) from booked").parse::<u32>().unwrap() > 300).then_some(())
    });
    world.kill();
    world.serve();
    let end = world.end_of(&run);
    assert_eq!(end["run"]["status"], "finished", "{end}");
    assert_eq!(mariadb.sql(SAME), "1200");
}

#[test]
fn a_large_answer_of_mariadb_is_never_held_whole() {
    let test = "a_large_answer_of_mariadb_is_never_held_whole";
    let Some(mariadb) = Mariadb::start(test, true) else { return };
    let mut world = mariadb_world(&mariadb, "add-notes");
    let run = world.start("add-notes", &json!({}));
    let run = world.run_in(&run, "finished");
    assert_eq!(run["result"]["reduced"]["total"], json!(199_999_u64 * 100_000), "{run}");
    let (_, most_kb) = world.server().memory_kb();
    assert!(most_kb < 100 << 10, "{most_kb} kB at most");
    world.stop();
}

/// Kills a store while it does what nobody will tell the end of.
fn check_unknown(world: &World, flow: &str, kill: impl FnOnce()) {
    let run = world.start(flow, &json!({}));
    kill();
    let end = world.end_of(&run);
    assert_eq!(end["run"]["status"], "dead", "{end}");
    let letters = world.letters("status=open");
    let letter = world.letter(letters[0]["id"].as_str().unwrap());
    assert!(letter.to_string().contains("\"reason\":\"unknown\""), "{letter}");
}

#[test]
fn a_write_to_mariadb_whose_answer_is_lost_is_unknown() {
    let test = "a_write_to_mariadb_whose_answer_is_lost_is_unknown";
    let Some(mut mariadb) = Mariadb::start(test, true) else { return };
    mariadb.sql(TABLES);
    let world = mariadb_world(&mariadb, "book-slowly");
    check_unknown(&world, "book-slowly", || {
        until("the statement to be under way", PATIENCE, || {
            let active = "select count(*) from information_schema.processlist where info like 'insert%'";
            (mariadb.sql(active) == "1").then_some(())
        });
        mariadb.0.kill();
    });
    mariadb.0.restart();
    assert_eq!(mariadb.sql("select count(*) from booked"), "0");
}

const REDIS: &str = r#"
kind: Connector
name: cache
version: "1"
transport: redis
operations:
  keep: { command: [SET, 'order:{id}', '{value}', EX, '100'], idempotency: natural }
  get: { command: { words: [GET, 'order:{id}'], json: true } }
  many: { command: [MGET, '{keys*}'] }
  put: { command: [HSET, 'h:{id}', '{fields*}'] }
  all: { command: [HGETALL, 'h:{id}'] }
  count: { command: [INCRBY, counter, '{by}'] }
  push: { command: [LPUSH, 'order:{id}', x] }
  forgetAll: { command: [FLUSHALL] }
  take: { command: [BLPOP, nothing, '30'], effect: write }
  half: { command: [EVAL, "redis.call('SET', KEYS[1], '1'); return redis.call('LPUSH', KEYS[1], '2')", '1', '{key}'] }
"#;

#[test]
fn redis_takes_input_as_arguments_and_answers_in_json() {
    let test = "redis_takes_input_as_arguments_and_answers_in_json";
    let (Some(secure), Some(plain)) = (Redis::start(test, true), Redis::start(test, false)) else { return };
    for (redis, tls) in [(&secure, trusting()), (&plain, String::new())] {
        let folder = project(&format!("{REDIS}{}", connection("cache", &redis.url(), &tls)));
        let at = folder.path();
        let says = |call: &str, input: &str| called(at, call, input, PASSWORD).ok().out;
        assert!(says("store.keep", r#"{"id":"a b\r\nDEL x","value":{"total":0.10}}"#).contains("OK"));
        assert!(says("store.get", r#"{"id":"a b\r\nDEL x"}"#).contains("\"total\": 0.1"));
        assert!(says("store.many", r#"{"keys":["nothing","order:a b\r\nDEL x"]}"#).contains("null"));
        assert!(says("store.put", r#"{"id":1,"fields":{"a":"1","b":2}}"#).contains('2'));
        assert!(says("store.all", r#"{"id":1}"#).contains("\"b\": \"2\""));
        assert!(says("store.count", r#"{"by":9007199254740993}"#).contains("9007199254740993"));
        check(at, "store.push", &json!({ "id": "a b\r\nDEL x" }), "SNW-2040", "WRONGTYPE");
        check(at, "store.get", &json!({}), "SNW-2051", "`id`");
        let wrong = called(at, "store.get", r#"{"id":1}"#, "wrong");
        assert!(wrong.code != 0 && wrong.err.contains("SNW-2021"), "{}", wrong.err);
        check(at, "store.forgetAll", &json!({}), "SNW-2022", "NOPERM");
        // A script that fails in the middle leaves what it had done before.
        check(at, "store.half", &json!({ "key": "k" }), "WRONGTYPE", "whether it took effect");
        assert_eq!(redis.says(&["GET", "k"]), "1");
        let third = redis.url().replace("/0", "/3");
        let folder = project(&format!("{REDIS}{}", connection("cache", &third, &tls)));
        called(folder.path(), "store.count", r#"{"by":2}"#, PASSWORD).ok();
        assert_eq!(redis.says(&["-n", "3", "GET", "counter"]), "2");
        let none = redis.url().replace("/0", "/99");
        let folder = project(&format!("{REDIS}{}", connection("cache", &none, &tls)));
        check(folder.path(), "store.count", &json!({ "by": 2 }), "SNW-2042", "the database `99`");
    }
    let strange = project(&format!("{REDIS}{}", connection("cache", &secure.url(), "")));
    check(strange.path(), "store.get", &json!({ "id": 1 }), "SNW-2015", "tls: { ca: ... }");
}

#[test]
fn a_write_to_redis_whose_answer_is_lost_is_unknown() {
    let test = "a_write_to_redis_whose_answer_is_lost_is_unknown";
    let Some(mut redis) = Redis::start(test, true) else { return };
    let world = world(REDIS, &connection("cache", &redis.url(), &trusting()), "take");
    check_unknown(&world, "take", || {
        until("somebody to wait", PATIENCE, || {
            redis.says(&["INFO", "clients"]).contains("blocked_clients:1").then_some(())
        });
        redis.0.kill();
    });
}
