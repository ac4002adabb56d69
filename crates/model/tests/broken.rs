//! Everything that is wrong with a project is said at once, where it stands and how to mend it.
#![expect(clippy::unwrap_used, reason = "a test without its files fails")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use sinew_diag::{Style, render};
use sinew_model::{SourceFile, load};

fn project() -> Vec<SourceFile> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| SourceFile::new(name.as_str(), std::fs::read(folder.join(&name)).unwrap()))
        .collect()
}

#[test]
fn all_of_a_broken_project_is_reported_in_one_go() {
    let files = project();
    let (snapshot, findings) = load(&files, &BTreeMap::new());
    assert!(snapshot.is_none());
    let source = |name: &str| {
        let bytes = &files.iter().find(|file| &*file.path == name)?.bytes;
        Some(String::from_utf8_lossy(bytes).into_owned())
    };
    insta::assert_snapshot!(render(&findings, &source, Style::Plain));
    let codes: std::collections::BTreeSet<_> = findings.iter().map(|f| f.code).collect();
    assert!(codes.len() >= 35, "{} codes", codes.len());
    assert!(findings.iter().all(|f| !f.to_string().contains("hunter2")), "a secret is repeated");
}
