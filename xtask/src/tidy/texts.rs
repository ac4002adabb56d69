use super::Finding;
use super::rust::blank;
use super::tree::{File, Tree};

/// Where developers and build machines keep their work. Put together here, so that this file does not find itself.
const MACHINE_FOLDERS: [&str; 5] = [
    concat!("/", "home/"),
    concat!("/", "Users/"),
    concat!("/", "root/"),
    concat!("/", "work/"),
    concat!("/", "workspaces/"),
];

/// Marks of work that was put off.
const PUT_OFF: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];

/// What must not stand in code (comments and texts left aside), and why.
const BANNED_CODE: [(&str, &str); 3] = [
    (concat!("to", "do!("), "what is not there is absent, not a panic"),
    (concat!("unimple", "mented!("), "what is not there is absent, not a panic"),
    (concat!("#[ig", "nore"), "an ignored test is a skip that nobody sees: let it say what it lacks"),
];

/// Nothing that should not have left somebody's desk.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| holds_path(line, folder)) {
                let message = format!("a path below `{folder}` exists on somebody's machine only");
                findings.push(Finding::at(&file.path, index + 1, message));
            }
            if let Some(mark) = PUT_OFF.iter().find(|mark| line.contains(*mark)) {
                findings.push(Finding::at(
                    &file.path,
                    index + 1,
                    format!("`{mark}`: do it, or leave it out"),
                ));
            }
        }
    }
    for file in tree.ending(".rs") {
        banned_code(file, &mut findings);
    }
    findings
}

/// Whether a line names something below this folder. The path of a URL does not: it stands behind a host.
fn holds_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + folder.len()..].chars().next();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-~/}*".contains(c))
            && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
    })
}

fn banned_code(file: &File, findings: &mut Vec<Finding>) {
    for (index, line) in blank(&file.text).lines().enumerate() {
        for (code, why) in BANNED_CODE.iter().filter(|(code, _)| line.contains(code)) {
            findings.push(Finding::at(&file.path, index + 1, format!("`{code}`: {why}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn paths_of_a_machine_are_found_and_paths_of_urls_are_not() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(found("a.md", &format!("see {folder}ada/sinew")), 1, "{folder}");
            assert_eq!(found("a.md", &format!("see https://example.com{folder}ada")), 0, "{folder}");
        }
        assert_eq!(found("a.md", "in /var/lib/sinew and ~/.cache"), 0);
    }

    #[test]
    fn work_that_was_put_off_is_found() {
        for mark in PUT_OFF {
            assert_eq!(found("a.rs", &format!("// {mark} later")), 1, "{mark}");
        }
    }

    #[test]
    fn banned_code_counts_in_code_only() {
        for (code, _) in BANNED_CODE {
            assert_eq!(found("a.rs", code), 1, "{code}");
            assert_eq!(found("a.rs", &format!("// {code}")), 0, "{code}");
            assert_eq!(found("a.md", code), 0, "{code}");
        }
    }
}
