//! How operation and input become a request.

use sinew_contract::Schema;
use sinew_model::{BodyKind, Operation, Parameter, ParameterLocation, Reason};

use crate::fixture::{Fixture, keyed_write, query, read, write};
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
    Parameter { field: field.into(), name: field.into(), location, required }
}

fn with_path() -> Operation {
    let mut operation = write();
    operation.http.path = "/things/{id}/parts".into();
    operation.http.parameters = vec![
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
        operation.http.body = body;
        operation
    };
    let form = check(body(BodyKind::Form), r#"{"a":"x y","b":[1,2.50],"c":null}"#).await.unwrap();
    assert_eq!(form.body, "a=x%20y&b=1&b=2.50");
    assert_eq!(form.header("content-type"), Some("application/x-www-form-urlencoded"));
    let csv = BodyKind::Text { field: "csv".into(), media_type: "text/csv".into() };
    let text = check(body(csv), r#"{"csv":"a,b\n1,2"}"#).await.unwrap();
    assert_eq!((text.body.as_str(), text.header("content-type")), ("a,b\n1,2", Some("text/csv")));
    assert_eq!(check(write(), "null").await.unwrap().body, "{}");
    assert_eq!(check(write(), "[1]").await.unwrap().body, "[1]");
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
