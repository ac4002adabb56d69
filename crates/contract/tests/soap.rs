//! Web services as operations, and their messages: JSON in, XML on the way, JSON out.
#![expect(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test that cannot go on fails")]

use serde_json::{Value, json};
use sinew_contract::soap::{
    Answer, Blame, Fault, Options, Password, SecurityHeader, SoapError, UsernameToken,
};
use sinew_contract::wsdl::{NotAService, SoapVersion, Style, Wsdl};
use sinew_contract::{Schema, xml};
use sinew_stdx::Json;

/// A service with one operation `Run` whose input and output elements have this content, in a schema of this content.
fn service(types: &str) -> Wsdl {
    read(&format!(
        r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
            xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t" name="Test">
          <types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">{types}
            <xs:element name="RunResponse"><xs:complexType><xs:sequence>
              <xs:element name="ok" type="xs:boolean" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
            <xs:element name="Refused"><xs:complexType><xs:sequence>
              <xs:element name="limit" type="xs:decimal"/></xs:sequence></xs:complexType></xs:element>
          </xs:schema></types>
          <message name="In"><part name="body" element="t:Run"/></message>
          <message name="Out"><part name="body" element="t:RunResponse"/></message>
          <message name="No"><part name="body" element="t:Refused"/></message>
          <portType name="P"><operation name="Run"><documentation>Runs it.</documentation>
            <input message="t:In"/><output message="t:Out"/><fault name="refused" message="t:No"/></operation></portType>
          <binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
            <operation name="Run"><soap:operation soapAction="urn:t#Run"/>
              <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
          <service name="S"><port name="SP" binding="t:B"><soap:address location="http://erp.example/soap"/></port></service>
        </definitions>"#
    ))
}

/// A service whose input element has this content.
fn taking(content: &str) -> Wsdl {
    service(&format!(r#"<xs:element name="Run"><xs:complexType>{content}</xs:complexType></xs:element>"#))
}

fn read(text: &str) -> Wsdl {
    Wsdl::read(text.as_bytes(), |name| Err(format!("no file `{name}`"))).unwrap()
}

/// The body of the request for an input, its namespace left away: it is the same everywhere.
#[track_caller]
fn sent(wsdl: &Wsdl, input: &Value) -> String {
    let request = wsdl.request(&wsdl.operations[0], &Json::of(input), &Options::default()).unwrap();
    let text = String::from_utf8(request.body).unwrap();
    xml::parse(text.as_bytes()).unwrap();
    let body = text.split_once("<soap:Body").unwrap().1.split_once('>').unwrap().1;
    let body = body.split("</soap:Body>").next().unwrap();
    body.replace("n1:", "")
}

/// The input becomes this XML, fits the schema, and is read from the XML as it was.
#[track_caller]
fn check(wsdl: &Wsdl, input: Value, wanted: &str) {
    assert_eq!(sent(wsdl, &input), wanted);
    let operation = &wsdl.operations[0];
    let schema = Schema::compile(wsdl.input(operation)).unwrap();
    assert!(
        schema.violations(&Json::of(&input)).is_empty(),
        "{:?} {}",
        schema.violations(&Json::of(&input)),
        wsdl.input(operation)
    );
    let request = wsdl.request(operation, &Json::of(&input), &Options::default()).unwrap();
    let again = wsdl.given(operation, Some(&request.content_type), &request.body).unwrap();
    assert_eq!(again.to_value(), input);
}

#[track_caller]
fn refused(wsdl: &Wsdl, input: &Value) -> String {
    wsdl.request(&wsdl.operations[0], &Json::of(input), &Options::default()).unwrap_err().to_string()
}

#[test]
fn an_operation_says_what_it_is() {
    let wsdl = taking("<xs:sequence/>");
    let operation = &wsdl.operations[0];
    assert_eq!((&*operation.id, &*operation.summary, &*operation.action), ("Run", "Runs it.", "urn:t#Run"));
    assert_eq!((operation.version, operation.style), (SoapVersion::V11, Style::Document));
    assert_eq!(operation.address.as_deref(), Some("http://erp.example/soap"));
    assert_eq!(operation.fault_names().collect::<Vec<_>>(), ["refused"]);
    assert_eq!(wsdl.warnings, []);
}

#[test]
fn elements_stand_in_the_order_of_the_schema_with_attributes_and_lists() {
    let wsdl = taking(
        r#"<xs:sequence><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:string" maxOccurs="unbounded"/>
           <xs:element name="words" minOccurs="0"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
           <xs:element name="price" minOccurs="0"><xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
             <xs:attribute name="currency" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
           </xs:sequence><xs:attribute name="id" type="xs:int" use="required"/>"#,
    );
    check(
        &wsdl,
        json!({"@id": 7, "a": 1, "b": ["x", "<y>"], "words": [1, 2], "price": {"@currency": "EUR", "$text": 1.5}}),
        r#"<Run id="7"><a>1</a><b>x</b><b>&lt;y&gt;</b><words>1 2</words><price currency="EUR">1.5</price></Run>"#,
    );
    // In whatever order and form they are given.
    assert_eq!(
        sent(&wsdl, &json!({"b": "x", "a": 1, "@id": 7, "price": 2})),
        r#"<Run id="7"><a>1</a><b>x</b><price>2</price></Run>"#
    );
}

#[test]
fn numbers_survive() {
    let wsdl = taking(r#"<xs:sequence><xs:element name="n" type="xs:decimal"/></xs:sequence>"#);
    let input = Json::parse(br#"{"n":12345678901234567890.1234567890123456789}"#).unwrap();
    let request = wsdl.request(&wsdl.operations[0], &input, &Options::default()).unwrap();
    assert_eq!(wsdl.given(&wsdl.operations[0], None, &request.body).unwrap(), input);
    assert_eq!(sent(&wsdl, &json!({"n": 1e21})), "<Run><n>1000000000000000000000</n></Run>");
}

#[test]
fn nil_and_absence_differ() {
    let wsdl = taking(
        r#"<xs:sequence><xs:element name="a" type="xs:int" nillable="true"/><xs:element name="b" type="xs:int" minOccurs="0"/></xs:sequence>"#,
    );
    check(&wsdl, json!({"a": null}), r#"<Run><a xsi:nil="true"></a></Run>"#);
    assert_eq!(sent(&wsdl, &json!({"a": 1, "b": null})), "<Run><a>1</a></Run>");
}

#[test]
fn repeated_choices_keep_an_order_that_is_not_the_usual_one() {
    let wsdl = taking(
        r#"<xs:choice maxOccurs="unbounded"><xs:element name="a" type="xs:int"/><xs:element name="b" type="xs:int"/></xs:choice>"#,
    );
    check(&wsdl, json!({"a": [1, 2], "b": [3]}), "<Run><a>1</a><a>2</a><b>3</b></Run>");
    check(
        &wsdl,
        json!({"a": [1, 2], "b": [3], "$order": ["a", "b", "a"]}),
        "<Run><a>1</a><b>3</b><a>2</a></Run>",
    );
    let rows = taking(
        r#"<xs:sequence maxOccurs="unbounded"><xs:element name="k" type="xs:string"/><xs:element name="v" type="xs:int"/></xs:sequence>"#,
    );
    check(&rows, json!({"k": ["x", "y"], "v": [1, 2]}), "<Run><k>x</k><v>1</v><k>y</k><v>2</v></Run>");
}

#[test]
fn derived_types_are_named_and_their_fields_are_their_own() {
    let wsdl = service(
        r#"<xs:complexType name="Shape" abstract="true"><xs:sequence><xs:element name="name" type="xs:string"/></xs:sequence></xs:complexType>
           <xs:complexType name="Circle"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence>
             <xs:element name="radius" type="xs:int"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
           <xs:element name="Run"><xs:complexType><xs:sequence><xs:element name="shape" type="t:Shape"/></xs:sequence></xs:complexType></xs:element>"#,
    );
    check(
        &wsdl,
        json!({"shape": {"$type": "Circle", "name": "c", "radius": 3}}),
        r#"<Run><shape xsi:type="Circle"><name>c</name><radius>3</radius></shape></Run>"#,
    );
    let schema = Schema::compile(wsdl.input(&wsdl.operations[0])).unwrap();
    assert!(!schema.violations(&Json::of(&json!({"shape": {"$type": "Circle", "name": "c"}}))).is_empty());
    assert!(!schema.violations(&Json::of(&json!({"shape": {"name": "c"}}))).is_empty());
    assert!(refused(&wsdl, &json!({"shape": {"$type": "Square"}})).contains("no type `Square`"));
}

#[test]
fn those_that_substitute_stand_by_their_own_names() {
    let wsdl = service(
        r#"<xs:element name="head" abstract="true" type="xs:string"/><xs:element name="one" substitutionGroup="t:head"/>
           <xs:element name="two" type="xs:string" substitutionGroup="t:head"/>
           <xs:element name="Run"><xs:complexType><xs:sequence><xs:element ref="t:head" maxOccurs="2"/></xs:sequence></xs:complexType></xs:element>"#,
    );
    check(&wsdl, json!({"two": ["x"]}), "<Run><two>x</two></Run>");
}

#[test]
fn groups_and_recursion_are_followed() {
    let wsdl = service(
        r#"<xs:group name="G"><xs:sequence><xs:element name="g" type="xs:int"/></xs:sequence></xs:group>
           <xs:attributeGroup name="AG"><xs:attribute name="x" type="xs:int"/></xs:attributeGroup>
           <xs:complexType name="Tree"><xs:sequence><xs:group ref="t:G"/><xs:element name="kids" type="t:Tree" minOccurs="0" maxOccurs="unbounded"/>
             </xs:sequence><xs:attributeGroup ref="t:AG"/></xs:complexType>
           <xs:element name="Run" type="t:Tree"/>"#,
    );
    check(
        &wsdl,
        json!({"@x": 1, "g": 1, "kids": [{"g": 2, "kids": [{"g": 3}]}]}),
        r#"<Run x="1"><g>1</g><kids><g>2</g><kids><g>3</g></kids></kids></Run>"#,
    );
}

#[test]
fn anything_has_a_form_of_its_own() {
    let wsdl = taking(
        r#"<xs:sequence><xs:element name="a" type="xs:int"/><xs:any minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>"#,
    );
    check(
        &wsdl,
        json!({"a": 1, "$any": [{"{urn:x}doc": {"@lang": "en", "line": ["1", "2"], "p": {"$content": ["a ", {"b": "c"}, "."]}}}]}),
        r#"<Run><a>1</a><n2:doc lang="en"><n2:line>1</n2:line><n2:line>2</n2:line><n2:p>a <n2:b>c</n2:b>.</n2:p></n2:doc></Run>"#,
    );
    let open = taking(r#"<xs:sequence><xs:element name="v"/></xs:sequence>"#);
    assert_eq!(sent(&open, &json!({"v": 5})), r#"<Run><v xsi:type="xsd:int">5</v></Run>"#);
}

#[test]
fn what_does_not_fit_says_where_and_what_there_is() {
    let wsdl = taking(r#"<xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence>"#);
    assert_eq!(refused(&wsdl, &json!({"a": 1, "typo": 2})), "/typo: no such field; there are `a`");
    assert_eq!(refused(&wsdl, &json!({"@x": 2})), "/@x: no such attribute; there are `a`");
    assert!(refused(&wsdl, &json!({"a": {"b": "secret"}})).starts_with("/a: a text or number is expected"));
    // What the description does not know is sent if it is named whole.
    assert_eq!(
        sent(&wsdl, &json!({"a": 1, "{}new": "x", "@{}y": 1})),
        r#"<Run y="1"><a>1</a><new>x</new></Run>"#
    );
    let schema = Schema::compile(wsdl.input(&wsdl.operations[0])).unwrap();
    assert_eq!(schema.violations(&Json::of(&json!({"a": 1, "typo": 2}))).len(), 1);
}

fn answered(wsdl: &Wsdl, body: &str) -> Result<Answer, SoapError> {
    wsdl.answer(&wsdl.operations[0], Some("text/xml"), body.as_bytes())
}

fn envelope(body: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{body}</s:Body></s:Envelope>"#
    )
}

#[test]
fn a_fault_is_typed_whatever_soap_it_is_written_in() {
    let wsdl = taking("<xs:sequence/>");
    let old = envelope(
        r#"<s:Fault><faultcode>s:Client.Limit</faultcode><faultstring> too much </faultstring>
           <detail><r:Refused xmlns:r="urn:t"><r:limit>100.50</r:limit></r:Refused></detail></s:Fault>"#,
    );
    let wanted = Fault {
        code: "Client.Limit".into(),
        blame: Blame::Sender,
        reason: "too much".into(),
        name: Some("refused".into()),
        detail: Some(Json::parse(br#"{"Refused":{"limit":100.50}}"#).unwrap()),
    };
    assert_eq!(answered(&wsdl, &old), Ok(Answer::Fault(wanted)));
    let new = r#"<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:Receiver</e:Value>
        <e:Subcode><e:Value xmlns:m="urn:m">m:Busy</e:Value></e:Subcode></e:Code><e:Reason><e:Text xml:lang="de">besetzt</e:Text>
        <e:Text xml:lang="en">busy</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"#;
    let Ok(Answer::Fault(fault)) = answered(&wsdl, new) else { panic!("no fault") };
    assert_eq!(
        (&*fault.code, fault.blame, &*fault.reason, fault.name),
        ("Busy", Blame::Receiver, "busy", None)
    );
}

#[test]
fn services_that_do_not_keep_to_their_description_are_understood() {
    let wsdl = taking("<xs:sequence/>");
    let output = |body: &str| match answered(&wsdl, body) {
        Ok(Answer::Output(json)) => json.to_value(),
        other => panic!("{other:?}"),
    };
    assert_eq!(output(&envelope("<RunResponse><ok>1</ok></RunResponse>")), json!({"ok": true}));
    assert_eq!(
        output(&envelope("<Other xmlns='urn:t'><ok>true</ok><new>x</new></Other>")),
        json!({"ok": true, "new": "x"})
    );
    assert_eq!(output("<RunResponse xmlns='urn:t'><ok>false</ok></RunResponse>"), json!({"ok": false}));
    assert_eq!(output(&envelope("")), json!({}));
    assert!(matches!(answered(&wsdl, "<html><body>Oops</body></html>"), Err(SoapError::NotSoap(_))));
    assert!(matches!(answered(&wsdl, "{\"error\": 1}"), Err(SoapError::Unreadable(_))));
}

const RPC: &str = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" xmlns:enc="http://schemas.xmlsoap.org/soap/encoding/" targetNamespace="urn:t">
  <types><xs:schema targetNamespace="urn:t">
    <xs:complexType name="Names"><xs:complexContent><xs:restriction base="enc:Array">
      <xs:attribute ref="enc:arrayType" w:arrayType="xs:string[]" xmlns:w="http://schemas.xmlsoap.org/wsdl/"/></xs:restriction></xs:complexContent></xs:complexType>
    <xs:complexType name="Node"><xs:all><xs:element name="v" type="xs:int"/><xs:element name="l" type="t:Node" minOccurs="0"/>
      <xs:element name="r" type="t:Node" minOccurs="0"/></xs:all></xs:complexType>
  </xs:schema></types>
  <message name="In"><part name="names" type="t:Names"/><part name="n" type="xs:int"/></message>
  <message name="Out"><part name="result" type="t:Node"/></message>
  <portType name="P"><operation name="get"><input message="t:In"/><output message="t:Out"/></operation></portType>
  <binding name="B" type="t:P"><soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="get"><soap:operation soapAction=""/>
      <input><soap:body use="encoded" namespace="urn:call" encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"/></input>
      <output><soap:body use="encoded" namespace="urn:call" encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"/></output></operation></binding>
</definitions>"#;

#[test]
fn rpc_with_soap_encoding_states_types_and_follows_references() {
    let wsdl = read(RPC);
    let sent = sent(&wsdl, &json!({"names": ["a", "b"], "n": 1}));
    assert!(sent.contains(r#"<get><names xsi:type="n2:Names" soapenc:arrayType="xsd:string[2]"><item xsi:type="xsd:string">a</item>"#), "{sent}");
    let body = envelope(
        r##"<c:getResponse xmlns:c="urn:call"><result href="#1"/></c:getResponse>
            <multiRef id="1"><v>1</v><l href="#2"/><r href="#2"/></multiRef><multiRef id="2"><v>2</v></multiRef>"##,
    );
    let Ok(Answer::Output(output)) = answered(&wsdl, &body) else { panic!("no output") };
    assert_eq!(output.to_value(), json!({"result": {"v": 1, "l": {"v": 2}, "r": {"v": 2}}}));
}

#[test]
fn answers_that_refer_to_themselves_are_refused() {
    let wsdl = read(RPC);
    let circle =
        envelope(r##"<getResponse><result href="#1"/></getResponse><m id="1"><v>1</v><l href="#1"/></m>"##);
    assert!(matches!(answered(&wsdl, &circle), Err(SoapError::TooLarge(_))));
    let one = |n| format!(r##"<m id="{n}"><l href="#{}"/><r href="#{}"/></m>"##, n + 1, n + 1);
    let doubling = (0..40).map(one).collect::<Vec<_>>().concat();
    let bomb = envelope(&format!(r##"<getResponse><result href="#0"/></getResponse>{doubling}"##));
    assert!(matches!(answered(&wsdl, &bomb), Err(SoapError::TooLarge(_))));
}

#[test]
fn who_calls_and_when_stands_in_the_header() {
    let wsdl = taking("<xs:sequence/>");
    let token = UsernameToken {
        username: "ada",
        password: Password::Digest { digest: "ZGln", nonce: "bm9u" },
        created: "2026-11-21T10:00:00Z",
    };
    let timestamp = Some(("2026-11-21T10:00:00Z", "2026-11-21T10:05:00Z"));
    let request = wsdl.request(&wsdl.operations[0], &Json::of(&json!({})), &Options::default()).unwrap();
    let message = SecurityHeader { token: Some(token), timestamp }.put_into(&request.body).unwrap();
    xml::parse(&message).unwrap();
    let text = String::from_utf8(message).unwrap();
    for part in [
        "<wsse:Username>ada</wsse:Username>",
        "#PasswordDigest\">ZGln<",
        "<wsu:Expires>2026-11-21T10:05:00Z",
        "soap:mustUnderstand=\"1\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !format!("{:?}", UsernameToken { password: Password::Text("hunter2"), ..token }).contains("hunter2")
    );
}

#[test]
fn large_binary_content_goes_beside_the_envelope() {
    let wsdl = taking(r#"<xs:sequence><xs:element name="file" type="xs:base64Binary"/></xs:sequence>"#);
    let input = Json::of(&json!({"file": "QUJD".repeat(1000)}));
    let options = Options { boundary: Some("b") };
    let request = wsdl.request(&wsdl.operations[0], &input, &options).unwrap();
    assert!(
        request.content_type.starts_with("multipart/related; type=\"application/xop+xml\""),
        "{}",
        request.content_type
    );
    assert!(request.body.windows(6).any(|bytes| bytes == b"ABCABC"));
    assert_eq!(wsdl.given(&wsdl.operations[0], Some(&request.content_type), &request.body).unwrap(), input);
}

#[test]
fn files_are_read_once_however_they_refer_to_one_another() {
    let main = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" targetNamespace="urn:t" xmlns:t="urn:t">
        <import namespace="urn:t" location="self.wsdl"/><import namespace="urn:x" location="gone.wsdl"/>
        <types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="urn:a" schemaLocation="a/a.xsd"/></xs:schema></types>
        <message name="In"><part name="p" element="a:In" xmlns:a="urn:a"/></message>
        <portType name="P"><operation name="Go"><input message="t:In"/></operation></portType></definitions>"#;
    let mut asked = Vec::new();
    let wsdl = Wsdl::read(main.as_bytes(), |name| {
        asked.push(name.to_owned());
        match name {
            "self.wsdl" => Ok(main.as_bytes().to_vec()),
            "a/a.xsd" => Ok(br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a" xmlns="urn:a">
                <xs:include schemaLocation="../b.xsd"/><xs:include schemaLocation="a.xsd"/><xs:element name="In" type="T"/></xs:schema>"#.to_vec()),
            "b.xsd" => Ok(br#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:complexType name="T"><xs:sequence>
                <xs:element name="x" type="Missing"/></xs:sequence></xs:complexType></xs:schema>"#.to_vec()),
            other => Err(format!("no file `{other}`")),
        }
    })
    .unwrap();
    asked.sort();
    asked.dedup();
    assert_eq!(asked, ["a/a.xsd", "b.xsd", "gone.wsdl", "self.wsdl"]);
    assert_eq!(wsdl.missing.len(), 1);
    let warnings: Vec<String> = wsdl.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings.iter().any(|of| of.starts_with("b.xsd, line 2: the type `{urn:a}Missing` is not defined")),
        "{warnings:#?}"
    );
    assert_eq!(wsdl.operations.len(), 1, "{warnings:#?}");
    assert_eq!(sent(&wsdl, &json!({"x": 1})), r#"<In><x xsi:type="xsd:int">1</x></In>"#);
}

#[test]
fn what_is_no_wsdl_is_said_to_be_what_it_is() {
    let check = |text: &str, says: &str| {
        let error = Wsdl::read(text.as_bytes(), |_| Err(String::new())).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    check("<html/>", "a web page");
    check("<description xmlns='http://www.w3.org/ns/wsdl'/>", "WSDL 2.0");
    check("<schema xmlns='http://www.w3.org/2001/XMLSchema'/>", "an XML Schema");
    check("{}", "no XML");
    check("<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "DTD");
    let many = Wsdl::read(
        br#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import location="1"/></definitions>"#,
        |name| {
            let next = name.parse::<u32>().unwrap() + 1;
            Ok(format!(r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><import location="{next}"/></definitions>"#).into_bytes())
        },
    );
    assert_eq!(many.unwrap_err(), NotAService::TooLarge { of: "files", max: 1000 });
}

/// A small generator: what fails says its seed and comes again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    /// The text with a few pieces left out, doubled, moved or overwritten.
    fn spoiled(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let (from, length) = (self.below(bytes.len()), self.below(60));
            let piece: Vec<u8> = bytes.iter().skip(from).take(length).copied().collect();
            match self.below(4) {
                0 => drop(bytes.drain(from..(from + length).min(bytes.len()))),
                1 => drop(bytes.splice(from..from, piece)),
                2 => {
                    let to = self.below(bytes.len());
                    drop(bytes.splice(to..to, piece));
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(from) {
                        *byte = b"<>&\"'/ :#x0\xff"[self.0 as usize % 12];
                    }
                }
            }
        }
        bytes
    }
}

#[test]
fn spoiled_documents_and_messages_end_in_an_error_or_an_operation() {
    let wsdl = read(RPC);
    let request = wsdl
        .request(&wsdl.operations[0], &Json::of(&json!({"names": ["a"], "n": 1})), &Options::default())
        .unwrap();
    let message = String::from_utf8(request.body).unwrap();
    for seed in 0..1500 {
        let mut chance = Chance(seed);
        if let Ok(spoiled) = Wsdl::read(&chance.spoiled(RPC), |_| Err("no file".to_owned())) {
            for operation in &spoiled.operations {
                Schema::compile(spoiled.input(operation))
                    .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                let _ = spoiled.output(operation);
                let _ = spoiled.request(
                    operation,
                    &Json::of(&json!({"names": [1, {"x": []}], "n": {"@a": 1}})),
                    &Options::default(),
                );
            }
        }
        let _ = wsdl.given(&wsdl.operations[0], None, &chance.spoiled(&message));
    }
}

#[test]
fn what_is_large_on_purpose_is_done_soon() {
    let begin = std::time::Instant::now();
    // Half a million different elements where none is described.
    let wsdl = taking("<xs:sequence/>");
    let many = (0..400_000).map(|n| format!("<e{n}/>")).collect::<Vec<_>>().concat();
    assert!(answered(&wsdl, &envelope(&format!("<RunResponse>{many}</RunResponse>"))).is_ok());
    // Groups that stand for themselves, twice each time.
    let group = r#"<xs:group name="G"><xs:sequence><xs:group ref="t:G"/><xs:element name="e" type="xs:int"/><xs:group ref="t:G"/></xs:sequence></xs:group>
        <xs:attributeGroup name="A"><xs:attributeGroup ref="t:A"/><xs:attribute name="a"/><xs:attributeGroup ref="t:A"/></xs:attributeGroup>
        <xs:complexType name="C"><xs:complexContent><xs:extension base="t:C"><xs:attributeGroup ref="t:A"/></xs:extension></xs:complexContent></xs:complexType>
        <xs:element name="Run"><xs:complexType><xs:sequence><xs:group ref="t:G"/><xs:element name="c" type="t:C"/></xs:sequence></xs:complexType></xs:element>"#;
    let circles = service(group);
    Schema::compile(circles.input(&circles.operations[0])).unwrap();
    sent(&circles, &json!({"e": [1, 2]}));
    // Thousands of types, each derived from the one before.
    let types = (1..4000).map(|n| {
        format!(r#"<xs:complexType name="T{n}"><xs:complexContent><xs:extension base="t:T{}"/></xs:complexContent></xs:complexType>"#, n - 1)
    });
    let chain = service(&format!(
        r#"<xs:complexType name="T0"><xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:complexType>{}
           <xs:element name="Run" type="t:T0"/>"#,
        types.collect::<Vec<_>>().concat(),
    ));
    assert!(chain.input(&chain.operations[0]).to_string().len() < 50 << 20);
    sent(&chain, &json!({"$type": "T50", "x": 1}));
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
}
