//! Connectors from what vendors publish: import, look, try, compare; and flows that call what was imported.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use serde_json::json;
use sinew_e2e::{Said, sandbox_secrets, sinew_with};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};

struct Desk {
    folder: tempfile::TempDir,
    vendors: RunningSandbox,
}

impl Desk {
    fn new() -> Self {
        let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), vendors }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn says(&self, words: &[&str]) -> Said {
        sinew_with(self.at(), words, "", &sandbox_secrets())
    }

    fn published(&self) -> String {
        format!("{}/billing/openapi.json", self.vendors.url())
    }

    /// The sandbox's billing system, as it publishes itself, and a connection to it.
    fn with_billing(&self) {
        let url = self.published();
        self.says(&["import", "openapi", &url, "--name", "billing", "--allow", "loopback"]).ok();
        let connection = format!(
            "kind: Connection\nname: billing\nconnector: billing@2026-11\n\
             owner: {{ team: t, contact: c@example.com, runbook: r.md }}\nbase_url: {}/billing\n\
             auth: {{ api_key: {{ header: X-Api-Key, key: secret:billing/key }} }}\naccess: write\n\
             egress: {{ allow: [loopback] }}\n",
            self.vendors.url()
        );
        fs::write(self.at().join("connection.yaml"), connection).unwrap();
    }
}

#[test]
fn an_api_is_taken_over_from_where_it_is_published() {
    let desk = Desk::new();
    let url = desk.published();
    let refused = desk.says(&["import", "openapi", &url]);
    assert!(refused.code != 0 && refused.err.contains("--allow loopback,private"), "{}", refused.err);
    assert!(
        refused.err.contains("at a loopback address") && !refused.err.contains("connection"),
        "{}",
        refused.err
    );
    let said = desk.says(&["import", "openapi", &url, "--allow", "loopback", "--dry-run"]).ok().out;
    assert!(said.contains("sandbox-billing@2026-11: Sandbox Billing API 2026-11, 8 operations"), "{said}");
    assert!(said.contains("nothing was written") && !desk.at().join("connectors").exists(), "{said}");
    assert!(said.ends_with("next: the same without `--dry-run`\n"), "{said}");
    let said = desk.says(&["import", "openapi", &url, "--allow", "loopback"]).ok().out;
    let login = "auth: { api_key: { header: \"X-Api-Key\", key: secret:sandbox-billing/key } }";
    assert!(said.contains(login), "{said}");
    assert!(said.contains(&format!("base_url: {}/billing", desk.vendors.url())), "{said}");
    let again = desk.says(&["import", "openapi", &url, "--allow", "loopback"]);
    assert!(again.code != 0 && again.err.contains("is there already"), "{}", again.err);
    desk.says(&["import", "openapi", &url, "--allow", "loopback", "--replace"]).ok();
    let valid = desk.says(&["validate"]).ok().out;
    assert!(valid.contains("valid"), "{valid}");
}

#[test]
fn what_was_imported_can_be_looked_at_and_tried() {
    let desk = Desk::new();
    desk.with_billing();
    let list = desk.says(&["connector", "list"]).ok().out;
    assert!(list.contains("billing@2026-11") && list.contains("connectors/billing.openapi.json"), "{list}");
    let show = desk.says(&["connector", "show", "billing", "--find", "invoice"]).ok().out;
    assert!(show.contains("POST /invoices/{id}/void") && !show.contains("capturePayment"), "{show}");
    let one = desk.says(&["connector", "show", "billing", "createInvoice"]).ok().out;
    assert!(one.contains("contact_full_name: string (required)"), "{one}");
    assert!(one.contains("sent again under the same `Idempotency-Key`, it acts once"), "{one}");
    assert!(one.contains("call: billing.createInvoice"), "{one}");
    let unknown = desk.says(&["connector", "show", "billing", "invoice"]);
    assert!(unknown.err.contains("there are createInvoice"), "{}", unknown.err);
    for call in [&["show", "billing", "creatInvoice"][..], &["try", "billing.creatInvoice"]] {
        let unknown = desk.says(&[&["connector"], call].concat());
        assert!(
            unknown.code == 2 && unknown.err.contains("did you mean `createInvoice`?"),
            "{}",
            unknown.err
        );
    }

    let input = json!({ "contact_full_name": "Ada", "currency": "EUR", "total": "10.10" }).to_string();
    let call = ["connector", "try", "billing.createInvoice", "--input", &input];
    let planned = desk.says(&[&call[..], &["--dry-run"]].concat()).ok().out;
    assert!(planned.contains("POST http") && planned.contains("\"total\":\"10.10\""), "{planned}");
    assert!(!planned.contains("billing-key") && !planned.contains("refused"), "{planned}");
    let unasked = desk.says(&call);
    assert!(unasked.code == 2 && unasked.err.contains("nobody is there to confirm"), "{}", unasked.err);
    let made = desk.says(&[&call[..], &["--yes", "--output", "json"]].concat()).ok().json();
    assert_eq!(made["value"]["status"], "open");
    let id = json!({ "id": made["value"]["id"] }).to_string();
    let found = desk.says(&["connector", "try", "billing.getInvoice", "--input", &id]).ok().out;
    assert!(found.contains("200 OK") && found.contains("\"total\": \"10.10\""), "{found}");
    let wrong = desk.says(&["connector", "try", "billing.getInvoice", "--input", "{}"]);
    assert!(wrong.code == 1 && wrong.err.contains("id"), "{}", wrong.err);
}

#[test]
fn the_first_project_is_tried_with_what_the_sandbox_knows() {
    let desk = Desk::new();
    let given = [("SANDBOX_URL".to_owned(), desk.vendors.url())];
    sinew_with(desk.at(), &["init", "mine"], "", &given).ok();
    let mine = desk.at().join("mine");
    let call = ["connector", "try", "crm.getContact", "--input", r#"{"id":"7"}"#];
    let refused = sinew_with(&mine, &call, "", &given);
    assert!(
        refused.err.contains("SNW-2020") && refused.err.contains("help: with `--sandbox`"),
        "{}",
        refused.err
    );
    let done = sinew_with(&mine, &[&call[..], &["--sandbox"]].concat(), "", &given).ok().out;
    assert!(done.contains("-> 200"), "{done}");
}

#[test]
fn a_new_version_tells_whom_it_breaks() {
    let desk = Desk::new();
    desk.with_billing();
    let old = desk.at().join("connectors/billing.openapi.json");
    let mut api: serde_json::Value = serde_json::from_slice(&fs::read(&old).unwrap()).unwrap();
    let schemas = api.pointer_mut("/components/schemas").unwrap();
    schemas["NewInvoice"]["required"].as_array_mut().unwrap().push("due".into());
    schemas["NewInvoice"]["properties"]["due"] = json!({ "type": "string" });
    schemas["Invoice"]["properties"].as_object_mut().unwrap().remove("number");
    schemas["Payment"]["properties"]["note"] = json!({ "type": "string" });
    fs::write(desk.at().join("new.json"), api.to_string()).unwrap();
    let said = desk.says(&["connector", "diff", "billing", "new.json"]);
    assert_eq!(said.code, 1, "{}", said.err);
    for line in [
        "breaking  input.due is new, and required",
        "breaking  answer: Invoice.number is gone (",
        "harmless  answer",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let same = desk.says(&["connector", "diff", "billing", "connectors/billing.openapi.json"]).ok().out;
    assert!(same.contains("0 changes"), "{same}");
}

/// A description of these operations, which answer with the same customer.
fn shop(version: &str, operations: &[&str]) -> serde_json::Value {
    let customer = json!({ "$ref": "#/components/schemas/customer" });
    let answer =
        json!({ "200": { "description": "ok", "content": { "application/json": { "schema": customer } } } });
    let paths: serde_json::Map<_, _> = operations
        .iter()
        .map(|id| (format!("/{id}"), json!({ "get": { "operationId": id, "responses": answer } })))
        .collect();
    let fields = json!({ "email": { "type": "string" }, "name": { "type": "string" } });
    json!({
        "openapi": "3.0.3", "info": { "title": "Stripe API", "version": version },
        "servers": [{ "url": "https://api.stripe.com/" }], "paths": paths,
        "components": { "schemas": { "customer": { "type": "object", "properties": fields } } },
    })
}

#[test]
fn a_description_replaces_that_of_its_own_version_only() {
    let desk = Desk::new();
    let at = |name: &str| desk.at().join("connectors").join(name);
    for version in ["v1", "v2", "v3"] {
        fs::write(desk.at().join(format!("{version}.json")), shop(version, &["getCustomer"]).to_string())
            .unwrap();
    }
    let import =
        |file: &str, name: &str| desk.says(&["import", "openapi", file, "--name", name, "--replace"]);
    let said = import("v1.json", "stripe@v1").ok().out;
    assert!(said.contains("the catalog knows stripe") && said.contains("catalog:stripe"), "{said}");
    let first = fs::read(at("stripe.openapi.json")).unwrap();

    let said = import("v2.json", "stripe@v2").ok().out;
    assert!(said.contains("there is no stripe@v2 to replace: it lies beside stripe@v1"), "{said}");
    assert!(said.contains("next: sinew connector show stripe@v2"), "{said}");
    assert_eq!(fs::read(at("stripe.openapi.json")).unwrap(), first);
    let said = import("v3.json", "stripe@v2").ok().out;
    assert!(said.contains("replaced connectors/stripe-v2.openapi.json"), "{said}");
    assert!(said.contains("connector: stripe@v2") && !said.contains("the catalog knows"), "{said}");
    assert_eq!(fs::read(at("stripe.openapi.json")).unwrap(), first);
    assert!(fs::read_to_string(at("stripe-v2.openapi.json")).unwrap().contains("\"v3\""));

    let which = import("v3.json", "stripe");
    assert!(which.err.contains("several versions of `stripe`: stripe@v2, stripe@v1"), "{}", which.err);
    fs::remove_file(at("stripe-v2.yaml")).unwrap();
    let said = import("v3.json", "stripe").ok().out;
    assert!(
        said.starts_with("stripe@v1:") && said.contains("replaced connectors/stripe.openapi.json"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_another_kind_of_description_is_said_to_be_one() {
    let desk = Desk::new();
    fs::write(desk.at().join("x.json"), shop("1", &["getCustomer"]).to_string()).unwrap();
    fs::write(desk.at().join("x.graphql"), "type Query {\n  films: [String!]!\n}\n").unwrap();
    for (kind, file, looks, right) in [
        ("wsdl", "x.json", "an OpenAPI document", "sinew import openapi x.json"),
        ("graphql", "x.json", "an OpenAPI document", "sinew import openapi x.json"),
        ("openapi", "x.graphql", "a GraphQL schema", "sinew import graphql x.graphql"),
    ] {
        let said = desk.says(&["import", kind, file]);
        let wanted = format!("it looks like {looks}");
        assert!(
            said.err.contains("SNW-1316") && said.err.contains(&format!("`{file}` is no ")),
            "{}",
            said.err
        );
        assert!(said.err.contains(&wanted) && said.err.contains(right), "{}", said.err);
    }
}

/// A connector with operations written by hand beside those of a description, and a flow that calls one of these.
const WITH_OWN: &str = "kind: Connector\nname: shop\nversion: '1'\nopenapi: shop.json\noperations:\n  \
    createIssue: { post: '/repos/{owner}/issues', effect: write }\n---\n\
    kind: Connection\nname: shop\nconnector: shop@1\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
    base_url: https://shop.example.com\nauth: none\naccess: read\n---\n\
    kind: Flow\nname: look\nowner: { team: t, contact: c@example.com, runbook: r.md }\ntrigger: manual\nsteps:\n  \
    - customer: { call: shop.zeta }\n";

impl Desk {
    fn with_own(&self) {
        fs::write(self.at().join("shop.yaml"), WITH_OWN).unwrap();
        fs::write(self.at().join("shop.json"), shop("1", &["a", "b", "c", "d", "zeta"]).to_string()).unwrap();
    }
}

#[test]
fn a_description_is_compared_with_what_the_connector_took_over() {
    let desk = Desk::new();
    desk.with_own();
    let same = desk.says(&["connector", "diff", "shop", "shop.json", "--hurting"]).ok().out;
    assert!(same.contains("0 changes"), "{same}");
    let mut new = shop("2", &["a", "b", "c", "d", "zeta"]);
    new.pointer_mut("/components/schemas/customer/properties")
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove("email");
    fs::write(desk.at().join("new.json"), new.to_string()).unwrap();
    let said = desk.says(&["connector", "diff", "shop", "new.json", "--hurting"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert_eq!(
        said.out,
        "in several operations\n  breaking  answer: customer.email is gone (5 operations: zeta (flow look), a, b and 2 more)\n\
         5 changes: 5 breaking, 0 doubtful, 0 harmless\n\
         of what flows of the project call, this breaks: zeta (flow look)\n"
    );
    let all = desk.says(&["connector", "diff", "shop", "new.json", "--output", "json"]).json();
    assert_eq!(all["changes"].as_array().unwrap().len(), 5);
    assert_eq!(all["changes"][4]["called_by"], json!(["flow look"]));
    let none = desk.says(&["connector", "diff", "shop", "nofile.json"]);
    assert!(none.code == 2 && none.err.contains("there is no file `nofile.json`"), "{}", none.err);
}

#[test]
fn what_a_path_names_is_input_and_what_access_forbids_is_said() {
    let desk = Desk::new();
    desk.with_own();
    let said = desk.says(&["connector", "show", "shop", "createIssue"]).ok().out;
    assert!(said.contains("owner: in the path (required)"), "{said}");
    assert!(said.contains("call: shop.createIssue\n      with:\n        owner: '\"...\"'"), "{said}");
    let nothing = desk.says(&["connector", "show", "shop", "zeta"]).ok().out;
    assert!(nothing.contains("input:\n  nothing\n"), "{nothing}");
    let call = ["connector", "try", "shop.createIssue", "--input", "{\"owner\": \"ada\"}", "--dry-run"];
    let said = desk.says(&call).ok().out;
    assert!(said.contains("/repos/ada/issues") && said.contains("it would be refused"), "{said}");
    assert!(said.contains("the connection `shop` has `access: read`"), "{said}");
}
