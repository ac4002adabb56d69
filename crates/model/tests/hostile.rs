//! No text makes it panic, hang or eat the memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sinew_model::{FlowName, Snapshot, SourceFile, flow_from_source, load};

/// Loads one file; the findings as text, however long it took within reason.
fn check(text: impl Into<Vec<u8>>) -> String {
    let begun = Instant::now();
    let (snapshot, findings) = load(&[SourceFile::new("x.yaml", text)], &BTreeMap::new());
    assert_eq!(snapshot.is_none(), findings.has_errors());
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
    assert!(findings.len() <= 1_001);
    findings.to_string()
}

const OWNER: &str = "owner: { team: a, contact: b, runbook: c }";

fn flow(steps: &str) -> String {
    format!("kind: Flow\nname: x\n{OWNER}\ntrigger: manual\nsteps:\n{steps}")
}

#[test]
fn what_is_too_large_is_refused_with_a_word() {
    for (text, says) in [
        ("#".repeat(2 << 20), "larger than 1048576 bytes"),
        (format!("kind: Flow\nsteps: [{}]", "a,".repeat(200_000)), "more than 100000 values"),
        (format!("kind: Flow\nsteps: {}", "[".repeat(100_000)), "deeper than 64 levels"),
        (
            format!(
                "kind: Flow\nsteps:\n{}",
                (0..200).fold(String::new(), |text, i| text + &" ".repeat(i) + "a:\n")
            ),
            "deeper than 64 levels",
        ),
        (
            format!("kind: Flow\nresult: \"{}\"", "a".repeat(100_000)),
            "an expression of more than 32768 bytes",
        ),
        (format!("a: &a {}\nb: [{}]", "x".repeat(100_000), "*a,".repeat(10_000)), "anchors and aliases"),
        ("---\n".repeat(200_000), ""),
        (format!("kind: {}", "x".repeat(500_000)), "unknown kind"),
    ] {
        let found = check(text);
        assert!(found.contains(says) && found.len() < 10_000, "{says}: {}", &found[..found.len().min(1_000)]);
    }
}

#[test]
fn variables_cannot_make_a_file_large() {
    let variables = BTreeMap::from([("A".to_owned(), "x".repeat(100_000))]);
    let text = format!("kind: Flow\ndescription: \"{}\"", "${A}".repeat(1_000));
    let findings = load(&[SourceFile::new("x.yaml", text)], &variables).1.to_string();
    assert!(findings.contains("variables make this file larger"), "{}", &findings[..500]);
}

#[test]
fn very_many_mistakes_are_reported_up_to_a_bound() {
    let found = check(flow(&"  - s: { cal: a.b }\n".repeat(5_000)));
    assert!(found.ends_with("more findings are not shown"), "{}", &found[found.len() - 200..]);
}

#[test]
fn deep_expressions_do_no_harm() {
    for text in ["(", "[", "{\"a\":", "a.", "-", "a[", "function($x){", "$f(", "a?", "a:", "not "] {
        let _ = check(flow(&format!("  - a: {{ map: '{}' }}\n", text.repeat(3_000))));
    }
}

#[test]
fn a_large_project_loads_in_a_moment() {
    let mut text = String::new();
    for i in 0..100 {
        text.push_str(&flow("").replace("name: x", &format!("name: x{i}")));
        for s in 0..10 {
            let _ = writeln!(text, "  - s{s}: {{ map: {{ a: trigger.a, b: '\"x\" & trigger.b' }} }}");
        }
        text.push_str("---\n");
    }
    let begun = Instant::now();
    assert_eq!(check(text), "");
    assert!(begun.elapsed() < Duration::from_secs(1), "took {:?}", begun.elapsed());
}

/// Pieces of which files are made, so that random ones get past the first lines.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "kind: Flow\n",
        "kind: Connection\n",
        "kind: Connector\n",
        "kind: AlertChannel\n",
        "name: a\n",
        "steps:\n",
        "  - a:\n",
        "      call: a.b\n",
        "      map: a.b\n",
        "      each:\n",
        "        items: a\n",
        "        steps:\n",
        "          - b: { map: 1 }\n",
        "trigger: manual\n",
        "trigger: { webhook: { verify: none } }\n",
        "owner: { team: a, contact: b, runbook: c }\n",
        "operations:\n",
        "  get: { get: '/a/{b}' }\n",
        "---\n",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "'",
        "\"",
        "|\n",
        ">\n",
        "&a ",
        "*a ",
        "!t ",
        "${A}",
        "${A:-b}",
        "$${A}",
        "secret:a",
        "\t",
        "\r\n",
        "\u{feff}",
        "é",
        "\u{0}",
        "<<: ",
        "? ",
        "# ",
        "...\n",
        "%YAML 1.2\n",
        "~",
        "0x1F",
        "-.inf",
        "base_url: https://a\n",
        "auth: none\n",
        "connector: a@1\n",
        "version: 1\n",
        "\\u0041",
        "''",
        "  ",
        "\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = check(bytes);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = check(text);
    }

    #[test]
    fn anything_made_of_the_right_pieces_is_read_or_refused(text in pieces()) {
        let _ = check(text.clone());
        let _ = flow_from_source(&text, &FlowName::new("a").unwrap(), &Snapshot::default());
    }

    #[test]
    fn any_expression_is_read_or_refused(text in "[a-z.$()\\[\\]{}\"':,&+<>=!?*%^@#~|/ \\n-]{0,80}") {
        let quoted = text.replace('\'', "''").replace('\n', " ");
        let _ = check(flow(&format!("  - a: {{ map: '{quoted}' }}\n")));
    }

    #[test]
    fn places_lie_within_the_file(text in pieces()) {
        let lines = text.lines().count() + 2;
        let (_, findings) = load(&[SourceFile::new("x.yaml", text)], &BTreeMap::new());
        for finding in &findings {
            if let Some(place) = &finding.place {
                prop_assert!(place.line >= 1 && place.column >= 1 && (place.line as usize) <= lines, "{finding}");
            }
        }
    }
}
