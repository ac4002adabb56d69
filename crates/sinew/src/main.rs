//! The binary: command line and wiring. The only crate that names concrete parts (this store, this transport).
//!
//! Verbs that ask a running server reach it through the control API alone; `validate`, `map`, `schema`, `explain`,
//! `restore`, `secret`, `vault` and `sandbox` need none. Decides nothing about runs, calls or resources.

mod cli;
mod client;
mod environment;
mod error;
mod harden;
mod output;
mod project;
mod serve;
mod vault;
mod verbs;

use std::process::ExitCode;
use std::time::Instant;

use cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let began = Instant::now();
    let cli = match Cli::of_process() {
        Ok(cli) => cli,
        // Help and version go to standard output with 0, mistakes to standard error with 2.
        Err(told) => told.exit(),
    };
    let format = cli.format();
    let output = output::Output::new(*format.as_ref().unwrap_or(&output::Format::Text));
    match format.and_then(|_| verbs::run(cli, &output, began)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.tell(&output);
            error.exit.into()
        }
    }
}
