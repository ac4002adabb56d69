//! No expression runs for ever, overflows the stack or fills the memory.

#![allow(clippy::unwrap_used, reason = "a test that meets an error fails")]

use std::time::{Duration, Instant};

use sinew_mapping::{EvaluateError, Excess, Expression, Limits, Mapping, Moment, Scope, Template};
use sinew_stdx::{Json, Timestamp};

fn run(source: &str, limits: &Limits) -> Result<Option<Json>, EvaluateError> {
    let data = Json::parse(br#"{"s":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!","n":1e9}"#).unwrap();
    let started = Instant::now();
    let result = Expression::compile(source).unwrap_or_else(|e| panic!("{source}: {e}")).evaluate(
        &Scope::root(&data),
        Moment::default(),
        limits,
    );
    assert!(started.elapsed() < Duration::from_secs(20), "{source} took {:?}", started.elapsed());
    result
}

fn short() -> Limits {
    Limits { time: Duration::from_millis(100), output_bytes_max: 1_000_000, ..Limits::default() }
}

#[test]
fn endless_loops_end_by_time() {
    for source in [
        "($f := function($x) { $f($x) }; $f(1))",
        "($f := function($x) { $x > 0 ? $f($x + 1) : 0 }; $f(1))",
        "($g := function($h) { $h($h) }; $g($g))",
        "$map([1..100000], function($x) { $sum([1..10000]) })",
        "[1..100000].([1..100000].($ * 2))",
    ] {
        assert!(matches!(run(source, &short()), Err(EvaluateError::TimeExceeded { .. })), "{source}");
    }
}

#[test]
fn recursion_ends_by_depth() {
    for source in [
        "($f := function($x) { 1 + $f($x) }; $f(1))",
        "($f := function($x) { [$f($x)] }; $f(1))",
        "($a := function($x) { 1 + $b($x) }; $b := function($x) { 1 + $a($x) }; $a(1))",
        "($f := function($x) { {'a': $f($x)} }; $f(1))",
    ] {
        assert!(matches!(run(source, &short()), Err(EvaluateError::DepthExceeded { .. })), "{source}");
    }
}

#[test]
fn long_sequences_end_by_size() {
    for source in ["[1..1e9]", "[1..n]", "$count([1..5000000])", "$map([1..2000000], function($x) { $x })"] {
        let result = run(source, &short());
        assert!(
            matches!(
                &result,
                Err(EvaluateError::TooLarge { what: Excess::Sequence, .. } | EvaluateError::Failed { .. })
            ),
            "{source}: {result:?}"
        );
    }
}

#[test]
fn growing_texts_end_by_size() {
    for source in [
        "$reduce([1..60], function($a, $i) { $a & $a }, 'x')",
        "($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('xx', 60))",
        "$reduce([1..60], function($a, $i) { $string([$a, $a]) }, 'x')",
        "$pad('x', n)",
        "'x' ~> $pad(n)",
        "$pad('x', -1e9, s)",
        "$replace($pad('', 900000, 'a'), 'a', $pad('', 900000, 'b'))",
        "$pad('', 900000, 'a') ~> $replace('a', $pad('', 900000, 'b'))",
        "$join([1..1000].('a'), $pad('', 900000, 'b'))",
    ] {
        let result = run(source, &short());
        assert!(
            matches!(result, Err(EvaluateError::TooLarge { what: Excess::Text, .. })),
            "{source}: {result:?}"
        );
    }
}

#[test]
fn large_results_end_by_size() {
    for source in ["[1..1000000]", "$reduce([1..60], function($a, $i) { [[$a], [$a]] }, 1)"] {
        let result = run(source, &Limits { output_bytes_max: 1000, ..short() });
        assert!(
            matches!(result, Err(EvaluateError::TooLarge { what: Excess::Output, .. })),
            "{source}: {result:?}"
        );
    }
}

#[test]
fn regular_expressions_end_in_time() {
    let result = run("$match(s, /^(a+)+$/)", &short());
    assert_eq!(result, Ok(None));
    let error = Expression::compile("$match(s, /(a{1000}){1000}{1000}/)").unwrap_err();
    assert_eq!(error.code, "S0301");
}

#[test]
fn deep_sources_are_refused() {
    for source in
        [format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000)), "[".repeat(100_000), "-".repeat(50_000)]
    {
        assert!(Expression::compile(&source).is_err());
    }
    let long = vec!["a"; 20_000].join("&");
    let _ = Expression::compile(&long);
}

#[test]
fn after_a_failure_the_expression_still_works() {
    let expression =
        Expression::compile("($f := function($x) { $x = 0 ? 0 : 1 + $f($x - 1) }; $f(depth))").unwrap();
    let evaluate = |depth: &str| {
        let json = Json::parse(depth.as_bytes()).unwrap();
        expression.evaluate(&Scope::root(&json), Moment::default(), &Limits::default())
    };
    assert_eq!(evaluate(r#"{"depth":20}"#).unwrap().unwrap().as_str(), "20");
    assert!(matches!(evaluate(r#"{"depth":100000}"#), Err(EvaluateError::DepthExceeded { .. })));
    assert_eq!(evaluate(r#"{"depth":20}"#).unwrap().unwrap().as_str(), "20");
}

#[test]
fn a_mapping_says_which_field_failed_and_shares_its_time() {
    let loop_ = || Template::Expression("($f := function($x) { $f($x) }; $f(1))".to_owned());
    let template = Template::Object(vec![
        ("ok".to_owned(), Template::Literal(Json::of(&1))),
        ("lines".to_owned(), Template::Array(vec![Template::Object(vec![("qty".to_owned(), loop_())])])),
    ]);
    let mapping = Mapping::compile(&template).unwrap();
    let error = mapping.evaluate(&Scope::new(), Moment::default(), &short()).unwrap_err();
    assert_eq!(error.field(), Some("lines[0].qty"));
    assert_eq!(error.code(), "D1012");
    assert!(error.to_string().starts_with("field `lines[0].qty`: did not finish within 100ms"), "{error}");
}

#[test]
fn the_same_moment_gives_the_same_values() {
    let source = "{'now': $now(), 'date': $now('[Y0001]-[M01]-[D01]'), 'ms': $millis(), 'r': [$random(), $random()], \
                  's': $shuffle([1..20]), 'u': [$uuid(), $uuid('a')]}";
    let expression = Expression::compile(source).unwrap();
    let at = |seed| {
        let moment = Moment { now: Timestamp::from_millis(1_772_636_767_123), seed };
        expression.evaluate(&Scope::new(), moment, &Limits::default()).unwrap().unwrap()
    };
    assert_eq!(at(1), at(1));
    assert_ne!(at(1), at(2));
    let value = at(1).to_value();
    assert_eq!(value["now"], "2026-03-04T15:06:07.123Z");
    assert_eq!(value["date"], "2026-03-04");
    assert_eq!(value["ms"], 1_772_636_767_123_i64);
    assert_ne!(value["r"][0], value["r"][1]);
    assert_ne!(value["u"][0], value["u"][1]);
}

#[test]
fn deep_data_is_refused_rather_than_walked() {
    let deep = Json::from_printed(format!("{}{}", "[".repeat(2000), "]".repeat(2000)));
    let result = Expression::compile("$").unwrap().evaluate(
        &Scope::root(&deep),
        Moment::default(),
        &Limits::default(),
    );
    assert!(matches!(result, Err(EvaluateError::DepthExceeded { .. })));
}

#[test]
fn many_neighbouring_ids_take_no_longer_than_others() {
    let ids: Vec<String> =
        (0..50_000_u64).map(|i| format!("{{\"id\":{}}}", 820_982_911_946_154_501 + i)).collect();
    let data = Json::from_printed(format!("[{}]", ids.join(",")));
    let started = Instant::now();
    let expression = Expression::compile("$").unwrap();
    let result =
        expression.evaluate(&Scope::root(&data), Moment::default(), &Limits::default()).unwrap().unwrap();
    assert!(result == data, "digits are lost");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}
