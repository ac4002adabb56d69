//! A connection for which somebody has to log in, before anybody has: every place that tells of it says how.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use sinew_e2e::World;
use sinew_sandbox::Tuning;

const PROJECT: &str = "
kind: Connector
name: desk
version: 1
operations:
  listItems: { get: /items }
---
kind: Connection
name: desk
connector: desk@1
owner: { team: t, contact: t@example.com, runbook: r.md }
base_url: ${SANDBOX_URL}/idp
auth:
  oauth2:
    grant: authorization_code
    authorize_url: ${SANDBOX_URL}/idp/authorize
    token_path: /token
    client_id: sinew
    client_secret: secret:desk/client
    scopes: [items.read]
egress: { allow: [loopback] }
---
kind: Flow
name: use
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger: manual
steps:
  - items: { call: desk.listItems }
";

fn world() -> World {
    let mut world = World::prepare(1, Tuning::default(), Vec::new());
    world.write_own(PROJECT);
    world.options.projects.push(world.project("own"));
    world.serve();
    world
}

#[test]
fn a_run_that_waits_for_a_login_says_so_with_the_command() {
    let world = world();
    let waited = world.cli(&["run", "use", "--wait", "5s"]);
    assert_eq!(waited.code, 1, "{}", waited.err);
    let told = waited.err.lines().next().unwrap_or_default();
    for wanted in ["waits, as `desk` is not connected", "nobody has logged in", "`sinew connect desk`"] {
        assert!(told.contains(wanted), "no `{wanted}` in:\n{}", waited.err);
    }
    assert!(
        waited.err.contains("still under way") && waited.err.contains("sinew runs watch"),
        "{}",
        waited.err
    );
    let listed = world.cli(&["runs", "list"]).ok().out;
    assert!(listed.contains("disconnected: log in with `sinew connect desk`"), "{listed}");
    let run = world.cli(&["runs", "list", "--output", "json"]).ok().json()["items"][0]["id"].clone();
    let shown = world.cli(&["runs", "show", run.as_str().unwrap()]).ok().out;
    assert!(shown.contains("nobody has logged in for it yet; log in with `sinew connect desk`"), "{shown}");
    assert!(!shown.contains("attempt 0"), "{shown}");
    for verb in [&["connections"][..], &["connection", "show", "desk"]] {
        let said = world.cli(verb).ok().out;
        assert!(said.contains("`sinew connect desk`") && !said.contains("not_connected"), "{said}");
    }
    let scopes = world.cli(&["connection", "scopes", "desk"]).ok().out;
    assert!(scopes.contains("nothing is known yet") && !scopes.contains("proposal"), "{scopes}");
    assert!(world.cli(&["connection", "scopes"]).ok().out.contains("nothing is known yet"));
    let alerts = world.cli(&["alerts"]).ok().out;
    assert!(alerts.contains("`sinew connect desk`"), "{alerts}");
}

#[test]
fn nobody_is_sent_to_log_in_while_the_clients_secret_is_missing() {
    let world = world();
    let refused = world.cli(&["connect", "desk", "--no-browser"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    for wanted in ["SNW-2020", "`secret:desk/client` is not there", "sinew secret set desk/client"] {
        assert!(refused.err.contains(wanted), "no `{wanted}` in:\n{}", refused.err);
    }
    assert!(!refused.err.contains("log in at"), "{}", refused.err);
}
