//! Random expressions over random data: what the crate makes of them is what the engine alone makes of all the data.

use jsonata_core::evaluator::{Evaluator, EvaluatorError};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use proptest::prelude::*;
use sinew_stdx::Json;

use crate::digits::Digits;
use crate::printer::Printer;
use crate::{Expression, Limits, Mapping, Moment, Reads, Scope, Template, project};

/// Field names, few enough that paths often meet data.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned)
}

fn data() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (0..5_i32).prop_map(|n| n.to_string()),
        prop::sample::select(vec!["\"x\"", "\"\"", "\"a b\"", "[]", "{}", "1.5"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name(), inner), 1..4).prop_map(|fields| {
                let fields: Vec<_> =
                    fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => name(),
        2 => (name(), name()).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => Just("$".to_owned()),
        1 => Just("$$".to_owned()),
        1 => prop::sample::select(vec!["$x", "$y", "$i"]).prop_map(str::to_owned),
        1 => Just("1".to_owned()),
        1 => Just("'x'".to_owned()),
        1 => Just("*".to_owned()),
    ];
    leaf.prop_recursive(5, 30, 3, |e| {
        let pair = (e.clone(), e.clone());
        prop_oneof![
            4 => pair.clone().prop_map(|(a, b)| format!("({a}).({b})")),
            3 => (e.clone(), name()).prop_map(|(a, b)| format!("({a}).{b}")),
            3 => pair.clone().prop_map(|(a, b)| format!("({a})[{b}]")),
            2 => pair.clone().prop_map(|(a, b)| format!("({a})^({b})")),
            1 => (e.clone(), 0..3_i32).prop_map(|(a, n)| format!("({a})[{n}]")),
            2 => pair.clone().prop_map(|(a, b)| format!("[{a}, {b}]")),
            2 => pair.clone().prop_map(|(a, b)| format!("{{'k': {a}, 'l': {b}}}")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a}){{'k': {b}}}")),
            2 => pair.clone().prop_map(|(a, b)| format!("({a} & {b})")),
            2 => pair.clone().prop_map(|(a, b)| format!("({a} = {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} in {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} ?? {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} ?: {b})")),
            2 => (e.clone(), e.clone(), e.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            2 => pair.clone().prop_map(|(a, b)| format!("($x := {a}; {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("($y := function($x) {{ {a} }}; $y({b}))")),
            2 => pair.clone().prop_map(|(a, b)| format!("$map({a}, function($x) {{ {b} }})")),
            1 => pair.clone().prop_map(|(a, b)| format!("$map({a}, function($x, $i, $y) {{ {b} }})")),
            2 => pair.clone().prop_map(|(a, b)| format!("$filter({a}, function($x) {{ {b} }})")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} ~> $map(function($x) {{ {b} }}))")),
            1 => (e.clone(), e.clone(), e.clone())
                .prop_map(|(a, b, c)| format!("$reduce({a}, function($x, $y) {{ {b} }}, {c})")),
            1 => pair.clone().prop_map(|(a, b)| format!("$reduce({a}, function($x, $y) {{ {b} }})")),
            1 => pair.clone().prop_map(|(a, b)| format!("$append({a}, {b})")),
            1 => (e.clone(), prop::sample::select(vec![
                "string", "count", "exists", "keys", "reverse", "type", "boolean", "not", "distinct", "merge", "sum",
                "spread", "each", "sift", "length", "uppercase",
            ])).prop_map(|(a, f)| format!("${f}({a})")),
            1 => prop::sample::select(vec!["a.$string()", "b.$keys()", "a.b.$uppercase()", "$string()", "c.$substring(1)"])
                .prop_map(str::to_owned),
            1 => (e.clone(), name()).prop_map(|(a, b)| format!("$lookup({a}, '{b}')")),
            1 => (name(), e.clone(), e.clone()).prop_map(|(a, b, c)| format!("{a}@$x.({b})#$i[{c}]")),
            1 => (name(), name(), e.clone()).prop_map(|(a, b, c)| format!("{a}.{b}.%.({c})")),
            1 => (e.clone(), e).prop_map(|(a, b)| format!("({a} ~> |{b}|{{'z': 1}}|)")),
        ]
    })
}

/// What the engine says, reading everything, with nothing of ours in between: walking the tree, and by its byte
/// code. The two differ in a few errors that the byte code does not come to.
fn reference(source: &str, data: &str) -> Option<[Result<String, String>; 2]> {
    let ast = parser::parse(source).ok()?;
    let value = crate::reader::value(data, &Reads::Everything, &mut Digits::default(), &mut 0).ok()?;
    let show = |result: Result<JValue, EvaluatorError>| match result {
        Ok(JValue::Undefined) => Ok("nothing".to_owned()),
        Ok(value) => {
            let mut printer = Printer::new(1_000_000);
            printer.value(&value, &Digits::default()).map_err(|e| format!("{e:?}")).map(|()| printer.out)
        }
        Err(error) => Err(crate::diagnose::coded(error.message()).0),
    };
    let walked = show(Evaluator::new().evaluate(&ast, &value));
    Some([walked, show(jsonata_core::Expression::from_ast(ast).evaluate(&value))])
}

fn check(source: &str, text: &str) -> Result<(), TestCaseError> {
    let (Some(expected), Ok(expression)) = (reference(source, text), Expression::compile(source)) else {
        return Ok(());
    };
    let json = Json::from_printed(text);
    let limits = Limits { depth_max: 20_000, ..Limits::default() };
    let evaluate = |json: &Json| {
        expression
            .evaluate(&Scope::root(json), Moment::default(), &limits)
            .map(|value| value.map_or_else(|| "nothing".to_owned(), |json| json.to_string()))
            .map_err(|e| e.code().to_owned())
    };
    // Which of two errors is met first may differ with what is kept; that there is one may not.
    let same = |ours: Result<String, String>| {
        let agrees =
            expected.iter().any(|expected| (ours.is_err() && expected.is_err()) || ours == *expected);
        prop_assert!(agrees, "{} of {}: {:?}, not {:?}", source, text, ours, expected);
        Ok(())
    };
    same(evaluate(&json))?;
    same(evaluate(&project(&json, expression.reads())))?;
    let mapping = Mapping::compile(&Template::Object(vec![
        ("v".to_owned(), Template::Expression(source.to_owned())),
        ("w".to_owned(), Template::Expression("a.b".to_owned())),
    ]));
    if let (Ok(mapping), [Ok(expected), Ok(_)]) = (mapping, &expected) {
        let ours = mapping.evaluate(&Scope::root(&json), Moment::default(), &limits).unwrap().to_string();
        let start = if expected == "nothing" { "{".to_owned() } else { format!("{{\"v\":{expected}") };
        prop_assert!(ours.starts_with(&start), "{} of {}: {}", source, text, ours);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_less_changes_nothing(source in expression(), data in data()) {
        check(&source, &data)?;
    }

    #[test]
    fn plain_paths_follow_the_rules_of_the_engine(names in prop::collection::vec(name(), 1..5), data in data()) {
        check(&names.join("."), &data)?;
    }

    #[test]
    fn keeping_digits_changes_nothing_else(source in expression(), data in data()) {
        // A number that needs its digits sends the expression down the careful way; its value is not looked at.
        let with = format!("{{\"zz\":9007199254740993,\"a\":{data},\"b\":{data}}}");
        let without = format!("{{\"zz\":1,\"a\":{data},\"b\":{data}}}");
        let source = format!("[zz = 0, ({source})]");
        if let (Ok(expression), Some([Ok(expected), Ok(_)])) =
            (Expression::compile(&source), reference(&source, &without))
            && !expected.contains("zz")
        {
            let json = Json::from_printed(with);
            let limits = Limits { depth_max: 20_000, ..Limits::default() };
            let ours = expression.evaluate(&Scope::root(&json), Moment::default(), &limits);
            let shown = ours.map(|value| value.map(|json| json.to_string()));
            // Where `$` or `*` shows the number itself, the results differ as they should.
            if !matches!(expression.reads(), Reads::Everything) {
                prop_assert_eq!(shown, Ok(Some(expected)), "{} of {}", source, without);
            }
        }
    }
}
