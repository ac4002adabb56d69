use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::{CliError, Exit};

/// Prints completions for a shell.
pub fn run(shell: Shell) -> Result<Exit, CliError> {
    clap_complete::generate(shell, &mut Cli::command(), "sinew", &mut io::stdout().lock());
    Ok(Exit::Ok)
}
