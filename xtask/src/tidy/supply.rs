use super::Finding;
use super::tree::Tree;

/// The same lists as in `deny.toml`, which cargo-deny reads where it is installed.
const DOCUMENT: &str = "deny.toml";

/// Crates that must not be linked, and why.
const BANNED: [(&str, &str); 4] = [
    ("ring", "two crypto providers in one binary panic at run time; aws-lc-rs is ours"),
    ("openssl", "TLS is rustls with aws-lc-rs"),
    ("openssl-sys", "TLS is rustls with aws-lc-rs"),
    ("native-tls", "TLS is rustls with aws-lc-rs"),
];

/// What the licence files of crates say whose manifests name no licence.
const READ: &[(&str, &str)] = &[("jsonpath-rust", "MIT")];

/// Licences that go with Apache-2.0.
const LICENCES: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// No banned crate, and no licence outside the list.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for linked in &tree.crates {
        if let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == linked.name) {
            let message =
                format!("`{name}` is banned: {why}; `cargo tree --workspace -i {name}` shows who uses it");
            findings.push(Finding::at("Cargo.lock", 1, message));
        }
        let read = READ.iter().find(|(name, _)| *name == linked.name).map(|(_, licence)| *licence);
        if !is_allowed(read.filter(|_| linked.licence.is_empty()).unwrap_or(&linked.licence)) {
            let message =
                format!("the licence of `{}`, `{}`, is not in the list", linked.name, linked.licence);
            findings.push(Finding::at("Cargo.lock", 1, message));
        }
    }
    if let Some(deny) = tree.file(DOCUMENT) {
        let licences = LICENCES.iter().filter(|licence| !licence.contains(" WITH "));
        for entry in BANNED.iter().map(|(name, _)| name).chain(licences) {
            if !deny.text.contains(&format!("\"{entry}\"")) {
                findings.push(Finding::at(DOCUMENT, 1, format!("`{entry}` is in tidy's list, but not here")));
            }
        }
    }
    findings
}

/// Whether an SPDX expression can be met with licences of the list. `/` is the old way of writing `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words };
    let allowed = parser.either();
    allowed && parser.words.is_empty()
}

struct Parser<'a> {
    words: &'a [&'a str],
}

impl Parser<'_> {
    fn next_is(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn either(&mut self) -> bool {
        let mut allowed = self.both();
        while self.next_is("OR") {
            allowed |= self.both();
        }
        allowed
    }

    fn both(&mut self) -> bool {
        let mut allowed = self.one();
        while self.next_is("AND") {
            allowed &= self.one();
        }
        allowed
    }

    fn one(&mut self) -> bool {
        if self.next_is("(") {
            return self.either() && self.next_is(")");
        }
        let Some((licence, rest)) = self.words.split_first() else { return false };
        self.words = rest;
        if self.next_is("WITH") {
            let Some((exception, rest)) = self.words.split_first() else { return false };
            self.words = rest;
            return LICENCES.contains(&format!("{licence} WITH {exception}").as_str());
        }
        LICENCES.contains(licence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Crate;

    #[test]
    fn licences_are_read_as_expressions() {
        for allowed in [
            "MIT",
            "MIT OR GPL-3.0-only",
            "MIT/Apache-2.0",
            "(MIT OR GPL-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "GPL-2.0 OR (ISC AND MIT)",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-2.0",
            "MIT WITH nothing",
            "MIT MIT",
            "(MIT",
            "GPL-2.0 OR (ISC AND X)",
        ] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn a_banned_crate_is_found() {
        let linked = |name: &str| Crate { name: name.to_owned(), licence: "MIT".to_owned() };
        let tree = Tree { crates: vec![linked("ring"), linked("rings")], ..Tree::default() };
        assert_eq!(check(&tree).len(), 1);
    }

    #[test]
    fn the_list_for_cargo_deny_is_kept_alike() {
        assert!(check(&Tree::of(&[(DOCUMENT, "")])).len() > BANNED.len());
    }
}
