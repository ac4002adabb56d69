use std::path::Path;

use serde_json::json;
use sinew_diag::codes::control;

use crate::cli::{Init, Template};
use crate::error::{CliError, Exit};
use crate::output::Output;

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
    let files: Vec<(&str, &str)> = template(init.template).collect();
    if let Some((name, _)) = files.iter().find(|(name, _)| init.dir.join(on_disk(name)).exists()) {
        let path = init.dir.join(on_disk(name));
        return Err(CliError::new(
            Exit::Machine,
            control::FILE_FAILED,
            format!("{} is there already", path.display()),
        )
        .help("nothing was written; give a new folder"));
    }
    for (name, text) in &files {
        write(&init.dir.join(on_disk(name)), text)?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| on_disk(name)).collect();
    output.answer(&json!({ "dir": init.dir.display().to_string(), "files": names }), || {
        let dir = init.dir.display();
        let go = if init.dir == Path::new(".") { String::new() } else { format!("  cd {dir}\n") };
        let dev = if init.template == Template::Empty { "sinew dev" } else { "sinew dev --sandbox" };
        format!("a project in {dir}:\n  {}\n\nnext:\n{go}  sinew validate\n  {dev}", names.join("\n  "))
    });
    Ok(Exit::Ok)
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
    fn every_template_is_a_valid_project() {
        for of in [Template::Webhook, Template::Schedule, Template::Poll, Template::Empty] {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in template(of) {
                write(&folder.path().join(on_disk(name)), text).unwrap();
            }
            let loaded = Folders::new(&[folder.path().to_owned()], BTreeMap::new()).load();
            let found = loaded.render(sinew_diag::Style::Plain);
            assert!(loaded.snapshot.is_some() && loaded.findings.is_empty(), "{of:?}\n{found}");
        }
    }
}
