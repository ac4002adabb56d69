//! Long answers, page by page.

use sinew_mapping::Expression;
use sinew_model::{ApiKey, Auth, KeyLocation, NextCursor, Operation, Pagination};
use sinew_stdx::Json;

use crate::fixture::{Fixture, read, secret};
use crate::server::{Arrived, Server, answer, ok};

fn expression(source: &str) -> Expression {
    Expression::compile(source).unwrap()
}

/// Reads all pages from a token on; gives the items of each, and what resuming after it takes.
async fn check(
    pagination: Pagination,
    from: Option<&str>,
    script: impl Fn(usize, &Arrived) -> crate::server::Act + Send + Sync + 'static,
) -> Result<Vec<(String, Option<String>)>, String> {
    let server = Server::start(script).await;
    let fixture = Fixture::new(&server);
    let operation = Operation { pagination: Some(pagination), ..read() };
    let mut pages = fixture.caller.pages(fixture.request(operation, r#"{"id":9007199254740993}"#));
    if let Some(token) = from {
        pages = pages.resume(Json::parse(token.as_bytes()).unwrap());
    }
    let mut seen = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|(failure, _)| failure.message.to_string())?;
        seen.push((Json::array(&page.items).to_string(), page.next.map(|next| next.to_string())));
    }
    assert!(
        server
            .arrived()
            .iter()
            .all(|request| !request.path().contains("id=") || request.path().contains("id=9007199254740993"))
    );
    Ok(seen)
}

fn shown(pages: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    pages.iter().map(|(items, next)| ((*items).to_owned(), next.map(str::to_owned))).collect()
}

fn cursor() -> Pagination {
    Pagination::Cursor {
        items: expression("data"),
        next: NextCursor::Body(expression("next")),
        field: "cursor".into(),
    }
}

fn cursor_pages(_: usize, request: &Arrived) -> crate::server::Act {
    match request.path() {
        "/things?id=9007199254740993" => ok(r#"{"data":[9007199254740993,2],"next":"c 1"}"#),
        "/things?id=9007199254740993&cursor=c%201" => ok(r#"{"data":[3],"next":null}"#),
        _ => answer(404, &[], ""),
    }
}

#[tokio::test]
async fn a_cursor_leads_from_page_to_page_and_can_be_resumed_from() {
    let all = [("[9007199254740993,2]", Some("\"c 1\"")), ("[3]", None)];
    assert_eq!(check(cursor(), None, cursor_pages).await, Ok(shown(&all)));
    assert_eq!(check(cursor(), Some("\"c 1\""), cursor_pages).await, Ok(shown(&all[1..])));
}

#[tokio::test]
async fn a_cursor_that_does_not_move_is_an_error_not_a_loop() {
    let message = check(cursor(), None, |_, _| ok(r#"{"data":[1],"next":"same"}"#)).await.unwrap_err();
    assert!(message.contains("the one just read"), "{message}");
}

#[tokio::test]
async fn numbered_pages_and_offsets_end_with_an_empty_page() {
    let script = |_: usize, request: &Arrived| match request.path().rsplit('=').next() {
        Some("1" | "0") => ok("[1,2]"),
        Some("2") => ok("[3]"),
        _ => ok("[]"),
    };
    let page = Pagination::Page { items: expression("$"), field: "page".into(), first: 1, more: None };
    let all = [("[1,2]", Some("2")), ("[3]", Some("3")), ("[]", None)];
    assert_eq!(check(page, None, script).await, Ok(shown(&all)));
    let offset = Pagination::Offset { items: expression("$"), field: "page".into(), first: 0, more: None };
    assert_eq!(check(offset, None, script).await, Ok(shown(&all)));
}

#[tokio::test]
async fn links_are_followed_within_the_system_and_not_out_of_it() {
    let link = || Pagination::Link { items: expression("orders") };
    let script = |_: usize, request: &Arrived| match request.path() {
        "/things?id=9007199254740993" => {
            answer(200, &[("link", "</things?page=2>; rel=\"next\"")], r#"{"orders":[1]}"#)
        }
        _ => ok(r#"{"orders":[2]}"#),
    };
    let pages = check(link(), None, script).await.unwrap();
    assert_eq!(pages.iter().map(|(items, _)| items.as_str()).collect::<Vec<_>>(), ["[1]", "[2]"]);
    let away = |_: usize, _: &Arrived| {
        answer(200, &[("link", "<http://127.0.0.1:1/x>; rel=next")], r#"{"orders":[1]}"#)
    };
    let message = check(link(), None, away).await.unwrap_err();
    assert!(message.contains("another host"), "{message}");
}

#[tokio::test]
async fn a_key_that_a_link_repeats_is_neither_kept_nor_sent_twice() {
    let link = "</things?api_key=s3cr3t%2Fva%22lue&page=2>; rel=next";
    let server = Server::start(move |number, _| match number {
        0 => answer(200, &[("link", link)], r#"{"orders":[1]}"#),
        _ => ok(r#"{"orders":[2]}"#),
    })
    .await;
    let mut fixture = Fixture::new(&server);
    let location = KeyLocation::Query { name: "api_key".into() };
    fixture.connection.auth = Auth::ApiKeys(vec![ApiKey { location, key: secret() }]);
    let pagination = Some(Pagination::Link { items: expression("orders") });
    let mut pages = fixture.caller.pages(fixture.request(Operation { pagination, ..read() }, "{}"));
    let token = pages.next().await.unwrap().unwrap().next.unwrap();
    assert_eq!(token.as_str(), format!("\"{}/things?page=2\"", server.url));
    assert!(pages.next().await.unwrap().is_ok());
    assert_eq!(server.arrived()[1].path(), "/things?page=2&api_key=s3cr3t%2Fva%22lue");
}

#[tokio::test]
async fn a_page_that_fails_can_be_asked_for_again() {
    let server = Server::acting([answer(503, &[], ""), ok(r#"{"data":[1],"next":""}"#)]).await;
    let fixture = Fixture::new(&server);
    let mut pages =
        fixture.caller.pages(fixture.request(Operation { pagination: Some(cursor()), ..read() }, "{}"));
    assert!(pages.next().await.unwrap().is_err());
    assert_eq!(pages.next().await.unwrap().unwrap().items.len(), 1);
    assert!(pages.next().await.is_none());
}
