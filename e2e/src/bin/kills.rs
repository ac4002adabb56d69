//! The kill test, for as long as one likes: `cargo xtask soak kills --count 500 --seed 7`.
#![allow(clippy::print_stdout, reason = "it reports on the terminal")]

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use sinew_e2e::soak::{self, SoakOptions};

/// Kills the server at random moments under work over all examples, and accounts for everything.
#[derive(Parser)]
struct Arguments {
    /// How often the server is killed.
    #[arg(long, default_value_t = 500)]
    count: u32,
    /// What everything random starts from; printed, so that a failure can be had again.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chance = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64);
    let seed = arguments.seed.unwrap_or_else(chance);
    println!("{} kills, seed {seed}", arguments.count);
    let began = Instant::now();
    let report = soak::run(SoakOptions { kills: arguments.count, seed }, &mut |line| println!("{line}"));
    println!("{report}\nseed {seed}, {:.0} s", began.elapsed().as_secs_f64());
    if report.wrong.is_empty() && report.account.adds_up() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
