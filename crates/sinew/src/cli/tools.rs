use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Map JSON.
#[derive(Args, Debug)]
pub struct Map {
    /// A JSONata expression over each value, such as `customer.email`.
    #[arg(required_unless_present = "from_file")]
    pub expression: Option<String>,
    /// Take the expression from a file.
    #[arg(long, short, value_name = "FILE", conflicts_with = "expression")]
    pub from_file: Option<PathBuf>,
    /// Take arrays apart, and map each item.
    #[arg(long, short)]
    pub each: bool,
    /// Print texts without quotes.
    #[arg(long, short)]
    pub raw: bool,
    /// Print over several lines.
    #[arg(long, short)]
    pub pretty: bool,
    /// Read nothing; the expression sees `null`.
    #[arg(long, short)]
    pub null_input: bool,
    /// Go on behind a value that fails; the exit code still tells.
    #[arg(long, short)]
    pub keep_going: bool,
}

/// Simulated vendors.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxVerb {
    /// Something else than running them.
    #[command(subcommand)]
    pub task: Option<SandboxTask>,
    /// How they run.
    #[command(flatten)]
    pub options: SandboxOptions,
}

/// How the vendors run.
#[derive(Args, Debug)]
pub struct SandboxOptions {
    /// Where they listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7480")]
    pub listen: SocketAddr,
    /// What data, faults and slow answers start from.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// A file that effects are appended to as NDJSON.
    #[arg(long, value_name = "FILE")]
    pub truth_log: Option<PathBuf>,
    /// Where the CRM sends webhooks.
    #[arg(long, value_name = "URL")]
    pub webhook: Vec<String>,
    /// What those are signed with.
    #[arg(long, value_name = "TEXT", default_value = "crm-webhook-secret")]
    pub webhook_secret: String,
}

/// What else the sandbox does.
#[derive(Subcommand, Debug)]
pub enum SandboxTask {
    /// Write a file of contacts, as untidy as real ones.
    Contacts(Contacts),
}

/// Write contacts to the file given by `--output`, else to standard output.
#[derive(Args, Debug)]
pub struct Contacts {
    /// How many.
    #[arg(long, default_value_t = 1000)]
    pub count: u64,
    /// The same seed gives the same contacts.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// What the file looks like.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ContactsFormat,
}

/// What a file of contacts looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ContactsFormat {
    /// CSV with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}
