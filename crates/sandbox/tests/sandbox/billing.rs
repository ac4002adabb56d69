use crate::client::World;

const INVOICE: &str = r#"{"contact_full_name":"Ada Lovelace","currency":"EUR","total":12345678901234567890.10,"external_ref":"deal-7"}"#;

#[test]
fn an_invoice_keeps_its_digits_and_is_found_by_its_reference() {
    let world = World::start();
    let created = world.post("/billing/invoices", INVOICE);
    assert_eq!(created.status, 201);
    assert!(created.body.contains("\"total\":12345678901234567890.10"), "{}", created.body);
    assert_eq!(created.json()["number"], "INV-000001");
    assert_eq!(world.get("/billing/invoices/in_1").body, created.body);
    assert_eq!(world.get("/billing/invoices?external_ref=deal-7").json()["data"][0]["id"], "in_1");
    assert_eq!(world.get("/billing/invoices?external_ref=deal-8").body, r#"{"data":[],"has_more":false}"#);
    assert_eq!(world.get("/billing/invoices/in_2").json()["error"]["code"], "resource_missing");
}

#[test]
fn the_same_key_answers_the_same_for_a_day() {
    let world = World::start();
    let first = world.post_with_key("/billing/invoices", "k", INVOICE);
    let again = world.post_with_key("/billing/invoices", "k", INVOICE);
    assert_eq!((&first.body, first.header("idempotent-replayed")), (&again.body, None));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = world.post_with_key("/billing/invoices", "k", &INVOICE.replace("Ada", "Eve"));
    assert_eq!((other.status, other.json()["error"]["code"].as_str()), (422, Some("idempotency_key_reused")));
    let account = world.control("GET", "/truth/summary", "").json();
    assert_eq!(
        (account["effects"]["billing"]["invoice.created"]["total"].as_u64(), &account["replays"]["billing"]),
        (Some(1), &1.into())
    );
    world.control("POST", "/clock", r#"{"advance_ms":86400000}"#);
    assert_eq!(world.post_with_key("/billing/invoices", "k", INVOICE).json()["id"], "in_2");
    assert_eq!(world.effect("billing", "invoice.created")["doubled_by_key"], 1);
}

#[test]
fn a_wrong_invoice_names_the_parameter() {
    let world = World::start();
    let check = |from: &str, to: &str| {
        let answer = world.post("/billing/invoices", &INVOICE.replace(from, to));
        assert_eq!(answer.status, 400);
        answer.json()["error"]["param"].as_str().unwrap().to_owned()
    };
    assert_eq!(check("EUR", "eur"), "currency");
    assert_eq!(check("12345678901234567890.10", "-1"), "total");
    assert_eq!(check("12345678901234567890.10", "true"), "total");
    assert_eq!(check("Ada Lovelace", " "), "contact_full_name");
    assert_eq!(check("{", "["), "body");
    assert_eq!(world.effects("billing", "invoice.created"), 0);
}

#[test]
fn invoices_are_voided_and_payments_refunded_once() {
    let world = World::start();
    world.post("/billing/invoices", INVOICE);
    world.post("/billing/payments", r#"{"amount":"19.90","currency":"EUR","external_ref":"ord_1"}"#);
    for (path, status, code) in [
        ("/billing/invoices/in_1/void", "void", "invoice_already_void"),
        ("/billing/payments/pay_1/refund", "refunded", "payment_already_refunded"),
    ] {
        assert_eq!(world.post_with_key(path, "undo", "").json()["status"], status);
        assert_eq!(world.post_with_key(path, "undo", "").status, 200);
        let again = world.post(path, "");
        assert_eq!((again.status, again.json()["error"]["code"].as_str()), (409, Some(code)));
    }
    assert_eq!(world.effects("billing", "payment.refunded"), 1);
    assert_eq!(world.get("/billing/payments?external_ref=ord_1").json()["data"][0]["status"], "refunded");
}

#[test]
fn every_answer_tells_the_rate_limit() {
    let world = World::start();
    let answer = world.get("/billing/invoices/in_1");
    assert_eq!(
        (answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")),
        (Some("100000"), Some("99999"))
    );
    world.control("POST", "/options", r#"{"billing_rate_per_s":1}"#);
    world.get("/billing/invoices/in_1");
    let refused = world.get("/billing/invoices/in_1");
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(
        world
            .raw("GET", "/billing/invoices/in_1", &[("X-Api-Key", "wrong")], "")
            .unwrap()
            .header("x-ratelimit-limit"),
        Some("1")
    );
}
