use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::LogFormat;
use crate::error::CliError;

/// Starts to log on standard error.
pub fn start(filter: &str, format: LogFormat) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(filter).map_err(|e| {
        CliError::usage(format!("`--log {filter}`: {e}"))
            .help("write a level, such as `info`, or `info,sinew_call=debug`")
    })?;
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colour);
    // A log that cannot be written, as on a full disk, is no reason to fail. Telling of it would go the same way, and panic.
    let log = log.log_internal_errors(false);
    let started = match format {
        LogFormat::Plain => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| CliError::usage(format!("the log cannot be started: {e}")))
}
