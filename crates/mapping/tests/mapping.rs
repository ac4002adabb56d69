//! Templates, scopes and what expressions read.

#![allow(clippy::unwrap_used, reason = "a test that meets an error fails")]

use sinew_mapping::{Expression, Limits, Mapping, Moment, Reads, Scope, Template, project};
use sinew_stdx::Json;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes()).unwrap()
}

fn text(source: &str) -> Template {
    Template::Expression(source.to_owned())
}

fn object(fields: Vec<(&str, Template)>) -> Template {
    Template::Object(fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect())
}

fn evaluate(template: &Template, scope: &Scope<'_>) -> String {
    Mapping::compile(template)
        .unwrap()
        .evaluate(scope, Moment::default(), &Limits::default())
        .unwrap()
        .to_string()
}

#[test]
fn a_template_becomes_what_it_looks_like() {
    let trigger =
        json(r#"{"deal":"D1","amount":"12.50","currency":"eur","tags":["a","b"],"one":[7],"none":null}"#);
    let customer = json(r#"{"client_name":"Ann \"A\" Lee"}"#);
    let scope = Scope::new().with("trigger", &trigger).with("customer", &customer);
    let template = object(vec![
        ("contact_full_name", text("customer.client_name")),
        ("currency", text("$uppercase(trigger.currency)")),
        ("total", text("$number(trigger.amount)")),
        ("kind", text("'invoice'")),
        ("version", Template::Literal(json("2"))),
        ("missing", text("trigger.nope.deeper")),
        ("none", text("trigger.none")),
        ("one", text("trigger.one")),
        (
            "list",
            Template::Array(vec![
                text("trigger.deal"),
                text("trigger.nope"),
                Template::Literal(json("true")),
            ]),
        ),
        ("nested", object(vec![("tags", text("trigger.tags")), ("gone", text("nope"))])),
    ]);
    assert_eq!(
        evaluate(&template, &scope),
        r#"{"contact_full_name":"Ann \"A\" Lee","currency":"EUR","total":12.5,"kind":"invoice","version":2,"none":null,"one":[7],"list":["D1",true],"nested":{"tags":["a","b"]}}"#
    );
}

#[test]
fn a_mapping_of_one_expression_is_its_value_or_null() {
    let data = json(r#"{"a":1}"#);
    assert_eq!(evaluate(&text("a"), &Scope::root(&data)), "1");
    assert_eq!(evaluate(&text("b"), &Scope::root(&data)), "null");
    assert_eq!(evaluate(&object(vec![]), &Scope::new()), "{}");
}

#[test]
fn a_scope_may_be_any_document() {
    for (source, data, expected) in [
        ("$sum($)", "[1,2,3]", Some("6")),
        ("a", r#"[{"a":1},{"a":2}]"#, Some("[1,2]")),
        ("$", "null", Some("null")),
        ("a", "5", None),
    ] {
        let data = json(data);
        let result = Expression::compile(source).unwrap().evaluate(
            &Scope::root(&data),
            Moment::default(),
            &Limits::default(),
        );
        assert_eq!(result.unwrap().as_ref().map(Json::as_str), expected, "{source}");
    }
}

#[test]
fn an_error_names_its_field() {
    let data = json(r#"{"a":"x"}"#);
    let mapping = Mapping::compile(&object(vec![("ok", text("a")), ("sum", text("a * 2"))])).unwrap();
    let error = mapping.evaluate(&Scope::root(&data), Moment::default(), &Limits::default()).unwrap_err();
    assert_eq!((error.code(), error.field()), ("T2001", Some("sum")));
    assert!(error.to_string().contains("field `sum`: "), "{error}");
}

#[test]
fn reads_tell_what_to_fetch_and_keep() {
    let mapping = Mapping::compile(&object(vec![
        ("id", text("trigger.contact.id")),
        ("sum", text("$sum(invoice.lines[qty > 0].(qty * price))")),
    ]))
    .unwrap();
    let reads = mapping.reads();
    assert_eq!(reads.root_names(), Some(vec!["invoice", "trigger"]));
    assert_eq!(reads.under("trigger"), Reads::path(["contact", "id"]));
    assert!(reads.under("other").is_nothing());
    let trigger = json(r#"{"contact":{"id":9007199254740993,"ssn":"secret"},"note":"x"}"#);
    assert_eq!(project(&trigger, &reads.under("trigger")).as_str(), r#"{"contact":{"id":9007199254740993}}"#);
}

#[test]
fn compiled_things_are_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let expression = Expression::compile("$uppercase(a) & $slug(a)").unwrap();
    shared(&expression);
    shared(&Mapping::compile(&text("a")).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let expression = expression.clone();
            std::thread::spawn(move || {
                let data = Json::parse(br#"{"a":"x y"}"#).unwrap();
                expression
                    .evaluate(&Scope::root(&data), Moment::default(), &Limits::default())
                    .unwrap()
                    .unwrap()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap().as_str(), r#""X Yx-y""#);
    }
}

#[test]
fn more_expressions_than_are_kept_ready_still_work() {
    let data = json(r#"{"a":2}"#);
    let expressions: Vec<_> = (0..5000).map(|i| Expression::compile(&format!("a * {i}")).unwrap()).collect();
    for (index, expression) in expressions.iter().enumerate().chain(expressions.iter().enumerate()) {
        let result = expression.evaluate(&Scope::root(&data), Moment::default(), &Limits::default()).unwrap();
        assert_eq!(result.unwrap().as_str(), (index * 2).to_string());
    }
}
