use super::Finding;
use super::tree::Tree;

/// Relative links of Markdown files lead to files or folders of the repository.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        for (line, target) in links(&file.text) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            if path.is_empty() || is_elsewhere(&target) {
                continue;
            }
            if !resolve(&file.path, path).is_some_and(|resolved| tree.exists(&resolved)) {
                findings.push(Finding::at(&file.path, line, format!("the link `{target}` leads nowhere")));
            }
        }
    }
    findings
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The targets of `[text](target)` outside code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let line = without_code(line);
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                let target = rest[..end].split_whitespace().next().unwrap_or_default();
                found.push((index + 1, target.trim_matches(['<', '>']).to_owned()));
            }
        }
    }
    found
}

/// A line without its `code`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// A relative path as seen from a file, from the root; `None` if it leads out of the repository.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if let Some(absolute) = path.strip_prefix('/') {
        return Some(absolute.trim_end_matches('/').to_owned());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(text: &str) -> Vec<(usize, String)> {
        let tree =
            Tree::of(&[("docs/guide/flows.md", text), ("docs/errors/SNW-1.md", ""), ("README.md", "")]);
        check(&tree).into_iter().map(|finding| (finding.line, finding.message)).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](../errors/SNW-1.md#x) [b](../../README.md) [c](https://example.com/x) [d](#here) [e](../errors/)\n";
        assert_eq!(dead(text), []);
    }

    #[test]
    fn links_that_lead_nowhere_or_out_of_the_repository_are_found() {
        let lines: Vec<usize> =
            dead("x\n[a](../error/SNW-1.md)\n[b](../../../README.md)\n").iter().map(|d| d.0).collect();
        assert_eq!(lines, [2, 3]);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(dead("`[a](b)`\n```\n[a](b)\n```\n"), []);
    }
}
