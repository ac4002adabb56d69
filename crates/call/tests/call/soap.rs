//! SOAP services: messages out, answers and faults in.

use std::time::{Duration, Instant};

use serde_json::json;
use sinew_model::{
    Auth, Binding, Description, DescriptionKind, Effect, Idempotency, Operation, Reason, WsSecurity,
};

use crate::fixture::{Fixture, SECRET, secret};
use crate::server::{Act, Arrived, Server, answer};

const WSDL: &str = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/SOAP/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" name="Erp" POLICY>
  <types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">
    <xs:element name="CreateOrder"><xs:complexType><xs:sequence><xs:element name="total" type="xs:decimal"/>
      <xs:element name="file" type="xs:base64Binary" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="CreateOrderResponse"><xs:complexType><xs:sequence><xs:element name="number" type="xs:string"/>
      <xs:element name="line" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
      <xs:element name="file" type="xs:base64Binary" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="CreditExceeded"><xs:complexType><xs:sequence><xs:element name="limit" type="xs:decimal"/></xs:sequence></xs:complexType></xs:element>
  </xs:schema></types>
  <message name="In"><part name="body" element="t:CreateOrder"/></message>
  <message name="Out"><part name="body" element="t:CreateOrderResponse"/></message>
  <message name="No"><part name="fault" element="t:CreditExceeded"/></message>
  <portType name="P"><operation name="CreateOrder"><input message="t:In"/><output message="t:Out"/><fault name="CreditExceeded" message="t:No"/></operation></portType>
  <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/SOAP/http"/>
    <operation name="CreateOrder"><s:operation soapAction="urn:t#CreateOrder"/>MTOM</operation></binding>
  <service name="S"><port name="P" binding="t:B"><s:address location="https://erp.example/soap"/></port></service>
</definitions>"#;

/// The operation, in this version of SOAP, as its service asks for it.
fn operation(version: &str, mtom: bool) -> Operation {
    let version = if version == "1.2" { "soap12" } else { "soap" };
    let policy = if mtom {
        r#"<wsp:Policy xmlns:wsp="http://www.w3.org/ns/ws-policy"><m:MTOM xmlns:m="http://www.w3.org/2007/08/soap12-mtom-policy"/></wsp:Policy>"#
    } else {
        ""
    };
    let text = WSDL.replace("/wsdl/SOAP/", &format!("/wsdl/{version}/")).replace("/SOAP/http", "/soap/http");
    let text = text.replace(" POLICY", "").replace("MTOM", policy);
    let open = |_: &str| Ok(text.clone().into_bytes());
    let description = Description::open(DescriptionKind::Wsdl, "erp.wsdl", &open).unwrap();
    description.operation("CreateOrder").unwrap().as_ref().clone()
}

fn envelope(body: &str) -> String {
    format!(
        "<S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body>{body}</S:Body></S:Envelope>"
    )
}

fn fault(code: &str, detail: &str) -> String {
    envelope(&format!(
        "<S:Fault><faultcode>{code}</faultcode><faultstring>no\n luck</faultstring>{detail}</S:Fault>"
    ))
}

fn xml(status: u16, body: &str) -> Act {
    answer(status, &[("content-type", "text/xml; charset=utf-8")], body)
}

const DONE: &str = "<t:CreateOrderResponse xmlns:t=\"urn:t\"><t:number>7</t:number></t:CreateOrderResponse>";

/// What comes of a call, and what was sent.
async fn called(
    operation: Operation,
    input: &str,
    act: Act,
) -> (Result<String, sinew_model::Failure>, Arrived) {
    let server = Server::acting([act]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.base_url = format!("{}/soap", server.url).into();
    let outcome = fixture.call(operation, input).await.outcome;
    let arrived = server.arrived().into_iter().next().unwrap();
    (outcome.map(|value| value.to_string()), arrived)
}

#[tokio::test]
async fn an_input_becomes_a_message_and_a_message_an_answer() {
    let (outcome, sent) =
        called(operation("1.1", false), r#"{"total":12345678901234567890.10}"#, xml(200, &envelope(DONE)))
            .await;
    assert_eq!(outcome.unwrap(), r#"{"number":"7"}"#);
    assert_eq!(sent.line, "POST /soap HTTP/1.1");
    assert_eq!(sent.header("soapaction"), Some("\"urn:t#CreateOrder\""));
    assert_eq!(sent.header("content-type"), Some("text/xml; charset=utf-8"));
    assert!(sent.body.contains("total>12345678901234567890.10</"), "{}", sent.body);

    let newer = envelope(DONE)
        .replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope");
    let (outcome, sent) = called(operation("1.2", false), r#"{"total":1}"#, xml(200, &newer)).await;
    assert_eq!(outcome.unwrap(), r#"{"number":"7"}"#);
    assert_eq!(sent.header("soapaction"), None);
    assert_eq!(
        sent.header("content-type"),
        Some("application/soap+xml; charset=utf-8; action=\"urn:t#CreateOrder\"")
    );
}

#[tokio::test]
async fn an_input_that_makes_no_message_is_not_sent() {
    for (input, wanted) in [
        (r#"{"total":"x"}"#, "/total"),
        (r#"{"total":1,"totl":2}"#, "'totl' was unexpected"),
        ("{}", "total"),
    ] {
        let fixture = Fixture::at("http://127.0.0.1:9");
        let failure = fixture.call(operation("1.1", false), input).await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Mapping, "SNW-2050"), "{input}");
        assert!(failure.message.contains(wanted), "{input}: {}", failure.message);
    }
}

#[tokio::test]
async fn a_fault_is_one_whatever_the_status_says() {
    let declared =
        "<detail><t:CreditExceeded xmlns:t=\"urn:t\"><t:limit>50000.00</t:limit></t:CreditExceeded></detail>";
    for (status, fault, effect, reason, code) in [
        (500, fault("S:Client", ""), Effect::Write, Reason::Rejected, "SNW-2043"),
        (200, fault("S:Client", ""), Effect::Write, Reason::Rejected, "SNW-2043"),
        (500, fault("S:Server", ""), Effect::Write, Reason::Unknown, "SNW-2035"),
        (200, fault("S:Server", ""), Effect::Write, Reason::Unknown, "SNW-2035"),
        (500, fault("S:Server", ""), Effect::Read, Reason::Unavailable, "SNW-2035"),
        (500, fault("S:Server", declared), Effect::Write, Reason::Rejected, "SNW-2043"),
        (500, fault("sf:INVALID_FIELD", ""), Effect::Write, Reason::Rejected, "SNW-2043"),
        (500, fault("wsse:FailedAuthentication", ""), Effect::Write, Reason::Credential, "SNW-2021"),
        (503, fault("S:Server", ""), Effect::Write, Reason::Unavailable, "SNW-2033"),
        (429, fault("S:Server", ""), Effect::Write, Reason::RateLimited, "SNW-2030"),
    ] {
        let called_operation = Operation { effect, ..operation("1.1", false) };
        let (outcome, _) = called(called_operation, r#"{"total":1}"#, xml(status, &fault)).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (reason, code), "{status} {fault}");
        assert!(failure.message.contains(": no luck"), "{}", failure.message);
    }
    let (outcome, _) =
        called(operation("1.1", false), r#"{"total":1}"#, xml(500, &fault("S:Client", declared))).await;
    let failure = outcome.unwrap_err();
    assert_eq!(
        &*failure.message,
        "`crm.CreateOrder` answered 500 Internal Server Error with the fault `CreditExceeded` (`Client`): no luck; \
         its detail: {\"CreditExceeded\":{\"limit\":50000.00}}"
    );
    let data = failure.fault.unwrap();
    assert_eq!(
        data.as_str(),
        r#"{"name":"CreditExceeded","code":"Client","reason":"no\n luck","detail":{"CreditExceeded":{"limit":50000.00}}}"#
    );
}

#[tokio::test]
async fn what_is_no_message_says_what_it_is() {
    for (status, body, reason, code, wanted) in [
        (
            200,
            "<!DOCTYPE html><html><body>log in</body></html>",
            Reason::Unknown,
            "SNW-2007",
            "a page for people (HTML)",
        ),
        (502, "<html>Bad Gateway</html>", Reason::Unknown, "SNW-2034", "answered 502 Bad Gateway"),
        (404, "<html>gone</html>", Reason::Rejected, "SNW-2042", "answered 404 Not Found"),
        (200, "", Reason::Unknown, "SNW-2007", "its body is empty"),
        (
            200,
            "<S:Envelope xmlns:S='http://schemas.xmlsoap.org/soap/envelope/'><S:Body><t:Cre",
            Reason::Unknown,
            "SNW-2007",
            "cannot be read",
        ),
        (200, "<orders/>", Reason::Unknown, "SNW-2007", "no SOAP message: its element is `orders`"),
        (200, "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", Reason::Unknown, "SNW-2007", "DTD"),
        (200, "{\"ok\":true}", Reason::Unknown, "SNW-2007", "text outside"),
    ] {
        let (outcome, _) = called(operation("1.1", false), r#"{"total":1}"#, xml(status, body)).await;
        let failure = outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (reason, code), "{body}");
        assert!(failure.message.contains(wanted), "{body}: {}", failure.message);
    }
    let cut = Act::SayAndClose(
        "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 900\r\n\r\n<S:Env".to_owned(),
    );
    let (outcome, _) = called(operation("1.1", false), r#"{"total":1}"#, cut).await;
    assert_eq!(outcome.unwrap_err().reason, Reason::Unknown);
}

#[tokio::test]
async fn a_bomb_is_refused_soon() {
    let entities: Vec<_> = (1..40).map(|n| format!("<!ENTITY e{n} '&e{};&e{};'>", n - 1, n - 1)).collect();
    let entities = entities.concat();
    let lines = "<t:line/>".repeat(600_000);
    for body in [
        format!("<!DOCTYPE x [<!ENTITY e0 'x'>{entities}]><x>&e39;</x>"),
        "<a>".repeat(200_000),
        envelope(&format!("<t:CreateOrderResponse xmlns:t=\"urn:t\">{lines}</t:CreateOrderResponse>")),
    ] {
        let server = Server::acting([xml(200, &body)]).await;
        let mut fixture = Fixture::new(&server);
        fixture.connection.response_max = sinew_stdx::ByteSize(64 << 20);
        let begin = Instant::now();
        let failure = fixture.call(operation("1.1", false), r#"{"total":1}"#).await.outcome.unwrap_err();
        assert_eq!((failure.reason, &*failure.code), (Reason::Unknown, "SNW-2007"));
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn binary_content_goes_and_comes_beside_the_envelope() {
    let content = "QUJD".repeat(1000);
    let related = "--b\r\ncontent-type: application/xop+xml\r\ncontent-id: <root>\r\n\r\n\
        <S:Envelope xmlns:S=\"http://schemas.xmlsoap.org/soap/envelope/\"><S:Body><CreateOrderResponse xmlns=\"urn:t\"><number>7</number>\
        <file><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" href=\"cid:one\"/></file></CreateOrderResponse></S:Body></S:Envelope>\r\n\
        --b\r\ncontent-id: <one>\r\n\r\nABC\r\n--b--\r\n";
    let kind = "multipart/related; type=\"application/xop+xml\"; start=\"<root>\"; boundary=b";
    let act = answer(200, &[("content-type", kind)], related);
    let input = json!({"total": 1, "file": content}).to_string();
    let (outcome, sent) = called(operation("1.1", true), &input, act).await;
    assert_eq!(outcome.unwrap(), r#"{"number":"7","file":"QUJD"}"#);
    let kind = sent.header("content-type").unwrap();
    assert!(kind.starts_with("multipart/related; type=\"application/xop+xml\"; start="), "{kind}");
    let boundary = kind.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(sent.body.starts_with(&format!("--{boundary}\r\n")), "{}", sent.body);
    assert!(sent.body.contains("ABCABC") && !sent.body.contains("QUJD"));
    // Where the service does not ask for it, it stands in the envelope.
    let (_, sent) = called(operation("1.1", false), &input, xml(200, &envelope(DONE))).await;
    assert!(sent.body.contains("QUJDQUJD") && sent.header("content-type") == Some("text/xml; charset=utf-8"));
}

#[tokio::test]
async fn each_message_says_who_sends_it_and_shows_it_to_nobody() {
    let server = Server::acting([
        xml(500, &fault("S:Server", &format!("<detail>{}</detail>", escaped()))),
        xml(200, &envelope(DONE)),
    ])
    .await;
    for digest in [false, true] {
        let mut fixture = Fixture::new(&server);
        let login = WsSecurity { username: "ada".into(), password: secret(), digest, timestamp: true };
        fixture.connection.auth = Auth::WsSecurity(Box::new(login));
        let mut called = operation("1.1", false);
        called.idempotency = Idempotency::None;
        let attempted = fixture.call(called, r#"{"total":1}"#).await;
        let shown = format!("{:?}", attempted.attempt) + &format!("{:?}", attempted.outcome);
        assert!(!shown.contains(SECRET) && !shown.contains(&escaped()), "{shown}");
        let sent = server.arrived().pop().unwrap().body;
        assert!(
            sent.contains("<wsse:Username>ada</wsse:Username>") && sent.contains("<wsu:Expires>"),
            "{sent}"
        );
        assert_eq!(sent.contains(&format!(">{}</wsse:Password>", escaped())), !digest, "{sent}");
        assert_eq!(sent.contains("</wsse:Nonce>"), digest, "{sent}");
    }
}

/// The secret as it stands in XML.
fn escaped() -> String {
    SECRET.replace('&', "&amp;").replace('<', "&lt;")
}

#[tokio::test]
async fn an_address_is_called_as_it_is_published() {
    let server = Server::acting([xml(200, &envelope(DONE))]).await;
    let mut fixture = Fixture::new(&server);
    for (elsewhere, base, line) in [
        (None, "/erp/soap", "POST /erp/soap HTTP/1.1"),
        (Some("/stock/?v=2"), "/erp/soap", "POST /stock/?v=2 HTTP/1.1"),
        (None, "", "POST / HTTP/1.1"),
    ] {
        fixture.connection.base_url = format!("{}{base}", server.url).into();
        let mut called = operation("1.1", false);
        let Binding::Http(http) = &mut called.binding else { panic!("it is called over HTTP") };
        http.server = elsewhere.map(std::sync::Arc::from);
        fixture.call(called, r#"{"total":1}"#).await.outcome.unwrap();
        assert_eq!(server.arrived().pop().unwrap().line, line);
    }
}
