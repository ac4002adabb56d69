//! Where connector and description are written, found by reading which connectors are there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sinew_diag::codes::control;

use super::Imported;
use crate::cli::{Import, ImportKind};
use crate::error::{CliError, Exit};
use crate::output::one_line;

/// Where connector and description are written.
pub(super) struct Place {
    pub(super) connector: PathBuf,
    pub(super) description: PathBuf,
    /// The connector's version: the one that is there, if only a name was given.
    pub(super) version: String,
    /// The connector whose description is replaced.
    pub(super) replaced: Option<Standing>,
    /// Other versions that are there, as `name@version`.
    pub(super) others: Vec<String>,
    /// The name by which the connector refers to its description.
    referred: String,
}

/// A connector that is there.
#[derive(Clone)]
pub(super) struct Standing {
    path: PathBuf,
    name: String,
    /// Its version, if it says one.
    version: Option<String>,
    /// The field that names its description, and the description's file.
    described: Option<(&'static str, String)>,
    /// The text of its file, and where in it the connector ends.
    text: String,
    end: usize,
}

impl Place {
    /// The place for a connector of this name; of this version if one was given, else of the description's own.
    pub(super) fn of(
        import: &Import,
        name: &str,
        given: Option<&str>,
        own: &str,
        ending: &str,
    ) -> Result<Self, CliError> {
        let version = given.unwrap_or(own);
        if sinew_model::ConnectorId::new(&format!("{name}@{version}")).is_err() {
            let message = format!("`{name}@{version}` cannot be a connector's name and version");
            let help = "give `--name NAME@VERSION`: small letters, digits and `-`; letters, digits, `.`, `-` and `_`";
            return Err(CliError::usage(message).help(help));
        }
        let all = standing(&import.into);
        let named: Vec<&Standing> = all.iter().filter(|of| of.name == name).collect();
        let others = named.iter().filter_map(|of| Some(format!("{name}@{}", of.version.as_ref()?)));
        let others: Vec<String> = others.collect();
        let exact = named.iter().find(|of| of.version.as_deref().is_none_or(|said| said == version));
        let found = match (exact, given, &named[..]) {
            (Some(found), ..) => Some(*found),
            (None, None, [only]) if import.replace => Some(*only),
            (None, None, [_, _, ..]) if import.replace => {
                let message = format!("there are several versions of `{name}`: {}", others.join(", "));
                return Err(CliError::usage(message).help("say which one, with `--name NAME@VERSION`"));
            }
            _ => None,
        };
        match found {
            Some(found) if import.replace => Ok(Self::replacing(found, version, others, ending)),
            Some(found) => Err(there_already(&found.path)),
            None => Self::beside(import, name, version, (&all, others), ending),
        }
    }

    fn replacing(found: &Standing, version: &str, others: Vec<String>, ending: &str) -> Self {
        let stem = found.path.file_stem().unwrap_or_default().to_string_lossy();
        let named = found.described.as_ref().map(|(_, file)| file.clone());
        let referred = named.unwrap_or_else(|| format!("{stem}.{ending}"));
        Self {
            description: found.path.with_file_name(&referred),
            connector: found.path.clone(),
            version: found.version.clone().unwrap_or_else(|| version.to_owned()),
            replaced: Some(found.clone()),
            others,
            referred,
        }
    }

    /// Files of its own; another version lies beside the first.
    fn beside(
        import: &Import,
        name: &str,
        version: &str,
        (all, others): (&[Standing], Vec<String>),
        ending: &str,
    ) -> Result<Self, CliError> {
        let stems = [name.to_owned(), format!("{name}-{version}")];
        let is_free = |stem: &&String| {
            let description = format!("{stem}.{ending}");
            let is_used =
                all.iter().any(|of| of.described.as_ref().is_some_and(|(_, file)| *file == description));
            !is_used && !import.into.join(format!("{stem}.yaml")).exists()
        };
        let Some(stem) = stems.iter().find(is_free) else {
            return Err(there_already(&import.into.join(format!("{}.yaml", stems[1]))));
        };
        let referred = format!("{stem}.{ending}");
        Ok(Self {
            connector: import.into.join(format!("{stem}.yaml")),
            description: import.into.join(&referred),
            version: version.to_owned(),
            replaced: None,
            others,
            referred,
        })
    }

    /// Writes both; of a connector that is there only what names the description, if it does not.
    pub(super) fn write(&self, import: &Import, name: &str, imported: &Imported) -> Result<(), CliError> {
        let folder = self.description.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|e| CliError::file(folder, &e))?;
        let write =
            |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(|e| CliError::file(path, &e));
        write(&self.description, &imported.text)?;
        let kind = import.kind.word();
        if let Some(there) = &self.replaced {
            if there.described.is_some() {
                return Ok(());
            }
            // It was written by hand, or began from the catalog.
            let (connector, rest) = there.text.split_at(there.end);
            let said = format!("{}\n{kind}: {}\n{rest}", connector.trim_end(), self.referred);
            return write(&self.connector, said.as_bytes());
        }
        let mut yaml = String::new();
        let description = serde_json::to_string(&one_line(&imported.title)).unwrap_or_default();
        // Writing into a String does not fail.
        let _ = write!(
            yaml,
            "kind: Connector\nname: {name}\nversion: '{}'\ndescription: {description}\n\
             # What the vendor publishes, as it is: a new version takes its place (`sinew import --replace`).\n\
             {kind}: {}\n\
             # What it does not say, or says wrong, stands here:\n# corrections:\n#   {}: {{ idempotency: natural }}\n",
            self.version,
            self.referred,
            imported.listed.first().map_or("someOperation", |of| of.id.as_str()),
        );
        write(&self.connector, yaml.as_bytes())
    }
}

fn there_already(path: &Path) -> CliError {
    let message = format!("{} is there already", path.display());
    let help =
        "`--replace` puts the new description in place of the old one; `--name NAME@VERSION` keeps both";
    CliError::new(Exit::Machine, control::FILE_FAILED, message).help(help)
}

/// The connectors in the files of a folder. What cannot be read holds none.
fn standing(folder: &Path) -> Vec<Standing> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"));
    paths.sort();
    paths.iter().flat_map(|path| in_file(path, &std::fs::read_to_string(path).unwrap_or_default())).collect()
}

/// The connectors of a file, which may have several documents.
fn in_file(path: &Path, text: &str) -> Vec<Standing> {
    let mut found = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n').chain(std::iter::once("---")) {
        if line.trim_end() == "---" {
            found.extend(connector(path, text, begin..at));
            begin = at;
        }
        at += line.len();
    }
    found
}

fn connector(path: &Path, text: &str, range: std::ops::Range<usize>) -> Option<Standing> {
    let end = range.end;
    let document = text.get(range)?;
    let said = |field: &str| {
        let line = |line: &str| Some(line.strip_prefix(field)?.strip_prefix(':')?.to_owned());
        let value = document.lines().find_map(line)?;
        let value = value.split_once(" #").map_or(value.as_str(), |(value, _)| value);
        Some(value.trim().trim_matches(['\'', '"']).to_owned())
    };
    if said("kind")? != "Connector" {
        return None;
    }
    let described = ImportKind::WORDS.iter().find_map(|kind| Some((*kind, said(kind)?)));
    let (name, version) = (said("name")?, said("version"));
    Some(Standing { path: path.to_owned(), name, version, described, text: text.to_owned(), end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connectors_are_found_in_files_of_several_documents() {
        let text = "kind: Connector\nname: stripe\nversion: 'v1'  # the first\nopenapi: s.json\n---\n\
            kind: Connection\nname: stripe\n---\nkind: Connector\nname: stripe\nversion: 2024-06-20\n";
        let found = in_file(Path::new("all.yaml"), text);
        let shown: Vec<_> = found.iter().map(|of| (of.version.as_deref(), of.described.clone())).collect();
        assert_eq!(shown, [(Some("v1"), Some(("openapi", "s.json".to_owned()))), (Some("2024-06-20"), None)]);
        assert!(text[found[0].end..].starts_with("---\nkind: Connection"));
        assert_eq!(found[1].end, text.len());
    }
}
