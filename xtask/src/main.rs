//! Developer tasks: `demo`, `test`, `lint`, `tidy`, `bench`, `soak`, `corpus`. Run as `cargo xtask TASK`.
//!
//! Starts programs and reads the repository's files. Links no crate of the house, so that it builds in seconds and
//! works when they do not.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool speaks on the terminal")]

mod error;
mod launch;
mod stage;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use error::Error;

/// A task, by the name that follows `cargo xtask`.
struct Task {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<(), Error>,
}

const TASKS: &[Task] = &[
    launch::DEMO,
    test::TEST,
    test::LINT,
    tidy::TIDY,
    launch::BENCH,
    launch::SOAK,
    launch::SERVICES,
    launch::CORPUS,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        print_tasks();
        return Err(Error::Usage("which task?".to_owned()));
    };
    if is_help(name) {
        print_tasks();
        return Ok(());
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        print_tasks();
        return Err(Error::Usage(format!("there is no task `{name}`")));
    };
    let own = rest.split(|argument| argument == "--").next().unwrap_or_default();
    if own.iter().any(|argument| is_help(argument)) {
        println!("cargo xtask {}\n\n{}", task.usage, task.help);
        return Ok(());
    }
    (task.run)(rest)
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "--help" | "-h" | "help")
}

fn print_tasks() {
    println!("cargo xtask TASK, one of:\n");
    for task in TASKS {
        println!("  {:<30} {}", task.usage, task.summary);
    }
    println!("\n`cargo xtask TASK --help` says more.");
}
