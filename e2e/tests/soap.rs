//! Web services end to end: what they publish is imported, flows call it, and other people's servers understand it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sinew_e2e::{Peer, Said, Server, ServerOptions, free_port, sinew_with};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};

const OWNER: &str = "owner: { team: t, contact: c@example.com, runbook: r.md }";

/// A project in a folder of its own.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn secrets() -> Vec<(String, String)> {
        let secrets =
            [("SINEW_SECRET_ERP_PASSWORD", "erp-secret"), ("SINEW_SECRET_ORDERS_PASSWORD", "pass<word")];
        secrets.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    fn says(&self, words: &[&str]) -> Said {
        sinew_with(self.at(), words, "", &Self::secrets())
    }

    /// Imports what is published at a URL, and connects to it.
    fn connect(&self, name: &str, published: &str, url: &str, auth: &str) {
        self.says(&["import", "wsdl", published, "--name", name, "--allow", "loopback"]).ok();
        self.connection(name, name, url, auth);
    }

    fn connection(&self, name: &str, connector: &str, url: &str, auth: &str) {
        let text = format!(
            "kind: Connection\nname: {name}\nconnector: {connector}@1\n{OWNER}\nbase_url: {url}\nauth: {auth}\naccess: write\n\
             egress: {{ allow: [loopback] }}\n"
        );
        fs::write(self.at().join(format!("{name}-connection.yaml")), text).unwrap();
    }

    fn tries(&self, call: &str, input: &Value) -> Said {
        self.says(&["connector", "try", call, "--input", &input.to_string(), "--yes", "--output", "json"])
    }

    /// What an operation answers.
    #[track_caller]
    fn answer(&self, call: &str, input: &Value) -> Value {
        self.tries(call, input).ok().json()["value"].clone()
    }

    /// What is said of a call that fails.
    #[track_caller]
    fn refusal(&self, call: &str, input: &Value) -> String {
        let said = self.tries(call, input);
        assert_eq!(said.code, 1, "{}\n{}", said.out, said.err);
        said.err
    }
}

fn sandbox() -> RunningSandbox {
    Sandbox::start(SandboxOptions::default().on_free_port()).unwrap()
}

#[test]
fn a_wsdl_is_taken_over_from_where_it_is_published() {
    let (desk, vendors) = (Desk::new(), sandbox());
    let url = format!("{}/erp/erp.wsdl", vendors.url());
    let import = ["import", "wsdl", &url, "--allow", "loopback"];
    let said = desk.says(&import).ok().out;
    assert!(said.contains("erp@1: Erp, 5 operations (3 read, 1 write, 1 destructive)"), "{said}");
    assert!(
        said.contains("auth: { ws_security: { username: ..., password: secret:erp/password } }"),
        "{said}"
    );
    assert!(said.contains(&format!("base_url: {}/erp/soap", vendors.url())), "{said}");
    // One file, with the schema in it.
    let files: Vec<_> =
        fs::read_dir(desk.at().join("connectors")).unwrap().map(|of| of.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(fs::read_to_string(desk.at().join("connectors/erp.wsdl")).unwrap().contains("CreditExceeded"));
    desk.says(&["validate"]).ok();
    desk.says(&[&import[..], &["--replace"]].concat()).ok();

    let show = desk.says(&["connector", "show", "erp", "--find", "order"]).ok().out;
    assert!(show.contains("SOAP 1.1 Erp CreateOrder") && !show.contains("GetBalance"), "{show}");
    let one = desk.says(&["connector", "show", "erp", "CreateOrder"]).ok().out;
    for line in [
        "faults: CustomerUnknown, CreditExceeded",
        "externalRef: string (required)",
        "call: CONNECTION.CreateOrder",
    ] {
        assert!(one.contains(line), "{line}\n{one}");
    }

    let newer = fs::read_to_string(desk.at().join("connectors/erp.wsdl")).unwrap();
    let newer = newer.replace("name=\"sku\" type=\"xsd:string\"", "name=\"article\" type=\"xsd:string\"");
    fs::write(desk.at().join("new.wsdl"), newer).unwrap();
    let said = desk.says(&["connector", "diff", "erp", "new.wsdl", "--hurting"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.out.contains("article is new, and required"), "{}", said.out);
}

#[test]
fn files_in_other_folders_come_along() {
    let desk = Desk::new();
    let write = |name: &str, text: &str| {
        let path = desk.at().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "vendor/wsdl/hello.wsdl",
        &service("<import namespace=\"urn:h\" location=\"hello.wsdl\"/>", "../types/hello.xsd"),
    );
    write(
        "vendor/types/hello.xsd",
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:h\"><xs:include schemaLocation=\"hello.xsd\"/>\
         <xs:include schemaLocation=\"more/greeting.xsd\"/><xs:element name=\"Hello\" type=\"h:Greeting\" xmlns:h=\"urn:h\"/></xs:schema>",
    );
    write(
        "vendor/types/more/greeting.xsd",
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:include schemaLocation=\"../hello.xsd\"/>\
         <xs:complexType name=\"Greeting\"><xs:sequence><xs:element name=\"to\" type=\"xs:string\"/></xs:sequence></xs:complexType></xs:schema>",
    );
    let said = desk.says(&["import", "wsdl", "vendor/wsdl/hello.wsdl", "--name", "hello"]).ok().out;
    assert!(!said.contains("warning"), "{said}");
    fs::remove_dir_all(desk.at().join("vendor")).unwrap();
    desk.connection("hello", "hello", "http://127.0.0.1:9/hello", "none");
    let planned =
        desk.says(&["connector", "try", "hello.Hello", "--input", r#"{"to":"Ada"}"#, "--dry-run"]).ok().out;
    assert!(planned.contains("soapaction: \"urn:h#Hello\"") && planned.contains(">Ada</"), "{planned}");

    // What is no part of a description is left where it is.
    write("secret.xml", "<secret>hunter2</secret>");
    write("odd.wsdl", &service("", "secret.xml"));
    desk.says(&["import", "wsdl", "odd.wsdl", "--name", "odd"]).ok();
    assert!(!fs::read_to_string(desk.at().join("connectors/odd.wsdl")).unwrap().contains("hunter2"));
}

fn service(first: &str, schema: &str) -> String {
    format!(
        "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:s=\"http://schemas.xmlsoap.org/wsdl/soap/\" xmlns:h=\"urn:h\"\n\
         targetNamespace=\"urn:h\" name=\"Hello\">{first}\n<types><xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">\
         <xs:import namespace=\"urn:h\" schemaLocation=\"{schema}\"/></xs:schema></types>\n\
         <message name=\"In\"><part name=\"p\" element=\"h:Hello\"/></message>\n\
         <portType name=\"P\"><operation name=\"Hello\"><input message=\"h:In\"/></operation></portType>\n\
         <binding name=\"B\" type=\"h:P\"><s:binding transport=\"http://schemas.xmlsoap.org/soap/http\"/>\
         <operation name=\"Hello\"><s:operation soapAction=\"urn:h#Hello\"/></operation></binding>\n\
         <service name=\"Hello\"><port name=\"P\" binding=\"h:B\"><s:address location=\"http://127.0.0.1:9/hello\"/></port></service></definitions>"
    )
}

#[test]
fn what_is_no_wsdl_says_what_it_is() {
    let desk = Desk::new();
    let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>";
    for (name, text, wanted) in [
        ("page.wsdl", "<html><body/></html>", "may end with `?wsdl`"),
        ("bomb.wsdl", bomb, "DTD"),
        (
            "cut.wsdl",
            "<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\"><types>",
            "ends before `types` does",
        ),
        ("two.wsdl", "<description xmlns=\"http://www.w3.org/ns/wsdl\"/>", "WSDL 2.0"),
        ("api.wsdl", "{\"openapi\": \"3.0.0\"}", "is no WSDL: it looks like an OpenAPI document"),
    ] {
        fs::write(desk.at().join(name), text).unwrap();
        let said = desk.says(&["import", "wsdl", name]);
        assert!(said.code == 1 && said.err.contains(wanted), "{name}: {}", said.err);
    }
}

const FLOW: &str = "
kind: Flow
name: order
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - customer: { call: erp.GetCustomer, with: { number: trigger.customer } }
  - order:
      call: erp.CreateOrder
      with:
        order: '{ \"externalRef\": trigger.ref, \"customer\": customer.customer.number, \"line\": [{ \"sku\": \"A-1\", \"quantity\": trigger.count, \"price\": 12.50 }] }'
      catch:
        steps:
          - told: { map: { fault: error.fault.name, limit: error.fault.detail.CreditExceeded.limit, code: error.code } }
  - found: { call: erp.FindOrders, with: { externalRef: trigger.ref } }
result: '{ \"who\": customer.customer.name, \"credit\": customer.customer.creditLimit.`$text`, \"order\": order, \"orders\": $count(found.order) }'
";

#[test]
fn a_flow_calls_the_services_of_an_erp_system() {
    let (desk, vendors) = (Desk::new(), sandbox());
    let soap = format!("{}/erp/soap", vendors.url());
    let login =
        "{ ws_security: { username: erp, password: secret:erp/password, digest: true, timestamp: true } }";
    desk.connect("erp", &format!("{soap}?wsdl"), &soap, login);
    fs::write(desk.at().join("flow.yaml"), FLOW).unwrap();
    let options = ServerOptions {
        projects: vec![desk.at().to_owned()],
        data: desk.at().join("data"),
        listen: free_port(),
        control: free_port(),
        env: Desk::secrets(),
        arguments: Vec::new(),
    };
    let _server = Server::start(&options);
    let control = format!("http://{}", options.control);
    let runs = |input: Value| {
        let input = input.to_string();
        let data = options.data.display().to_string();
        let words = [
            "run", "order", "--input", &input, "--wait", "--server", &control, "--data", &data, "--output",
            "json",
        ];
        desk.says(&words).ok().json()
    };
    let done = runs(json!({ "customer": "C-1002", "ref": "r-1", "count": 3 }));
    let result = &done["end"]["result"];
    assert_eq!(result["credit"], 50_000, "{done}");
    assert_eq!((&result["order"]["order"]["total"], &result["orders"]), (&json!(37.5), &json!(1)), "{done}");
    let refused = runs(json!({ "customer": "C-1002", "ref": "r-2", "count": 100_000 }));
    let told = json!({ "fault": "CreditExceeded", "limit": 50_000, "code": "SNW-2043" });
    assert_eq!(refused["end"]["result"]["order"], told, "{refused}");
    assert_eq!(refused["end"]["result"]["orders"], 0);
}

#[test]
fn the_erp_system_says_who_may_not_and_what_is_wrong() {
    let (desk, vendors) = (Desk::new(), sandbox());
    let soap = format!("{}/erp/soap", vendors.url());
    let login =
        |user: &str| format!("{{ ws_security: {{ username: {user}, password: secret:erp/password }} }}");
    desk.connect("erp", &format!("{soap}?wsdl"), &soap, &login("erp"));
    desk.connection("stranger", "erp", &soap, &login("nobody"));
    assert_eq!(
        desk.answer("erp.GetCustomer", &json!({ "number": "C-1002" }))["customer"]["note"],
        "pays late"
    );
    let stranger = desk.refusal("stranger.GetCustomer", &json!({ "number": "C-1003" }));
    assert!(
        stranger.contains("SNW-2021") && stranger.contains("unknown user or wrong password"),
        "{stranger}"
    );
    // A fault, with 200.
    let unknown = desk.refusal("erp.GetBalance", &json!({ "number": "C-9999" }));
    assert!(unknown.contains("SNW-2043") && unknown.contains("the fault `CustomerUnknown`"), "{unknown}");
    let misfit = desk.refusal("erp.GetBalance", &json!({ "number": "nine" }));
    assert!(misfit.contains("SNW-2050"), "{misfit}");
}

const ORDER: &str = r#"{ "order": { "@urgent": true, "reference": "r-7", "line": [{ "sku": "A&B", "quantity": 2 }],
    "total": { "@currency": "EUR", "$text": 12.10 }, "note": null } }"#;

#[test]
fn a_node_server_is_understood_and_understands() {
    let Some(peer) = Peer::of_node("a_node_server_is_understood_and_understands", "soap") else { return };
    let desk = Desk::new();
    for name in ["orders", "newer", "stock", "closed"] {
        let at = format!("{}/{name}", peer.url());
        desk.connect(name, &format!("{at}?wsdl"), &at, "none");
    }
    let shown = |name: &str, operation: &str| desk.says(&["connector", "show", name, operation]).ok().out;
    assert!(shown("orders", "CreateOrder").contains("SOAP 1.1 Orders CreateOrder"));
    assert!(shown("newer", "CreateOrder").contains("SOAP 1.2 Orders CreateOrder"));
    let order: Value = serde_json::from_str(ORDER).unwrap();
    for name in ["orders", "newer"] {
        let call = |operation: &str| format!("{name}.{operation}");
        let made = &desk.answer(&call("CreateOrder"), &order)["order"];
        assert_eq!(made["total"], order["order"]["total"], "{made}");
        let line = json!([{ "sku": "A&B", "quantity": 2 }]);
        assert_eq!(
            (&made["number"], &made["@urgent"], &made["line"]),
            (&json!("N-1"), &json!(true), &line),
            "{made}"
        );
        let found = desk.answer(&call("FindOrders"), &json!({ "reference": "r-7" }));
        assert_eq!(found["order"].as_array().map(Vec::len), Some(1), "{found}");
        let none = desk.answer(&call("FindOrders"), &json!({ "reference": "?" }));
        assert_eq!(none.get("order"), None, "{none}");

        let mut dear = order.clone();
        dear["order"]["reference"] = json!("too dear");
        let refused = desk.refusal(&call("CreateOrder"), &dear);
        assert!(refused.contains("SNW-2043") && refused.contains("`CreditExceeded`"), "{refused}");
        let wrong = desk.refusal(&call("Fail"), &json!({ "how": "client" }));
        assert!(wrong.contains("SNW-2043") && wrong.contains("what was sent is wrong"), "{wrong}");
        let broken = desk.refusal(&call("Fail"), &json!({ "how": "server" }));
        assert!(broken.contains("SNW-2035") && broken.contains("it does not work today"), "{broken}");
    }
    let level = desk.answer("stock.CountStock", &json!({ "sku": "A-1", "reserve": 5 }));
    assert_eq!(level, json!({ "level": { "sku": "A-1", "left": 7 }, "checked": true }));

    let closed = format!("{}/closed", peer.url());
    let find = json!({ "reference": "?" });
    let refused = desk.refusal("closed.FindOrders", &find);
    assert!(refused.contains("SNW-2021"), "{refused}");
    for options in ["", ", timestamp: true", ", digest: true, timestamp: true"] {
        let login =
            format!("{{ ws_security: {{ username: ada, password: secret:orders/password{options} }} }}");
        desk.connection("closed", "closed", &closed, &login);
        desk.answer("closed.FindOrders", &find);
    }
}

#[test]
fn a_python_server_is_understood_and_understands() {
    let Some(peer) = Peer::of_python("a_python_server_is_understood_and_understands", "spyne") else {
        return;
    };
    let desk = Desk::new();
    for name in ["soap11", "soap12"] {
        let at = format!("{}/{name}", peer.url());
        desk.connect(name, &format!("{at}/?wsdl"), &at, "none");
        let call = |operation: &str| format!("{name}.{operation}");
        let same = |operation: &str, input: Value| {
            let field = input.as_object().unwrap().keys().next().unwrap().clone();
            let answer = desk.answer(&call(operation), &input);
            assert_eq!(answer[format!("{operation}Result")], input[&field], "{operation}: {answer}");
        };
        let sum = desk.answer(&call("Add"), &json!({ "a": 2, "b": -5 }));
        assert_eq!(sum, json!({ "AddResult": -3 }));
        same(
            "EchoArticle",
            json!({ "article": {
            "@id": 7, "name": "Bolt <M8>", "price": { "@currency": "EUR", "$text": 0.25 }, "level": "high",
            "since": "2026-11-21T10:00:00+00:00", "note": null, "tags": ["a", "b"], "parts": { "Part": [{ "sku": "A-1", "count": 2 }] },
        } }),
        );
        same("EchoFile", json!({ "file": BASE64_STANDARD.encode([0_u8, 255, 60, 38].repeat(1000)) }));
        same("EchoTime", json!({ "at": "2026-11-21T10:00:00.123456+00:00" }));
        same("EchoDecimal", json!({ "value": 1234.5678 }));
        let repeated = desk.answer(&call("Repeat"), &json!({ "text": "é&", "times": 2 }));
        assert_eq!(repeated["RepeatResult"]["string"], json!(["é&", "é&"]));
        let caller = json!({ "$headers": { "Caller": { "tenant": "north" } } });
        let who = desk.answer(&call("WhoAmI"), &caller);
        assert_eq!(who["WhoAmIResult"], "north", "{who}");

        let none = desk.refusal(&call("TakeOut"), &json!({ "sku": "A-1", "count": 9 }));
        assert!(none.contains("SNW-2043") && none.contains("there are 5 of A-1"), "{none}");
        let wrong = desk.refusal(&call("Break"), &json!({ "how": "client" }));
        assert!(wrong.contains("SNW-2043") && wrong.contains("what you sent is wrong"), "{wrong}");
        for how in ["server", "otherwise"] {
            let broken = desk.refusal(&call("Break"), &json!({ "how": how }));
            assert!(broken.contains("SNW-2035"), "{broken}");
        }
        let beyond = desk.refusal(&call("Repeat"), &json!({ "text": "x", "times": 5000 }));
        assert!(beyond.contains("SNW-2050"), "{beyond}");
    }
}
