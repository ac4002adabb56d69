//! What the compiler does not check: that rooms use only what they may, that files and functions stay small, that
//! documents point at what exists. One check is one file here and one line in [`CHECKS`].

mod absences;
mod codes;
mod examples;
mod links;
mod ratchet;
mod rooms;
mod rust;
mod supply;
mod texts;
mod tree;

use std::fmt;

use crate::Task;
use crate::error::Error;
use crate::workspace::Workspace;
use tree::Tree;

pub const TIDY: Task = Task {
    name: "tidy",
    usage: "tidy",
    summary: "The dependency table, ratchets, links and texts of the repository",
    help: "\
Checks, without building anything:

- rooms: the two tables of ARCHITECTURE.md against the manifests, nothing granted that is not used; a header in every crate
- ratchet: files over 500 lines and functions over 70 are in xtask/tidy.toml with their reason and exact size
- links: relative links in Markdown lead somewhere
- absences: no clock, file or environment in a core, no queue without a bound, but for exceptions with a reason
- codes: every SNW code in a document has its page in docs/errors/, every page its code, every code its use
- texts: no paths of a developer's machine, no unfinished work, no ignored tests
- examples: every example has a README
- supply: no banned crate, no licence outside the list",
    run: |arguments| match arguments {
        [] => check(&Workspace::load()?),
        _ => Err(Error::Usage("`tidy` takes no arguments".to_owned())),
    },
};

/// One thing that is looked after: finds what is wrong.
type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    rooms::table,
    rooms::absences,
    rooms::headers,
    absences::check,
    ratchet::check,
    links::check,
    codes::check,
    texts::check,
    examples::check,
    supply::check,
];

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Runs all checks over the repository and prints what they find.
pub fn check(workspace: &Workspace) -> Result<(), Error> {
    let tree = Tree::load(workspace)?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("{} files are tidy", tree.files.len());
            Ok(())
        }
        count => Err(Error::Untidy(count)),
    }
}
