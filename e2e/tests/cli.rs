//! The command line, as people and scripts use it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_e2e::{
    Http, Said, Server, Submission, World, examples, fast, free_port, sandbox_secrets, sinew, sinew_with,
    until,
};

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn map(arguments: &[&str], input: &str) -> Said {
    let mut all = vec!["map"];
    all.extend(arguments);
    sinew_with(here().path(), &all, input, &[])
}

fn project(folder: &Path, text: &str) -> String {
    let own = folder.join("own");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("flow.yaml"), text).unwrap();
    own.display().to_string()
}

const TYPO: &str = "kind: Flow\nname: typo\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
    trigger: manual\nsteps:\n  - customer: { call: crm.getContct, with: { id: trigger.id } }\n";

#[test]
fn validate_says_what_is_wrong_where_and_what_would_be_right() {
    let folder = here();
    let own = project(folder.path(), TYPO);
    let vendors = examples("vendors").display().to_string();
    let said = sinew(folder.path(), &["validate", &vendors, &own]);
    let text = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, 1, "{text}");
    for wanted in ["SNW-1203", "flow.yaml:6:", "crm.getContct", "crm.getContact", "not valid: 1 error"] {
        assert!(text.contains(wanted), "no `{wanted}` in:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colours where nobody looks:\n{text}");
    let found = sinew(folder.path(), &["validate", &vendors, &own, "--output", "json"]).json();
    assert_eq!(found["valid"], false);
    let finding = found["findings"].as_array().unwrap().iter().find(|one| one["code"] == "SNW-1203").unwrap();
    assert_eq!(finding["place"]["line"], 6);
}

#[test]
fn validate_counts_what_there_is_and_misses_runbooks() {
    let folder = here();
    let vendors = examples("vendors").display().to_string();
    let said = sinew(folder.path(), &["validate", &vendors]).ok().out;
    assert_eq!(said.trim(), "valid: 0 flows, 7 connections, 7 connectors, 1 alert channel");
    let text = TYPO
        .replace("crm.getContct, with: { id: trigger.id } }", "crm.getContact, with: { id: trigger.id } }");
    let said = sinew(folder.path(), &["validate", &vendors, &project(folder.path(), &text)]).ok().out;
    for wanted in ["warning[SNW-1110]", "`r.md`", "flow.yaml:3:", "valid: 1 flow", ", 1 warning"] {
        assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
    }
    let unnamed = project(folder.path(), text.strip_prefix("kind: Flow\n").unwrap());
    let said = sinew(folder.path(), &["validate", &vendors, &unnamed]);
    assert_eq!(said.code, 1, "a flow is gone, and nobody says so:\n{}", said.out);
    assert!(said.out.contains("error[SNW-1007]") && said.out.contains("flow.yaml:1:"), "{}", said.out);
}

#[test]
fn every_example_validates() {
    let folder = here();
    let vendors = examples("vendors").display().to_string();
    for name in [
        "lead-intake",
        "closed-won-to-invoice",
        "bulk-enrich",
        "order-fulfilment",
        "nightly-report",
        "new-hire",
    ] {
        let said = sinew(folder.path(), &["validate", &vendors, &examples(name).display().to_string()]);
        assert_eq!(said.code, 0, "{name}:\n{}{}", said.out, said.err);
        assert!(said.out.starts_with("valid: "), "{}", said.out);
    }
}

#[test]
fn map_works_as_jq_does_on_json_ndjson_and_numbers_of_any_length() {
    let check = |arguments: &[&str], input: &str, wanted: &str| {
        let said = map(arguments, input);
        assert_eq!((said.out.as_str(), said.code), (wanted, 0), "{arguments:?}: {}", said.err);
    };
    check(&["name"], r#"{"name":"Ada"}"#, "\"Ada\"\n");
    check(&["-r", "name"], r#"{"name":"Ada"}"#, "Ada\n");
    check(&["n"], "{\"n\":1}\n{\"n\":2}\n", "1\n2\n");
    check(&["n"], "{\n \"n\": 1\n}\n {\"n\": 2}", "1\n2\n");
    check(&["--each", "$ * 2"], "[1,2,3]", "2\n4\n6\n");
    check(&["id"], r#"{"id":9007199254740993}"#, "9007199254740993\n");
    check(&["price"], r#"{"price":12345678901234567890.10}"#, "12345678901234567890.10\n");
    check(&["{ \"id\": id }"], r#"{"id":9007199254740993,"x":1}"#, "{\"id\":9007199254740993}\n");
    check(&["nothing"], r#"{"n":1}"#, "");
    check(&["--null-input", "1 + 1"], "", "2\n");
}

#[test]
fn map_tells_what_failed_and_where() {
    let said = map(&["n + 1"], "{\"n\":1}\n{\"n\":\"x\"}\n");
    assert_eq!((said.code, said.out.as_str()), (1, "2\n"), "{}", said.err);
    assert!(said.err.contains("SNW-6017") && said.err.contains("line 2"), "{}", said.err);
    let said = map(&["n +"], "{}");
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("SNW-6016"), "{}", said.err);
    let said = map(&["($f := function($x) { $f($x + 1) }; $f(1))"], "{}");
    assert_eq!(said.code, 1, "{}", said.err);
}

#[test]
fn explain_shows_the_page_of_every_code() {
    let folder = here();
    let page = sinew(folder.path(), &["explain", "SNW-1203"]).ok().out;
    assert!(page.contains("SNW-1203") && page.contains("## How to mend it"), "{page}");
    assert_eq!(sinew(folder.path(), &["explain", "1203"]).ok().out, page);
    let all = sinew(folder.path(), &["explain", "--output", "json"]).ok().json();
    assert!(all.as_array().unwrap().len() > 80);
    let said = sinew(folder.path(), &["explain", "SNW-9999"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn schema_is_json_schema_of_every_kind() {
    let folder = here();
    let whole = sinew(folder.path(), &["schema"]).ok().json();
    assert!(whole["$schema"].as_str().unwrap().contains("json-schema.org"), "{whole}");
    for kind in ["Flow", "Connection", "Connector", "AlertChannel"] {
        let schema = sinew(folder.path(), &["schema", kind]).ok().json();
        assert!(schema.is_object(), "{kind}");
    }
    assert_eq!(sinew(folder.path(), &["schema", "Flaw"]).code, 2);
}

#[test]
fn version_completions_and_help_are_there() {
    let folder = here();
    let said = sinew(folder.path(), &["version"]).ok().out;
    assert!(said.starts_with("sinew 0."), "{said}");
    assert!(sinew(folder.path(), &["version", "--output", "json"]).ok().json()["version"].is_string());
    for shell in ["bash", "zsh", "fish"] {
        let script = sinew(folder.path(), &["completions", shell]).ok().out;
        assert!(script.contains("sinew") && script.len() > 1000, "{shell}");
    }
    assert!(sinew(folder.path(), &["--help"]).ok().out.contains("validate"));
    assert_eq!(sinew::<&str>(folder.path(), &[]).code, 2);
    assert_eq!(sinew(folder.path(), &["no-such-verb"]).code, 2);
}

#[test]
fn a_new_project_of_every_template_validates() {
    for template in ["webhook", "schedule", "poll", "empty"] {
        let folder = here();
        sinew(folder.path(), &["init", "mine", "--template", template]).ok();
        let mine = folder.path().join("mine");
        sinew_with(&mine, &["validate"], "", &sandbox_secrets()).ok();
        let again = sinew(folder.path(), &["init", "mine", "--template", template]);
        assert_eq!(again.code, 6, "it wrote over a project: {}", again.err);
    }
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_not_there() {
    let folder = here();
    let nowhere = format!("http://{}", free_port());
    let said = sinew(folder.path(), &["runs", "list", "--server", &nowhere]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("SNW-6010") && said.err.contains(&nowhere), "{}", said.err);
}

#[test]
fn runs_and_dead_letters_are_listed_shown_and_worked_on() {
    let world = World::with_changed(1, &["closed-won-to-invoice"], &mut fast);
    world.fault("crm", &json!({ "kind": "refuse", "path": "/notes", "code": "NOT_TODAY" }));
    for deal in ["1", "2", "3"] {
        let run = Submission::deal(deal).send(world.server()).run().unwrap();
        world.run_in(&run, "dead");
    }
    let list = world.cli(&["runs", "list", "--status", "dead"]).ok().out;
    assert_eq!((list.lines().count(), list.matches("closed-won-to-invoice").count()), (4, 3), "{list}");
    let letters = world.cli(&["dead", "list"]).ok().out;
    assert!(
        letters.contains("rejected") && letters.contains("note") && letters.contains("NOT_TODAY"),
        "{letters}"
    );
    let letter = world.dead()[0].clone();
    let (id, run) = (letter["id"].as_str().unwrap(), letter["run"].as_str().unwrap());
    let shown = world.cli(&["dead", "show", id]).ok().out;
    for wanted in ["attempt 1", "POST", "/crm/notes", "409", "what to do"] {
        assert!(shown.contains(wanted), "no `{wanted}` in:\n{shown}");
    }
    assert!(!shown.contains("Bearer ey") && !shown.contains("crm-secret"), "a secret shows:\n{shown}");
    let shown = world.cli(&["runs", "show", run]).ok().out;
    assert!(shown.contains("invoice") && shown.contains("dead"), "{shown}");

    world.mend();
    let payload = json!({ "deal_id": "3", "text": "by hand", "external_key": "by-hand" });
    world.cli(&["dead", "edit", id, "--payload", &payload.to_string(), "--replay"]).ok();
    world.run_in(run, "finished");
    let unasked = world.cli(&["dead", "replay", "--all"]);
    assert_eq!(unasked.code, 2, "it did not ask: {}", unasked.out);
    let done = world.cli(&["dead", "replay", "--flow", "closed-won-to-invoice", "--yes"]).ok().out;
    assert!(done.contains("2 replayed"), "{done}");
    world.settled();
    assert!(world.cli(&["dead", "list"]).ok().out.contains("no dead letter"));
    let watched = world.cli(&["runs", "watch", run]).ok().out;
    assert!(watched.contains("finished"), "{watched}");
    assert_eq!(world.cli(&["dead", "replay", id]).code, 4);
    assert_eq!(world.cli(&["runs", "show", "01JD3Z6V5WQ0X8Y2K4M6N8P0RS"]).code, 4);
    assert_eq!(world.cli(&["runs", "show", "nonsense"]).code, 2);
    for verb in ["cancel", "approve"] {
        let said = world.cli(&[verb, "01JD3Z6V5WQ0X8Y2K4M6N8P0RS"]);
        assert!(said.code == 4 && said.err.contains("does not exist"), "{verb}: {}", said.err);
    }
}

#[test]
fn a_question_makes_no_vault_and_old_keys_are_dropped_only_when_it_is_said() {
    let folder = here();
    for verb in [&["vault", "status"][..], &["vault", "rotate"], &["secret", "list"]] {
        let said = sinew(folder.path(), verb);
        assert_eq!(said.code, 6, "{verb:?}: {}", said.err);
        assert!(said.err.contains("there is no vault at") && said.err.contains("secret set"), "{}", said.err);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a question wrote something");
    sinew_with(folder.path(), &["secret", "set", "a/b"], "s", &[]).ok();
    let status = || sinew(folder.path(), &["vault", "status", "--output", "json"]).ok().json();
    sinew(folder.path(), &["vault", "rotate"]).ok();
    let before = status();
    assert_eq!(before["given"].as_array().unwrap().len(), 2, "{before}");
    let unasked = sinew(folder.path(), &["vault", "rotate", "--forget"]);
    assert_eq!((unasked.code, status()), (2, before.clone()), "{}", unasked.err);
    sinew(folder.path(), &["vault", "rotate", "--forget", "--yes"]).ok();
    let after = status();
    assert_eq!(after["given"].as_array().unwrap().len(), 1, "{after}");
    assert_eq!(after["master_key"], before["master_key"], "it was rotated once more");
}

#[test]
fn the_address_that_a_sender_is_told_leads_to_the_run() {
    let mut world = World::with_changed(5, &["lead-intake"], &mut fast);
    let located = |world: &World, id: &str| Submission::lead(id).send(world.server()).location.unwrap();
    let address = located(&world, "located");
    let path = address.strip_prefix(world.control().base()).expect("it is an address of the control API");
    let run = world.control().get(path);
    assert_eq!((run.status, run.json()["run"]["flow"].as_str()), (200, Some("lead-intake")), "{address}");
    world.stop();
    world.options.env.push(("SINEW_PUBLIC_URL".to_owned(), "https://sinew.example.com/".to_owned()));
    world.serve();
    let address = located(&world, "located-outside");
    assert!(address.starts_with("https://sinew.example.com/v1/runs/"), "{address}");
}

#[test]
fn a_project_is_tried_beside_another_one_at_other_ports() {
    let folder = here();
    sinew(folder.path(), &["init", "other"]).ok();
    let project = folder.path().join("other");
    let [listen, control, vendors] = [(); 3].map(|()| free_port().to_string());
    let mut arguments = vec!["dev", "--sandbox", "--listen", &listen, "--control", &control];
    arguments.extend(["--sandbox-listen", &vendors]);
    let server = Server::verb(&arguments, &project, &[]);
    let health = Http::new(format!("http://{control}"), None);
    until("the server to be ready", Duration::from_mins(1), || {
        health.get("/v1/health").is_ok().then_some(())
    });
    let hooks = Http::new(format!("http://{listen}"), None);
    assert!(hooks.post("/hooks/greet", &json!({ "contact_id": "7" })).is_ok());
    let at = format!("http://{control}");
    let list = ["runs", "list", "--status", "finished", "--server", &at];
    until("the run to reach the vendors", Duration::from_mins(1), || {
        sinew(&project, &list).ok().out.contains("greet-contact").then_some(())
    });
    let taken = ["dev", "--sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
    let said = sinew(&project, &[&taken[..], &["--sandbox-listen", &vendors]].concat());
    assert_eq!(said.code, 6, "{}", said.err);
    assert!(said.err.contains("SNW-6015") && said.err.contains("`--sandbox-listen`"), "{}", said.err);
    assert!(server.stop().success(), "the server did not stop well");
}

#[test]
fn a_run_is_started_waited_for_approved_and_cancelled() {
    let world = World::with_changed(2, &["new-hire", "lead-intake"], &mut fast);
    let lead = Submission::lead("cli").body.to_string();
    let said = world.cli(&["run", "lead-intake", "--input", &lead, "--wait"]).ok().out;
    assert!(said.contains("finished") && said.contains("deal_id"), "{said}");
    let dead = world.cli(&[
        "run",
        "lead-intake",
        "--input",
        r#"{"submission_id":"bad","email":"none"}"#,
        "--wait",
        "30s",
    ]);
    assert_eq!(dead.code, 1, "{}", dead.out);
    let hire = world
        .cli(&["run", "new-hire", "--input", &Submission::hire("700").body.to_string(), "--output", "json"])
        .ok()
        .json();
    let run = hire["run"].as_str().unwrap();
    world.asked(run, "manager_says");
    assert!(world.cli(&["approvals"]).ok().out.contains("manager_says"));
    world.cli(&["approve", run, "manager_says", "--by", "people-managers", "--note", "welcome"]).ok();
    world.asked(run, "badge");
    world.cli(&["emit", "badge.issued", "--key", "700", "--input", r#"{"number":"B-7"}"#]).ok();
    world.run_in(run, "finished");
    let other = world
        .cli(&["run", "new-hire", "--input", &Submission::hire("701").body.to_string(), "--output", "json"])
        .ok()
        .json();
    let other = other["run"].as_str().unwrap();
    world.asked(other, "manager_says");
    world.cli(&["cancel", other]).ok();
    assert_eq!(world.run(other)["run"]["status"], "cancelled");
    let missing = world.cli(&["run", "no-such-flow"]);
    assert_eq!(missing.code, 4, "{}", missing.err);
    assert!(missing.err.contains("lead-intake"), "what there is is not named: {}", missing.err);
}

#[test]
fn every_answer_is_one_json_document_if_asked() {
    let world = World::with_changed(3, &["closed-won-to-invoice"], &mut fast);
    world.fault("crm", &json!({ "kind": "refuse", "path": "/notes" }));
    let run = Submission::deal("1").send(world.server()).run().unwrap();
    world.run_in(&run, "dead");
    let letter = world.dead()[0]["id"].as_str().unwrap().to_owned();
    let copy = world.folder().join("copy.db").display().to_string();
    world.mend();
    let lines: &[&[&str]] = &[
        &["runs", "list"],
        &["runs", "show", &run],
        &["dead", "list"],
        &["dead", "show", &letter],
        &["approvals"],
        &["alerts", "--all"],
        &["flows"],
        &["connections"],
        &["reload"],
        &["backup", &copy],
        &["emit", "nobody.listens"],
        &[
            "run",
            "closed-won-to-invoice",
            "--input",
            r#"{"deal_id":"9","stage":"closed_won","contact_id":"1","amount":"1.00","currency":"eur","event_id":"e9","event":"deal.updated"}"#,
            "--wait",
        ],
        &["dead", "replay", "--all", "--yes"],
        &["version"],
        &["explain", "SNW-1001"],
    ];
    for line in lines {
        let mut line = line.to_vec();
        line.extend(["--output", "json"]);
        let said = world.cli(&line).ok();
        let value: Value =
            serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{line:?}: {error}\n{}", said.out));
        assert!(value.is_object() || value.is_array(), "{line:?}: {value}");
    }
    let refused = world.cli(&["runs", "show", "01JD3Z6V5WQ0X8Y2K4M6N8P0RS", "--output", "json"]);
    let error: Value = serde_json::from_str(refused.err.trim()).unwrap();
    assert!(error["error"]["code"].is_string(), "{error}");
}

#[test]
fn the_sandbox_writes_the_same_contacts_for_the_same_seed() {
    let folder = here();
    let contacts =
        |seed: &str| sinew(folder.path(), &["sandbox", "contacts", "--count", "50", "--seed", seed]).ok().out;
    assert_eq!(contacts("7"), contacts("7"));
    assert_ne!(contacts("7"), contacts("8"));
    assert_eq!(contacts("7").lines().count(), 51);
}
