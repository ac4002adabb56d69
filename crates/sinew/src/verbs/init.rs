use std::borrow::Cow;
use std::path::Path;

use serde_json::json;
use sinew_catalog::Entry;
use sinew_diag::codes::control;

use crate::cli::{Init, Template};
use crate::error::{CliError, Exit};
use crate::output::Output;

use super::catalog;

macro_rules! files {
    ($($folder:literal: [$($name:literal),* $(,)?]),* $(,)?) => {
        &[$($(($name, include_str!(concat!("../../templates/", $folder, "/", $name)))),*),*]
    };
}

/// What every project begins with.
const COMMON: &[(&str, &str)] = files! { "common": ["gitignore", "channels/log.yaml", "runbooks/README.md"] };
/// The CRM of the sandbox.
const CRM: &[(&str, &str)] =
    files! { "crm": ["connectors/crm.yaml", "connections/crm.yaml", "runbooks/crm.md"] };
const WEBHOOK: &[(&str, &str)] =
    files! { "webhook": ["README.md", "flows/greet-contact.yaml", "runbooks/greet-contact.md"] };
const SCHEDULE: &[(&str, &str)] =
    files! { "schedule": ["README.md", "flows/daily-contacts.yaml", "runbooks/daily-contacts.md"] };
const POLL: &[(&str, &str)] =
    files! { "poll": ["README.md", "flows/changed-contacts.yaml", "runbooks/changed-contacts.md"] };
const EMPTY: &[(&str, &str)] = files! { "empty": ["README.md"] };

/// Makes a project.
pub fn run(init: &Init, output: &Output) -> Result<Exit, CliError> {
    let mut set = String::new();
    let files = match &init.from {
        Some(from) => {
            let (entry, login) = (profile(from)?, init.login.as_deref());
            let needed = sinew_catalog::needed(&entry, login);
            for (name, about) in &needed {
                set.extend(["  export ", name, "=...  # ", about, "\n"]);
            }
            from_profile(&entry, login)?
        }
        None => template(init.template).map(owned).collect(),
    };
    if let Some((name, _)) = files.iter().find(|(name, _)| init.dir.join(&**name).exists()) {
        let path = init.dir.join(&**name);
        return Err(CliError::new(
            Exit::Machine,
            control::FILE_FAILED,
            format!("{} is there already", path.display()),
        )
        .help("nothing was written; give a new folder"));
    }
    for (name, text) in &files {
        write(&init.dir.join(&**name), text)?;
    }
    let mut names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    output.answer(&json!({ "dir": init.dir.display().to_string(), "files": names }), || {
        let dir = init.dir.display();
        let go =
            if init.dir == Path::new(".") { String::new() } else { format!("  cd {}\n", quoted(&init.dir)) };
        let plain = init.template == Template::Empty || init.from.is_some();
        let dev = if plain { "sinew dev" } else { "sinew dev --sandbox" };
        format!("a project in {dir}:\n  {}\n\nnext:\n{go}{set}  sinew validate\n  {dev}", names.join("\n  "))
    });
    Ok(Exit::Ok)
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A file's path within the project, and what is in it.
type ProjectFile = (Cow<'static, str>, Cow<'static, str>);

fn owned((name, text): (&'static str, &'static str)) -> ProjectFile {
    (Cow::Borrowed(on_disk(name)), Cow::Borrowed(text))
}

/// The profile that `--from` names.
fn profile(from: &str) -> Result<Entry, CliError> {
    if let Some(name) = from.strip_prefix("catalog:") {
        return catalog::find(name);
    }
    let text = std::fs::read_to_string(from).map_err(|e| {
        CliError::file(Path::new(from), &e)
            .help("`sinew catalog list` lists the systems that are known: `catalog:NAME`")
    })?;
    sinew_catalog::read(from, &text).map_err(|findings| catalog::not_valid(from, &findings))
}

fn from_profile(entry: &Entry, login: Option<&str>) -> Result<Vec<ProjectFile>, CliError> {
    let logins: Vec<&str> = entry.profile.logins.iter().map(|login| &*login.name).collect();
    if let Some(login) = login.filter(|login| !logins.contains(login)) {
        return Err(CliError::usage(format!("`{}` has no login `{login}`", entry.name))
            .help(format!("there are {}", logins.join(", "))));
    }
    let files = sinew_catalog::project(entry, login).into_iter();
    let files = files.map(|file| (Cow::Owned(file.path), Cow::Owned(file.text)));
    Ok(files.chain(COMMON.iter().copied().map(owned)).collect())
}

fn template(of: Template) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (own, crm): (&[_], &[_]) = match of {
        Template::Webhook => (WEBHOOK, CRM),
        Template::Schedule => (SCHEDULE, CRM),
        Template::Poll => (POLL, CRM),
        Template::Empty => (EMPTY, &[]),
    };
    own.iter().chain(crm).chain(COMMON).copied()
}

/// Templates carry no hidden files, which tools would act on.
fn on_disk(name: &'static str) -> &'static str {
    if name == "gitignore" { ".gitignore" } else { name }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|e| CliError::file(path, &e))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::project::Folders;

    #[test]
    fn the_poll_asks_for_what_is_new_only() {
        let flow = POLL.iter().find(|(name, _)| name.starts_with("flows/")).unwrap().1;
        assert!(flow.contains("with: { since: cursor,"), "{flow}");
    }

    #[test]
    fn a_folder_is_shown_as_a_shell_takes_it() {
        for (path, wanted) in
            [("my/flows-2", "my/flows-2"), ("bad name", "'bad name'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(Path::new(path)), wanted);
        }
    }

    #[test]
    fn every_profile_begins_a_valid_project() {
        for entry in sinew_catalog::all() {
            let entry = entry.unwrap();
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in from_profile(&entry, None).unwrap() {
                write(&folder.path().join(name.as_ref()), &text).unwrap();
            }
            let variables = sinew_catalog::examples(&entry);
            let loaded = Folders::new(&[folder.path().to_owned()], variables).validate();
            let found = loaded.render(sinew_diag::Style::Plain);
            assert!(loaded.snapshot.is_some() && loaded.findings.is_empty(), "{}\n{found}", entry.name);
        }
    }

    #[test]
    fn a_profile_that_is_not_known_is_said_so() {
        let error = profile("catalog:strpe").unwrap_err();
        assert!(error.message.contains("no profile `strpe`"), "{error:?}");
        assert!(error.help.as_deref().is_some_and(|help| help.contains("stripe")), "{error:?}");
        let entry = profile("catalog:stripe").unwrap();
        assert!(from_profile(&entry, Some("nothing")).is_err() && from_profile(&entry, Some("key")).is_ok());
    }

    #[test]
    fn every_template_is_a_valid_project() {
        for of in [Template::Webhook, Template::Schedule, Template::Poll, Template::Empty] {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in template(of) {
                write(&folder.path().join(on_disk(name)), text).unwrap();
            }
            let loaded = Folders::new(&[folder.path().to_owned()], BTreeMap::new()).validate();
            let found = loaded.render(sinew_diag::Style::Plain);
            assert!(loaded.snapshot.is_some() && loaded.findings.is_empty(), "{of:?}\n{found}");
        }
    }
}
