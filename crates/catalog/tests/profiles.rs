//! Every profile says what it must, and the projects that begin from it validate.

use std::collections::{BTreeMap, BTreeSet};

use sinew_catalog::{Entry, File};
use sinew_diag::{Style, render};
use sinew_model::{Means, Reason, SourceFile, Verify};

fn entries() -> Vec<Entry> {
    let (mut entries, mut wrong) = (Vec::new(), String::new());
    for entry in sinew_catalog::all() {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(findings) => wrong.push_str(&render(&findings, &|_| None, Style::Plain)),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    entries
}

/// What every profile lacks of a thing, by name.
fn check(lacks: impl Fn(&Entry) -> Vec<String>) {
    let found: Vec<String> = entries()
        .iter()
        .flat_map(|entry| lacks(entry).into_iter().map(|what| format!("{}: {what}", entry.name)))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_profile_is_valid_and_stands_in_a_file_of_its_name() {
    let named: Vec<_> = entries().iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(named, sinew_catalog::names().collect::<Vec<_>>());
    assert!(named.len() >= 50, "only {} systems", named.len());
}

#[test]
fn every_profile_tells_people_what_it_is_of() {
    check(|entry| {
        let said = [&entry.profile.title, &entry.profile.docs, &entry.profile.connector.description];
        let mut lacks = Vec::new();
        if said.iter().any(|text| text.is_empty()) {
            lacks.push("no title, docs or description".to_owned());
        }
        if !entry.profile.docs.starts_with("https://") {
            lacks.push("documented in clear".to_owned());
        }
        if entry.profile.logins.is_empty() {
            lacks.push("no way to log in".to_owned());
        }
        lacks
    });
}

#[test]
fn every_habit_has_an_example_that_is_executed() {
    check(|entry| {
        let (profile, mut lacks) = (&entry.profile, Vec::new());
        let shown: BTreeSet<_> = profile.examples.pages.iter().map(|pages| &pages.operation).collect();
        for operation in profile.connector.operations.written() {
            if operation.pagination.is_some() && !shown.contains(&operation.id) {
                lacks.push(format!("no pages of `{}`", operation.id));
            }
        }
        let means = |what: Means| profile.examples.answers.iter().any(|answer| answer.means == what);
        let (limits, errors) = (&profile.connector.limits, &profile.connector.errors);
        let limited = limits.when.is_some() || !limits.statuses.is_empty() || limits.wait.is_some();
        if limited && !means(Means::Failed(Reason::RateLimited)) {
            lacks.push("no answer that says \"too often\"".to_owned());
        }
        if errors.code.is_some() || errors.message.is_some() {
            let says = |reason| means(Means::Failed(reason));
            if !says(Reason::Rejected) && !says(Reason::Credential) {
                lacks.push("no answer that is an error".to_owned());
            }
        }
        if errors.login.is_some() && !means(Means::Failed(Reason::Credential)) {
            lacks.push("no answer that refuses a credential".to_owned());
        }
        let signed = profile.connector.webhooks.as_ref().is_some_and(|hook| hook.verify != Verify::None);
        if signed && profile.examples.deliveries.is_empty() {
            lacks.push("no delivery".to_owned());
        }
        lacks
    });
}

#[test]
fn every_way_to_log_in_begins_a_project_that_validates() {
    check(|entry| {
        let refused = |login: &sinew_model::Login| {
            let files = sinew_catalog::project(entry, Some(&login.name));
            let sources: Vec<_> =
                files.iter().map(|f| SourceFile::new(f.path.as_str(), f.text.as_str())).collect();
            let (snapshot, findings) = sinew_model::load(&sources, &sinew_catalog::examples(entry));
            let text = |name: &str| files.iter().find(|f| f.path == name).map(|f| f.text.clone());
            let sound = snapshot.is_some_and(|snapshot| {
                let connection = snapshot.connections.values().next().unwrap();
                connection.auth == login.auth
                    && connection.base_url == entry.profile.servers[0].url
                    && connection.headers == entry.profile.headers
                    && connection.budget == entry.profile.connector.limits.rate
            });
            let shown = render(&findings, &text, Style::Plain);
            (!sound || !findings.is_empty()).then(|| format!("{}: {shown}", login.name))
        };
        entry.profile.logins.iter().filter_map(refused).collect()
    });
}

#[test]
fn a_project_whose_variables_nobody_has_set_says_which() {
    check(|entry| {
        let silent = |login: &sinew_model::Login| {
            let files = sinew_catalog::project(entry, Some(&login.name));
            let sources: Vec<_> =
                files.iter().map(|f| SourceFile::new(f.path.as_str(), f.text.as_str())).collect();
            let (_, findings) = sinew_model::load(&sources, &BTreeMap::new());
            let unset: BTreeSet<String> = findings
                .iter()
                .filter(|one| one.code == sinew_diag::codes::config::UNSET_VARIABLE)
                .filter_map(|one| one.message.split('`').nth(1).map(str::to_owned))
                .collect();
            let needed: BTreeSet<String> =
                sinew_catalog::needed(entry, Some(&login.name)).into_iter().map(|(name, _)| name).collect();
            let readme = &files.iter().find(|f| f.path == "README.md").unwrap().text;
            let told = needed.iter().all(|name| readme.contains(&format!("the variable `{name}`")));
            let more = findings.iter().any(|one| one.code != sinew_diag::codes::config::UNSET_VARIABLE);
            (unset != needed || !told || more).then(|| format!("{}: {unset:?} of {needed:?}", login.name))
        };
        entry.profile.logins.iter().filter_map(silent).collect()
    });
}

#[test]
fn who_has_to_log_in_is_told_how() {
    let slack = sinew_catalog::find("slack").unwrap().unwrap();
    let readme = |login: &str| sinew_catalog::project(&slack, Some(login)).remove(0).text;
    let (oauth, bot) = (readme("oauth"), readme("bot"));
    for said in
        ["sinew connect slack", "http://127.0.0.1:7400/oauth/callback", "`SLACK_CLIENT_ID`", "secret set"]
    {
        assert!(oauth.contains(said), "{said}\n{oauth}");
    }
    assert!(!bot.contains("sinew connect") && !bot.contains("SLACK_CLIENT_ID"), "{bot}");
}

#[test]
fn every_word_of_a_server_that_may_differ_is_a_variable_with_an_example() {
    check(|entry| {
        let servers = entry.profile.servers.iter();
        let odd =
            servers.filter(|server| server.url.contains(['{', '}', '$']) || server.url.contains("example"));
        odd.map(|server| format!("the address {}", server.url)).collect()
    });
}

#[test]
fn a_project_reads_as_one_would_write_it() {
    let entry = sinew_catalog::find("hubspot").unwrap().unwrap();
    let files: Vec<String> = sinew_catalog::project(&entry, None)
        .into_iter()
        .map(|File { path, text }| format!("==> {path}\n{text}"))
        .collect();
    insta::assert_snapshot!(files.join("\n"));
}

#[test]
fn profiles_are_found_by_words() {
    let stripe = sinew_catalog::find("stripe").unwrap().unwrap();
    assert!(
        sinew_catalog::matches(&stripe, "Subscriptions stripe") && !sinew_catalog::matches(&stripe, "crm")
    );
    assert!(sinew_catalog::find("nobody").is_none());
    assert!(sinew_catalog::read("x.yaml", "kind: Profile\nname: x\n").is_err());
    assert!(sinew_catalog::read("x.yaml", "a: 1\n").is_err());
}
