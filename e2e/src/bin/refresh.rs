//! The refresh race, for as long as one likes: `cargo xtask soak refresh --rounds 200 --seed 7`.
#![allow(clippy::print_stdout, reason = "it reports on the terminal")]

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use sinew_e2e::refresh::{self, RefreshOptions};

/// Has three servers renew one session at once, kills them meanwhile, and counts what the provider saw.
#[derive(Parser)]
struct Arguments {
    /// Rounds of a hundred callers.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// What everything random starts from; printed, so that a failure can be had again.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chance = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64);
    let seed = arguments.seed.unwrap_or_else(chance);
    println!("{} rounds, seed {seed}", arguments.rounds);
    let began = Instant::now();
    let options = RefreshOptions { rounds: arguments.rounds, seed };
    let report = refresh::run(options, &mut |line| println!("{line}"));
    println!("{report}\nseed {seed}, {:.0} s", began.elapsed().as_secs_f64());
    if report.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
