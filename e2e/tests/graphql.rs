//! GraphQL from outside: import, look, try, and flows that ask for what they read; with the sandbox's market and with a
//! server that nobody here wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sinew_e2e::{Peer, Said, World, fast, sandbox_secrets, sinew_with};
use sinew_sandbox::Tuning;

const OWNER: &str = "owner: { team: t, contact: c@example.com, runbook: r.md }";

fn says(folder: &Path, words: &[&str]) -> Said {
    sinew_with(folder, words, "", &sandbox_secrets())
}

/// Imports a schema from where it is served, with a connection to it.
fn import(folder: &Path, name: &str, url: &str, auth: &str, rest: &str) -> String {
    let said = says(folder, &["import", "graphql", url, "--name", name, "--allow", "loopback"]).ok().out;
    let connector = folder.join(format!("connectors/{name}.yaml"));
    let text = fs::read_to_string(&connector).unwrap();
    fs::write(&connector, format!("{text}\n{rest}")).unwrap();
    let connection = format!(
        "kind: Connection\nname: {name}\nconnector: {name}@1\n{OWNER}\nbase_url: {url}\nauth: {auth}\naccess: write\n\
         egress: {{ allow: [loopback] }}\n"
    );
    fs::write(folder.join("connection.yaml"), connection).unwrap();
    said
}

fn tried(folder: &Path, call: &str, input: &Value) -> Said {
    let input = input.to_string();
    says(folder, &["connector", "try", call, "--input", &input, "--yes", "--output", "json"])
}

/// The market's schema and connection, and these flows, in a world of their own.
fn market(tuning: Tuning, rest: &str, flows: &str) -> World {
    let mut world = World::prepare(1, tuning, Vec::new());
    world.change_projects(&[], &mut fast);
    world.write_own(flows);
    let own = world.project("own");
    let url = format!("{}/market/graphql", world.sandbox.base());
    let said = import(
        &own,
        "market",
        &url,
        "{ api_key: { header: X-Market-Token, key: secret:market/token } }",
        rest,
    );
    assert!(said.contains("10 operations (6 read, 2 write, 2 destructive)"), "{said}");
    world.options.projects.push(own);
    world
}

fn flow(name: &str, steps: &str) -> String {
    format!("---\nkind: Flow\nname: {name}\n{OWNER}\ntrigger: manual\n{steps}\n")
}

#[test]
fn a_flow_asks_for_what_it_reads_and_reads_all_pages() {
    let flows = flow(
        "titles",
        "steps:\n  - all: { call: market.products, with: { filter: { status: '\"ACTIVE\"' } }, all_pages: 10 }\n  \
         - one: { call: market.product, with: { id: trigger.id } }\n  \
         - found: { call: market.search, with: { text: one.title } }\n\
         result: { count: $count(all), first: 'all[0].title', amount: one.price.amount, kinds: $distinct(found.__typename) }",
    );
    let mut world = market(Tuning::default(), "", &flows);
    world.serve();
    let run = world.start("titles", &json!({ "id": "prod_7" }));
    world.settled();
    let run = world.run(&run);
    assert_eq!(run["run"]["status"], "finished", "{run}");
    let result = &run["result"];
    assert_eq!(result["count"], 207, "{run}");
    assert!(result["amount"].as_str().unwrap().contains('.'), "{run}");
    assert_eq!(result["kinds"], "Product", "{run}");
}

#[test]
fn a_spent_budget_of_points_is_waited_for_and_an_order_is_placed_once() {
    let flows = flow(
        "order",
        "steps:\n  - placed:\n      call: market.orderCreate\n      \
         with: { input: { reference: trigger.ref, lines: [{ productId: trigger.product, quantity: 2 }] } }\n      \
         retry: { attempts: 20, base: 10ms, max: 100ms }\n\
         result: { id: placed.order.id, refused: placed.userErrors.message }",
    );
    // Each order costs 12 points: two are there at once, and one more every 50 ms or so.
    let tuning = Tuning { market_points: 30, market_points_per_s: 200, ..Tuning::default() };
    let mut world = market(tuning, "idempotency: Idempotency-Key", &flows);
    world.serve();
    for n in 0..12 {
        world.start("order", &json!({ "ref": format!("r-{n}"), "product": "prod_1" }));
    }
    let runs = world.settled();
    assert!(runs.iter().all(|run| run["status"] == "finished"), "{runs:?}");
    let orders = world.sandbox.get("/_control/truth/summary").json();
    assert_eq!(orders["effects"]["market"]["order.created"]["total"], 12, "{orders}");
}

#[test]
fn what_a_schema_does_not_have_is_found_before_anything_runs() {
    let flows = flow(
        "typo",
        "steps:\n  - one: { call: market.product, with: { id: trigger.id } }\nresult: { title: one.titel }",
    );
    let world = market(Tuning::default(), "", &flows);
    let said = says(&world.project("own"), &["validate"]);
    let text = format!("{}{}", said.out, said.err);
    assert!(text.contains("SNW-1317") && text.contains("did you mean `title`?"), "{text}");
    let rest = "corrections: { product: { select: 'id variants { sku }' } }";
    let world = market(Tuning::default(), rest, &flow("none", "steps: [{ nothing: { map: 1 } }]"));
    let said = says(&world.project("own"), &["validate"]);
    assert!(format!("{}{}", said.out, said.err).contains("SNW-1318"), "{} {}", said.out, said.err);
}

#[test]
fn errors_beside_data_fail_a_read_unless_they_are_asked_for() {
    let world = market(
        Tuning::default(),
        "corrections: { order: { partial: true } }",
        &flow("none", "steps: [{ nothing: { map: 1 } }]"),
    );
    let own = world.project("own");
    world.sandbox.post("/_control/market/broken", &json!(["supplier"]));
    let refused = tried(&own, "market.product", &json!({ "id": "prod_1" }));
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("INTERNAL_SERVER_ERROR"), "{}", refused.err);
    world.sandbox.post("/_control/market/broken", &json!(["total"]));
    let placed = json!({ "input": { "lines": [{ "productId": "prod_1" }] } });
    // The write is done: that its total cannot be told does not undo it.
    let written = tried(&own, "market.orderCreate", &placed);
    assert!(written.code != 0 || written.json()["value"].is_object(), "{}", written.out);
    world.sandbox.post("/_control/market/broken", &json!([]));
    let order = tried(&own, "market.orderCreate", &placed).ok().json()["value"]["order"]["id"].clone();
    let told = tried(&own, "market.order", &json!({ "id": order })).ok().json();
    assert_eq!((&told["value"]["data"]["id"], &told["value"]["errors"]), (&order, &json!([])));
    let wrong = tried(&own, "market.product", &json!({}));
    assert!(wrong.code == 1 && wrong.err.contains("id"), "{}", wrong.err);
}

#[test]
fn a_server_that_nobody_here_wrote_is_understood() {
    let Some(yoga) = Peer::of_node("a_server_that_nobody_here_wrote_is_understood", "graphql-yoga") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let said = import(at, "tickets", yoga.url(), "none", "corrections: { fragile: { partial: true } }");
    assert!(said.contains("7 operations (5 read, 1 write, 1 destructive)"), "{said}");
    let value = |call: &str, input: Value| tried(at, call, &input).ok().json()["value"].clone();

    let ticket = value("tickets.ticket", json!({ "id": "t6" }));
    assert_eq!(
        (&ticket["subject"], &ticket["level"], &ticket["owner"]),
        (&json!("Ticket 6"), &json!("HIGH"), &json!({ "id": "p1" }))
    );
    let page = value("tickets.tickets", json!({ "first": 2, "level": "HIGH" }));
    assert_eq!(page["pageInfo"], json!({ "hasNextPage": true, "endCursor": "t6" }));
    // `weight` is a number here and a text there: kept apart on the wire, and one field to whoever reads it.
    let found = value("tickets.find", json!({ "text": "Ada" }));
    assert_eq!((&found[0]["__typename"], &found[0]["weight"]), (&json!("Person"), &json!("light")));
    assert_eq!(value("tickets.find", json!({ "text": "Ticket 9" }))[0]["weight"], json!(8));
    let opened = value("tickets.ticketOpen", json!({ "input": { "subject": "New" } }));
    assert_eq!((&opened["ticket"]["subject"], &opened["ticket"]["level"]), (&json!("New"), &json!("LOW")));
    assert_eq!(value("tickets.ticketDelete", json!({ "id": "t1" })), json!("t1"));
    let fragile = value("tickets.fragile", json!({}));
    assert_eq!(
        (&fragile["data"]["id"], &fragile["errors"][0]["code"]),
        (&json!("t2"), &json!("DOWNSTREAM_SERVICE_ERROR"))
    );

    let refused = |call: &str, input: Value| {
        let said = tried(at, call, &input);
        assert_eq!(said.code, 1, "{}", said.out);
        said.err
    };
    let error = refused("tickets.ticketOpen", json!({ "input": { "subject": "refused" } }));
    assert!(error.contains("BAD_USER_INPUT: no such subject"), "{error}");
    let error = refused("tickets.secret", json!({}));
    assert!(error.contains("UNAUTHENTICATED: sign in first"), "{error}");
    let error = refused("tickets.tickets", json!({ "level": "MIDDLE" }));
    assert!(error.contains("/level"), "{error}");
}
