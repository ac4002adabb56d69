//! From a project's text to what runs.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use sinew_mapping::Reads;
use sinew_model::{
    Answer, Auth, ConnectorId, Flow, FlowName, FlowVersion, Idempotency, OnFailure, Reason, Signature,
    Snapshot, SourceFile, Step, StepKind, Told, Trigger, Verify, flow_from_source, load,
};

const CONNECTIONS: &str = r"
kind: Connector
name: sandbox-crm
version: 2026-11
webhooks:
  verify: { hmac: { header: X-Crm-Signature, prefix: 'sha256=' } }
  event: event
  id: event_id
operations:
  getContact: { get: '/contacts/{id}' }
  listContacts: { get: /contacts, query: [limit, cursor], paginate: { cursor: { items: data, next: next_cursor, field: cursor } } }
  addNote: { post: '/deals/{deal}/notes' }
---
kind: Connector
name: sandbox-billing
version: 2026-11
idempotency: Idempotency-Key
operations:
  createInvoice: { post: /invoices }
  voidInvoice: { post: '/invoices/{id}/void', effect: destructive }
  replaceInvoice: { put: '/invoices/{id}' }
---
kind: Connection
name: crm
connector: sandbox-crm@2026-11
owner: { team: revenue-operations, contact: revops@example.com, runbook: runbooks/crm.md }
base_url: ${CRM_URL}
auth: { oauth2: { grant: client_credentials, token_path: /token, client_id: sinew, client_secret: secret:crm/client } }
access: write
budget: { rate: 100/10s }
webhook_secret: secret:crm/webhooks
---
kind: Connection
name: billing
connector: sandbox-billing@2026-11
owner: { team: finance, contact: finance@example.com, runbook: runbooks/billing.md }
base_url: https://billing.example.com/
auth: none
access: write
---
kind: AlertChannel
name: ops-chat
log: true
";

const OWNER: &str =
    "owner: { team: revenue-operations, contact: revops@example.com, runbook: runbooks/invoices.md }";

fn variables() -> BTreeMap<String, String> {
    BTreeMap::from([("CRM_URL".to_owned(), "http://127.0.0.1:7001/".to_owned())])
}

/// Loads the connections and one flow, which must be right.
fn snapshot(flow: &str) -> Snapshot {
    let files = [SourceFile::new("connections.yaml", CONNECTIONS), SourceFile::new("flows/flow.yml", flow)];
    let (snapshot, findings) = load(&files, &variables());
    assert!(findings.is_empty(), "{findings}");
    snapshot.unwrap()
}

/// The only flow of a project made of these fields.
fn check(fields: &str) -> Flow {
    let snapshot = snapshot(&format!("kind: Flow\nname: flow\n{OWNER}\n{fields}"));
    Flow::clone(&snapshot.flows["flow"])
}

/// What is wrong with a flow made of these fields.
fn refused(fields: &str) -> String {
    let text = format!("kind: Flow\nname: flow\n{OWNER}\n{fields}");
    let files = [SourceFile::new("connections.yaml", CONNECTIONS), SourceFile::new("flow.yaml", text)];
    load(&files, &variables()).1.to_string()
}

fn step<'a>(flow: &'a Flow, name: &str) -> &'a Step {
    flow.block.steps.iter().find(|step| step.name.as_str() == name).unwrap()
}

fn paths(names: &[&[&str]]) -> Reads {
    names.iter().fold(Reads::nothing(), |reads, path| reads.union(Reads::path(path.iter().copied())))
}

const INVOICE: &str = r#"
trigger:
  webhook: { connection: crm, event: deal.updated, when: 'stage = "closed_won"', key: deal_id, dedupe: event_id }
steps:
  - customer: { call: crm.getContact, with: { id: trigger.contact_id }}
  - invoice:
      call: billing.createInvoice
      with:
        contact_full_name: customer.client_name
        currency: $uppercase(trigger.currency)
        total: $number(trigger.amount)
      retry: { attempts: 8, base: 1s, max: 10m }
      undo: { call: billing.voidInvoice, with: { id: invoice.id }}
  - note: { call: crm.addNote, with: { deal: trigger.deal_id, text: '"Invoice " & invoice.number' }}
on_failure: undo
on_dead: { alert: [ops-chat] }
"#;

#[test]
fn the_first_example_reads_as_it_is_meant() {
    let flow = check(INVOICE);
    let Trigger::Webhook(webhook) = &flow.trigger else { panic!("{:?}", flow.trigger) };
    assert_eq!((&*webhook.path, webhook.answer), ("flow", Answer::Accepted));
    assert_eq!(webhook.event.as_ref().unwrap().as_str(), "deal.updated");
    assert!(matches!(&webhook.event_of, Some(Told::Payload(event)) if event.source() == "event"));
    assert_eq!(webhook.dedupe.as_ref().unwrap().key.source(), "event_id");
    assert_eq!(&*signature(&webhook.verify).source.prefix, "sha256=");
    assert_eq!(webhook.secrets[0].path(), "crm/webhooks");
    let StepKind::Call(invoice) = &step(&flow, "invoice").kind else { panic!() };
    assert_eq!((invoice.retry.attempts.get(), invoice.retry.backoff.max), (8, Duration::from_mins(10)));
    assert_eq!(step(&flow, "invoice").undo.as_ref().unwrap().operation.as_str(), "voidInvoice");
    assert_eq!(flow.alerts[0].as_str(), "ops-chat");
    assert_eq!(flow.on_failure, OnFailure::Undo);
    assert_eq!((flow.place.line, flow.place.column), (2, 7));
}

#[test]
fn only_what_is_read_is_kept() {
    let flow = check(INVOICE);
    assert_eq!(flow.keep_trigger, paths(&[&["contact_id"], &["currency"], &["amount"], &["deal_id"]]));
    assert_eq!(step(&flow, "customer").keep, paths(&[&["client_name"]]));
    assert_eq!(step(&flow, "invoice").keep, paths(&[&["id"], &["number"]]));
    assert!(step(&flow, "note").keep.is_nothing());
    let all = check(&format!("{INVOICE}keep: all\n"));
    assert_eq!((&all.keep_trigger, &step(&all, "note").keep), (&Reads::Everything, &Reads::Everything));
}

#[test]
fn a_block_keeps_of_its_last_step_what_is_read_of_the_block() {
    let flow = check(
        r"
trigger: manual
steps:
  - both:
      parallel:
        left: [{ a: { call: crm.getContact, with: { id: trigger.a } } }]
        right: [{ b: { call: crm.getContact, with: { id: trigger.b } } }, { c: { map: { x: b.name } } }]
  - one:
      branch: [{ when: both.left.vip, steps: [{ d: { call: crm.getContact, with: { id: both.right.x } } }] }]
      catch: { steps: [{ e: { call: crm.getContact, with: { id: error.step } } }] }
result: one.email
",
    );
    let StepKind::Parallel(both) = &step(&flow, "both").kind else { panic!() };
    assert_eq!(both.arms[0].1.steps[0].keep, paths(&[&["vip"]]));
    assert_eq!(both.arms[1].1.steps[0].keep, paths(&[&["name"]]));
    assert_eq!(both.arms[1].1.steps[1].keep, paths(&[&["x"]]));
    let StepKind::Branch(one) = &step(&flow, "one").kind else { panic!() };
    assert_eq!(one.arms[0].block.steps[0].keep, paths(&[&["email"]]));
    assert_eq!(step(&flow, "one").catch.as_ref().unwrap().block.steps[0].keep, paths(&[&["email"]]));
}

#[test]
fn each_knows_what_its_steps_read_of_the_scope_around_it() {
    let flow = check(
        r"
trigger: manual
steps:
  - rules: { map: { factor: 2, other: 3 } }
  - all:
      each:
        pages: { call: crm.listContacts, with: { limit: 100 } }
        as: contact
        steps:
          - full: { call: crm.getContact, with: { id: contact.id } }
          - sum: { map: { n: full.amount * rules.factor + trigger.base, rest: full.rest } }
        reduce: { start: { total: 0 }, with: { total: acc.total + result.n } }
result: all.reduced.total
",
    );
    let StepKind::Each(each) = &step(&flow, "all").kind else { panic!() };
    assert_eq!(each.reads, paths(&[&["rules", "factor"], &["trigger", "base"]]));
    assert_eq!(each.block.steps[0].keep, paths(&[&["amount"], &["rest"]]));
    assert_eq!(each.block.steps[1].keep, paths(&[&["n"]]));
    assert_eq!(each.reduce.as_ref().unwrap().start.as_str(), r#"{"total":0}"#);
    assert_eq!(step(&flow, "rules").keep, paths(&[&["factor"]]));
}

#[test]
fn operations_have_the_idempotency_of_their_method_and_connector() {
    let snapshot = snapshot("kind: AlertChannel\nname: more\nlog: true\n");
    let crm = &snapshot.connectors[&ConnectorId::new("sandbox-crm@2026-11").unwrap()];
    let billing = &snapshot.connectors[&ConnectorId::new("sandbox-billing@2026-11").unwrap()];
    assert_eq!(crm.operations.get("getContact").unwrap().idempotency, Idempotency::Natural);
    assert_eq!(crm.operations.get("addNote").unwrap().idempotency, Idempotency::None);
    assert_eq!(
        billing.operations.get("createInvoice").unwrap().idempotency,
        Idempotency::Key { header: "Idempotency-Key".into() }
    );
    assert_eq!(billing.operations.get("replaceInvoice").unwrap().idempotency, Idempotency::Natural);
    assert!(crm.operations.get("addNote").unwrap().binding.as_http().unwrap().parameters[0].required);
}

#[test]
fn a_connection_has_its_variables_and_defaults() {
    let snapshot = snapshot("kind: AlertChannel\nname: more\nlog: true\n");
    let crm = &snapshot.connections["crm"];
    assert_eq!(&*crm.base_url, "http://127.0.0.1:7001");
    assert!(
        matches!(&crm.auth, Auth::OAuth2(oauth) if oauth.endpoints.token.as_deref() == Some("http://127.0.0.1:7001/token"))
    );
    assert_eq!((crm.concurrency_max.get(), crm.response_max.0), (50, 10_000_000));
    assert_eq!(&*snapshot.connections["billing"].base_url, "https://billing.example.com");
}

#[test]
fn a_version_is_that_of_the_documents_own_text() {
    let text = format!("kind: Flow\nname: flow\n{OWNER}{INVOICE}");
    let alone = snapshot(&text);
    let among = snapshot(&format!("---\n{text}\n---\nkind: AlertChannel\nname: more\nlog: true\n"));
    let windows = snapshot(&format!("\u{feff}{}", text.replace('\n', "\r\n")));
    assert_eq!(alone.flows["flow"].version, FlowVersion::of(text.trim_end()));
    assert_eq!(alone.flows["flow"].version, among.flows["flow"].version);
    assert_eq!(alone.flows["flow"].version, windows.flows["flow"].version);
}

#[test]
fn a_kept_version_is_read_again_with_the_variables_that_it_had() {
    let snapshot = snapshot(&format!(
        "kind: Flow\nname: flow\n{OWNER}\ntrigger: manual\nsteps: [{{ a: {{ map: '\"${{CRM_URL}}\"' }} }}]"
    ));
    let flow = &snapshot.flows["flow"];
    let again = flow_from_source(&flow.source, &flow.name, &snapshot).unwrap();
    assert_eq!((&again.version, &again.source), (&flow.version, &flow.source));
    assert!(format!("{:?}", again.block.steps[0].kind).contains("127.0.0.1"));
}

#[test]
fn a_kept_version_whose_connection_is_gone_says_so() {
    let snapshot = snapshot(&format!("kind: Flow\nname: flow\n{OWNER}{INVOICE}"));
    let flow = snapshot.flows["flow"].clone();
    let mut without = snapshot.clone();
    without.connections.remove("billing");
    let findings = flow_from_source(&flow.source, &flow.name, &without).unwrap_err();
    assert!(findings.to_string().contains("unknown connection `billing`"), "{findings}");
    let nothing = flow_from_source("", &FlowName::new("flow").unwrap(), &without).unwrap_err();
    assert!(nothing.to_string().contains("holds no flow"), "{nothing}");
}

#[test]
fn numbers_in_values_keep_their_digits() {
    let flow = check(
        "trigger: manual\nsteps: [{ a: { each: { items: trigger.x, steps: [{ b: { map: 1 } }], reduce: { start: [9007199254740993, 0.10, 1e400], with: acc } } } }]",
    );
    let StepKind::Each(each) = &step(&flow, "a").kind else { panic!() };
    assert_eq!(each.reduce.as_ref().unwrap().start.as_str(), "[9007199254740993,0.10,1e400]");
}

#[test]
fn reasons_are_spelt_as_the_engine_spells_them() {
    let words: Vec<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let flow = check(&format!(
        "trigger: manual\nsteps: [{{ a: {{ map: 1, catch: {{ on: [{}, SNW-2030], steps: [{{ b: {{ map: error.code }} }}] }} }} }}]",
        words.join(", ")
    ));
    assert_eq!(step(&flow, "a").catch.as_ref().unwrap().on.len(), words.len() + 1);
}

#[test]
fn an_undo_sees_its_own_step_and_nothing_later() {
    let of = |with: &str| {
        refused(&format!(
            "trigger: manual\nsteps:\n  - a: {{ call: billing.createInvoice, undo: {{ call: billing.voidInvoice, with: {{ id: {with} }} }} }}\n  - b: {{ map: 1 }}\non_failure: undo\n"
        ))
    };
    assert_eq!(of("a.id"), "");
    assert!(of("b.id").contains("`b` is not known here"), "{}", of("b.id"));
}

#[test]
fn an_undo_that_would_never_run_is_refused() {
    const UNDONE: &str =
        "a: { call: billing.createInvoice, undo: { call: billing.voidInvoice, with: { id: a.id } } }";
    let of = |policy: &str| refused(&format!("trigger: manual\nsteps: [{{ {UNDONE} }}]\n{policy}"));
    assert_eq!(of("on_failure: undo"), "");
    for policy in ["", "on_failure: dead_letter"] {
        let found = of(policy);
        assert!(found.contains("SNW-1315") && found.contains("on_failure: undo"), "{policy}: {found}");
    }
    let inside = format!("{{ each: {{ items: trigger.x, steps: [{{ {UNDONE} }}] }} }}");
    for policy in ["", "on_failure: undo"] {
        let found = refused(&format!("trigger: manual\nsteps: [{{ all: {inside} }}]\n{policy}"));
        assert!(found.contains("SNW-1308") && !found.contains("SNW-1315"), "{policy}: {found}");
    }
}

#[test]
fn a_signed_webhook_needs_its_secret() {
    let found = refused("trigger: { webhook: { verify: standard } }\nsteps: [{ a: { map: 1 } }]");
    assert!(found.contains("SNW-1307") && found.contains("nothing says with what"), "{found}");
    let flow = check(
        "trigger: { webhook: { verify: standard, secret: secret:a, wait: 3s, path: a/b } }\nsteps: [{ a: { map: 1 } }]",
    );
    let Trigger::Webhook(webhook) = flow.trigger else { panic!() };
    let timestamp = signature(&webhook.verify).timestamp.as_ref().unwrap();
    assert_eq!(timestamp.tolerance, Duration::from_mins(5));
    assert_eq!((&*webhook.path, webhook.answer), ("a/b", Answer::Result(Duration::from_secs(3))));
}

fn signature(verify: &Verify) -> &Signature {
    let Verify::Signed(signature) = verify else { panic!("{verify:?}") };
    signature
}

#[test]
fn a_known_sender_is_a_word_with_a_tolerance_if_wished_and_several_secrets() {
    let webhook = |given: &str| {
        let flow = check(&format!("trigger: {{ webhook: {{ {given} }} }}\nsteps: [{{ a: {{ map: 1 }} }}]"));
        let Trigger::Webhook(webhook) = flow.trigger else { panic!() };
        webhook
    };
    let short = webhook("verify: stripe, secret: [secret:a, secret:b]");
    let tolerant = webhook("verify: { as: stripe, tolerance: 10m }, secret: secret:a");
    assert_eq!((short.secrets.len(), tolerant.secrets.len()), (2, 1));
    let mut expected = signature(&short.verify).clone();
    expected.timestamp.as_mut().unwrap().tolerance = Duration::from_mins(10);
    assert_eq!(*signature(&tolerant.verify), expected);
    assert_eq!(
        webhook("verify: standard, secret: secret:a").verify,
        webhook("verify: { standard: {} }, secret: secret:a").verify
    );
}

#[test]
fn a_signature_that_proves_too_little_is_refused() {
    for (hmac, says) in [
        ("header: X-Sig, signed: '{timestamp}', timestamp: X-Time", "nothing of the body"),
        ("header: X-Sig, signed: '{body}', timestamp: X-Time", "timestamp is not signed"),
        ("header: X-Sig, timestamp: X-Time, id: X-Id", "id is not signed"),
    ] {
        let found = refused(&format!(
            "trigger: {{ webhook: {{ verify: {{ hmac: {{ {hmac} }} }}, secret: secret:a }} }}\nsteps: [{{ a: {{ map: 1 }} }}]"
        ));
        assert!(found.contains("SNW-1330") && found.contains(says), "{found}");
    }
    let found =
        refused("trigger: { webhook: { verify: strip, secret: secret:a } }\nsteps: [{ a: { map: 1 } }]");
    assert!(found.contains("did you mean `stripe`?"), "{found}");
}

#[test]
fn a_challenge_needs_what_it_asks_for() {
    let flow = |given: &str| format!("trigger: {{ webhook: {{ {given} }} }}\nsteps: [{{ a: {{ map: 1 }} }}]");
    let found = refused(&flow("verify: meta, secret: secret:a, challenge: meta"));
    assert!(found.contains("SNW-1307") && found.contains("holds a token"), "{found}");
    let found = refused(&flow("verify: none, challenge: slack"));
    assert!(found.contains("SNW-1307") && found.contains("is signed"), "{found}");
    check(&flow("verify: meta, secret: secret:a, challenge: meta, token: secret:b"));
}

#[test]
fn a_variable_is_never_put_into_a_secret() {
    let flow = |secret: &str| {
        refused(&format!(
            "trigger: {{ webhook: {{ verify: standard, secret: '{secret}' }} }}\nsteps: [{{ a: {{ map: 1 }} }}]"
        ))
    };
    assert!(flow("secret:${CRM_URL}").contains("variables have no place in it"));
    assert!(flow("${CRM_URL}").contains("SNW-1108"));
}

#[test]
fn files_that_are_not_yaml_and_yaml_that_is_not_ours_are_left_alone() {
    let files = [
        SourceFile::new("README.md", "kind: Flow"),
        SourceFile::new("data.csv", vec![0xff]),
        SourceFile::new(".yaml", "kind: Flow"),
        SourceFile::new("compose.yaml", "services: { web: { image: nginx } }"),
    ];
    let (snapshot, findings) = load(&files, &BTreeMap::new());
    assert!(snapshot.is_some() && findings.is_empty(), "{findings}");
}
