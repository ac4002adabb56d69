use super::Finding;
use super::tree::Tree;

const PAGES: &str = "docs/errors/";
const DECLARATIONS: &str = "crates/diag/src/codes/";

/// Every code that a document names has its page, and every page a code that is declared.
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
    findings
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
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|f| (f.path, f.line)).collect();
        assert_eq!(found, [("docs/guide/a.md".to_owned(), 2), ("docs/errors/SNW-1204.md".to_owned(), 1)]);
    }
}
