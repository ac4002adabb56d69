//! The servers that tests talk to, for people: `cargo xtask services`.
#![allow(clippy::print_stdout, reason = "it reports on the terminal")]

use std::process::ExitCode;

use clap::Parser;
use sinew_e2e::service::{ALL, Kind, Service};

/// Lists the servers that tests talk to; with names, runs these until Ctrl-C.
#[derive(Parser)]
struct Arguments {
    /// Which to run; `all` for all that are installed.
    names: Vec<String>,
    /// With TLS, by a certificate for `localhost` of an authority of the tests' own.
    #[arg(long)]
    tls: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.names.is_empty() {
        list();
        return ExitCode::SUCCESS;
    }
    let all = arguments.names.iter().any(|name| name == "all");
    let named = |kind: &&&Kind| arguments.names.iter().any(|name| name == kind.name);
    let wanted: Vec<_> = ALL.iter().filter(|kind| (all && kind.lacks().is_empty()) || named(kind)).collect();
    if wanted.len() < arguments.names.len() && !all {
        println!("there are {}", ALL.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", "));
        return ExitCode::from(2);
    }
    let mut running = Vec::new();
    for kind in wanted {
        match Service::begin(kind, arguments.tls) {
            Ok(service) => {
                println!("{:<12} {}", kind.name, service.told());
                running.push(service);
            }
            Err(why) => {
                println!("{:<12} does not start: {why}\n{:<12} perhaps {}", kind.name, "", kind.remedy());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("\nCtrl-C ends them");
    // Each ends with this process, whatever ends that.
    loop {
        std::thread::park();
    }
}

fn list() {
    let mut packages = Vec::new();
    for kind in ALL {
        let lacks = kind.lacks();
        let state = if lacks.is_empty() {
            "installed".to_owned()
        } else {
            packages.push(kind.package);
            format!("missing: {}", lacks.join(", "))
        };
        println!("{:<12} {state}", kind.name);
    }
    if !packages.is_empty() {
        println!("\napt-get install --no-install-recommends {}", packages.join(" "));
    }
}
