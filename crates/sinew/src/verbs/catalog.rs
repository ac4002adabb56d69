//! What is known of vendors: the list of them, and all about one.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sinew_catalog::Entry;
use sinew_diag::{Diagnostics, codes::control};
use sinew_model::{Left, Operation, Pagination, Profile, TokenLife, Verify};
use sinew_stdx::show_duration;

use crate::cli::{Catalog, CatalogList, CatalogShow};
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint, counted};

/// Looks at the catalog.
pub fn run(verb: &Catalog, output: &Output) -> Result<Exit, CliError> {
    match verb {
        Catalog::List(of) => list(of, output),
        Catalog::Show(of) => show(of, output),
    }
}

/// The profile of this name.
pub(super) fn find(name: &str) -> Result<Entry, CliError> {
    let Some(found) = sinew_catalog::find(name) else {
        let like = sinew_model::did_you_mean(name, sinew_catalog::names());
        let help = like.unwrap_or_else(|| "`sinew catalog list` lists those that there are".to_owned());
        return Err(CliError::usage(format!("there is no profile `{name}`")).help(help));
    };
    found.map_err(|findings| not_valid(name, &findings))
}

/// What is said of a profile that is not valid.
pub(super) fn not_valid(name: &str, findings: &Diagnostics) -> CliError {
    let shown: Vec<String> = findings.iter().take(5).map(ToString::to_string).collect();
    CliError::new(Exit::Failed, control::NO_PROJECT, format!("the profile `{name}` is not valid"))
        .help(shown.join("; "))
}

fn list(of: &CatalogList, output: &Output) -> Result<Exit, CliError> {
    let mut found = Vec::new();
    for name in sinew_catalog::names() {
        found.push(find(name)?);
    }
    if let Some(category) = &of.category {
        let known: Vec<&str> = sinew_model::categories().map(|(word, _)| word).collect();
        if !known.contains(&category.as_str()) {
            return Err(CliError::usage(format!("there is no category `{category}`"))
                .help(format!("there are {}", known.join(", "))));
        }
    }
    found.retain(|entry| of.find.as_deref().is_none_or(|words| sinew_catalog::matches(entry, words)));
    found.retain(|entry| of.category.as_deref().is_none_or(|word| entry.profile.category.as_str() == word));
    let items: Vec<Value> = found.iter().map(brief).collect();
    output.answer(&json!({ "items": items }), || {
        let mut table = Table::new(&["NAME", "CATEGORY", "LOG IN", "WEBHOOKS", "SYSTEM"]);
        for entry in &found {
            let profile = &entry.profile;
            let logins: Vec<&str> = profile.logins.iter().map(|login| &*login.name).collect();
            let webhooks = if profile.connector.webhooks.is_some() { "yes" } else { "-" };
            table.row([
                (entry.name.to_string(), Some(Tint::Strong)),
                (profile.category.as_str().to_owned(), None),
                (logins.join(", "), None),
                (webhooks.to_owned(), None),
                (profile.title.to_string(), None),
            ]);
        }
        format!("{}\n{}", table.render(output), counted(found.len(), "system"))
    });
    Ok(Exit::Ok)
}

fn brief(entry: &Entry) -> Value {
    let profile = &entry.profile;
    json!({
        "name": &*entry.name,
        "title": &*profile.title,
        "category": profile.category.as_str(),
        "description": &*profile.connector.description,
        "logins": profile.logins.iter().map(|login| &*login.name).collect::<Vec<_>>(),
        "webhooks": profile.connector.webhooks.is_some(),
    })
}

fn show(of: &CatalogShow, output: &Output) -> Result<Exit, CliError> {
    let entry = find(&of.name)?;
    if of.yaml {
        output.line(entry.text.trim_end());
        return Ok(Exit::Ok);
    }
    output.answer(&whole(&entry), || as_text(&entry, output));
    Ok(Exit::Ok)
}

fn whole(entry: &Entry) -> Value {
    let profile = &entry.profile;
    let mut value = brief(entry);
    let named = |all: &[(std::sync::Arc<str>, std::sync::Arc<str>)]| -> Value {
        all.iter().map(|(name, about)| (name.to_string(), Value::from(&**about))).collect()
    };
    value["version"] = Value::from(&*profile.connector.id.version);
    value["docs"] = Value::from(&*profile.docs);
    value["published"] =
        profile.published.iter().map(|(kind, url)| json!({ "kind": kind.as_str(), "url": &**url })).collect();
    value["servers"] = profile
        .servers
        .iter()
        .map(|server| json!({ "url": &*server.written, "region": &*server.region }))
        .collect();
    value["variables"] = named(&profile.variables);
    value["logins"] = profile
        .logins
        .iter()
        .map(|login| {
            let secrets: Vec<String> = login.auth.secrets().into_iter().map(ToString::to_string).collect();
            json!({ "name": &*login.name, "about": &*login.about, "secrets": secrets })
        })
        .collect();
    value["scopes"] = named(&profile.scopes);
    value["headers"] = named(&profile.headers);
    value["rate"] = profile.connector.limits.rate.map(|rate| rate.to_string()).into();
    value["check"] = profile.check.as_ref().map(ToString::to_string).into();
    value["notes"] = profile.notes.iter().map(|note| Value::from(&**note)).collect();
    value
}

/// Facts under a heading.
fn part<T: AsRef<str>>(
    text: &mut String,
    output: &Output,
    heading: &str,
    lines: impl IntoIterator<Item = T>,
) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{}", output.tint(heading, Tint::Faint));
    }
    for line in lines {
        let _ = writeln!(text, "  {}", line.as_ref());
    }
}

fn as_text(entry: &Entry, output: &Output) -> String {
    let profile = &entry.profile;
    let connector = &profile.connector;
    let mut text = format!("{} ({})\n", output.tint(&profile.title, Tint::Strong), profile.category.as_str());
    if !connector.description.is_empty() {
        let _ = writeln!(text, "{}", connector.description);
    }
    let docs = std::iter::once(profile.docs.to_string());
    let published = profile.published.iter().map(|(kind, url)| format!("{}: {url}", kind.as_str()));
    part(&mut text, output, "DOCUMENTED", docs.chain(published));
    let servers = profile.servers.iter().map(|server| match &*server.region {
        "" => server.written.to_string(),
        region => format!("{}  ({region})", server.written),
    });
    let pairs = |(name, about): &(std::sync::Arc<str>, std::sync::Arc<str>)| format!("{name}: {about}");
    part(&mut text, output, "SERVERS", servers.chain(profile.variables.iter().map(pairs)));
    let logins = profile.logins.iter().map(|login| {
        let life = login.tokens.map(life).unwrap_or_default();
        format!("{}: {}{life}", output.tint(&login.name, Tint::Strong), login.about)
    });
    part(&mut text, output, "LOG IN", logins);
    part(&mut text, output, "SCOPES", profile.scopes.iter().map(pairs));
    part(&mut text, output, "HEADERS", profile.headers.iter().map(pairs));
    part(&mut text, output, "HABITS", habits(profile));
    let operations = connector
        .operations
        .written()
        .map(|operation| format!("{}: {}{}", operation.id, operation.binding.reached(), pages(operation)));
    part(&mut text, output, "OPERATIONS", operations);
    part(&mut text, output, "GOOD TO KNOW", &profile.notes);
    let _ = writeln!(text, "\nbegin: sinew init --from catalog:{0} {0}", entry.name);
    text
}

fn life(tokens: TokenLife) -> String {
    let mut said = Vec::new();
    said.extend(tokens.access.map(|span| format!("access tokens live {}", show_duration(span))));
    said.extend(tokens.refresh.map(|span| format!("refresh tokens {}", show_duration(span))));
    if tokens.rotates {
        said.push("each refresh gives another refresh token".to_owned());
    }
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

/// What the engine heeds of the system's habits, a line each.
fn habits(profile: &Profile) -> Vec<String> {
    let connector = &profile.connector;
    let mut said = Vec::new();
    said.extend(connector.limits.rate.map(|rate| format!("rate: {rate}")));
    for limit in &connector.limits.told {
        let header = match &limit.left {
            Left::Remaining(header) => format!("{header} counts down"),
            Left::Used(header, _) => format!("{header} counts up"),
        };
        let reset =
            limit.reset.as_ref().map(|(header, _)| format!(", {header} tells when it is filled again"));
        said.push(format!("limit: {header}{}", reset.unwrap_or_default()));
    }
    said.extend(
        connector.errors.when.as_ref().map(|when| format!("an error with status 200: {}", when.source())),
    );
    let keys = connector.operations.written().find_map(|operation| match &operation.idempotency {
        sinew_model::Idempotency::Key { header } => Some(header.to_string()),
        _ => None,
    });
    said.extend(keys.map(|header| {
        let live = profile.keys_live.map(|span| format!(", for {}", show_duration(span)));
        format!("repeated writes are recognised by {header}{}", live.unwrap_or_default())
    }));
    if let Some(webhooks) = &connector.webhooks {
        said.push(match &webhooks.verify {
            Verify::None => "webhooks: not signed".to_owned(),
            Verify::Signed(signature) => format!("webhooks: signed, in {}", signature.source.at),
        });
    }
    said
}

fn pages(operation: &Operation) -> String {
    match &operation.pagination {
        None => String::new(),
        Some(Pagination::Cursor { field, .. }) => format!("  (pages by the cursor `{field}`)"),
        Some(Pagination::Page { field, .. }) => format!("  (pages by the number `{field}`)"),
        Some(Pagination::Offset { field, .. }) => format!("  (pages by the offset `{field}`)"),
        Some(Pagination::Link { .. }) => "  (pages by `Link`)".to_owned(),
        Some(Pagination::Streamed { .. }) => "  (bit by bit)".to_owned(),
        Some(Pagination::NextUrl { .. }) => "  (pages by the URL of the next)".to_owned(),
    }
}
