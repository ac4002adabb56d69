use serde::Deserialize;

use super::Finding;
use super::rust::{blank, functions};
use super::tree::Tree;

const LIST: &str = "xtask/tidy.toml";
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// What may be larger than the limits, and why.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    file: Vec<LargeFile>,
    #[serde(default)]
    function: Vec<LargeFunction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LargeFile {
    path: String,
    lines: usize,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LargeFunction {
    path: String,
    name: String,
    lines: usize,
    why: String,
}

/// Something measured, under the name by which the list knows it.
struct Measured {
    path: String,
    name: Option<String>,
    line: usize,
    lines: usize,
}

/// Something the list allows.
struct Allowed {
    path: String,
    name: Option<String>,
    lines: usize,
    why: String,
}

/// Files and functions within their limits, or in the list with their exact size: it may fall, and then the list falls
/// with it; a rise shows in the list's history.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let list = match tree.file(LIST).map(|file| toml::from_str::<List>(&file.text)).transpose() {
        Ok(list) => list.unwrap_or_default(),
        Err(error) => return vec![Finding::at(LIST, 1, error.message())],
    };
    let files =
        list.file.into_iter().map(|f| Allowed { path: f.path, name: None, lines: f.lines, why: f.why });
    let functions = list.function.into_iter().map(|f| Allowed {
        path: f.path,
        name: Some(f.name),
        lines: f.lines,
        why: f.why,
    });
    let (large_files, large_functions) = measure(tree);
    let mut findings = compare(&large_files, &files.collect::<Vec<_>>(), FILE_LINES_MAX);
    findings.extend(compare(&large_functions, &functions.collect::<Vec<_>>(), FUNCTION_LINES_MAX));
    findings
}

/// What is over the limits: files, functions.
fn measure(tree: &Tree) -> (Vec<Measured>, Vec<Measured>) {
    let (mut large_files, mut large_functions) = (Vec::new(), Vec::new());
    for file in tree.ending(".rs") {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            large_files.push(Measured { path: file.path.clone(), name: None, line: 1, lines });
        }
        for function in functions(&blank(&file.text)) {
            if function.lines > FUNCTION_LINES_MAX {
                let (path, name) = (file.path.clone(), Some(function.name));
                large_functions.push(Measured { path, name, line: function.line, lines: function.lines });
            }
        }
    }
    (large_files, large_functions)
}

fn compare(measured: &[Measured], allowed: &[Allowed], max: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for large in measured {
        let what = large.name.as_ref().map_or_else(|| "the file".to_owned(), |name| format!("`{name}`"));
        let lines = large.lines;
        // Of several functions of one name each needs a place in the list.
        let listed = allowed.iter().filter(|a| a.path == large.path && a.name == large.name);
        let listed: Vec<usize> = listed.map(|a| a.lines).collect();
        let nearest = listed.iter().copied().min_by_key(|listed| listed.abs_diff(lines));
        match nearest {
            None => findings.push(Finding::at(
                &large.path,
                large.line,
                format!("{what} has {lines} lines, over {max}: split it, or justify it in {LIST}"),
            )),
            Some(listed) if listed < lines => findings.push(Finding::at(
                &large.path,
                large.line,
                format!("{what} has grown from {listed} to {lines} lines: the number may only fall"),
            )),
            Some(listed) if listed > lines => findings.push(Finding::at(
                LIST,
                1,
                format!(
                    "{what} of {} has shrunk from {listed} to {lines} lines: write the new number",
                    large.path
                ),
            )),
            Some(_) => {}
        }
    }
    for entry in allowed {
        if entry.why.trim().is_empty() {
            findings.push(Finding::at(LIST, 1, format!("{} lacks a reason", entry.path)));
        }
        if !measured.iter().any(|m| m.path == entry.path && m.name == entry.name) {
            let what = entry.name.as_deref().unwrap_or("the file");
            findings.push(Finding::at(
                LIST,
                1,
                format!("{} ({what}) is within its limit or gone: strike it", entry.path),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(list: &str, source: &str) -> Vec<String> {
        let tree = Tree::of(&[(LIST, list), ("a.rs", source)]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    fn function_of(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    fn entry(lines: usize, why: &str) -> String {
        format!("[[function]]\npath = \"a.rs\"\nname = \"long\"\nlines = {lines}\nwhy = \"{why}\"\n")
    }

    #[test]
    fn what_is_small_needs_no_entry() {
        assert!(check_with("", &function_of(70)).is_empty());
    }

    #[test]
    fn what_is_large_needs_one() {
        let [finding] = &check_with("", &function_of(71))[..] else { panic!("one finding") };
        assert!(finding.contains("`long` has 71 lines, over 70"), "{finding}");
        assert!(check_with(&entry(71, "one match over every record"), &function_of(71)).is_empty());
        assert_eq!(check_with("", &"//\n".repeat(501)).len(), 1);
    }

    #[test]
    fn numbers_may_only_fall() {
        assert!(check_with(&entry(80, "x"), &function_of(81))[0].contains("grown from 80 to 81"));
        assert!(check_with(&entry(80, "x"), &function_of(79))[0].contains("write the new number"));
        assert!(check_with(&entry(80, "x"), &function_of(10))[0].contains("strike it"));
    }

    #[test]
    fn an_entry_says_why() {
        assert!(check_with(&entry(80, " "), &function_of(80))[0].contains("lacks a reason"));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_finding() {
        assert_eq!(check_with("[[function]]\npath = 1\n", "").len(), 1);
    }
}
