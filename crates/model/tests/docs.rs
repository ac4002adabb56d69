//! What authors are told is what validates.
#![expect(clippy::unwrap_used, reason = "a document that is not there fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use sinew_contract::Schema;
use sinew_diag::{Style, render};
use sinew_model::{SourceFile, json_schema, json_schema_of, kinds, load, reference};
use sinew_stdx::Json;

const MARKER: &str =
    "<!-- What follows is printed from the tables by which documents are checked; a test keeps it so. -->\n";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/resources.md")
}

fn blocks(text: &str) -> Vec<String> {
    text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// `SINEW_UPDATE_DOCS=1` writes the reference anew.
#[test]
fn the_reference_is_printed_from_the_tables() {
    let text = std::fs::read_to_string(path()).unwrap();
    let (before, printed) = text.split_once(MARKER).unwrap();
    let expected = format!("\n{}\n", reference().trim_end());
    if std::env::var_os("SINEW_UPDATE_DOCS").is_some() {
        std::fs::write(path(), format!("{before}{MARKER}{expected}")).unwrap();
    } else {
        assert!(
            printed == expected,
            "docs/resources.md is out of date; run this test with SINEW_UPDATE_DOCS=1"
        );
    }
}

#[test]
fn every_example_validates() {
    let blocks = blocks(&std::fs::read_to_string(path()).unwrap());
    assert!(blocks.len() >= 10);
    let files: Vec<_> = blocks
        .iter()
        .enumerate()
        .map(|(i, text)| SourceFile::new(format!("{i}.yaml"), text.as_str()))
        .collect();
    let (snapshot, findings) = load(&files, &BTreeMap::new());
    let source = |name: &str| blocks.get(name.strip_suffix(".yaml")?.parse::<usize>().ok()?).cloned();
    assert!(findings.is_empty(), "{}", render(&findings, &source, Style::Plain));
    let snapshot = snapshot.unwrap();
    assert_eq!((snapshot.flows.len(), snapshot.connections.len(), snapshot.connectors.len()), (5, 2, 2));
}

#[test]
fn every_example_fits_the_schema_that_editors_use() {
    let any = Schema::compile(json_schema()).unwrap();
    for block in blocks(&std::fs::read_to_string(path()).unwrap()) {
        let value: serde_json::Value = serde_saphyr::from_str(&block).unwrap();
        let kind = value["kind"].as_str().unwrap();
        let one = Schema::compile(json_schema_of(kind).unwrap()).unwrap();
        let json = Json::of(&value);
        assert_eq!((any.violations(&json), one.violations(&json)), (vec![], vec![]), "{block}");
    }
}

#[test]
fn the_schema_refuses_what_the_check_refuses() {
    for wrong in [
        r#"{"kind":"Connection","name":"crm"}"#,
        r#"{"kind":"Flow","name":"a","owner":{"team":"t","contact":"c","runbook":"r"},"trigger":"manual","steps":[{"a":{"cal":"x.y"}}]}"#,
        r#"{"kind":"Flow","name":"a","owner":{"team":"t","contact":"c","runbook":"r"},"trigger":"manual","steps":[]}"#,
        r#"{"kind":"AlertChannel","name":"a","log":true,"on":["dead"]}"#,
        r#"{"kind":"Conection"}"#,
    ] {
        let json = Json::parse(wrong.as_bytes()).unwrap();
        assert!(!Schema::compile(json_schema()).unwrap().violations(&json).is_empty(), "{wrong}");
    }
}

#[test]
fn every_kind_has_a_schema() {
    assert_eq!(
        kinds().collect::<Vec<_>>(),
        [
            "Connection",
            "Connector",
            "Flow",
            "AlertChannel",
            "Subscriber",
            "Api",
            "Upstream",
            "Plan",
            "Consumer",
            "Profile"
        ]
    );
    assert!(kinds().all(|kind| json_schema_of(kind).is_some()) && json_schema_of("Toolset").is_none());
}
