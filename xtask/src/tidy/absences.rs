use super::Finding;
use super::rust::blank;
use super::tree::{File, Tree};

const DOCUMENT: &str = "ARCHITECTURE.md";

/// What certain rooms' code must not name, and why.
struct Absence {
    names: &'static [&'static str],
    /// Folders in which it is looked for.
    folders: &'static [&'static str],
    why: &'static str,
    /// Files in which it stands all the same, with the reason.
    but: &'static [(&'static str, &'static str)],
}

const ABSENCES: &[Absence] = &[
    Absence {
        names: &["SystemTime", "Instant::now", "std::fs", "std::env"],
        folders: &[
            "crates/stdx/src/",
            "crates/diag/src/",
            "crates/mapping/src/",
            "crates/contract/src/",
            "crates/model/src/",
            "crates/flow-core/src/",
        ],
        why: "a core gets time, files and variables as arguments",
        but: &[(
            "crates/mapping/src/program.rs",
            "an expression that takes too long is stopped; no value sees the clock",
        )],
    },
    Absence {
        names: &["unbounded_channel", "unbounded("],
        folders: &["crates/"],
        why: "a queue has a bound; if something else bounds what goes into it, say so in xtask/src/tidy/absences.rs",
        but: &[
            ("crates/flow/src/engine.rs", "one message per caller, timer and call under way of one run"),
            ("crates/flow/src/perform/each.rs", "one message per item under way, and these are bounded"),
        ],
    },
];

/// Code names nothing that the architecture says is not there, beyond the exceptions listed here; and none of these is
/// out of date.
pub fn check(tree: &Tree) -> Vec<Finding> {
    ABSENCES.iter().flat_map(|absence| found(tree, absence)).collect()
}

fn found(tree: &Tree, absence: &Absence) -> Vec<Finding> {
    let mut findings = Vec::new();
    let looked_at = |file: &&File| {
        absence.folders.iter().any(|folder| file.path.starts_with(folder)) && !file.path.contains("/tests/")
    };
    for file in tree.ending(".rs").filter(looked_at) {
        let code = blank(&file.text);
        // Tests stand at a file's end, and may do what they like.
        let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let mut lines = Vec::new();
        for (index, line) in code.lines().enumerate() {
            if let Some(name) = absence.names.iter().find(|name| line.contains(**name)) {
                lines.push((index + 1, name));
            }
        }
        let excepted = absence.but.iter().any(|(path, _)| *path == file.path);
        if excepted && lines.is_empty() {
            let message = format!("{} does not name `{}` any more: strike it", file.path, absence.names[0]);
            findings.push(Finding::at("xtask/src/tidy/absences.rs", 1, message));
        } else if !excepted {
            findings.extend(lines.into_iter().map(|(line, name)| {
                Finding::at(&file.path, line, format!("`{name}`: {} ({DOCUMENT})", absence.why))
            }));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_core_that_looks_at_a_clock_or_a_file_is_found() {
        let text = "// std::fs\nuse std::time::SystemTime;\nfn a() { Instant::now(); }\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert_eq!(lines("crates/model/src/a.rs", text), [2, 3]);
        assert!(lines("crates/model/tests/a.rs", text).is_empty());
        assert!(lines("crates/flow/src/a.rs", text).is_empty());
    }

    #[test]
    fn a_queue_without_a_bound_needs_its_reason() {
        assert_eq!(lines("crates/sinew/src/a.rs", "let (a, b) = mpsc::unbounded_channel();"), [1]);
        assert!(lines("crates/flow/src/engine.rs", "mpsc::unbounded_channel();").is_empty());
    }

    #[test]
    fn an_exception_that_is_none_any_more_is_found() {
        let found = check(&Tree::of(&[("crates/flow/src/engine.rs", "mpsc::channel(8);")]));
        assert!(found[0].message.contains("strike it"), "{found:?}");
    }
}
