//! Web services that several files describe, as one.

use serde_json::json;
use sinew_contract::soap::Options;
use sinew_contract::wsdl::{Wsdl, bundle};
use sinew_stdx::Json;

/// Its usual namespace, and that of the schema that it imports, hold nowhere else.
const MAIN: &str = r#"<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- <definitions> -->
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t"
    targetNamespace="urn:t" name="Caf">
  <import namespace="urn:t" location="main.wsdl"/>
  <types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="urn:a" schemaLocation="../types/a.xsd"/></xs:schema></types>
  <message name="In"><part name="p" element="a:In" xmlns:a="urn:a"/></message>
  <portType name="P"><operation name="Go"><input message="t:In"/></operation></portType>
  <binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/></binding>
</definitions>
<!-- </definitions> -->"#;

fn load(name: &str) -> Result<Vec<u8>, String> {
    let schema = |text: &str| Ok(text.as_bytes().to_vec());
    match name {
        "main.wsdl" => Ok(main()),
        "../types/a.xsd" => schema(
            "\u{feff}<?xml version='1.0'?><s:schema xmlns:s='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:a' xmlns:a='urn:a' elementFormDefault='qualified'>\
             <s:include schemaLocation='b.xsd'/><s:include schemaLocation='a.xsd'/><s:element name='In' type='a:T'/></s:schema>",
        ),
        // It has no namespace of its own, and takes that of whoever includes it.
        "../types/b.xsd" => schema(
            "<schema xmlns='http://www.w3.org/2001/XMLSchema' xmlns:x='http://www.w3.org/2001/XMLSchema'>\
             <complexType name='T'><sequence><element name='n' type='x:int'/></sequence></complexType></schema>",
        ),
        other => Err(format!("no file `{other}`")),
    }
}

fn main() -> Vec<u8> {
    MAIN.replace("Caf", "Caf\u{e9}").chars().map(|c| c as u8).collect()
}

#[test]
fn all_files_of_a_description_become_one() {
    let main = main();
    let of_files = Wsdl::read(&main, load).unwrap();
    assert_eq!(of_files.warnings, []);
    let files: Vec<_> = of_files.files.iter().map(|name| (name.clone(), load(name).unwrap())).collect();
    assert_eq!(files.len(), 3, "{:?}", of_files.files);
    let one = bundle(&main, &files).unwrap();
    let of_one = Wsdl::read(&one, |name| Err(format!("`{name}` was asked for"))).unwrap();
    assert_eq!((of_one.warnings.as_slice(), of_one.title.as_str()), (&[][..], "Café"));
    let input = Json::of(&json!({"n": 7}));
    let sent = |wsdl: &Wsdl| wsdl.request(&wsdl.operations[0], &input, &Options::default()).unwrap().body;
    assert_eq!(sent(&of_one), sent(&of_files));
    // It is one already.
    assert_eq!(bundle(&one, &[]).unwrap(), one);
}

#[test]
fn a_codec_needs_nothing_but_itself() {
    let codec = {
        let wsdl = Wsdl::read(&main(), load).unwrap();
        wsdl.codec(&wsdl.operations[0])
    };
    assert_eq!(codec.action().as_deref(), Some("\"\""));
    let message = codec.request(&Json::of(&json!({"n": 7})), "b").unwrap();
    assert_eq!(message.content_type, "text/xml; charset=utf-8");
    assert!(String::from_utf8(message.body).unwrap().contains("<n>7</n>"));
}
