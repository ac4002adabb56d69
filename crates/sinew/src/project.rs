use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sinew_control::Project;
use sinew_diag::codes::{config, control, trigger};
use sinew_diag::{Code, Diagnostic, Diagnostics, Style};
use sinew_model::{Flow, Snapshot, SourceFile, Trigger, load_with, runbooks};

use crate::error::Exit;

/// Files of a project at most, folders within folders at most, and what is read of one file.
const FILES_MAX: usize = 20_000;
const DEPTH_MAX: u32 = 16;
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What is read of a description: vendors publish some that are larger than any project.
const DESCRIPTION_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How pages end that a project may hold.
const PAGES: [&str; 8] = ["md", "markdown", "txt", "html", "htm", "pdf", "adoc", "rst"];
/// How files end that resources may name.
const NAMED: [&str; 6] = ["json", "graphql", "graphqls", "wsdl", "xsd", "xml"];

/// The folders of a project, taken as one. Files are called as they would be opened from where the program was started.
#[derive(Clone, Debug)]
pub struct Folders {
    roots: Vec<PathBuf>,
    variables: BTreeMap<String, String>,
    /// Whether it is to be served by a server that does not know how its webhooks are reached.
    unreached: bool,
}

/// A project as it was read.
pub struct Loaded {
    /// What it says, if nothing is wrong with it.
    pub snapshot: Option<Snapshot>,
    /// Everything that was found.
    pub findings: Diagnostics,
    files: Vec<SourceFile>,
}

impl Loaded {
    /// How a command ends that found this: with a project that is not valid, or a folder that cannot be read.
    pub fn exit(&self) -> Exit {
        match &self.snapshot {
            Some(_) => Exit::Ok,
            None if self.has(control::FILE_FAILED) => Exit::Machine,
            None => Exit::Failed,
        }
    }

    /// What is probably the cause of many findings at once: projects that are made of several folders are often
    /// started with one of them.
    pub fn hint(&self) -> Option<&'static str> {
        let elsewhere = [config::UNKNOWN_CONNECTION, config::UNKNOWN_CHANNEL, config::UNKNOWN_CONNECTOR];
        let nothing_here = !self.files.iter().any(|file| defines(&file.bytes, "Connection"));
        (nothing_here && elsewhere.into_iter().any(|code| self.has(code))).then_some(
            "no connection is defined here: if they are in another folder, name both, such as \
             `examples/vendors examples/lead-intake`",
        )
    }

    fn has(&self, code: Code) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// The findings with the lines they stand on.
    pub fn render(&self, style: Style) -> String {
        let text = |name: &str| {
            let file = self.files.iter().find(|file| &*file.path == name)?;
            Some(String::from_utf8_lossy(&file.bytes).into_owned())
        };
        sinew_diag::render(&self.findings, &text, style)
    }
}

/// Whether a document of this kind begins somewhere in the file.
fn defines(file: &[u8], kind: &str) -> bool {
    String::from_utf8_lossy(file)
        .lines()
        .filter_map(|line| line.strip_prefix("kind:"))
        .any(|word| word.split('#').next().is_some_and(|word| word.trim() == kind))
}

fn needs_url(flow: &Flow) -> bool {
    let Trigger::Webhook(webhook) = &flow.trigger else { return false };
    webhook.verify.needs_url() || webhook.subscribed.is_some()
}

fn no_url(flow: &Flow) -> Diagnostic {
    let message = format!(
        "the sender of `{}` signs or is told the URL that it calls, which the server does not know",
        flow.name
    );
    Diagnostic::error(trigger::NO_PUBLIC_URL, message).at(flow.place.clone()).help(
        "say how senders reach the webhooks: `--hooks-url https://hooks.example.com` or SINEW_HOOKS_URL",
    )
}

impl Folders {
    /// These folders; the current one if there are none.
    pub fn new(roots: &[PathBuf], variables: BTreeMap<String, String>) -> Self {
        let roots = if roots.is_empty() { vec![PathBuf::from(".")] } else { roots.to_vec() };
        Self { roots, variables, unreached: false }
    }

    /// The same, to be served where nobody said how webhooks are reached from outside.
    #[must_use]
    pub fn unreached(self, unreached: bool) -> Self {
        Self { unreached, ..self }
    }

    /// The folders.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// Reads the project.
    pub fn load(&self) -> Loaded {
        match self.files() {
            Ok(files) => self.judge(files),
            Err((path, error)) => {
                let message = format!("{} cannot be read: {error}", path.display());
                let findings = [Diagnostic::error(control::FILE_FAILED, message)].into_iter().collect();
                Loaded { snapshot: None, findings, files: Vec::new() }
            }
        }
    }

    /// Reads the project, and looks for what only people need: the pages that owners name.
    pub fn validate(&self) -> Loaded {
        let mut loaded = self.load();
        for (runbook, place) in runbooks(&loaded.files, &self.variables) {
            let page = runbook.split('#').next().unwrap_or_default();
            if is_page(page) && !self.holds(page, Path::new(&*place.file)) {
                loaded.findings.push(
                    Diagnostic::warning(config::NO_RUNBOOK, format!("there is no `{page}` in the project"))
                        .at(place)
                        .help("write what to do when this breaks, or name the page that says it, by path or URL"),
                );
            }
        }
        loaded.findings.sort();
        loaded
    }

    /// Whether a file is there: in one of the folders, beside the file that names it, or above that.
    fn holds(&self, page: &str, named_in: &Path) -> bool {
        let mut folders = self.roots.iter().map(PathBuf::as_path).chain(named_in.ancestors().skip(1));
        folders.any(|folder| folder.join(page).is_file())
    }

    fn judge(&self, files: Vec<SourceFile>) -> Loaded {
        let (mut snapshot, mut findings) = load_with(&files, &self.variables, &|path| self.open(path));
        let is_empty = |s: &Snapshot| {
            s.flows.is_empty()
                && s.connections.is_empty()
                && s.connectors.is_empty()
                && s.channels.is_empty()
                && s.subscribers.is_empty()
                && s.apis.is_empty()
        };
        if let Some(known) = &snapshot {
            findings.extend(sinew_gateway::check(known));
            snapshot = snapshot.filter(|_| !findings.has_errors());
        }
        if snapshot.as_ref().is_some_and(is_empty) {
            let roots: Vec<String> = self.roots.iter().map(|root| root.display().to_string()).collect();
            let message = format!("no resource was found in {}", roots.join(", "));
            findings.push(
                Diagnostic::error(control::NO_PROJECT, message)
                    .help("a project is a folder of `.yaml` files; `sinew init` makes one"),
            );
            snapshot = None;
        }
        if self.unreached
            && let Some(known) = &snapshot
        {
            let before = findings.errors();
            known.flows.values().filter(|flow| needs_url(flow)).for_each(|flow| findings.push(no_url(flow)));
            snapshot = snapshot.filter(|_| findings.errors() == before);
        }
        Loaded { snapshot, findings, files }
    }

    fn files(&self) -> Result<Vec<SourceFile>, (PathBuf, io::Error)> {
        let mut files = Vec::new();
        for path in self.paths()? {
            let mut bytes = Vec::new();
            File::open(&path)
                .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
                .map_err(|e| (path.clone(), e))?;
            files.push(SourceFile::new(shown(&path), bytes));
        }
        Ok(files)
    }

    /// Opens a file that a resource names, if it lies in the project.
    fn open(&self, path: &str) -> Result<Vec<u8>, String> {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => error.to_string(),
        };
        let path = Path::new(path).canonicalize().map_err(told)?;
        let folder = |root: &PathBuf| {
            if root.is_file() { root.parent().map(Path::to_owned) } else { Some(root.clone()) }
        };
        let inside = |root: &PathBuf| {
            folder(root).and_then(|of| of.canonicalize().ok()).is_some_and(|of| path.starts_with(of))
        };
        if !self.roots.iter().any(inside) {
            return Err("it lies outside of the project's folders".to_owned());
        }
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(told)?;
        file.take(DESCRIPTION_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() as u64 > DESCRIPTION_BYTES_MAX {
            return Err(format!("it is larger than {} MB", DESCRIPTION_BYTES_MAX >> 20));
        }
        Ok(bytes)
    }

    /// What tells whether something has changed: each file with its time and length.
    pub fn fingerprint(&self) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
        let paths = self.paths_of(|path| is_yaml(path) || is_named(path)).unwrap_or_default();
        let tell = |path: PathBuf| {
            let file = std::fs::metadata(&path).ok();
            let (time, length) = (file.as_ref().and_then(|f| f.modified().ok()), file.map_or(0, |f| f.len()));
            (path, time, length)
        };
        paths.into_iter().map(tell).collect()
    }

    fn paths(&self) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
        self.paths_of(is_yaml)
    }

    fn paths_of(&self, wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
        let mut paths = Vec::new();
        for root in &self.roots {
            if root.is_file() {
                paths.push(root.clone());
                continue;
            }
            walk(root, DEPTH_MAX, wanted, &mut paths)?;
        }
        paths.sort();
        paths.dedup();
        Ok(paths)
    }
}

fn is_yaml(path: &Path) -> bool {
    ends_with(path, &["yaml", "yml"])
}

/// Whether a text is the path of a page within a project, and no address or remark.
fn is_page(text: &str) -> bool {
    !text.contains("://") && !text.contains(char::is_whitespace) && ends_with(Path::new(text), &PAGES)
}

fn is_named(path: &Path) -> bool {
    ends_with(path, &NAMED)
}

fn ends_with(path: &Path, ends: &[&str]) -> bool {
    path.extension().is_some_and(|end| ends.iter().any(|of| end.eq_ignore_ascii_case(of)))
}

/// Collects files; what is hidden (`.sinew`, `.git`) is none of the project.
fn walk(
    folder: &Path,
    depth: u32,
    wanted: fn(&Path) -> bool,
    paths: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let wrong = |e: io::Error| (folder.to_owned(), e);
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let (path, name) = (entry.path(), entry.file_name());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth == 0 {
                return Err((path, io::Error::other(format!("folders nest deeper than {DEPTH_MAX}"))));
            }
            walk(&path, depth - 1, wanted, paths)?;
        } else if wanted(&path) {
            if paths.len() >= FILES_MAX {
                return Err((path, io::Error::other(format!("more than {FILES_MAX} files"))));
            }
            paths.push(path);
        }
    }
    Ok(())
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

impl Project for Folders {
    fn read(&self) -> (Option<Snapshot>, Diagnostics) {
        let loaded = self.load();
        (loaded.snapshot, loaded.findings)
    }

    fn check(&self, files: &[SourceFile]) -> (Option<Snapshot>, Diagnostics) {
        load_with(files, &self.variables, &|path| self.open(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)]) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Folders::new(&[folder.path().to_owned()], BTreeMap::new()).load()
    }

    const CHANNEL: &str = "kind: AlertChannel\nname: ops\nlog: true\n";

    #[test]
    fn a_folder_without_resources_is_no_project() {
        let loaded = check(&[("README.md", "hello"), (".sinew/x.yaml", CHANNEL)]);
        assert!(loaded.snapshot.is_none());
        assert_eq!(loaded.findings.iter().next().unwrap().code, control::NO_PROJECT);
    }

    #[test]
    fn a_sender_that_signs_the_url_needs_a_server_that_knows_it() {
        let flow = "kind: Flow\nname: sms\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
            trigger: { webhook: { verify: twilio, secret: secret:sms } }\nsteps: [{ got: { map: trigger } }]\n";
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sms.yaml"), flow).unwrap();
        let folders = Folders::new(&[folder.path().to_owned()], BTreeMap::new());
        assert!(folders.load().snapshot.is_some());
        let loaded = folders.unreached(true).load();
        let text = loaded.render(Style::Plain);
        assert!(
            loaded.snapshot.is_none() && text.contains("SNW-4013") && text.contains("--hooks-url"),
            "{text}"
        );
    }

    #[test]
    fn a_runbook_that_is_not_there_is_told_to_who_validates() {
        let folder = tempfile::tempdir().unwrap();
        let (flows, pages) = (folder.path().join("flows"), folder.path().join("runbooks"));
        std::fs::create_dir_all(&flows).unwrap();
        std::fs::create_dir_all(&pages).unwrap();
        std::fs::write(pages.join("there.md"), "# What to do\n").unwrap();
        let check = |runbook: &str| {
            let flow = format!(
                "kind: Flow\nname: x\nowner:\n  team: t\n  contact: c@example.com\n  runbook: {runbook}\n\
                 trigger: manual\nsteps: [{{ got: {{ map: trigger }} }}]\n"
            );
            let file = flows.join("x.yaml");
            std::fs::write(&file, flow).unwrap();
            let of = |root: &Path| Folders::new(&[root.to_owned()], BTreeMap::new()).validate();
            let (whole, alone) = (of(folder.path()), of(&file));
            assert!(whole.snapshot.is_some() && alone.snapshot.is_some(), "{runbook} refuses the project");
            assert_eq!(whole.findings.len(), alone.findings.len(), "{runbook}");
            let found = whole.findings.iter().next();
            found.map(|found| (found.code, found.place.as_ref().map_or(0, |place| place.line)))
        };
        for fine in
            ["runbooks/there.md", "runbooks/there.md#mend", "https://wiki.example.com/nope.md", "ask Dana"]
        {
            assert_eq!(check(fine), None, "{fine}");
        }
        for missing in ["runbooks/nope.md", "nope.md"] {
            assert_eq!(check(missing), Some((config::NO_RUNBOOK, 6)), "{missing}");
        }
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_line() {
        let loaded = check(&[("flows/x.yaml", "kind: Flwo\nname: x\n")]);
        let text = loaded.render(Style::Plain);
        assert!(
            loaded.snapshot.is_none() && text.contains("x.yaml:1:7") && text.contains("1 | kind: Flwo"),
            "{text}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_so() {
        let loaded = Folders::new(&[PathBuf::from("/nonexistent")], BTreeMap::new()).load();
        assert!(loaded.render(Style::Plain).contains("/nonexistent cannot be read"));
        assert_eq!(loaded.exit(), Exit::Machine);
    }

    #[test]
    fn a_flow_without_the_folder_of_its_connections_is_told_of_it() {
        let flow = "kind: Flow\nname: x\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
            trigger: manual\nsteps: [{ a: { call: crm.getContact } }]\n";
        let loaded = check(&[("flows/x.yaml", flow)]);
        assert!(loaded.hint().is_some_and(|hint| hint.contains("name both")), "{:?}", loaded.hint());
        assert_eq!(loaded.exit(), Exit::Failed);
        assert_eq!(check(&[("channels/ops.yaml", CHANNEL)]).hint(), None);
    }
}
