use super::Finding;
use super::rust::blank;
use super::tree::{File, Tree};

const PAGES: &str = "docs/errors/";
const DECLARATIONS: &str = "crates/diag/src/codes/";

/// Every code that a document names has its page, every page a code that is declared, and every declared code is given
/// by something.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        for (index, line) in file.text.lines().enumerate() {
            for code in codes(line) {
                if tree.file(&format!("{PAGES}{code}.md")).is_none() {
                    findings.push(Finding::at(
                        &file.path,
                        index + 1,
                        format!("{code} has no page in {PAGES}"),
                    ));
                }
            }
        }
    }
    let declared = |code: &str| {
        let quoted = format!("\"{code}\"");
        tree.files.iter().any(|file| file.path.starts_with(DECLARATIONS) && file.text.contains(&quoted))
    };
    for file in tree.ending(".md") {
        let Some(code) = file.path.strip_prefix(PAGES).and_then(|name| name.strip_suffix(".md")) else {
            continue;
        };
        if code.starts_with("SNW-") && !declared(code) {
            findings.push(Finding::at(
                &file.path,
                1,
                format!("{code} is declared nowhere in {DECLARATIONS}"),
            ));
        }
    }
    findings.extend(unused(tree));
    findings
}

/// Codes that nothing gives. A page that describes what cannot happen misleads whoever reads it.
fn unused(tree: &Tree) -> Vec<Finding> {
    let gives = |file: &&File| !file.path.starts_with(DECLARATIONS) && !file.path.contains("/tests/");
    let sources: Vec<String> = tree.ending(".rs").filter(gives).map(|file| blank(&file.text)).collect();
    let mut findings = Vec::new();
    for file in tree.ending(".rs").filter(|file| file.path.starts_with(DECLARATIONS)) {
        let module = file.path.trim_start_matches(DECLARATIONS).trim_end_matches(".rs");
        for (index, line) in file.text.lines().enumerate() {
            let Some((name, _)) = line.trim().split_once(" = \"SNW-") else { continue };
            if !sources.iter().any(|source| uses(source, module, name)) {
                let message = format!("`{name}` is given by nothing: use it, or remove it with its page");
                findings.push(Finding::at(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Whether a source names the code by its module, or by the name that it gives the module (`call as calls`).
fn uses(source: &str, module: &str, name: &str) -> bool {
    let renamed = format!("{module} as ");
    let others = source.match_indices(&renamed).filter(|(at, _)| begins_a_word(source, *at));
    let mut modules = others.map(|(at, _)| word(&source[at + renamed.len()..])).chain([module]);
    modules.any(|module| {
        let path = format!("{module}::{name}");
        source
            .match_indices(&path)
            .any(|(at, _)| begins_a_word(source, at) && word(&source[at + module.len() + 2..]) == name)
    })
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn begins_a_word(source: &str, at: usize) -> bool {
    !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The codes in a line: `SNW-` and exactly four digits.
fn codes(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("SNW-").filter_map(move |(at, start)| {
        let digits = line[at + start.len()..].bytes().take_while(u8::is_ascii_digit).count();
        (digits == 4).then(|| &line[at..at + start.len() + digits])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_needs_a_page_and_a_page_needs_a_code() {
        let tree = Tree::of(&[
            ("docs/errors/SNW-1203.md", "# SNW-1203: x"),
            ("docs/errors/SNW-1204.md", "# SNW-1204: y"),
            ("docs/guide/a.md", "see SNW-1203,\nSNW-1999 or SNW-1xxx"),
            ("crates/diag/src/codes/config.rs", "A = \"SNW-1203\", \"a\";"),
            ("crates/a/src/lib.rs", "use codes::config;\nfn f() { config::A }"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [("docs/guide/a.md".to_owned(), 2), ("docs/errors/SNW-1204.md".to_owned(), 1)]);
    }

    #[test]
    fn a_code_is_given_by_something() {
        let found = |path: &str, source: &str| {
            let declared = "    /// An A.\n    A = \"SNW-2001\", \"a\";";
            let tree = Tree::of(&[("crates/diag/src/codes/call.rs", declared), (path, source)]);
            check(&tree).into_iter().map(|finding| (finding.line, finding.message)).collect::<Vec<_>>()
        };
        for used in ["call::A", "use codes::call as calls; calls::A", "codes::call::A,"] {
            assert_eq!(found("crates/a/src/lib.rs", used), [], "{used}");
        }
        for unused in ["call::AB", "recall::A", "store::A", "// call::A", "use codes::recall as x; x::A"] {
            assert_eq!(found("crates/a/src/lib.rs", unused).len(), 1, "{unused}");
        }
        assert_eq!(found("crates/a/tests/a.rs", "call::A")[0].0, 2);
    }
}
