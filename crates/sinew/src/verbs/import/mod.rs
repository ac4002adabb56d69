//! Taking over what vendors publish: `sinew import KIND FILE|URL`. One file a kind.

mod fetch;
mod graphql;
mod openapi;
mod wsdl;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sinew_diag::codes::control;
use sinew_model::{Effect, Listed};

use crate::cli::{Import, ImportKind};
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, counted, one_line};

use fetch::Source;

/// Warnings that are shown unless all are asked for.
const WARNINGS_SHOWN: usize = 8;

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
    let imported = match import.kind {
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
    let version = version.map_or_else(|| version_of(&imported.version), str::to_owned);
    let files = Files::of(import, &name, &version, imported.ending)?;
    if !import.dry_run {
        files.write(import, &name, &version, &imported)?;
    }
    output.answer(&as_json(import, &name, &version, &files, &imported), || {
        as_text(import, &name, &version, &files, &imported, output)
    });
    Ok(Exit::Ok)
}

/// Where connector and description are written.
struct Files {
    connector: PathBuf,
    description: PathBuf,
    /// The name by which the connector refers to its description.
    referred: String,
    there_already: bool,
}

impl Files {
    fn of(import: &Import, name: &str, version: &str, ending: &str) -> Result<Self, CliError> {
        if sinew_model::ConnectorId::new(&format!("{name}@{version}")).is_err() {
            let message = format!("`{name}@{version}` cannot be a connector's name and version");
            let help = "give `--name NAME@VERSION`: small letters, digits and `-`; letters, digits, `.`, `-` and `_`";
            return Err(CliError::usage(message).help(help));
        }
        let at = |stem: &str| {
            let referred = format!("{stem}.{ending}");
            let connector = import.into.join(format!("{stem}.yaml"));
            let there_already = connector.exists();
            Self { description: import.into.join(&referred), connector, referred, there_already }
        };
        let usual = at(name);
        if !usual.there_already || import.replace {
            return Ok(usual);
        }
        // Another version lies beside the first.
        let versioned = at(&format!("{name}-{version}"));
        let same = says_version(&usual.connector, version);
        if same || versioned.there_already {
            let path = if same { &usual.connector } else { &versioned.connector };
            let message = format!("{} is there already", path.display());
            let help = "`--replace` puts the new description in place of the old one; `--name NAME@VERSION` keeps both";
            return Err(CliError::new(Exit::Machine, control::FILE_FAILED, message).help(help));
        }
        Ok(versioned)
    }

    fn write(&self, import: &Import, name: &str, version: &str, imported: &Imported) -> Result<(), CliError> {
        let folder = self.connector.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| CliError::file(folder, &e))?;
        let write =
            |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(|e| CliError::file(path, &e));
        write(&self.description, &imported.text)?;
        let kind = match import.kind {
            ImportKind::Openapi => "openapi",
            ImportKind::Graphql => "graphql",
            ImportKind::Wsdl => "wsdl",
        };
        if self.there_already {
            // A connector that was written by hand, or began from the catalog, does not name a description yet.
            let said =
                std::fs::read_to_string(&self.connector).map_err(|e| CliError::file(&self.connector, &e))?;
            let names_it =
                said.lines().any(|line| line.starts_with(kind) && line[kind.len()..].starts_with(':'));
            if names_it {
                return Ok(());
            }
            let said = format!("{}\n{kind}: {}\n", said.trim_end(), self.referred);
            return write(&self.connector, said.as_bytes());
        }
        let mut yaml = String::new();
        let description = serde_json::to_string(&one_line(&imported.title)).unwrap_or_default();
        // Writing into a String does not fail.
        let _ = write!(
            yaml,
            "kind: Connector\nname: {name}\nversion: '{version}'\ndescription: {description}\n\
             # What the vendor publishes, as it is: a new version takes its place (`sinew import --replace`).\n\
             {kind}: {}\n\
             # What it does not say, or says wrong, stands here:\n# corrections:\n#   {}: {{ idempotency: natural }}\n",
            self.referred,
            imported.listed.first().map_or("someOperation", |of| of.id.as_str()),
        );
        write(&self.connector, yaml.as_bytes())
    }
}

fn says_version(connector: &Path, version: &str) -> bool {
    let text = std::fs::read_to_string(connector).unwrap_or_default();
    let said = text.lines().find_map(|line| line.strip_prefix("version:"));
    said.is_none_or(|said| said.trim().trim_matches(['\'', '"']) == version)
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

fn as_json(import: &Import, name: &str, version: &str, files: &Files, of: &Imported) -> serde_json::Value {
    let [read, write, destructive] = counts(&of.listed);
    let path = |path: &Path| (!import.dry_run).then(|| path.display().to_string());
    json!({
        "connector": format!("{name}@{version}"),
        "title": of.title,
        "operations": { "read": read, "write": write, "destructive": destructive },
        "servers": of.servers,
        "logins": of.logins,
        "warnings": of.warnings,
        "files": { "connector": path(&files.connector), "description": path(&files.description) },
    })
}

fn as_text(
    import: &Import,
    name: &str,
    version: &str,
    files: &Files,
    of: &Imported,
    output: &Output,
) -> String {
    let [read, write, destructive] = counts(&of.listed);
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
    if import.dry_run {
        text.push_str("nothing was written\n");
    } else if files.there_already {
        let _ = writeln!(text, "  replaced {}", files.description.display());
    } else {
        let _ = writeln!(text, "  {}\n  {}", files.connector.display(), files.description.display());
    }
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
    let _ = write!(text, "\nnext: sinew connector show {name}");
    text
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
