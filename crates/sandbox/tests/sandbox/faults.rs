use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::client::World;

const NOTE: &str = r#"{"text":"hello","external_key":"n-1"}"#;

fn note(world: &World) -> std::io::Result<crate::client::Answer> {
    world.send("POST", "/crm/notes", &[("Idempotency-Key", "k")], NOTE)
}

#[test]
fn an_answer_lost_leaves_the_effect_and_the_key_finds_it() {
    let world = World::start();
    world.fault("crm", r#"{"kind":"answer_lost","path":"/notes","count":1}"#);
    assert!(note(&world).is_err());
    assert_eq!(world.effects("crm", "note.created"), 1);
    let again = note(&world).unwrap();
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(world.effects("crm", "note.created"), 1);
    assert_eq!(world.control("GET", "/stats", "").json()["faults_applied"]["crm"]["answer_lost"], 1);
}

#[test]
fn what_closes_before_the_effect_has_none() {
    let world = World::start();
    for (kind, reset) in [("before_effect_close", ""), ("stop", ""), ("stop", ",\"reset\":true")] {
        world.fault("crm", &format!(r#"{{"kind":"{kind}","path":"/notes"{reset}}}"#));
        let error = note(&world).unwrap_err();
        let expected = if reset.is_empty() { ErrorKind::UnexpectedEof } else { ErrorKind::ConnectionReset };
        assert_eq!(error.kind(), expected, "{kind}{reset}");
        world.control("DELETE", "/crm/faults", "");
    }
    assert_eq!(world.effects("crm", "note.created"), 0);
    assert_eq!(note(&world).unwrap().status, 201);
}

#[test]
fn a_status_comes_in_the_vendors_shape_with_its_retry_after() {
    let world = World::start();
    world.fault("crm", r#"{"kind":"status","status":503,"retry_after":2,"path":"/notes","count":1}"#);
    let refused = note(&world).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")));
    assert_eq!(refused.json()["category"], "SERVICE_UNAVAILABLE");
    world.fault("billing", r#"{"kind":"status","status":429,"retry_after":2,"retry_after_as_date":true}"#);
    let limited = world.get("/billing/invoices/in_1");
    assert!(limited.header("retry-after").unwrap().ends_with(" GMT"), "{limited:?}");
    assert_eq!(limited.json()["error"]["code"], "TOO_MANY_REQUESTS");
    assert_eq!(world.effects("crm", "note.created"), 0);
}

#[test]
fn an_error_after_the_effect_hides_that_it_was_done() {
    let world = World::start();
    world.fault("crm", r#"{"kind":"html","path":"/notes","count":1,"after_effect":true}"#);
    let page = note(&world).unwrap();
    assert_eq!((page.status, page.header("content-type")), (502, Some("text/html")));
    assert_eq!(world.effects("crm", "note.created"), 1);
}

#[test]
fn a_revoked_token_is_gone_but_a_new_one_works() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.token());
    let get = || world.raw("GET", "/crm/contacts/1", &[("Authorization", &bearer)], "").unwrap().status;
    assert_eq!(get(), 200);
    world.fault("crm", r#"{"kind":"revoked_token","count":1}"#);
    world.token();
    assert_eq!((get(), get()), (401, 401));
    assert_eq!(world.get("/crm/contacts/1").status, 200);
    world.fault("enrich", r#"{"kind":"revoked_token","count":1}"#);
    assert_eq!(world.get("/enrich/company?domain=a.example").status, 401);
    assert_eq!(world.get("/enrich/company?domain=a.example").status, 200);
}

#[test]
fn bodies_break_in_every_way() {
    let world = World::start();
    let get = || world.send("GET", "/billing/invoices?external_ref=r", &[], "");
    world.post(
        "/billing/invoices",
        r#"{"contact_full_name":"A","currency":"EUR","total":1,"external_ref":"r"}"#,
    );
    world.fault("billing", r#"{"kind":"malformed"}"#);
    let malformed = get().unwrap();
    assert!(malformed.status == 200 && serde_json::from_str::<serde_json::Value>(&malformed.body).is_err());
    world.fault("billing", r#"{"kind":"truncated"}"#);
    assert_eq!(get().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    world.fault("billing", r#"[{"kind":"renamed_field","from":"number","to":"invoice_no"},{"kind":"removed_field","field":"status"}]"#);
    let invoice = get().unwrap().json()["data"][0].clone();
    assert_eq!(
        (invoice["invoice_no"].as_str(), invoice.get("number"), invoice.get("status")),
        (Some("INV-000001"), None, None)
    );
    world.fault("billing", r#"{"kind":"oversized_body","bytes":300000}"#);
    let padded = get().unwrap();
    assert_eq!(
        (padded.body.len(), padded.json()["padding"].as_str().unwrap().len()),
        (300_000, 300_000 - 14)
    );
}

#[test]
fn a_truncated_body_sends_what_it_has_before_it_breaks() {
    use std::io::{Read as _, Write as _};
    let world = World::start();
    world.fault("chat", r#"{"kind":"truncated"}"#);
    let mut stream = std::net::TcpStream::connect(world.sandbox.address()).unwrap();
    stream.write_all(b"GET /chat/messages HTTP/1.1\r\nHost: v\r\n\r\n").unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert!(text.contains("content-length: 15") && text.ends_with("{\"messa"), "{text}");
}

#[test]
fn latency_and_slow_bodies_take_their_time() {
    let world = World::start();
    world.fault("billing", r#"[{"kind":"latency","ms_min":60,"ms_max":70},{"kind":"slow_body","ms":60}]"#);
    let began = Instant::now();
    assert_eq!(world.get("/billing/invoices/in_1").status, 404);
    assert!(began.elapsed() >= Duration::from_millis(110), "{:?}", began.elapsed());
}

#[test]
fn a_refusal_names_its_code() {
    let world = World::start();
    world.fault(
        "warehouse",
        r#"{"kind":"refuse","code":"NO_DRIVER","message":"nobody can drive","body_contains":"ord_7"}"#,
    );
    let refused = world.post("/warehouse/shipments", r#"{"order_id":"ord_7"}"#);
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (409, r#"{"code":"NO_DRIVER","message":"nobody can drive"}"#)
    );
    assert_eq!(world.post("/warehouse/shipments", r#"{"order_id":"ord_8"}"#).status, 201);
    let shown = world.control("GET", "/warehouse/faults", "").json();
    assert_eq!(
        (shown["faults"][0]["seen"].as_u64(), shown["faults"][0]["applied"].as_u64()),
        (Some(1), Some(1))
    );
}
