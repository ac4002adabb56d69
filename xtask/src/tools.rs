use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::error::Error;
use crate::workspace::{Workspace, run, works};

/// What runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// cargo-nextest: a process a test.
    Nextest,
    /// `cargo test`, where nextest can be neither found nor installed. The tests are the same.
    Plain,
}

/// Where tools are installed that a machine lacks: in the build directory, not in the user's own.
pub fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("xtask-tools")
}

/// A cargo command that finds those tools.
pub fn cargo(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    let own = folder(workspace).join("bin");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&rest).chain([own]));
    command.env("PATH", path.unwrap_or_else(|_| OsString::from(&rest)));
    command
}

/// Checks what the lint stages need; rustup adds what it can.
pub fn require_lints(workspace: &Workspace) -> Result<(), Error> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if works(workspace.cargo().args([subcommand, "--version"])) {
            continue;
        }
        println!("{component} is not installed; installing it: rustup component add {component}");
        let added =
            works(Command::new("rustup").current_dir(&workspace.root).args(["component", "add", component]));
        if !added || !works(workspace.cargo().args([subcommand, "--version"])) {
            return Err(Error::Missing {
                what: format!("`cargo {subcommand}`"),
                remedy: format!(
                    "run `rustup component add {component}`, or install your distribution's {component}"
                ),
            });
        }
    }
    Ok(())
}

/// Finds or installs cargo-nextest.
pub fn runner(workspace: &Workspace) -> Runner {
    if works(cargo(workspace).args(["nextest", "--version"])) {
        return Runner::Nextest;
    }
    println!("cargo-nextest is not installed; building it once into {}", folder(workspace).display());
    let build = folder(workspace).join("build");
    let mut install = workspace.cargo();
    // Unoptimised: it waits for processes, and builds in a third of the time.
    install.args([
        "install",
        "--locked",
        "--debug",
        "--no-default-features",
        "--features",
        "default-no-update",
    ]);
    install.args(["--version", "^0.9", "cargo-nextest", "--root"]).arg(folder(workspace));
    install.arg("--target-dir").arg(&build);
    let installed = run(&mut install);
    // What is left of the build is of no further use; that it is not there is as well.
    let _ = std::fs::remove_dir_all(&build);
    match installed {
        Ok(()) => Runner::Nextest,
        Err(error) => {
            println!("{error}");
            println!("going on with `cargo test`, which runs the same tests");
            Runner::Plain
        }
    }
}

/// Whether cargo-deny is there.
pub fn has_deny(workspace: &Workspace) -> bool {
    works(workspace.cargo().args(["deny", "--version"]))
}
