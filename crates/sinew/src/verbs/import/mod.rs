//! Taking over what vendors publish: `sinew import KIND FILE|URL`. One file a kind.

mod fetch;
mod graphql;
mod guess;
mod openapi;
mod place;
mod wsdl;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use sinew_model::{Effect, Listed};

use crate::cli::{Import, ImportKind};
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, counted, one_line};

use fetch::Source;
use place::Place;

/// Warnings that are shown unless all are asked for.
const WARNINGS_SHOWN: usize = 8;
/// How ways to log in name secrets as long as nobody knows what the connector is called.
const SECRETS_OF: &str = "secret:NAME/";

/// A description, ready to be written beside its connector.
pub(super) struct Imported {
    /// What the API is called.
    pub(super) title: String,
    /// Its version, as its vendor writes versions.
    pub(super) version: String,
    /// The description as one file, and how that file's name ends.
    pub(super) text: Vec<u8>,
    pub(super) ending: &'static str,
    /// What can be called.
    pub(super) listed: Vec<Listed>,
    /// What was understood although it is wrong, and what is missing.
    pub(super) warnings: Vec<String>,
    /// Where it is served.
    pub(super) servers: Vec<String>,
    /// Ways to log in, as a connection says them.
    pub(super) logins: Vec<String>,
}

/// Takes over a description.
pub fn run(import: &Import, output: &Output) -> Result<Exit, CliError> {
    let source = Source::of(&import.source, &import.allow)?;
    let mut imported = match import.kind {
        ImportKind::Openapi => openapi::read(&source)?,
        ImportKind::Graphql => graphql::read(&source)?,
        ImportKind::Wsdl => wsdl::read(&source)?,
    };
    let given = import
        .name
        .as_deref()
        .map(|given| given.split_once('@').map_or((given, None), |(n, v)| (n, Some(v))));
    let (name, version) = given.map_or((None, None), |(name, version)| (Some(name), version));
    let name = name.map_or_else(|| name_of(&imported.title), str::to_owned);
    let place = Place::of(import, &name, version, &version_of(&imported.version), imported.ending)?;
    for login in &mut imported.logins {
        *login = login.replace(SECRETS_OF, &format!("secret:{name}/"));
    }
    let mut seen = BTreeSet::new();
    imported.logins.retain(|login| seen.insert(login.clone()));
    if !import.dry_run {
        place.write(import, &name, &imported)?;
    }
    let known = if place.replaced.is_some() { None } else { known(&name, &imported) };
    output.answer(&as_json(import, &name, &place, &imported, known), || {
        as_text(import, &name, &place, &imported, known, output)
    });
    Ok(Exit::Ok)
}

/// The vendor's name in the catalog, if that knows it: by what the connector or the API is called, or by where it is served.
fn known(name: &str, of: &Imported) -> Option<&'static str> {
    let by_name = |name: &str| sinew_catalog::names().find(|known| *known == name);
    by_name(name)
        .or_else(|| by_name(&name_of(&of.title)))
        .or_else(|| of.servers.iter().find_map(|url| sinew_catalog::served_at(url)))
}

/// A connector's name from an API's title: `Stripe API` is `stripe`.
fn name_of(title: &str) -> String {
    let mut name = String::new();
    for c in title.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    let name = ["-rest-api", "-api"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let name: String = name.chars().take(40).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "imported".to_owned() } else { name.to_owned() }
}

fn version_of(version: &str) -> String {
    let kept: String = version
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' })
        .collect();
    let kept: String = kept.trim_matches('-').chars().take(63).collect();
    if kept.is_empty() { "1".to_owned() } else { kept }
}

fn counts(listed: &[Listed]) -> [usize; 3] {
    [Effect::Read, Effect::Write, Effect::Destructive]
        .map(|effect| listed.iter().filter(|of| of.effect == effect).count())
}

fn as_json(
    import: &Import,
    name: &str,
    place: &Place,
    of: &Imported,
    known: Option<&str>,
) -> serde_json::Value {
    let [read, write, destructive] = counts(&of.listed);
    let path = |path: &Path| (!import.dry_run).then(|| path.display().to_string());
    json!({
        "connector": format!("{name}@{}", place.version),
        "title": of.title,
        "operations": { "read": read, "write": write, "destructive": destructive },
        "servers": of.servers,
        "logins": of.logins,
        "warnings": of.warnings,
        "replaced": place.replaced.is_some(),
        "catalog": known,
        "files": { "connector": path(&place.connector), "description": path(&place.description) },
    })
}

fn as_text(
    import: &Import,
    name: &str,
    place: &Place,
    of: &Imported,
    known: Option<&str>,
    output: &Output,
) -> String {
    let [read, write, destructive] = counts(&of.listed);
    let version = &place.version;
    let mut text = format!(
        "{}: {}, {} ({read} read, {write} write, {destructive} destructive)\n",
        output.tint(&format!("{name}@{version}"), Tint::Strong),
        one_line(format!("{} {}", of.title, of.version).trim()),
        counted(of.listed.len(), "operation"),
    );
    let shown = if import.warnings { usize::MAX } else { WARNINGS_SHOWN };
    for warning in of.warnings.iter().take(shown) {
        let _ = writeln!(text, "  {} {}", output.tint("warning:", Tint::Odd), one_line(warning));
    }
    if let Some(more @ 1..) = of.warnings.len().checked_sub(shown) {
        let _ = writeln!(text, "  {} (`--warnings` shows them)", counted(more, "more warning"));
    }
    if import.replace && place.replaced.is_none() && !place.others.is_empty() {
        let _ = writeln!(
            text,
            "  there is no {name}@{version} to replace: it lies beside {}",
            place.others.join(", ")
        );
    }
    if import.dry_run {
        text.push_str("nothing was written\n");
    } else if place.replaced.is_some() {
        let _ = writeln!(text, "  replaced {}", place.description.display());
    } else {
        let _ = writeln!(text, "  {}\n  {}", place.connector.display(), place.description.display());
    }
    connection(&mut text, name, version, of);
    if let Some(known) = known {
        let _ = writeln!(
            text,
            "\nthe catalog knows {known}, its habits and its ways to log in: \
             sinew init --from catalog:{known} {known}"
        );
    }
    let next = if import.dry_run {
        "the same without `--dry-run`".to_owned()
    } else {
        // With several versions a name alone does not say which.
        let alone = place.others.iter().all(|other| *other == format!("{name}@{version}"));
        let which = if alone { String::new() } else { format!("@{version}") };
        format!("sinew connector show {name}{which}")
    };
    let _ = write!(text, "\nnext: {next}");
    text
}

/// A connection to begin with.
fn connection(text: &mut String, name: &str, version: &str, of: &Imported) {
    let server = of.servers.first().map_or("https://...", String::as_str);
    let login = of.logins.first().map_or("none", String::as_str);
    let _ = write!(
        text,
        "\na connection to it:\n\n\
         kind: Connection\nname: {name}\nconnector: {name}@{version}\n\
         owner: {{ team: ..., contact: ..., runbook: runbooks/{name}.md }}\n\
         base_url: {server}\nauth: {login}\naccess: read\n",
    );
    for login in of.logins.iter().skip(1) {
        let _ = writeln!(text, "# or: auth: {login}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions_come_from_titles() {
        for (title, name) in [
            ("Stripe API", "stripe"),
            ("DocuSign REST API", "docusign"),
            ("  3CX Call Flow  ", "cx-call-flow"),
            ("", "imported"),
            ("Größe & Maß", "gr-e-ma"),
        ] {
            assert_eq!(name_of(title), name, "{title}");
        }
        for (said, version) in [("2024-01-01", "2024-01-01"), ("v1 (beta)", "v1--beta"), ("", "1")] {
            assert_eq!(version_of(said), version, "{said}");
        }
    }
}
