//! Twenty kinds of mistakes in one project, all told at once.

use std::collections::BTreeSet;
use std::fs;

use sinew_e2e::sinew;

/// A document with a mistake, and the code by which it is told.
const MISTAKES: &[(&str, &str)] = &[
    ("SNW-1001", "kind: Flow\nname: [unclosed\n"),
    ("SNW-1004", "kind: AlertChannel\nname: twice\nname: twice\n"),
    ("SNW-1005", "kind: !tagged Flow\nname: tagged\n"),
    (
        "SNW-1006",
        "kind: AlertChannel\nname: unset\nowner: { team: a, contact: b, runbook: c }\nlog: info\nslack: { url: '${NOT_SET_ANYWHERE}' }\n",
    ),
    ("SNW-1007", "knid: Flow\nname: without-kind\n"),
    ("SNW-1008", "kind: Flaw\nname: unknown-kind\n"),
    ("SNW-1009", ""),
    (
        "SNW-1101",
        "kind: Flow\nname: unknown-field\nowner: OWNER\ntriger: manual\ntrigger: manual\nsteps: [{ a: { map: '1' } }]\n",
    ),
    ("SNW-1102", "kind: Flow\nname: no-trigger\nowner: OWNER\nsteps: [{ a: { map: '1' } }]\n"),
    ("SNW-1103", "kind: Flow\nname: wrong-shape\nowner: OWNER\ntrigger: manual\nsteps: 7\n"),
    (
        "SNW-1104",
        "kind: Flow\nname: unknown-word\nowner: OWNER\ntrigger: manual\npriority: urgent\nsteps: [{ a: { map: '1' } }]\n",
    ),
    (
        "SNW-1105",
        "kind: Flow\nname: no-duration\nowner: OWNER\ntrigger: manual\nsilence: soon\nsteps: [{ a: { map: '1' } }]\n",
    ),
    (
        "SNW-1106",
        "kind: Flow\nname: 'Not A Name'\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { map: '1' } }]\n",
    ),
    ("SNW-1109", "kind: Flow\nname: nobodys\ntrigger: manual\nsteps: [{ a: { map: '1' } }]\n"),
    (
        "SNW-1201",
        "kind: Connection\nname: stray\nconnector: nowhere@1\nowner: OWNER\nbase_url: https://example.com\nauth: none\n",
    ),
    (
        "SNW-1202",
        "kind: Flow\nname: unknown-connection\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { call: crn.getContact } }]\n",
    ),
    (
        "SNW-1203",
        "kind: Flow\nname: unknown-operation\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { call: crm.getContct, with: { id: trigger.id } } }]\n",
    ),
    (
        "SNW-1207",
        "kind: Flow\nname: unknown-name\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { map: tirgger.id } }]\n",
    ),
    (
        "SNW-1208",
        "kind: Flow\nname: same-step\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { map: '1' } }, { a: { map: '2' } }]\n",
    ),
    (
        "SNW-1301",
        "kind: Flow\nname: no-expression\nowner: OWNER\ntrigger: manual\nsteps: [{ a: { map: '1 + (' } }]\n",
    ),
    (
        "SNW-1304",
        "kind: Flow\nname: no-schedule\nowner: OWNER\ntrigger: { schedule: { cron: '61 * * * *' } }\nsteps: [{ a: { map: '1' } }]\n",
    ),
    (
        "SNW-1305",
        "kind: Flow\nname: no-zone\nowner: OWNER\ntrigger: { schedule: { cron: '1 * * * *', timezone: Europe/Berlim } }\nsteps: [{ a: { map: '1' } }]\n",
    ),
];

#[test]
fn a_project_with_twenty_kinds_of_mistakes_is_told_all_of_them_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let vendors = sinew_e2e::examples("vendors");
    for (n, (_, text)) in MISTAKES.iter().enumerate() {
        let text = text.replace("OWNER", "{ team: a, contact: a@example.com, runbook: r.md }");
        fs::write(folder.path().join(format!("{n:02}.yaml")), text).unwrap();
    }
    let own = folder.path().display().to_string();
    let arguments = ["validate", &vendors.display().to_string(), &own, "--output", "json"];
    let said = sinew(folder.path(), &arguments);
    assert_eq!(said.code, 1, "{}\n{}", said.out, said.err);
    let found = said.json();
    let findings = found["findings"].as_array().unwrap();
    for (n, (code, text)) in MISTAKES.iter().enumerate() {
        let file = format!("{n:02}.yaml");
        let told = findings.iter().any(|finding| {
            let place = &finding["place"];
            let there = place["file"].as_str().is_some_and(|name| name.ends_with(&file));
            there && finding["code"] == *code && place["line"].is_u64() && place["column"].is_u64()
        });
        assert!(
            told,
            "{code} is not told of {file}:\n{text}\n{:#?}",
            findings.iter().filter(|f| f.to_string().contains(&file)).collect::<Vec<_>>()
        );
    }
    let codes: BTreeSet<_> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.len() >= 20, "{codes:?}");
    // For people: the same, with what was probably meant.
    let said = sinew(folder.path(), &["validate", &vendors.display().to_string(), &own]);
    let text = format!("{}{}", said.out, said.err);
    assert_eq!(said.code, 1, "{text}");
    assert!(text.contains("crm.getContact"), "no suggestion:\n{text}");
}
