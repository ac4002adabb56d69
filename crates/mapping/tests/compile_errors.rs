//! What the author of an expression is told when it is none.

#![allow(clippy::unwrap_used, reason = "a test that meets an error fails")]

use sinew_mapping::{Expression, Mapping, PathPart, Template};

/// Code, offset, message and help in one line each.
fn check(source: &str, code: &str, offset: usize, message: &str, help: &str) {
    let Err(error) = Expression::compile(source) else { panic!("{source} compiles") };
    assert_eq!(error.code, code, "{source}: {error:?}");
    assert_eq!(error.offset, Some(offset), "{source}: {error:?}");
    assert!(error.message.contains(message), "{source}: {error:?}");
    assert!(error.help.as_deref().unwrap_or("").contains(help), "{source}: {error:?}");
}

#[test]
fn habits_from_other_languages() {
    check("a == b", "S0211", 2, "`==` is not JSONata", "equality is written `=`");
    check("a && b", "S0211", 2, "", "write `and`");
    check("a || b", "S0201", 2, "", "write `or`");
    check("{{ trigger.id }}", "S0202", 0, "", "drop the {{ }}");
    check("${trigger.id}", "S0202", 0, "", "drop the ${ }");
    check("!a", "S0204", 0, "", "$not(...)");
    check("let x = 1", "S0201", 0, "", "($total := qty * price; $total)");
    check("'a' + b", "T2001", 4, "`+` adds numbers", "joined with `&`");
}

#[test]
fn brackets_and_quotes() {
    check("$sum(lines.qty", "S0203", 4, "this `(` is not closed", "add `)`");
    check(
        "(a + [1, 2)",
        "S0202",
        10,
        "`)` stands where the `[` of column 6 needs `]`",
        "write `]` before it",
    );
    check("a)", "S0201", 1, "this `)` closes nothing", "remove it");
    check("'text", "S0101", 0, "this text does not end", "close it with `'`");
    check("é & \"open", "S0101", 4, "this text does not end", "close it");
}

#[test]
fn texts_without_quotes() {
    check("Hello World", "S0201", 6, "`World` does not belong here", "quotes of its own");
    check("ann@example.com", "S0214", 3, "`@` does not belong here", "quotes of its own");
}

#[test]
fn empty_and_cut_off() {
    check("", "S0207", 0, "empty", "name of a field");
    check("  ", "S0207", 0, "empty", "");
    check("a +", "S0207", 3, "ends too early", "");
}

#[test]
fn names_that_mean_nothing() {
    check("$uppercas(a)", "T1005", 0, "there is no function `$uppercas`", "did you mean `$uppercase`?");
    check("a & $parsedate(b)", "T1005", 4, "$parsedate", "did you mean `$parseDate`?");
    check("$toUpper(a)", "T1005", 0, "", "did you mean `$uppercase`?");
    check("$trigger.id", "U0001", 0, "`$trigger` is never set", "a field is written without `$`");
    check("($total := 1; $totl)", "U0001", 14, "`$totl`", "did you mean `$total`?");
    check("$fetchAll(a)", "T1005", 0, "there is no function", "functions of JSONata, and `$clamp`");
    check("$eval(a)", "T1005", 0, "not available", "");
}

#[test]
fn patterns_that_are_none() {
    check("$match(a, /(?=x)/)", "S0301", 10, "is not a regular expression", "lookaround");
}

#[test]
fn a_mapping_reports_all_at_once_with_their_paths() {
    let text = |s: &str| Template::Expression(s.to_owned());
    let template = Template::Object(vec![
        ("a".to_owned(), text("x ==")),
        ("ok".to_owned(), text("x")),
        (
            "list".to_owned(),
            Template::Array(vec![text("1"), Template::Object(vec![("b".to_owned(), text("$nope()"))])]),
        ),
    ]);
    let errors = Mapping::compile(&template).unwrap_err();
    let paths: Vec<_> = errors.iter().map(|(path, _)| path.clone()).collect();
    let field = |name: &str| PathPart::Field(name.to_owned());
    assert_eq!(paths, [vec![field("a")], vec![field("list"), PathPart::Index(1), field("b")]]);
}

#[test]
fn no_source_panics() {
    for source in [
        "\u{0}",
        "$",
        "$$",
        "$$$",
        "%",
        "@",
        "#",
        "`",
        "/",
        "//",
        "\\",
        "?",
        "a[",
        "{",
        "}",
        "😀",
        "a.b.",
        "λ",
        "$(",
        "\"\\u12\"",
    ] {
        let _ = Expression::compile(source);
    }
}
