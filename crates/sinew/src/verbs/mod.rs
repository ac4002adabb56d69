//! One file a verb.

mod alerts;
mod approvals;
mod approve;
mod backup;
mod cancel;
mod catalog;
mod completions;
mod connect;
mod connections;
mod connector;
mod dead;
mod dead_many;
mod dead_text;
mod emit;
mod explain;
mod flows;
mod import;
mod init;
mod input;
mod map;
mod reload;
mod restore;
mod routes;
mod run;
mod runs;
mod runs_text;
mod sandbox;
mod schema;
mod scopes;
mod secret;
mod subscribers;
mod subscribers_text;
mod validate;
mod values;
mod vault;
mod version;

use std::future::Future;
use std::time::Instant;

use sinew_diag::codes::control;

use crate::cli::{Cli, Verb};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::serve;

pub use reload::said as reload_said;
pub use sandbox::not_started as sandbox_not_started;

/// Does what the command line says.
pub fn run(cli: Cli, output: &Output, began: Instant) -> Result<Exit, CliError> {
    let Cli { shared, verb } = cli;
    let client = || Client::new(&shared);
    match verb {
        Verb::Init(init) => init::run(&init, output),
        Verb::Validate(validate) => validate::run(&validate, output),
        Verb::Import(import) => import::run(&import, output),
        Verb::Connector(verb) => connector::run(verb, &shared, output),
        Verb::Routes(asked) => routes::run(&asked, output),
        Verb::Serve(options) => serve::run(options, &shared, output, serve::Mode::Serve, began),
        Verb::Dev(dev) => serve::run(dev.serve, &shared, output, serve::Mode::Dev, began),
        Verb::Run(run) => waiting(run::run(&client()?, run, output))?,
        Verb::Runs(runs) => waiting(runs::run(&client()?, runs, output))?,
        Verb::Dead(dead) => waiting(dead::run(&client()?, dead, output))?,
        Verb::Approve(approve) => waiting(approve::run(&client()?, approve, output))?,
        Verb::Approvals => waiting(approvals::run(&client()?, output))?,
        Verb::Cancel { run } => waiting(cancel::run(&client()?, &run, output))?,
        Verb::Emit(emit) => waiting(emit::run(&client()?, emit, output))?,
        Verb::Alerts(alerts) => waiting(alerts::run(&client()?, &alerts, output))?,
        Verb::Flows => waiting(flows::run(&client()?, output))?,
        Verb::Connections => waiting(connections::run(&client()?, output))?,
        Verb::Subscribers(asked) => waiting(subscribers::run(&client()?, asked, output))?,
        Verb::Connect(connect) => waiting(connect::run(&client()?, &connect, output))?,
        Verb::Disconnect { connection } => waiting(connect::disconnect(&client()?, &connection, output))?,
        Verb::Connection(verb) => waiting(connections::one(&client()?, verb, output))?,
        Verb::Reload => waiting(reload::run(&client()?, output))?,
        Verb::Backup { file } => waiting(backup::run(&client()?, &file, output))?,
        Verb::Secret(secret) => waiting(secret::run(secret, &shared, output))?,
        Verb::Vault(vault) => waiting(vault::run(vault, &shared, output))?,
        Verb::Catalog(catalog) => catalog::run(&catalog, output),
        Verb::Schema { kind } => schema::run(kind.as_deref(), output),
        Verb::Map(map) => map::run(&map),
        Verb::Explain { code } => explain::run(code.as_deref(), output),
        Verb::Restore { file, yes } => restore::run(&file, &shared.data, yes, output),
        Verb::Sandbox(sandbox) => sandbox::run(sandbox, &shared.output, output),
        Verb::Version => Ok(version::run(output)),
        Verb::Completions { shell } => Ok(completions::run(shell)),
    }
}

/// Runs what asks a server, on this thread.
fn waiting<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CliError::new(Exit::Machine, control::INTERNAL, e.to_string()))?;
    Ok(runtime.block_on(work))
}
