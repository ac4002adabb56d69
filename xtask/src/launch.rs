use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::Task;
use crate::error::Error;
use crate::workspace::{Workspace, run, shown};

pub const DEMO: Task = Task {
    name: "demo",
    usage: "demo [--once]",
    summary: "Sinew with its examples and simulated vendors, under real traffic",
    help: "\
Builds Sinew, starts it with the examples and the sandbox vendors, drives traffic, breaks a vendor, mends it,
replays, and ends with an account of what was sent and what arrived. Everything listens on the loopback address.

  --once   end after the account; the exit code is 0 if it adds up. Otherwise the servers stay up until Ctrl-C.

Other arguments are handed to the demo program.",
    run: demo,
};

pub const BENCH: Task = Task {
    name: "bench",
    usage: "bench NAME|all",
    summary: "A benchmark; without a name, their names",
    help: "\
Builds Sinew and the benchmarks with optimisations and runs one of them, or all. Each prints a table and, as its last
line, one JSON object {\"bench\": NAME, \"metrics\": {...}}. Further arguments are handed to the benchmark.",
    run: bench,
};

pub const SOAK: Task = Task {
    name: "soak",
    usage: "soak kills|refresh [--count 500] [--rounds 200]",
    summary: "Long tests that are not part of `test`",
    help: "\
soak kills   starts flows over all examples, kills the server with SIGKILL at random moments and restarts it, then
             counts what was lost and what was doubled. --count N kills (500). Further arguments, such as a seed,
             are handed on.
soak refresh has three servers share a vault and a session, and a hundred runs want a new token at once, round for round,
             while servers are killed; counts what the provider saw. --rounds N (200).",
    run: soak,
};

pub const SERVICES: Task = Task {
    name: "services",
    usage: "services [NAME...|all] [--tls]",
    summary: "The servers that tests talk to; without a name, which are installed",
    help: "\
Lists the servers of Debian's packages that tests start for themselves (databases, brokers, mail), which of them are
installed, and the apt-get line that gets the others.

With names, or `all`, it runs them on free ports of the loopback address until Ctrl-C, and says where they are and how
to log in. Nothing is left of them afterwards.

  --tls   with TLS, by a certificate for `localhost` of `crates/connect/tests/certificates/authority.pem`",
    run: services,
};

pub const CORPUS: Task = Task {
    name: "corpus",
    usage: "corpus FOLDER [--verbose]",
    summary: "Imports every API description in a folder, and tells what came of it",
    help: "\
Reads every document below FOLDER/KIND (`openapi`, `soap/wsdl` and the others that are files of `crates/call/examples/corpus`),
each in a process of its own, and prints a table: how many are imported, how many operations they have, for how many of
these an input can be made that fits, what was understood although it is wrong, and the time and memory that reading
takes. A file's line is its folder, or the part of its name before `__`.

  --verbose   all operations for which no input can be made, not the first three of a document",
    run: corpus,
};

const FIRST_BUILD: &str = " and everything it uses: on two cores about ten minutes, only the first time";
const KILLS_DEFAULT: &str = "500";

fn demo(arguments: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    build_and_become(&workspace, Profile::Debug, "e2e", "demo", arguments)
}

fn services(arguments: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    build_and_become(&workspace, Profile::Debug, "e2e", "services", arguments)
}

fn soak(arguments: &[String]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Error::Usage("which soak test? There are `kills` and `refresh`".to_owned()));
    };
    let arguments = match name.as_str() {
        "kills" => with_count(rest),
        "refresh" => rest.to_vec(),
        _ => {
            let message = format!("there is no soak test `{name}`; there are `kills` and `refresh`");
            return Err(Error::Usage(message));
        }
    };
    let workspace = Workspace::load()?;
    build_and_become(&workspace, Profile::Debug, "e2e", name, &arguments)
}

fn with_count(arguments: &[String]) -> Vec<String> {
    let mut arguments = arguments.to_vec();
    if !arguments.iter().any(|a| a == "--count" || a.starts_with("--count=")) {
        arguments.extend(["--count".to_owned(), KILLS_DEFAULT.to_owned()]);
    }
    arguments
}

fn corpus(arguments: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let mut command = workspace.cargo();
    command.args(["run", "--release", "--quiet", "--package", "sinew-call", "--example", "corpus", "--"]);
    run(command.args(arguments))
}

fn bench(arguments: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let all = workspace.programs("bench");
    let Some((name, rest)) = arguments.split_first() else {
        println!("benchmarks: {}", all.join(", "));
        return Ok(());
    };
    if name != "all" {
        return build_and_become(&workspace, Profile::Release, "bench", name, rest);
    }
    build(&workspace, Profile::Release, "bench")?;
    let mut failure = None;
    for name in all {
        println!("=== bench {name}");
        if let Err(error) = run(&mut program(&workspace, Profile::Release, "bench", name, rest)?) {
            println!("{error}");
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(()), Err)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    Debug,
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds `sinew` and the programs of a crate that drive it.
fn build(workspace: &Workspace, profile: Profile, room: &str) -> Result<(), Error> {
    let mut command = workspace.cargo();
    let first = if workspace.built(profile.folder(), "sinew").exists() { "" } else { FIRST_BUILD };
    println!("building Sinew{first}");
    command.args(["build", "--package", "sinew", "--package", &format!("sinew-{room}"), "--bins"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    run(&mut command)
}

/// A program of a crate, told where `sinew` is.
fn program(
    workspace: &Workspace,
    profile: Profile,
    room: &str,
    name: &str,
    arguments: &[String],
) -> Result<Command, Error> {
    let all = workspace.programs(room);
    if !all.iter().any(|program| program == name) {
        let known = if all.is_empty() { "no program".to_owned() } else { all.join(", ") };
        return Err(Error::Usage(format!("there is no `{name}` in {room}/; there is {known}")));
    }
    let mut command = Command::new(workspace.built(profile.folder(), name));
    command.args(arguments).current_dir(&workspace.root);
    command.env("SINEW_BIN", workspace.built(profile.folder(), "sinew"));
    Ok(command)
}

/// Builds and then replaces this process, so that signals reach the program and its exit code is ours.
fn build_and_become(
    workspace: &Workspace,
    profile: Profile,
    room: &str,
    name: &str,
    arguments: &[String],
) -> Result<(), Error> {
    // That there is such a program is checked before minutes of building.
    let mut command = program(workspace, profile, room, name, arguments)?;
    build(workspace, profile, room)?;
    let cause = command.exec();
    Err(Error::NotStarted { command: shown(&command), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str]) -> String {
        let given: Vec<String> = given.iter().map(|&text| text.to_owned()).collect();
        with_count(&given).join(" ")
    }

    #[test]
    fn a_soak_has_five_hundred_kills_unless_said_otherwise() {
        assert_eq!(check(&[]), "--count 500");
        assert_eq!(check(&["--seed", "7"]), "--seed 7 --count 500");
        assert_eq!(check(&["--count", "3"]), "--count 3");
        assert_eq!(check(&["--count=3"]), "--count=3");
    }

    #[test]
    fn a_soak_test_that_does_not_exist_is_a_wrong_call() {
        let error = soak(&["rain".to_owned()]).unwrap_err();
        assert_eq!((error.exit_code(), error.to_string().contains("`kills`")), (2, true));
    }
}
