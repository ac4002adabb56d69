//! PostgreSQL as a system like any other: read and written by operations, polled, refused and lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::service::{PASSWORD, Postgres, USER, authority};
use sinew_e2e::{Said, World, sinew_with, until};

const PATIENCE: Duration = Duration::from_mins(1);

const CONNECTOR: &str = r#"
kind: Connector
name: orders-database
version: "1"
transport: postgres
operations:
  newOrders: { sql: "select id, customer, total from orders where id > :after order by id" }
  allOrders: { sql: { statement: "select id, total from orders order by id", page: 250 } }
  book:
    sql: "insert into booked (order_id, total) values (:order, :total::numeric)"
  bookOnce:
    sql: "insert into booked (order_id, total) values (:order, :total) on conflict (order_id) do nothing"
    idempotency: natural
  bookSlowly:
    sql: "insert into booked (order_id, total) select :order, :total from pg_sleep(20)"
  everyType:
    sql:
      statement: |
        select :whole::int8 as whole, :amount::numeric as amount, :at::timestamptz as at, :id::uuid as id,
               :amount::numeric = 12345678901234567890.1234567890 as whole_amount, :tree::jsonb as tree, :list::text[] as list, :bytes::bytea as bytes, :nothing::text as nothing,
               'infinity'::date as never, interval '1 month 2 days 03:04:05.5' as span, array[[1,2],[3,4]] as grid,
               'a:b' as ":not", '10.0.0.1/8'::inet as net
      answer: row
  slow: { sql: "select pg_sleep(:seconds::float8)", deadline: 300ms }
  cheat: { sql: "select count(*) from pg_sleep(0), lateral (select book_one()) as x", effect: read }
"#;

fn connection(url: &str, tls: &str) -> String {
    format!(
        "---\nkind: Connection\nname: db\nconnector: orders-database@1\n\
         owner: {{ team: t, contact: c@example.com, runbook: r.md }}\nbase_url: {url}\n\
         auth: {{ basic: {{ username: {USER}, password: secret:db/password }} }}\naccess: write\n\
         egress: {{ allow: [loopback] }}\n{tls}\n"
    )
}

fn trusting() -> String {
    let pem = std::fs::read_to_string(authority()).unwrap().replace('\n', "\n    ");
    format!("tls:\n  ca: |\n    {pem}")
}

fn secrets(password: &str) -> Vec<(String, String)> {
    vec![("SINEW_SECRET_DB_PASSWORD".to_owned(), password.to_owned())]
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &Value, password: &str) -> Said {
    let words = ["connector", "try", call, "--input", &input.to_string(), "--yes"];
    sinew_with(folder, &words, "", &secrets(password))
}

fn project(documents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), documents).unwrap();
    folder
}

const TABLES: &str = "
    create table orders (id int8 primary key, customer text, total numeric(30, 10));
    create table booked (order_id int8 primary key, total numeric);
    create function book_one() returns int8 language sql as
      'insert into booked values (1, 1) returning order_id';
    insert into orders select n, 'c' || n, n + 12345678901234567890.0123456789 from generate_series(1, 2000) as n;";

#[test]
fn values_of_every_type_go_there_and_back_whole() {
    let test = "values_of_every_type_go_there_and_back_whole";
    let Some(postgres) = Postgres::start(test, true) else { return };
    postgres.sql(TABLES);
    let folder = project(&format!("{CONNECTOR}{}", connection(&postgres.url(), &trusting())));
    let input = r#"{"whole":9007199254740993,"amount":12345678901234567890.1234567890,"at":"2026-11-21T09:00:00.123456+01:00",
        "id":"01234567-89ab-cdef-0123-456789abcdef","tree":{"n":0.10,"deep":[1,null]},"list":["a","b\"c",null],
        "bytes":"AP8=","nothing":null}"#;
    let words = ["connector", "try", "db.everyType", "--input", input];
    let said = sinew_with(folder.path(), &words, "", &secrets(PASSWORD)).ok().out;
    for part in [
        "\"whole\": 9007199254740993",
        "\"whole_amount\": true",
        "\"at\": \"2026-11-21T08:00:00.123456Z\"",
        "\"id\": \"01234567-89ab-cdef-0123-456789abcdef\"",
        "\"n\": 0.1",
        "\"b\\\"c\"",
        "\"bytes\": \"AP8=\"",
        "\"nothing\": null",
        "\"never\": \"infinity\"",
        "\"span\": \"P1M2DT3H4M5.5S\"",
        "\":not\": \"a:b\"",
        "\"net\": \"10.0.0.1/8\"",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn what_the_database_refuses_says_why_and_how_to_mend_it() {
    let test = "what_the_database_refuses_says_why_and_how_to_mend_it";
    let (Some(secure), Some(plain)) = (Postgres::start(test, true), Postgres::start(test, false)) else {
        return;
    };
    secure.sql(TABLES);
    let trusted = project(&format!("{CONNECTOR}{}", connection(&secure.url(), &trusting())));
    let order = json!({ "order": 1, "total": 5 });
    let check = |folder: &Path, call: &str, input: &Value, password: &str, code: &str, words: &str| {
        let said = called(folder, call, input, password);
        let told = format!("{}{}", said.out, said.err);
        assert!(said.code != 0 && told.contains(code) && told.contains(words), "{call}: {told}");
        assert!(!told.contains(PASSWORD), "the password shows: {told}");
    };
    let at = trusted.path();
    check(at, "db.book", &order, "wrong", "SNW-2021", "password authentication failed");
    called(at, "db.book", &order, PASSWORD).ok();
    check(at, "db.book", &order, PASSWORD, "SNW-2041", "duplicate key value");
    called(at, "db.bookOnce", &order, PASSWORD).ok();
    check(at, "db.book", &json!({ "order": "x", "total": 1 }), PASSWORD, "SNW-2040", "22P02");
    check(at, "db.book", &json!({ "order": {}, "total": 1 }), PASSWORD, "SNW-2052", "`:order`");
    check(at, "db.book", &json!({ "total": 1 }), PASSWORD, "SNW-2051", "`order`");
    check(at, "db.slow", &json!({ "seconds": 60 }), PASSWORD, "SNW-2005", "57014");
    check(at, "db.cheat", &json!({}), PASSWORD, "SNW-2040", "read-only transaction");
    // Who it is has to be proved, and nothing goes out in clear unless the connection says so.
    let strange = project(&format!("{CONNECTOR}{}", connection(&secure.url(), "")));
    check(strange.path(), "db.newOrders", &json!({ "after": 0 }), PASSWORD, "SNW-2015", "tls: { ca: ... }");
    let clear = project(&format!("{CONNECTOR}{}", connection(&plain.url(), "")));
    check(clear.path(), "db.newOrders", &json!({ "after": 0 }), PASSWORD, "SNW-2018", "mode: none");
    let meant = project(&format!("{CONNECTOR}{}", connection(&plain.url(), "tls: { mode: none }")));
    check(meant.path(), "db.newOrders", &json!({ "after": 0 }), PASSWORD, "SNW-2040", "orders");
    // The address is looked at before anybody dials.
    let barred = connection(&plain.url(), "tls: { mode: none }").replace("egress", "description_egress");
    let barred = barred.lines().filter(|line| !line.starts_with("description_egress")).collect::<Vec<_>>();
    let barred = project(&format!("{CONNECTOR}{}", barred.join("\n")));
    check(barred.path(), "db.newOrders", &json!({ "after": 0 }), PASSWORD, "SNW-2010", "loopback");
}

const FLOWS: &str = "
---
kind: Flow
name: follow-orders
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: { poll: { call: db.newOrders, with: { after: cursor }, every: 1s, start: 0, cursor: id, dedupe: $string(id) } }
steps:
  - book:
      call: db.book
      with: { order: trigger.id, total: trigger.total }
---
kind: Flow
name: copy-orders
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - all:
      each:
        pages: { call: db.allOrders }
        concurrency: 8
        steps:
          - copy: { call: db.bookOnce, with: { order: item.id, total: item.total } }
result: { ok: all.ok, failed: all.failed }
---
kind: Flow
name: book-slowly
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - book: { call: db.bookSlowly, with: { order: '777', total: '1' } }
";

/// A world with a database, and one flow of [`FLOWS`].
fn world(postgres: &Postgres, flow: &str) -> World {
    let flows: Vec<_> = FLOWS.split("---").filter(|of| of.contains(&format!("name: {flow}\n"))).collect();
    let own = format!("{CONNECTOR}{}---{}", connection(&postgres.url(), &trusting()), flows.join("---"));
    let mut world = World::prepare(1, sinew_sandbox::Tuning::default(), Vec::new());
    world.write_own(&own);
    let project = world.project("own");
    world.options.projects.push(project);
    world.options.env.extend(secrets(PASSWORD));
    world.serve();
    world
}

#[test]
fn rows_that_are_new_start_runs_and_a_unique_constraint_is_told() {
    let test = "rows_that_are_new_start_runs_and_a_unique_constraint_is_told";
    let Some(postgres) = Postgres::start(test, true) else { return };
    postgres.sql(TABLES);
    postgres.sql("delete from orders where id > 40; insert into booked values (7, 0)");
    let mut world = world(&postgres, "follow-orders");
    let booked = |count: &str| {
        until("the orders to be booked", PATIENCE, || {
            (postgres.sql("select count(*) from booked") == count).then_some(())
        });
    };
    booked("40");
    world.kill();
    postgres.sql("insert into orders select n, 'late', n from generate_series(41, 50) as n");
    world.serve();
    booked("50");
    world.settled();
    let same = "select count(*) from booked join orders on order_id = id and booked.total = orders.total";
    assert_eq!(postgres.sql(same), "49", "all but the one that was there before");
    let letters = world.letters("status=open");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = world.letter(letters[0]["id"].as_str().unwrap()).to_string();
    assert!(letter.contains("SNW-2041") && letter.contains("(order_id)=(7) already exists"), "{letter}");
    assert!(letter.contains("insert into booked") && !letter.contains(PASSWORD), "{letter}");
}

#[test]
fn each_goes_over_all_rows_of_a_statement_also_after_a_kill() {
    let test = "each_goes_over_all_rows_of_a_statement_also_after_a_kill";
    let Some(postgres) = Postgres::start(test, true) else { return };
    postgres.sql(TABLES);
    let mut world = world(&postgres, "copy-orders");
    let run = world.start("copy-orders", &json!({}));
    until("some rows to be copied", PATIENCE, || {
        (postgres.sql("select count(*) from booked").parse::<u32>().unwrap() > 300).then_some(())
    });
    world.kill();
    world.serve();
    let end = world.end_of(&run);
    assert_eq!(end["run"]["status"], "finished", "{end}");
    // No digit of a number was lost on the way out of one table and into the other.
    let same = "select count(*) from booked join orders on order_id = id and booked.total = orders.total";
    assert_eq!(postgres.sql(same), "2000");
}

#[test]
fn a_write_whose_server_is_killed_is_unknown_and_not_sent_again() {
    let test = "a_write_whose_server_is_killed_is_unknown_and_not_sent_again";
    let Some(mut postgres) = Postgres::start(test, true) else { return };
    postgres.sql(TABLES);
    let world = world(&postgres, "book-slowly");
    let run = world.start("book-slowly", &json!({}));
    until("the statement to be under way", PATIENCE, || {
        let active = "select count(*) from pg_stat_activity where query like 'insert%' and state = 'active'";
        (postgres.sql(active) == "1").then_some(())
    });
    postgres.0.kill();
    let end = world.end_of(&run);
    assert_eq!(end["run"]["status"], "dead", "{end}");
    let letters = world.letters("status=open");
    let letter = world.letter(letters[0]["id"].as_str().unwrap());
    assert!(letter.to_string().contains("\"reason\":\"unknown\""), "{letter}");
    postgres.0.restart();
    assert_eq!(postgres.sql("select count(*) from booked"), "0");
}
