use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::Error;

/// What `cargo metadata` says of this workspace, without the crates that others wrote.
#[derive(Debug)]
pub struct Workspace {
    /// The repository.
    pub root: PathBuf,
    /// Where cargo builds; follows `CARGO_TARGET_DIR`.
    pub target: PathBuf,
    /// Its crates.
    pub rooms: Vec<Room>,
}

/// A crate of the workspace.
#[derive(Debug, Clone)]
pub struct Room {
    /// Its folder's name, by which ARCHITECTURE.md calls it.
    pub name: String,
    /// Its folder, relative to the root, with `/`.
    pub folder: String,
    /// Folder names of the workspace's crates that it links: normal and build dependencies, not those of its tests.
    pub uses: Vec<String>,
    /// Names of the crates of others that it links, likewise.
    pub links: Vec<String>,
    /// Its programs.
    pub programs: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    pub fn load() -> Result<Self, Error> {
        let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
        Self::from_metadata(&text)
            .map_err(|cause| Error::Unreadable { what: "the answer of `cargo metadata`".to_owned(), cause })
    }

    fn from_metadata(text: &str) -> Result<Self, String> {
        let metadata: Metadata = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut folders = BTreeMap::new();
        for package in &metadata.packages {
            let folder = package.manifest_path.parent().unwrap_or(Path::new(""));
            let relative = folder.strip_prefix(&metadata.workspace_root).map_err(|e| e.to_string())?;
            folders.insert(package.name.clone(), relative.to_string_lossy().replace('\\', "/"));
        }
        let room_name = |folder: &str| folder.rsplit('/').next().unwrap_or(folder).to_owned();
        let rooms = metadata.packages.iter().filter_map(|package| {
            let folder = folders.get(&package.name)?.clone();
            let linked = package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev"));
            let (own, others): (Vec<_>, Vec<_>) = linked.partition(|d| folders.contains_key(&d.name));
            let mut uses: Vec<String> =
                own.iter().filter_map(|d| folders.get(&d.name)).map(|folder| room_name(folder)).collect();
            uses.sort();
            uses.dedup();
            let links = others.iter().map(|d| d.name.clone()).collect();
            let is_program = |target: &&Target| target.kind.iter().any(|kind| kind == "bin");
            let programs = package.targets.iter().filter(is_program).map(|t| t.name.clone()).collect();
            Some(Room { name: room_name(&folder), folder, uses, links, programs })
        });
        Ok(Self { rooms: rooms.collect(), root: metadata.workspace_root, target: metadata.target_directory })
    }

    /// A cargo command that runs at the root.
    pub fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// A program that cargo has built, in the folder of that profile (`debug`, `release`).
    pub fn built(&self, profile: &str, program: &str) -> PathBuf {
        self.target.join(profile).join(format!("{program}{}", std::env::consts::EXE_SUFFIX))
    }

    /// The programs of a crate, by its folder's name.
    pub fn programs(&self, room: &str) -> &[String] {
        self.rooms.iter().find(|r| r.name == room).map_or(&[], |r| &r.programs)
    }
}

/// The cargo that runs this task.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs a command in view of the user and waits for it.
pub fn run(command: &mut Command) -> Result<(), Error> {
    let shown = shown(command);
    let status = command.status().map_err(|cause| Error::NotStarted { command: shown.clone(), cause })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: shown, status }) }
}

/// What a command prints to its standard output; its complaints go to the user.
pub fn output(command: &mut Command) -> Result<String, Error> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| Error::NotStarted { command: shown.clone(), cause })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Failed { command: shown, status: output.status })
    }
}

/// Whether a command can be run, quietly.
pub fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command line as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_rooms_by_folder_and_leaves_test_dependencies_out() {
        let text = r#"{"workspace_root":"/r","target_directory":"/t","packages":[
            {"name":"sinew-a","manifest_path":"/r/crates/a/Cargo.toml","targets":[{"name":"a","kind":["lib"]}],"dependencies":[]},
            {"name":"sinew-b","manifest_path":"/r/b/Cargo.toml","targets":[{"name":"go","kind":["bin"]}],"dependencies":[
                {"name":"sinew-a","kind":null},{"name":"serde","kind":null},{"name":"sinew-b","kind":"dev"}]}]}"#;
        let workspace = Workspace::from_metadata(text).unwrap();
        let [a, b] = &workspace.rooms[..] else { panic!("two rooms, not {:?}", workspace.rooms) };
        assert_eq!((a.name.as_str(), a.folder.as_str(), &a.uses), ("a", "crates/a", &vec![]));
        assert_eq!(
            (b.folder.as_str(), &b.uses, &b.programs),
            ("b", &vec!["a".to_owned()], &vec!["go".to_owned()])
        );
        assert_eq!(workspace.built("debug", "go"), Path::new("/t/debug/go"));
    }

    #[test]
    fn what_is_no_metadata_is_an_error() {
        assert!(Workspace::from_metadata("{}").is_err());
    }
}
