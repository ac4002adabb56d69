use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sinew_stdx::parse_duration;

use super::vault::VaultArgs;

/// Run a project's integrations.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The project's folders, taken as one; the current one if none is given.
    pub projects: Vec<PathBuf>,
    /// Where webhooks are taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7400", env = "SINEW_LISTEN")]
    pub listen: SocketAddr,
    /// Where the control API is; keep it on a loopback address unless the network is yours.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7401", env = "SINEW_CONTROL")]
    pub control: SocketAddr,
    /// Where the gateway listens, if the project has an API.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7410", env = "SINEW_GATEWAY")]
    pub gateway: SocketAddr,
    /// Threads of the gateway; as many as there are cores, unless said.
    #[arg(long, value_name = "N")]
    pub gateway_workers: Option<usize>,
    /// A file to which the gateway appends a line of JSON for each request.
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// A name, besides addresses and `localhost`, by which the control API may be called.
    #[arg(long, value_name = "NAME")]
    pub control_host: Vec<String>,
    /// How callers of webhooks reach the control API, such as `https://sinew.example.com`; the addresses of runs that they
    /// are told begin with it. Where the control API listens, unless said.
    #[arg(long, value_name = "URL", env = "SINEW_PUBLIC_URL", value_parser = http_url)]
    pub public_url: Option<String>,
    /// How senders of webhooks reach this server, such as `https://hooks.example.com`; needed where they sign the URL.
    #[arg(long, value_name = "URL", env = "SINEW_HOOKS_URL", value_parser = http_url)]
    pub hooks_url: Option<String>,
    /// Files of `NAME=value` lines that add to the environment.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// A folder of secrets: `secret:crm/client` is the file `crm/client` in it, of mode 0600.
    #[arg(long, value_name = "DIR", env = "SINEW_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// The vault.
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Folders that `each` steps may read files from; the project's own if none is given.
    #[arg(long, value_name = "DIR")]
    pub files: Vec<PathBuf>,
    /// Runs under way at once; more wait in the store.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub in_flight: usize,
    /// Delete runs that ended before so long, with all that belongs to them; `off` keeps them.
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = retention)]
    pub retention: Retention,
    /// How long calls under way may take when the server is told to stop.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = span)]
    pub drain: Duration,
    /// Threads that work; as many as the machine has cores unless said.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,sinew_call=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SINEW_LOG")]
    pub log: String,
    /// What the log looks like.
    #[arg(long, value_enum, default_value = "plain")]
    pub log_format: LogFormat,
    /// Answer from simulated vendors in this process, with their well-known credentials.
    #[arg(long)]
    pub sandbox: bool,
    /// Where the simulated vendors listen; the project finds them by `SANDBOX_URL`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7480", requires = "sandbox")]
    pub sandbox_listen: SocketAddr,
}

/// The same, taking over each saved change.
#[derive(Args, Debug)]
pub struct Dev {
    /// As for `serve`.
    #[command(flatten)]
    pub serve: Serve,
}

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text each.
    Plain,
    /// One JSON object each.
    Json,
}

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// So long.
    For(Duration),
    /// For ever.
    Off,
}

fn retention(text: &str) -> Result<Retention, String> {
    match text {
        "off" => Ok(Retention::Off),
        _ => span(text).map(Retention::For),
    }
}

/// A duration, such as `20s`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|e| e.to_string())
}

/// The beginning of a URL, without a slash at its end.
fn http_url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', '@', ' ']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("write it like https://hooks.example.com".to_owned()),
    }
}
