use std::path::Path;

use crate::error::Error;
use crate::workspace::{Room, Workspace, output};

/// Folders whose contents are not ours to look at: what is built, and what runs leave behind.
const FOLDERS_LEFT_OUT: [&str; 4] = ["target", "node_modules", "sinew-data", ".git"];

/// Larger files are data, not text that people write.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The repository as the checks see it.
#[derive(Debug, Default)]
pub struct Tree {
    /// Text files, by path.
    pub files: Vec<File>,
    /// The workspace's crates.
    pub rooms: Vec<Room>,
    /// Every crate that is linked into anything, others' included.
    pub crates: Vec<Crate>,
}

/// A text file.
#[derive(Debug)]
pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its contents.
    pub text: String,
}

/// A crate that is linked into something.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its licence as an SPDX expression; empty if it names none.
    pub licence: String,
}

impl Tree {
    /// Reads the repository and asks cargo.
    pub fn load(workspace: &Workspace) -> Result<Self, Error> {
        let mut files = Vec::new();
        walk(&workspace.root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        // `cargo metadata` also lists crates that no feature turns on; `cargo tree` lists what is really linked.
        let mut tree = workspace.cargo();
        tree.args([
            "tree",
            "--workspace",
            "--all-features",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
        ]);
        let crates = linked(&output(tree.args(["--format", "{p}|{l}"]))?);
        Ok(Self { files, rooms: workspace.rooms.clone(), crates })
    }

    /// The file at this path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether there is such a file or folder.
    pub fn exists(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// The files whose names end so.
    pub fn ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    /// A small repository for a test.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect(), ..Self::default() }
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), Error> {
    let failed = |path: &Path, cause| Error::File { path: path.to_owned(), cause };
    for entry in std::fs::read_dir(folder).map_err(|cause| failed(folder, cause))? {
        let entry = entry.map_err(|cause| failed(folder, cause))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(|cause| failed(&path, cause))?;
        // By name, whatever it is: in a further worktree `.git` is a file.
        if FOLDERS_LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), files)?;
            continue;
        }
        // Editors write and remove files of their own at any moment: what is gone again is no finding.
        let Ok(size) = entry.metadata().map(|metadata| metadata.len()) else { continue };
        if !kind.is_file() || size > FILE_BYTES_MAX {
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path: format!("{prefix}{name}"), text });
        }
    }
    Ok(())
}

/// Reads lines like `serde v1.0.0|MIT OR Apache-2.0`, with ` (*)` at the end where `cargo tree` repeats itself.
fn linked(text: &str) -> Vec<Crate> {
    let mut crates: Vec<Crate> = text
        .lines()
        .filter_map(|line| {
            let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
            let name = package.split(' ').next()?;
            Some(Crate { name: name.to_owned(), licence: licence.trim().to_owned() })
        })
        .collect();
    crates.sort();
    crates.dedup();
    crates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_of_cargo_tree_are_told_apart() {
        let text = "xtask v0.1.0 (/x)|Apache-2.0\nserde v1.0.1|MIT OR Apache-2.0\n\nserde v1.0.1|MIT OR Apache-2.0 (*)\n";
        let crates = linked(text);
        assert_eq!(crates.len(), 2);
        assert_eq!((crates[0].name.as_str(), crates[0].licence.as_str()), ("serde", "MIT OR Apache-2.0"));
    }

    #[test]
    fn a_folder_exists_if_something_is_in_it() {
        let tree = Tree::of(&[("docs/guide/flows.md", "")]);
        assert!(tree.exists("docs/guide") && tree.exists("docs/guide/flows.md"));
        assert!(!tree.exists("docs/gui"));
    }
}
