use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::Exit;

/// Prints completions for a shell.
pub fn run(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "sinew", &mut io::stdout().lock());
    Exit::Ok
}
