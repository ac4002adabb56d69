use std::io;

use clap_complete::Shell;

use crate::cli;
use crate::error::Exit;

/// Prints completions for a shell.
pub fn run(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut cli::command(), "sinew", &mut io::stdout().lock());
    Exit::Ok
}
