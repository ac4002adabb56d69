//! Sinew at work: `cargo xtask demo`. With `--once` it ends after the account, and its exit code says whether that adds up.

use std::process::ExitCode;

use clap::Parser;

/// Sinew with its examples and simulated vendors, under real traffic.
#[derive(Parser)]
struct Arguments {
    /// End after the account; the exit code is 0 if it adds up.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    if sinew_e2e::demo::run(Arguments::parse().once) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
