use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::client::{Answer, World};

const TEXT: &str =
    "<w:UsernameToken><w:Username>erp</w:Username><w:Password>erp-secret</w:Password></w:UsernameToken>";

fn send(world: &World, security: &str, body: &str) -> Answer {
    let envelope = format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' xmlns='urn:sandbox:erp:types' xmlns:w='urn:w'>\
         <s:Header><w:Security>{security}</w:Security></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    );
    world.raw("POST", "/erp/soap", &[("Content-Type", "text/xml")], &envelope).unwrap()
}

fn order(reference: &str, price: &str) -> String {
    format!(
        "<CreateOrder><order><externalRef>{reference}</externalRef><customer>C-1002</customer>\
         <line><sku>A&amp;B</sku><quantity>3</quantity><price>{price}</price></line></order></CreateOrder>"
    )
}

#[track_caller]
fn check(answer: &Answer, status: u16, says: &str) {
    assert!(answer.status == status && answer.body.contains(says), "{answer:?}");
}

#[test]
fn orders_are_taken_found_and_cancelled() {
    let world = World::start();
    check(&send(&world, TEXT, &order("r-1", "12.50")), 200, "<e:total>37.50</e:total>");
    check(
        &send(&world, TEXT, "<FindOrders><externalRef>r-1</externalRef></FindOrders>"),
        200,
        "<e:sku>A&amp;B</e:sku>",
    );
    check(&send(&world, TEXT, "<GetBalance><number>C-1002</number></GetBalance>"), 200, ">37.50</e:balance>");
    check(&send(&world, TEXT, "<CancelOrder><number>SO-000001</number></CancelOrder>"), 200, "cancelled");
    check(
        &send(&world, TEXT, "<CancelOrder><number>SO-000001</number></CancelOrder>"),
        500,
        "<e:OrderUnknown>",
    );
    assert_eq!((world.effects("erp", "order.created"), world.effects("erp", "order.cancelled")), (1, 1));
}

#[test]
fn faults_say_why_and_one_comes_with_200() {
    let world = World::start();
    check(&send(&world, TEXT, &order("r-1", "20000")), 500, "<e:requested>60000.00</e:requested>");
    check(&send(&world, TEXT, "<GetCustomer><number>C-9</number></GetCustomer>"), 500, "<e:CustomerUnknown>");
    check(&send(&world, TEXT, "<GetBalance><number>C-9</number></GetBalance>"), 200, "<e:CustomerUnknown>");
    check(&send(&world, TEXT, "<Nothing/>"), 500, "S:Client");
    check(&world.raw("POST", "/erp/soap", &[], "{}").unwrap(), 500, "no SOAP envelope");
}

#[test]
fn a_digest_is_taken_once() {
    let world = World::start();
    let (nonce, created) = ("bm9uY2U=", "2026-11-21T10:00:00Z");
    let secret = format!("nonce{created}erp-secret");
    let proof = BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes()));
    let token = format!(
        "<w:UsernameToken><w:Username>erp</w:Username><w:Password Type='urn:x#PasswordDigest'>{proof}</w:Password>\
         <w:Nonce>{nonce}</w:Nonce><w:Created>{created}</w:Created></w:UsernameToken>"
    );
    let get = "<GetCustomer><number>C-1002</number></GetCustomer>";
    check(&send(&world, &token, get), 200, "xsi:type=\"e:DeliveryAddress\"");
    check(&send(&world, &token, get), 500, "used before");
    check(&send(&world, &TEXT.replace("erp-secret", "wrong"), get), 500, "wsse:FailedAuthentication");
    check(&send(&world, "", get), 500, "no UsernameToken");
    let expired = format!("<w:Timestamp><w:Expires>2001-01-01T00:00:00Z</w:Expires></w:Timestamp>{TEXT}");
    check(&send(&world, &expired, get), 500, "expired");
}

#[test]
fn it_describes_itself_where_it_is() {
    let world = World::start();
    let answer = world.get("/erp/erp.wsdl");
    assert_eq!(answer.status, 200);
    assert!(
        !answer.body.contains("127.0.0.1:7480/") && answer.body.contains("/erp/soap\""),
        "{}",
        answer.body
    );
    assert!(world.get("/erp/erp.xsd").body.contains("urn:sandbox:erp:types"));
}
