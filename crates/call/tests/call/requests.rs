//! How operation and input become a request.

use std::collections::BTreeMap;

use serde_json::json;
use sinew_contract::Schema;
use sinew_model::{BodyKind, Operation, Parameter, ParameterLocation, Reason, SourceFile, load_with};

use crate::fixture::{Fixture, http, keyed_write, query, read, write};
use crate::server::{Arrived, Server, ok};

/// Calls once; gives the request as it arrived, or the failure.
async fn check(operation: Operation, input: &str) -> Result<Arrived, String> {
    let server = Server::acting([ok("1")]).await;
    let outcome = Fixture::new(&server).call(operation, input).await.outcome;
    match outcome {
        Ok(_) => Ok(server.arrived().remove(0)),
        Err(failure) => {
            assert_eq!(failure.reason, Reason::Mapping, "{failure:?}");
            assert!(server.arrived().is_empty(), "a refused call was sent");
            Err(failure.message.to_string())
        }
    }
}

fn parameter(field: &str, location: ParameterLocation, required: bool) -> Parameter {
    Parameter { field: field.into(), name: field.into(), location, required, manner: None }
}

fn with_path() -> Operation {
    let mut operation = write();
    http(&mut operation).path = "/things/{id}/parts".into();
    http(&mut operation).parameters = vec![
        parameter("id", ParameterLocation::Path, true),
        query("tag"),
        parameter("X-Region", ParameterLocation::Header, false),
    ];
    operation
}

#[tokio::test]
async fn fields_go_where_the_operation_says_and_the_rest_into_the_body() {
    let input = r#"{"id":"a/b c","tag":["x","y&z"],"X-Region":"eu","big":9007199254740993,"price":0.10}"#;
    let arrived = check(with_path(), input).await.unwrap();
    assert_eq!(arrived.line, "POST /things/a%2Fb%20c/parts?tag=x&tag=y%26z HTTP/1.1");
    assert_eq!(arrived.header("x-region"), Some("eu"));
    assert_eq!(arrived.body, r#"{"big":9007199254740993,"price":0.10}"#);
    assert_eq!(arrived.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn every_call_says_who_sends_it_and_to_which_trace_it_belongs() {
    let arrived = check(keyed_write(), r#"{"a":1}"#).await.unwrap();
    assert_eq!(arrived.body, r#"{"a":1}"#);
    assert_eq!(arrived.header("idempotency-key"), Some("run-1/create"));
    assert!(arrived.header("user-agent").unwrap().starts_with("sinew/"));
    let traceparent = arrived.header("traceparent").unwrap();
    assert!(traceparent.starts_with("00-00000000000000000000000000000abc-"), "{traceparent}");
    assert!(!traceparent.contains("-0000000000000001-"), "the caller's span was sent as our own");
    assert_eq!(check(write(), "{}").await.unwrap().header("idempotency-key"), None);
}

#[tokio::test]
async fn bodies_are_json_form_or_text() {
    let body = |body| {
        let mut operation = write();
        http(&mut operation).body = body;
        operation
    };
    let form = check(body(BodyKind::form()), r#"{"a":"x y","b":[1,2.50],"c":null}"#).await.unwrap();
    assert_eq!(form.body, "a=x%20y&b=1&b=2.50");
    assert_eq!(form.header("content-type"), Some("application/x-www-form-urlencoded"));
    let csv = BodyKind::Text { field: "csv".into(), media_type: "text/csv".into() };
    let text = check(body(csv), r#"{"csv":"a,b\n1,2"}"#).await.unwrap();
    assert_eq!((text.body.as_str(), text.header("content-type")), ("a,b\n1,2", Some("text/csv")));
    assert_eq!(check(write(), "null").await.unwrap().body, "{}");
    assert_eq!(check(write(), "[1]").await.unwrap().body, "[1]");
}

/// An operation as a description has it.
fn described(method: &str, path: &str, operation: &serde_json::Value) -> Operation {
    let description = json!({
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": { path: { method: operation } },
    });
    let open = |_: &str| Ok(description.to_string().into_bytes());
    let yaml = "kind: Connector\nname: x\nversion: 1\nopenapi: x.json\n";
    let (snapshot, findings) = load_with(&[SourceFile::new("x.yaml", yaml)], &BTreeMap::new(), &open);
    let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
    let operations = &snapshot.connectors.values().next().unwrap().operations;
    (*operations.get(operations.ids()[0].as_str()).unwrap()).clone()
}

#[tokio::test]
async fn parameters_are_written_in_the_style_of_their_description() {
    let parameter = |name: &str, place: &str, more: serde_json::Value| {
        let mut parameter = json!({"name": name, "in": place, "schema": {}});
        if place == "path" {
            parameter["required"] = json!(true);
        }
        parameter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameter
    };
    let operation = json!({"operationId": "x", "parameters": [
        parameter("id", "path", json!({"style": "matrix"})),
        parameter("filter", "query", json!({"style": "deepObject", "explode": true})),
        parameter("ids", "query", json!({"explode": false})),
        parameter("session", "cookie", json!({})),
        parameter("X-Tags", "header", json!({})),
    ]});
    let input =
        r#"{"id":[1,2],"filter":{"a":{"b":1.50}},"ids":["x","y"],"session":"s;1","X-Tags":["p","q"]}"#;
    let arrived = check(described("get", "/things/{id}", &operation), input).await.unwrap();
    assert_eq!(arrived.line, "GET /things/;id=1,2?filter[a][b]=1.50&ids=x,y HTTP/1.1");
    assert_eq!((arrived.header("cookie"), arrived.header("x-tags")), (Some("session=s%3B1"), Some("p,q")));
}

#[tokio::test]
async fn bodies_are_written_as_their_description_says() {
    let body = |media_type: &str, content: serde_json::Value| {
        let operation = json!({"operationId": "x", "requestBody": {"required": true, "content": { media_type: content }}});
        described("post", "/things", &operation)
    };
    let plain =
        json!({"type": "object", "properties": {"title": {"type": "string"}, "meta": {"type": "object"}}});
    let deep = json!({"schema": plain, "encoding": {"meta": {"style": "deepObject", "explode": true}}});
    let form =
        check(body("application/x-www-form-urlencoded", deep), r#"{"title":"a b","meta":{"k":1}}"#).await;
    assert_eq!(form.unwrap().body, "title=a%20b&meta[k]=1");

    let list = json!({"schema": {"type": "array", "items": {"type": "integer"}}});
    let patch = check(body("application/json-patch+json", list), r#"{"body":[1,2]}"#).await.unwrap();
    assert_eq!(
        (patch.body.as_str(), patch.header("content-type")),
        ("[1,2]", Some("application/json-patch+json"))
    );

    let file = json!({"schema": {"type": "string", "format": "binary"}});
    let sent =
        check(body("image/*", file), r#"{"body":{"base64":"aGk=","media_type":"image/png"}}"#).await.unwrap();
    assert_eq!((sent.body.as_str(), sent.header("content-type")), ("hi", Some("image/png")));

    let parts = json!({"schema": {"type": "object", "properties": {
        "name": {"type": "string"}, "file": {"type": "string", "format": "binary"},
    }}});
    let parts = body("multipart/form-data", parts);
    let input = r#"{"name":"n","file":{"base64":"aGk=","filename":"a.txt"}}"#;
    let sent = check(parts, input).await.unwrap();
    let content_type = sent.header("content-type").unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let wanted = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nn\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
         Content-Type: application/octet-stream\r\n\r\nhi\r\n--{boundary}--\r\n"
    );
    assert_eq!(sent.body, wanted);
}

#[tokio::test]
async fn what_has_no_value_or_no_place_is_refused_by_name() {
    for (operation, input, says) in [
        (with_path(), r#"{"tag":"x"}"#, "needs the field `id`"),
        (with_path(), r#"{"id":null}"#, "needs the field `id`"),
        (with_path(), r#"{"id":""}"#, "needs the field `id`"),
        (with_path(), r#"{"id":".."}"#, "another path"),
        (with_path(), r#"{"id":{}}"#, "object or list"),
        (with_path(), r#"{"id":"1","tag":{"a":1}}"#, "into the query"),
        (with_path(), r#"{"id":"1","X-Region":"a\r\nX-Evil: 1"}"#, "line break"),
        (with_path(), "[1]", "not an object"),
        (read(), r#"{"idd":"1"}"#, "no place for the field `idd`"),
    ] {
        let message = check(operation, input).await.unwrap_err();
        assert!(message.contains(says), "{input}: {message}");
    }
}

#[tokio::test]
async fn an_input_that_departs_from_its_contract_is_not_sent() {
    let schema = serde_json::json!({"type": "object", "required": ["email"]});
    let operation = Operation { input: Some(Schema::compile(schema).unwrap()), ..write() };
    assert!(check(operation.clone(), r#"{"email":"a@b.c"}"#).await.is_ok());
    let message = check(operation, r#"{"mail":"a@b.c"}"#).await.unwrap_err();
    assert!(message.contains("email") && !message.contains("a@b.c"), "{message}");
}
