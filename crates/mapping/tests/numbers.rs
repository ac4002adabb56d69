//! Numbers that a double cannot hold exactly come out digit for digit.

#![allow(clippy::unwrap_used, reason = "a test that meets an error fails")]

use sinew_mapping::{Expression, Limits, Mapping, Moment, Scope, Template};
use sinew_stdx::Json;

fn check(source: &str, data: &str, expected: &str) {
    let json = Json::parse(data.as_bytes()).unwrap();
    let expression = Expression::compile(source).unwrap_or_else(|e| panic!("{source}: {e}"));
    let result = expression
        .evaluate(&Scope::root(&json), Moment::default(), &Limits::default())
        .unwrap_or_else(|e| panic!("{source}: {e}"));
    assert_eq!(
        result.map_or_else(|| "nothing".to_owned(), |j| j.to_string()),
        expected,
        "{source} of {data}"
    );
}

const ID: &str = "9007199254740993";

#[test]
fn a_field_passes_with_its_digits() {
    check("id", r#"{"id":9007199254740993}"#, ID);
    check("id", r#"{"id":-820982911946154508}"#, "-820982911946154508");
    check(
        "a.b.price",
        r#"{"a":{"b":{"price":0.1000000000000000055511151231257827}}}"#,
        "0.1000000000000000055511151231257827",
    );
    check("a", r#"{"a":1e400}"#, "1e400");
    check(
        "$",
        r#"{"a":[{"id":9007199254740993},12345678901234567890.12]}"#,
        r#"{"a":[{"id":9007199254740993},12345678901234567890.12]}"#,
    );
}

#[test]
fn it_passes_through_objects_filters_sorts_and_functions() {
    let data = r#"{"o":[{"id":9007199254740995,"x":1},{"id":9007199254740993,"x":2}]}"#;
    check("o.{'ref': id}", data, r#"[{"ref":9007199254740995},{"ref":9007199254740993}]"#);
    check("o[x = 2].id", data, ID);
    check("o^(id).id", data, "[9007199254740993,9007199254740995]");
    check("$sort(o.id)", data, "[9007199254740993,9007199254740995]");
    check("$merge([o[0], {'y': o[1].id}])", data, r#"{"id":9007199254740995,"x":1,"y":9007199254740993}"#);
    check("$map(o, function($i) { $i.id })", data, "[9007199254740995,9007199254740993]");
    check("$filter(o.id, function($i) { $i > 9007199254740993 })", data, "9007199254740995");
    check("($f := function($x) { [$x, $x] }; $f(o[1].id))", data, "[9007199254740993,9007199254740993]");
    check("$reverse(o.id)", data, "[9007199254740993,9007199254740995]");
    check("$max(o.id)", data, "9007199254740995");
    check("-o[1].id", data, "-9007199254740993");
    check("$distinct([o.id, o.id])", data, "[9007199254740995,9007199254740993]");
    check("o{$string(id): x}", data, r#"{"9007199254740995":1,"9007199254740993":2}"#);
}

#[test]
fn it_becomes_text_with_its_digits() {
    let data = r#"{"id":9007199254740993,"n":5,"o":{"id":-9007199254740993}}"#;
    check("'INV-' & id", data, r#""INV-9007199254740993""#);
    check("id & '/' & n", data, r#""9007199254740993/5""#);
    check("$string(id)", data, r#""9007199254740993""#);
    check("$string(o)", data, r#""{\"id\":-9007199254740993}""#);
    check("$string({'a': [id, 0.1 + 0.2, 'x']})", data, r#""{\"a\":[9007199254740993,0.3,\"x\"]}""#);
    check("$string({'a': id, 'b': []}, true)", data, r#""{\n  \"a\": 9007199254740993,\n  \"b\": []\n}""#);
    check("$join([id, n].$string(), '-')", data, r#""9007199254740993-5""#);
    check("$join($map([id, n], $string), '-')", data, r#""9007199254740993-5""#);
    check("id ~> $string() ~> $length()", data, "16");
    check("$csv([{'id': id}])", data, r#""id\r\n9007199254740993\r\n""#);
    check("$uuid(id) = $uuid('9007199254740993')", data, "true");
}

#[test]
fn neighbours_that_share_a_double_stay_apart() {
    let data = r#"{"a":9007199254740992,"b":9007199254740993,"c":9007199254740993,"d":9007199254740994}"#;
    check("[a = b, b = c, c = d, a != b]", data, "[false,true,false,true]");
    check(
        "[a < b, b < d]",
        r#"{"a":9007199254740993,"b":9007199254740995,"d":9007199254740997}"#,
        "[true,true]",
    );
    check("$distinct([a, b, c, d])", data, "[9007199254740992,9007199254740993,9007199254740994]");
}

#[test]
fn literals_keep_their_digits() {
    check("9007199254740993", "{}", ID);
    check(
        "{'id': 9007199254740993, 'n': -0.1000000000000000055511151231257827}",
        "{}",
        r#"{"id":9007199254740993,"n":-0.1000000000000000055511151231257827}"#,
    );
    check(
        "o[id = 9007199254740993].x",
        r#"{"o":[{"id":9007199254740992,"x":1},{"id":9007199254740993,"x":2}]}"#,
        "2",
    );
    check("'a' & 9007199254740993", "{}", r#""a9007199254740993""#);
    check("'9007199254740993' & \"$\"", "{}", r#""9007199254740993$""#);
    let template = Template::Object(vec![("id".to_owned(), Template::Literal(Json::from_printed(ID)))]);
    let mapping = Mapping::compile(&template).unwrap();
    let result = mapping.evaluate(&Scope::new(), Moment::default(), &Limits::default()).unwrap();
    assert_eq!(result.as_str(), r#"{"id":9007199254740993}"#);
}

#[test]
fn numbers_in_texts_become_numbers_with_their_digits() {
    check("$number(id)", r#"{"id":"9007199254740993"}"#, ID);
    check("$number(total)", r#"{"total":"12345678901234567890.12"}"#, "12345678901234567890.12");
    check("$number(a) = b", r#"{"a":"9007199254740993","b":9007199254740993}"#, "true");
    check("$number(a)", r#"{"a":"12.50"}"#, "12.5");
    check("$number(a)", r#"{"a":"-0009007199254740993"}"#, "-9007199254740993");
    check("[$number(a), $number(b)]", r#"{"a":"0xFF","b":"9007199254740993"}"#, "[255,9007199254740993]");
}

#[test]
fn exact_numbers_print_in_one_form() {
    check(
        "$",
        "[1,1.0,1.50,1e3,-0,0.1,19.99,1E-2,100000000000000000000]",
        "[1,1,1.5,1000,0,0.1,19.99,0.01,100000000000000000000]",
    );
    check("a * 3", r#"{"a":0.1}"#, "0.30000000000000004");
    check("a", r#"{"a":0.1,"b":0.1000000000000000055511151231257827}"#, "0.1");
    check("a = 0.1", r#"{"a":0.1000000000000000055511151231257827}"#, "false");
}

#[test]
fn arithmetic_is_that_of_doubles() {
    check("id - id", r#"{"id":9007199254740993}"#, "0");
    check("$abs(a - 9007199254740993) <= 4", r#"{"a":9007199254740994}"#, "true");
}
