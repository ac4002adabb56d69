//! The project that begins from a profile: a connector with the vendor's habits, a connection to fill in, a flow that
//! shows whether it works, a runbook.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sinew_model::{Auth, Grant, Login, Profile, Published, Verify};

use crate::Entry;
use crate::section::section;
use crate::variables::{examples, named, said, without_examples};

/// A file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the project.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What a connector takes over from a profile as it is written.
const HABITS: [&str; 5] = ["idempotency", "errors", "limits", "webhooks", "operations"];

/// The files of a project that begins from a profile, logging in by this way; by the first if it has no such way.
pub fn project(entry: &Entry, login: Option<&str>) -> Vec<File> {
    let profile = &entry.profile;
    let name = &entry.name;
    let chosen = chosen(profile, login);
    let (connector, connection) = (connector(entry), connection(entry, chosen));
    let mut files = vec![
        File { path: "README.md".into(), text: readme(entry, chosen) },
        File { path: format!("connectors/{name}.yaml"), text: connector },
        File { path: format!("connections/{name}.yaml"), text: connection },
        File { path: format!("runbooks/{name}.md"), text: runbook(profile, name) },
    ];
    if let Some(check) = &profile.check {
        let text = format!(
            "# Shows whether the connection works: `sinew run {name}-check --wait`.\nkind: Flow\nname: {name}-check\n\
             {OWNER}, runbook: runbooks/{name}.md }}\ntrigger: manual\nsteps:\n  - answer: {{ call: {name}.{check} }}\n\
             result: answer\n"
        );
        files.push(File { path: format!("flows/{name}-check.yaml"), text });
    }
    files
}

fn chosen<'a>(profile: &'a Profile, login: Option<&str>) -> Option<&'a Login> {
    profile.logins.iter().find(|known| login == Some(&*known.name)).or(profile.logins.first())
}

/// The variables that a project needs which begins from a profile, logging in by this way, and what they mean.
pub fn needed(entry: &Entry, login: Option<&str>) -> Vec<(String, String)> {
    let text = connector(entry) + &connection(entry, chosen(&entry.profile, login));
    let text = said(&text);
    let asked: BTreeSet<&str> = named(&text).map(|(name, _)| name).collect();
    let known = examples(&entry.text);
    let variables = entry.profile.variables.iter().filter(|(name, _)| asked.contains(&**name));
    variables.map(|(name, about)| (name.to_string(), explained(about, known.get(&**name)))).collect()
}

/// What a variable means, with its example if that tells more than its name.
fn explained(about: &str, example: Option<&String>) -> String {
    let telling =
        example.filter(|example| example.contains(|c: char| c.is_ascii_digit() || "./@_".contains(c)));
    match telling {
        Some(example) => format!("{}, such as `{example}`.", about.trim_end_matches('.')),
        None => about.to_owned(),
    }
}

const OWNER: &str = "owner: { team: integrations, contact: integrations@example.com";

fn connector(entry: &Entry) -> String {
    let profile = &entry.profile;
    let mut text = format!(
        "# {} as the catalog knows it: its habits, and operations to begin with.\n# Documented at {}\nkind: Connector\n",
        profile.title, profile.docs
    );
    for field in ["name", "version", "description"].into_iter().chain(HABITS) {
        text.push_str(&section(&entry.text, &[field]).unwrap_or_default());
    }
    without_examples(&text)
}

fn connection(entry: &Entry, login: Option<&Login>) -> String {
    let (profile, name) = (&entry.profile, &entry.name);
    let mut text = format!(
        "# An account at {}: where it is, how to log in, who answers for it.\nkind: Connection\nname: {name}\nconnector: {}\n\
         {OWNER}, runbook: runbooks/{name}.md }}\n",
        profile.title, profile.connector.id
    );
    let mut known = Explained { entry, before: BTreeSet::new() };
    let mut servers = String::new();
    for (number, server) in profile.servers.iter().enumerate() {
        let quote = if server.written.contains('{') { "'" } else { "" };
        let url = format!("base_url: {quote}{}{quote}", server.written);
        let region = if server.region.is_empty() { String::new() } else { format!("  # {}", server.region) };
        let _ = writeln!(servers, "{}{url}{region}", if number == 0 { "" } else { "# " });
    }
    text.push_str(&known.beside(&servers));
    text.push_str(&servers);
    if let Some(login) = login {
        let auth = section(&entry.text, &["logins", &login.name, "auth"]).unwrap_or_default();
        comment(&mut text, &login.about);
        text.push_str(&known.beside(&auth));
        text.push_str(&auth);
    }
    for other in profile.logins.iter().filter(|other| login.is_none_or(|login| login.name != other.name)) {
        comment(&mut text, &format!("Or: {}", other.about));
        let auth = section(&entry.text, &["logins", &other.name, "auth"]).unwrap_or_default();
        text.push_str(&known.beside(&auth));
        comment(&mut text, &auth);
    }
    let headers = section(&entry.text, &["headers"]).unwrap_or_default();
    text.push_str(&known.beside(&headers));
    text.push_str(&headers);
    text.push_str("# `write`, once flows are to change something.\naccess: read\n");
    text.push_str(&webhooks(profile, name));
    without_examples(&text)
}

/// Which variables a file has explained.
struct Explained<'a> {
    entry: &'a Entry,
    before: BTreeSet<&'a str>,
}

impl Explained<'_> {
    /// Comments on the variables of a part, where they come for the first time.
    fn beside(&mut self, part: &str) -> String {
        let known = examples(&self.entry.text);
        let mut text = String::new();
        for (variable, about) in &self.entry.profile.variables {
            if named(part).any(|(name, _)| name == &**variable) && self.before.insert(variable) {
                let _ = writeln!(text, "# {variable}: {}", explained(about, known.get(&**variable)));
            }
        }
        text
    }
}

/// What deliveries are verified with, for whom it is there: no flow of the project takes any yet.
fn webhooks(profile: &Profile, name: &str) -> String {
    let Some(webhooks) = &profile.connector.webhooks else { return String::new() };
    let mut text = String::new();
    if webhooks.verify != Verify::None {
        let _ = writeln!(text, "# webhook_secret: secret:{name}/webhooks");
    }
    if webhooks.challenge.as_ref().is_some_and(|challenge| challenge.token.is_some()) {
        let _ = writeln!(text, "# webhook_token: secret:{name}/webhook-token");
    }
    if text.is_empty() {
        return text;
    }
    format!("# Once flows are to take its webhooks:\n{text}")
}

fn comment(text: &mut String, what: &str) {
    for line in what.trim_end().lines() {
        let _ = writeln!(text, "{}", format!("# {line}").trim_end());
    }
}

fn readme(entry: &Entry, login: Option<&Login>) -> String {
    let (profile, name) = (&entry.profile, &entry.name);
    let mut text = format!(
        "# {}\n\n{}\n\nIts API is documented at <{}>.\n\n",
        profile.title, profile.connector.description, profile.docs
    );
    text.push_str("## Connect\n\n");
    let secrets: Vec<String> = login
        .map(|login| login.auth.secrets().into_iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "`connections/{name}.yaml` says where the account is and how to log in. Give it what it names:\n"
    );
    let variables = needed(entry, login.map(|login| &*login.name));
    for (variable, about) in &variables {
        let _ = writeln!(text, "- the variable `{variable}`: {about}");
    }
    for secret in &secrets {
        let path = secret.trim_start_matches("secret:");
        let variable: String = path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        let _ = writeln!(
            text,
            "- the secret `{path}`: `sinew secret set {path}` keeps it in the vault; or `SINEW_SECRET_{variable}`, or the file \
             `{path}` below `--secrets`"
        );
    }
    if variables.is_empty() && secrets.is_empty() {
        text.push_str("- nothing: the system asks for no credential\n");
    }
    if !variables.is_empty() {
        text.push_str(
            "\nVariables come from the environment, or from a file of `NAME=value` lines: `--env-file FILE`, for `validate` \
             and `dev` alike.\n",
        );
    }
    text.push_str(&begin(profile, name, login));
    if !profile.scopes.is_empty() {
        text.push_str("\n## Scopes worth knowing\n\n| scope | for |\n| --- | --- |\n");
        for (scope, about) in &profile.scopes {
            let _ = writeln!(text, "| `{scope}` | {} |", about.replace('|', "\\|"));
        }
    }
    text.push_str(&import(profile, name));
    if !profile.notes.is_empty() {
        text.push_str("\n## Good to know\n\n");
        for note in &profile.notes {
            let _ = writeln!(text, "- {note}");
        }
    }
    text
}

/// How it is started, and connected if somebody has to log in.
fn begin(profile: &Profile, name: &str, login: Option<&Login>) -> String {
    let grant = login.and_then(|login| match &login.auth {
        Auth::OAuth2(oauth) if oauth.grant.needs_person() => Some(&oauth.grant),
        _ => None,
    });
    let mut text = String::new();
    if matches!(grant, Some(Grant::AuthorizationCode(_))) {
        let _ = write!(
            text,
            "\nAt {}, register this redirect URL with the app; browsers come back to it after the log-in:\n\n    \
             http://127.0.0.1:7400/oauth/callback\n\nIt begins with where webhooks are taken (`--listen`), or with `--hooks-url` \
             if that is said.\n",
            profile.title
        );
    }
    let connect = grant.map(|_| format!("    sinew connect {name}\n")).unwrap_or_default();
    let check =
        profile.check.as_ref().map(|_| format!("    sinew run {name}-check --wait\n")).unwrap_or_default();
    if !connect.is_empty() || !check.is_empty() {
        let _ = write!(
            text,
            "\nThen\n\n    sinew validate\n    sinew dev\n\nand, in another terminal,\n\n{connect}{check}"
        );
    }
    text
}

/// How the vendor's own description is taken over.
fn import(profile: &Profile, name: &str) -> String {
    let mut text = String::new();
    for (kind, url) in &profile.published {
        let kind = match kind {
            Published::Openapi => "openapi",
            Published::Wsdl => "wsdl",
            Published::Graphql => continue,
        };
        if text.is_empty() {
            let _ = write!(
                text,
                "\n## All operations\n\n`connectors/{name}.yaml` has a few operations to begin with. The vendor describes all of them;\n\
                 what the connector says of its habits stays beside what is taken over:\n\n"
            );
        }
        let version = &profile.connector.id.version;
        let _ = writeln!(text, "    sinew import {kind} {url} --name {name}@{version} --replace");
    }
    text
}

fn runbook(profile: &Profile, name: &str) -> String {
    let mut text = format!(
        "# {name}\n\n**Owner:** integrations, integrations@example.com\n\n{} is documented at <{}>.\n\n\
         | you see | it is | do |\n| --- | --- | --- |\n\
         | `credential` | the credential is missing, expired or was refused | renew it; see `sinew connections` |\n\
         | `rate_limited` | the account is called too often | lower `budget:` of the connection, or ask the vendor for more |\n\
         | `breaker_open` | the system is down | wait; then `sinew dead replay --reason breaker_open` |\n\
         | `drift` | answers are not what the contract says | see what the vendor changed; correct the connector |\n",
        profile.title, profile.docs
    );
    if !profile.notes.is_empty() {
        text.push('\n');
        for note in &profile.notes {
            let _ = writeln!(text, "- {note}");
        }
    }
    text
}
