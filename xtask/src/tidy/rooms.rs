use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// A row of the dependency table.
struct Row {
    line: usize,
    room: String,
    may_use: Vec<String>,
}

/// The dependency table of ARCHITECTURE.md against the manifests. Each room may use rooms of rows above its own only,
/// so the table is also an order without circles.
pub fn table(tree: &Tree) -> Vec<Finding> {
    let rows = rows(tree.file(DOCUMENT).map_or("", |file| file.text.as_str()));
    if rows.is_empty() {
        let wanted = "there is no dependency table: a fenced block with the heading `crate | may use`";
        return vec![Finding::at(DOCUMENT, 1, wanted)];
    }
    let mut findings = Vec::new();
    let mut above: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        for used in &row.may_use {
            if !above.contains_key(used.as_str()) {
                let message = format!("`{}` may use `{used}`, which stands in no row above it", row.room);
                findings.push(Finding::at(DOCUMENT, row.line, message));
            }
        }
        if above.insert(&row.room, row.line).is_some() {
            findings.push(Finding::at(DOCUMENT, row.line, format!("`{}` has two rows", row.room)));
        }
        if !tree.rooms.iter().any(|room| room.name == row.room) {
            findings.push(Finding::at(DOCUMENT, row.line, format!("there is no crate `{}`", row.room)));
        }
    }
    for room in &tree.rooms {
        let manifest = format!("{}/Cargo.toml", room.folder);
        let Some(row) = rows.iter().find(|row| row.room == room.name) else {
            findings.push(Finding::at(&manifest, 1, format!("`{}` has no row in {DOCUMENT}", room.name)));
            continue;
        };
        for used in room.uses.iter().filter(|used| !row.may_use.contains(used)) {
            let message = format!("`{}` must not use `{used}` ({DOCUMENT}:{})", room.name, row.line);
            findings.push(Finding::at(&manifest, 1, message));
        }
    }
    findings
}

/// Reads the fenced block headed `crate | may use`.
fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = false;
            continue;
        }
        let Some((room, may_use)) = line.split_once('|') else { continue };
        let (room, may_use) = (room.trim(), may_use.trim());
        if room == "crate" && may_use == "may use" {
            inside = true;
        } else if inside && !room.starts_with("---") {
            let names = may_use.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "-");
            let may_use = names.map(str::to_owned).collect();
            rows.push(Row { line: index + 1, room: room.to_owned(), may_use });
        }
    }
    rows
}

/// Every crate begins with a `//!` header of at least a sentence.
pub fn headers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in &tree.rooms {
        let roots = ["lib.rs", "main.rs"].map(|name| format!("{}/src/{name}", room.folder));
        let present: Vec<_> = roots.iter().filter_map(|path| tree.file(path)).collect();
        for file in &present {
            let header: String = file
                .text
                .lines()
                .map_while(|line| line.trim().strip_prefix("//!"))
                .collect::<Vec<_>>()
                .join(" ");
            if !header.contains(['.', ':']) || header.trim().len() < 40 {
                let message = "a crate begins with a `//!` header: what it is for, and what it must not know";
                findings.push(Finding::at(&file.path, 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Room;

    fn room(name: &str, uses: &[&str]) -> Room {
        let uses = uses.iter().map(|&used| used.to_owned()).collect();
        Room { name: name.to_owned(), folder: format!("crates/{name}"), uses, programs: Vec::new() }
    }

    fn check(table_rows: &str, rooms: Vec<Room>) -> Vec<String> {
        let document = format!("# A\n\n```text\ncrate | may use\n{table_rows}\n```\nx | y\n");
        let mut tree = Tree::of(&[(DOCUMENT, &document)]);
        tree.rooms = rooms;
        table(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_crate_that_uses_what_it_may_is_fine() {
        assert!(check("a | -\nb | a", vec![room("a", &[]), room("b", &["a"])]).is_empty());
    }

    #[test]
    fn a_crate_that_uses_more_is_found() {
        let found = check("a | -\nb | -", vec![room("a", &[]), room("b", &["a"])]);
        assert!(found[0].starts_with("`b` must not use `a`"), "{found:?}");
    }

    #[test]
    fn the_table_has_an_order() {
        let found = check("b | a\na | -", vec![room("a", &[]), room("b", &["a"])]);
        assert!(found[0].contains("stands in no row above it"), "{found:?}");
    }

    #[test]
    fn the_table_and_the_workspace_name_the_same_crates() {
        assert!(check("a | -\nb | -", vec![room("a", &[])])[0].contains("there is no crate `b`"));
        assert!(check("a | -", vec![room("a", &[]), room("b", &[])])[0].contains("`b` has no row"));
        assert!(table(&Tree::default())[0].message.contains("no dependency table"));
    }

    #[test]
    fn a_header_says_something() {
        let header = |text: &str| {
            let mut tree = Tree::of(&[("crates/a/src/lib.rs", text)]);
            tree.rooms = vec![room("a", &[])];
            headers(&tree).len()
        };
        assert_eq!(header("//! Durable state as narrow traits. Knows no SQL.\n\nmod a;\n"), 0);
        assert_eq!(header("//! (soon)\n"), 1);
        assert_eq!(header("mod a;\n"), 1);
    }
}
