use std::sync::Arc;

use serde_json::json;
use sinew_call::{
    Attempted, CallRequest, Caller, CallerOptions, NothingRecorded, Preview, SystemClock, Trust, preview,
};
use sinew_diag::codes::{call, config};
use sinew_model::{
    Access, Connection, ConnectionName, Effect, Failure, Operation, Principal, PrincipalKind, Priority,
    Snapshot, Trace, did_you_mean,
};
use sinew_vault::session::SessionKeeper;
use sinew_vault::{SecretSource, VaultSecrets};

use crate::cli::{ConnectorTry, Shared};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint};
use crate::serve::chance;
use crate::vault::Place;
use crate::verbs::{input, waiting};

/// Calls an operation once, through the same stages as every call of a flow.
pub fn run(attempt: &ConnectorTry, shared: &Shared, output: &Output) -> Result<Exit, CliError> {
    let environment = Environment::of_process(&attempt.project.env_file)?;
    let environment = if attempt.sandbox { environment.in_sandbox() } else { environment };
    let (snapshot, environment) = super::load_with(&attempt.project, environment, output)?;
    let (connection, operation) = called(&snapshot, &attempt.call)?;
    let payload = input::payload("--input", attempt.input.as_deref())?;
    if attempt.dry_run {
        let planned = preview(&connection, &operation, &payload).map_err(failed)?;
        let refused = connection.access == Access::Read && operation.effect != Effect::Read;
        show(&planned, refused.then(|| refusal(&connection, &operation)).as_deref(), output);
        return Ok(Exit::Ok);
    }
    if operation.effect != Effect::Read {
        let what = if operation.effect == Effect::Write { "changes something" } else { "removes something" };
        let question = format!("`{}` {what} at {}. Call it?", attempt.call, connection.base_url);
        output.confirm(&question, attempt.yes)?;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let seed = chance();
    let (further, sessions) = waiting(kept(attempt, shared, &environment))??;
    let calling = CallerOptions {
        secrets: environment.secrets(attempt.secrets.as_deref(), further, attempt.sandbox),
        recorder: Arc::new(NothingRecorded),
        clock: Arc::new(SystemClock),
        seed,
        trust: Trust::default(),
    };
    let for_sandbox = !attempt.sandbox && is_for_sandbox(&connection);
    let request = CallRequest {
        connection,
        operation,
        asks: None,
        input: payload,
        principal: Principal::new(PrincipalKind::User, "cli"),
        trace: Trace {
            trace_id: u128::from(seed) << 64 | u128::from(chance()),
            span_id: seed,
            sampled: true,
        },
        idempotency_key: Some(format!("try-{seed:016x}").into()),
        priority: Priority::Interactive,
        deadline: None,
        purpose: "sinew connector try".into(),
    };
    let told = tell(waiting(Caller::with_sessions(calling, sessions).attempt(&request))?, output);
    told.map_err(|error| if for_sandbox { of_sandbox(error) } else { error })
}

/// Whether it is a connection with a system that the sandbox simulates.
fn is_for_sandbox(connection: &Connection) -> bool {
    connection.auth.secrets().into_iter().any(Environment::is_of_sandbox)
}

/// Only the server that runs the sandbox was told its secrets.
fn of_sandbox(error: CliError) -> CliError {
    if error.code != call::SECRET_UNAVAILABLE.as_str() {
        return error;
    }
    error.help("with `--sandbox` the secrets of the vendors that `sinew dev --sandbox` runs are known")
}

/// The connection and the operation that a call names.
fn called(snapshot: &Snapshot, call: &str) -> Result<(Arc<Connection>, Arc<Operation>), CliError> {
    let Some((connection, operation)) = call.split_once('.') else {
        let help = "a call is written `connection.operation`, like `crm.getContact`";
        return Err(CliError::usage(format!("`{call}` is no call")).help(help));
    };
    let Some(connection) = snapshot.connections.get(connection) else {
        let names = snapshot.connections.keys().map(ConnectionName::as_str);
        let help = did_you_mean(connection, names);
        let message = format!("there is no connection `{connection}`");
        return Err(CliError::new(Exit::Usage, config::UNKNOWN_CONNECTION, message)
            .help(help.unwrap_or_else(|| "the project has no connections".to_owned())));
    };
    let Some(operation) = connection.connector.operations.get(operation) else {
        let message = format!("`{}` has no operation `{operation}`", connection.connector.id);
        return Err(CliError::new(Exit::Usage, config::UNKNOWN_OPERATION, message)
            .help(super::instead(&connection.connector, operation)));
    };
    Ok((Arc::clone(connection), operation))
}

/// What was sent, and what came of it.
fn tell(attempted: Attempted, output: &Output) -> Result<Exit, CliError> {
    let line = attempted.attempt.request.as_ref().map(|seen| seen.line.to_string());
    let answered = attempted.attempt.response.as_ref().map(|seen| seen.line.to_string());
    let took_ms = attempted.attempt.took_ms;
    let value = match attempted.outcome {
        Ok(value) => value.to_value(),
        Err(failure) => {
            if let Some(line) = line {
                let answered = answered.unwrap_or_else(|| "no answer".to_owned());
                output.tell(&format!("{line} -> {answered} in {took_ms} ms"));
            }
            return Err(failed(failure));
        }
    };
    let whole = json!({ "request": line, "response": answered, "took_ms": took_ms, "value": value });
    output.answer(&whole, || {
        let (line, answered) = (line.unwrap_or_default(), answered.unwrap_or_default());
        let heading = format!("{line} -> {answered} in {took_ms} ms");
        let body = serde_json::to_string_pretty(&value).unwrap_or_default();
        format!("{}\n{body}", output.tint(&heading, Tint::Faint))
    });
    Ok(Exit::Ok)
}

/// The vault's secrets and sessions, if there is a vault, and those of a service that is described.
async fn kept(
    attempt: &ConnectorTry,
    shared: &Shared,
    environment: &Environment,
) -> Result<(Vec<Arc<dyn SecretSource>>, Option<SessionKeeper>), CliError> {
    let place = Place::of(&shared.data, &attempt.vault, environment)?;
    let service = place.service_secrets().map(|kv| Arc::new(kv) as Arc<dyn SecretSource>);
    if !place.is_there() {
        return Ok((service.into_iter().collect(), None));
    }
    let vault = place.open().await?.vault;
    let own: Arc<dyn SecretSource> = Arc::new(VaultSecrets::new(Arc::clone(&vault)));
    let me = format!("process {}", std::process::id());
    let sessions = SessionKeeper::new(vault, me, (chance() % 1000) as f64 / 1000.0);
    Ok((std::iter::once(own).chain(service).collect(), Some(sessions)))
}

fn failed(failure: Failure) -> CliError {
    let mut error = CliError::new(Exit::Failed, config::UNKNOWN_OPERATION, failure.message.to_string());
    error.code = failure.code.to_string();
    error.help = failure.help.map(|help| help.to_string());
    error
}

/// What a call would be refused with.
fn refusal(connection: &Connection, operation: &Operation) -> String {
    format!(
        "it would be refused: `{}` changes something, and the connection `{}` has `access: read`",
        operation.id, connection.name
    )
}

/// What would go out, unless it would be refused.
fn show(preview: &Preview, refused: Option<&str>, output: &Output) {
    let refusal = refused.map(|why| format!("\n\n{}", output.tint(why, Tint::Bad))).unwrap_or_default();
    let request = match preview {
        Preview::Http(request) => request,
        Preview::Ask(ask) => {
            let body = ask.body.as_deref().unwrap_or_default();
            output.answer(&json!({ "request": ask.line, "body": body, "refused": refused }), || {
                format!("{}\n\n{body}{refusal}", output.tint(&ask.line, Tint::Strong))
            });
            return;
        }
    };
    let line = format!("{} {}", request.method(), request.uri());
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = String::from_utf8_lossy(request.body());
    let whole = json!({ "request": line, "headers": headers, "body": body, "refused": refused });
    output.answer(&whole, || {
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\n{}\n\n{body}{refusal}", output.tint(&line, Tint::Strong), headers.join("\n"))
    });
}
