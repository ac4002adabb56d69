use proptest::prelude::*;
use sinew_stdx::{Json, Timestamp};

use crate::printer::Printer;
use crate::program::{Evaluation, Leaf, Unit};
use crate::{Limits, Moment, Scope};

/// Plain expressions over fields `a` to `d`.
const EXPRESSIONS: &[&str] = &[
    "a",
    "a.b",
    "a.b.c",
    "$uppercase(a)",
    "$lowercase(a.b)",
    r#"a & " " & b"#,
    r#"a.b & "-" & a.c"#,
    "a + b * 2",
    "(a - b) / c",
    "a.b > 1",
    "a >= b and b < c",
    "a = b",
    "a != b",
    r#"a = "x" or b"#,
    "a and b",
    r#"a ? "yes" : "no""#,
    "a > 1 ? b",
    "a.(b + c)",
    "a.(b & c)",
    "a.b.(c * d)",
    "$sum(a.(b * c))",
    "$sum(a.b) + $sum(a.c)",
    "$sum(a[b > 0].c)",
    "a[b]",
    "a[b > 0]",
    r#"a[b = "x"].c"#,
    "a[b != 1].(c)",
    "a[b and c].d",
    r#"a[b > 0].{"x": b, "y": c & d}"#,
    r#"a.{"x": b, "y": d.b, "z": c + 1}"#,
    r#"a.{"x": b.(c + 1), "y": b[c > 0]}"#,
    r#"{"x": a, "y": {"z": b.c}, "s": $sum(a.(b))}"#,
    r#"a.{"x": {"y": b}}"#,
    r#"a.("k")"#,
    "a.b.{\"n\": 1}",
];

/// Evaluated both ways: what comes out is the same, and so is whether it fails.
fn check(source: &str, document: &str) {
    let evaluate = |leaf: Leaf| {
        let json = Json::parse(document.as_bytes()).unwrap();
        let unit = Unit::new(vec![leaf]);
        let moment = Moment { now: Timestamp::from_millis(0), seed: 0 };
        let limits = Limits::default();
        let evaluation = Evaluation::begin(&unit, &Scope::root(&json), moment, &limits).unwrap();
        let mut printer = Printer::new(limits.output_bytes_max);
        let given = evaluation.print(0, &mut printer).map_err(|error| error.to_string())?;
        Ok::<_, String>(given.then_some(printer.out))
    };
    let by_engine = evaluate(Leaf::compile(source).unwrap().by_engine());
    assert_eq!(evaluate(Leaf::compile(source).unwrap()), by_engine, "{source} of {document}");
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::json!(null)),
        any::<bool>().prop_map(Into::into),
        (-3_i32..4).prop_map(Into::into),
        (-20_i32..20).prop_map(|n| (f64::from(n) / 8.0).into()),
        prop_oneof![Just("x"), Just(""), Just("Straße"), Just("12"), Just("q\"\n")].prop_map(Into::into),
        Just(serde_json::json!(9_007_199_254_740_993_u64)),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let name = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")].prop_map(str::to_owned);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            2 => prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_data_the_engine_would_say_the_same(
        a in value(), b in value(), c in value(), rows in prop::collection::vec(value(), 0..4),
    ) {
        let one = serde_json::json!({ "a": a, "b": b, "c": c });
        let list = serde_json::json!({ "a": rows, "b": { "a": rows }, "d": a });
        for source in EXPRESSIONS {
            check(source, &one.to_string());
            check(source, &list.to_string());
        }
    }
}

#[test]
fn lists_of_objects_come_out_as_the_engine_has_them() {
    for rows in [
        "[]",
        "{}",
        r#"{"b":1,"c":2}"#,
        r#"[{"b":1,"c":2}]"#,
        r#"[{"b":1,"c":2,"d":"x"},{"b":2,"c":3,"d":"y"},{"b":-1}]"#,
        r#"[{"b":1,"c":"2"},{"b":2,"c":[3]}]"#,
        r#"[[{"b":1}],{"b":[1,2]}]"#,
        r#"[{"b":{"c":1}},{"b":[{"c":1},{"c":2}]},{"b":{"c":5,"d":2}}]"#,
        r#"[{"b":0.1,"c":0.2},{"b":1e308,"c":1e308}]"#,
        r#"[{"b":12345678901234567890,"c":1}]"#,
        r#"[{"b":true,"c":false,"d":1},{"b":true,"c":true,"d":null}]"#,
    ] {
        for source in EXPRESSIONS {
            check(source, &format!(r#"{{"a":{rows}}}"#));
        }
    }
}

#[test]
fn most_of_what_people_write_is_plain() {
    for source in EXPRESSIONS {
        let ast = jsonata_core::parser::parse(source).unwrap();
        assert!(super::Direct::compile(&ast).is_some(), "{source} {ast:?}");
    }
    for source in ["a[0]", "a.*", "$now()", "a ~> $uppercase", "a[]", "a^(b)", r#"{"x": 1, "x": 2}"#, "a.[b]"]
    {
        let ast = jsonata_core::parser::parse(source).unwrap();
        assert!(super::Direct::compile(&ast).is_none(), "{source}");
    }
}
