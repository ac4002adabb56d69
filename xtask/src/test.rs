use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::stage::Stages;
use crate::tools::{self, Runner};
use crate::workspace::{Workspace, run};
use crate::{Task, tidy};

pub const TEST: Task = Task {
    name: "test",
    usage: "test [--no-lint]",
    summary: "Everything that must pass before a change is merged",
    help: "\
Runs, stage by stage: prerequisites, tidy, fmt, clippy, build, doc tests, cargo-deny (if it is installed), tests. The
first stage that fails ends it. Clippy and build are silent at first and take minutes each where nothing is built yet.

  --no-lint   leave out tidy, fmt, clippy and cargo-deny

A test that finds its means missing (root for a tmpfs, say) ends without checking anything. Its runner counts it as
passed; such tests are listed at the end, by name and reason. With SINEW_TEST_REQUIRE=all in the environment, as on CI, every skip is a failure.",
    run: test,
};

pub const LINT: Task = Task {
    name: "lint",
    usage: "lint",
    summary: "tidy, fmt --check and clippy",
    help: "Runs the stages of `cargo xtask test` that look at the sources only: tidy, fmt, clippy.",
    run: lint,
};

fn test(arguments: &[String]) -> Result<(), Error> {
    let with_lint = match arguments {
        [] => true,
        [one] if one == "--no-lint" => false,
        _ => return Err(Error::Usage(format!("`test` takes --no-lint only, not {arguments:?}"))),
    };
    let required = Required::from_environment(std::env::var("SINEW_TEST_REQUIRE").ok().as_deref())?;
    if required == Required::All && !with_lint {
        return Err(Error::Usage(
            "--no-lint leaves checks out, and SINEW_TEST_REQUIRE=all allows none".to_owned(),
        ));
    }
    let workspace = Workspace::load()?;
    let mut stages = Stages::begin();
    let mut runner = Runner::Plain;
    stages.run("prerequisites", || {
        if with_lint {
            tools::require_lints(&workspace)?;
        }
        runner = tools::runner(&workspace);
        Ok(())
    })?;
    if with_lint {
        lint_stages(&mut stages, &workspace)?;
    }
    // One selection of targets for all that follows: another one would unify features otherwise and build twice.
    stages
        .run_long("build", || run(workspace.cargo().args(["build", "--workspace", "--bins", "--tests"])))?;
    let skips = Skips::begin(&workspace.target)?;
    let sinew = workspace.built("debug", "sinew");
    let with_means = |mut command: Command| {
        command.env("SINEW_BIN", &sinew).env("SINEW_TEST_SKIPS", &skips.path);
        command
    };
    stages.run("doc tests", || {
        let mut command = with_means(workspace.cargo());
        run(command.args(["test", "--quiet", "--workspace", "--doc"]))
    })?;
    if with_lint {
        stages.run("cargo-deny", || deny(&workspace))?;
    }
    stages.run("tests", || {
        let mut command = with_means(tools::cargo(&workspace));
        match runner {
            Runner::Nextest => run(command.args(["nextest", "run", "--workspace"]))?,
            Runner::Plain => run(command.args(["test", "--workspace", "--bins", "--tests"]))?,
        }
        skips.account(required)
    })?;
    stages.close("test");
    Ok(())
}

fn lint(arguments: &[String]) -> Result<(), Error> {
    if !arguments.is_empty() {
        return Err(Error::Usage("`lint` takes no arguments".to_owned()));
    }
    let workspace = Workspace::load()?;
    let mut stages = Stages::begin();
    stages.run("prerequisites", || tools::require_lints(&workspace))?;
    lint_stages(&mut stages, &workspace)?;
    stages.close("lint");
    Ok(())
}

fn lint_stages(stages: &mut Stages, workspace: &Workspace) -> Result<(), Error> {
    stages.run("tidy", || tidy::check(workspace))?;
    stages.run("fmt", || run(workspace.cargo().args(["fmt", "--all", "--check"])))?;
    stages.run_long("clippy", || {
        run(workspace.cargo().args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })
}

/// Licences and bans are tidy's too, so that they are always checked; cargo-deny reads them more strictly.
fn deny(workspace: &Workspace) -> Result<(), Error> {
    if !tools::has_deny(workspace) {
        println!("cargo-deny is not installed: bans and licences were checked by tidy, advisories were not.");
        println!("To have them: cargo install --locked cargo-deny, then cargo deny check");
        return Ok(());
    }
    run(workspace.cargo().args(["deny", "--log-level", "warn", "check", "bans", "licenses", "sources"]))
}

/// What may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Required {
    /// Nothing.
    All,
    /// Tests whose means are missing, if they say so.
    WhatIsPossible,
}

impl Required {
    fn from_environment(value: Option<&str>) -> Result<Self, Error> {
        match value {
            None | Some("") => Ok(Self::WhatIsPossible),
            Some("all") => Ok(Self::All),
            Some(other) => Err(Error::Usage(format!("SINEW_TEST_REQUIRE is `all` or unset, not `{other}`"))),
        }
    }
}

/// The file into which a test that skips itself writes a line that says which and why.
struct Skips {
    path: PathBuf,
}

impl Skips {
    fn begin(target: &Path) -> Result<Self, Error> {
        let path = target.join("xtask-skips.txt");
        std::fs::write(&path, "").map_err(|cause| Error::File { path: path.clone(), cause })?;
        Ok(Self { path })
    }

    fn account(&self, required: Required) -> Result<(), Error> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|cause| Error::File { path: self.path.clone(), cause })?;
        let skips: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        if !skips.is_empty() {
            println!("{}", told(&skips));
        }
        match required {
            Required::All if !skips.is_empty() => Err(Error::Skipped(skips.len())),
            _ => Ok(()),
        }
    }
}

/// What the runner cannot know: it counts tests that were not asked for as skipped, and these as passed.
fn told(skips: &[&str]) -> String {
    let (tests, have) = if skips.len() == 1 { ("test", "has") } else { ("tests", "have") };
    format!(
        "{} {tests} counted above as passed {have} checked nothing, because this machine lacks what is needed:\n  {}",
        skips.len(),
        skips.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(lines: &str, required: Required) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let skips = Skips::begin(folder.path()).unwrap();
        std::fs::write(&skips.path, lines).unwrap();
        skips.account(required).is_ok()
    }

    #[test]
    fn a_skip_is_a_failure_only_where_all_is_required() {
        assert!(account("", Required::All));
        assert!(account("full disk: needs root\n", Required::WhatIsPossible));
        assert!(!account("full disk: needs root\n", Required::All));
    }

    #[test]
    fn tests_that_checked_nothing_are_named_apart_from_the_runners_count() {
        let text = told(&["disk::a_full_disk: run as root"]);
        assert!(text.starts_with("1 test counted above as passed has checked nothing"), "{text}");
        assert!(text.ends_with("\n  disk::a_full_disk: run as root"), "{text}");
    }

    #[test]
    fn a_misspelt_requirement_is_refused() {
        assert!(Required::from_environment(Some("al")).is_err());
        assert_eq!(Required::from_environment(Some("all")).ok(), Some(Required::All));
        assert_eq!(Required::from_environment(None).ok(), Some(Required::WhatIsPossible));
    }

    #[test]
    fn checks_cannot_be_left_out_where_all_is_required() {
        assert!(test(&["--fast".to_owned()]).is_err());
    }
}
