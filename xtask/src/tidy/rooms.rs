use std::collections::BTreeMap;

use super::Finding;
use super::tree::Tree;

const DOCUMENT: &str = "ARCHITECTURE.md";

/// A row of a table: crates, and what is said of them.
struct Row {
    line: usize,
    rooms: Vec<String>,
    names: Vec<String>,
}

/// The dependency table of ARCHITECTURE.md against the manifests. Each room may use rooms of rows above its own only,
/// so the table is also an order without circles.
pub fn table(tree: &Tree) -> Vec<Finding> {
    let rows = rows(tree, "may use");
    if rows.is_empty() {
        let wanted = "there is no dependency table: a fenced block with the heading `crate | may use`";
        return vec![Finding::at(DOCUMENT, 1, wanted)];
    }
    let mut findings = Vec::new();
    let mut above: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let [room] = &row.rooms[..] else {
            findings.push(Finding::at(DOCUMENT, row.line, "a row of the dependency table is of one crate"));
            continue;
        };
        for used in &row.names {
            if !above.contains_key(used.as_str()) {
                let message = format!("`{room}` may use `{used}`, which stands in no row above it");
                findings.push(Finding::at(DOCUMENT, row.line, message));
            }
        }
        if above.insert(room, row.line).is_some() {
            findings.push(Finding::at(DOCUMENT, row.line, format!("`{room}` has two rows")));
        }
        findings.extend(unknown(tree, row));
    }
    for room in &tree.rooms {
        let manifest = format!("{}/Cargo.toml", room.folder);
        let Some(row) = rows.iter().find(|row| row.rooms.contains(&room.name)) else {
            findings.push(Finding::at(&manifest, 1, format!("`{}` has no row in {DOCUMENT}", room.name)));
            continue;
        };
        for used in room.uses.iter().filter(|used| !row.names.contains(used)) {
            let message = format!("`{}` must not use `{used}` ({DOCUMENT}:{})", room.name, row.line);
            findings.push(Finding::at(&manifest, 1, message));
        }
        for granted in row.names.iter().filter(|granted| !room.uses.contains(granted)) {
            let message = format!("`{}` may use `{granted}` and does not: strike it", room.name);
            findings.push(Finding::at(DOCUMENT, row.line, message));
        }
    }
    findings
}

/// The table of what must not be linked: a core that cannot name a runtime or a database cannot use one.
pub fn absences(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in rows(tree, "must not link") {
        findings.extend(unknown(tree, &row));
        for room in tree.rooms.iter().filter(|room| row.rooms.contains(&room.name)) {
            for linked in room.links.iter().filter(|linked| row.names.contains(linked)) {
                let manifest = format!("{}/Cargo.toml", room.folder);
                let message = format!("`{}` must not link `{linked}` ({DOCUMENT}:{})", room.name, row.line);
                findings.push(Finding::at(&manifest, 1, message));
            }
        }
    }
    findings
}

/// Crates in a row that do not exist.
fn unknown(tree: &Tree, row: &Row) -> Vec<Finding> {
    let unknown = row.rooms.iter().filter(|name| !tree.rooms.iter().any(|room| room.name == **name));
    unknown.map(|name| Finding::at(DOCUMENT, row.line, format!("there is no crate `{name}`"))).collect()
}

/// Reads the fenced block headed `crate | RIGHT`.
fn rows(tree: &Tree, right: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (index, line) in tree.file(DOCUMENT).map_or("", |file| file.text.as_str()).lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = false;
            continue;
        }
        let Some((rooms, names)) = line.split_once('|') else { continue };
        if rooms.trim() == "crate" && names.trim() == right {
            inside = true;
        } else if inside && !rooms.starts_with("---") {
            rows.push(Row { line: index + 1, rooms: list(rooms), names: list(names) });
        }
    }
    rows
}

fn list(text: &str) -> Vec<String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "-");
    names.map(str::to_owned).collect()
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
        Room {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            uses,
            links: vec!["tokio".to_owned()],
            programs: Vec::new(),
        }
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
    fn what_is_granted_is_used() {
        let found = check("a | -\nb | a", vec![room("a", &[]), room("b", &[])]);
        assert_eq!(found, ["`b` may use `a` and does not: strike it"]);
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
    fn what_must_not_be_linked_is_found() {
        let linked = |row: &str| {
            let document = format!("```text\ncrate | must not link\n{row}\n```\n");
            let mut tree = Tree::of(&[(DOCUMENT, &document)]);
            tree.rooms = vec![room("a", &[]), room("b", &[])];
            absences(&tree).into_iter().map(|finding| finding.message).collect::<Vec<_>>()
        };
        assert!(linked("a, b | hyper").is_empty());
        assert!(linked("b | hyper, tokio")[0].starts_with("`b` must not link `tokio`"));
        assert!(linked("c | tokio")[0].contains("there is no crate `c`"));
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
