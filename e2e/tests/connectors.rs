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
    let said = desk.says(&["import", "openapi", &url, "--allow", "loopback", "--dry-run"]).ok().out;
    assert!(said.contains("sandbox-billing@2026-11: Sandbox Billing API 2026-11, 8 operations"), "{said}");
    assert!(said.contains("nothing was written") && !desk.at().join("connectors").exists(), "{said}");
    let said = desk.says(&["import", "openapi", &url, "--allow", "loopback"]).ok().out;
    assert!(said.contains("auth: { api_key: { header: \"X-Api-Key\", key: secret:NAME/key } }"), "{said}");
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

    let input = json!({ "contact_full_name": "Ada", "currency": "EUR", "total": "10.10" }).to_string();
    let call = ["connector", "try", "billing.createInvoice", "--input", &input];
    let planned = desk.says(&[&call[..], &["--dry-run"]].concat()).ok().out;
    assert!(planned.contains("POST http") && planned.contains("\"total\":\"10.10\""), "{planned}");
    assert!(!planned.contains("billing-key"), "{planned}");
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
        "breaking  answer.number is gone",
        "harmless  answer.note is new",
    ] {
        assert!(said.out.contains(line), "{line}\n{}", said.out);
    }
    let same = desk.says(&["connector", "diff", "billing", "connectors/billing.openapi.json"]).ok().out;
    assert!(same.contains("0 changes"), "{same}");
}
