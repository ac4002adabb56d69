use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use sinew_control_api::{Connection, LoggedOut, Login, SessionState, path};
use sinew_diag::codes::call as codes;

use crate::cli;
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// How often it is looked whether somebody has logged in.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Has somebody log in for a connection, and waits for that.
pub async fn run(client: &Client, connect: &cli::Connect, output: &Output) -> Result<Exit, CliError> {
    let name = &connect.connection;
    let before = generation(&show(client, name).await?);
    let login: Login = client.post(&path::connection_login(name), &json!({})).await?;
    match &login.user_code {
        Some(code) => output.tell(&format!("go to {} and type {code}", login.url)),
        None => output.tell(&format!("log in at {}", login.url)),
    }
    if !connect.no_browser {
        open(&login.url);
    }
    let until = Instant::now() + Duration::from_millis(login.expires_in_ms);
    while Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = show(client, name).await?;
        let connected = now.session.as_ref().is_some_and(|s| s.state == SessionState::Connected);
        if connected && generation(&now) > before {
            output.answer(&now, || said(&now));
            return Ok(Exit::Ok);
        }
    }
    Err(CliError::new(
        Exit::Failed,
        codes::LOGIN_FAILED,
        format!("nobody has logged in for `{name}` in time"),
    ))
}

/// Forgets the session of a connection.
pub async fn disconnect(client: &Client, name: &str, output: &Output) -> Result<Exit, CliError> {
    let done: LoggedOut = client.post(&path::connection_logout(name), &json!({})).await?;
    output.answer(&done, || {
        if done.was_connected {
            format!(
                "the session of `{name}` is forgotten; at the provider it ends when it is taken back there"
            )
        } else {
            format!("`{name}` had no session")
        }
    });
    Ok(Exit::Ok)
}

async fn show(client: &Client, name: &str) -> Result<Connection, CliError> {
    client.get(&path::connection(name), &json!({})).await
}

fn generation(of: &Connection) -> u64 {
    of.session.as_ref().map_or(0, |session| session.generation)
}

fn said(of: &Connection) -> String {
    let session = of.session.as_ref();
    let until = session.and_then(|s| s.expires_at.clone()).unwrap_or_default();
    let granted =
        session.and_then(|s| s.granted.as_ref()).map(|scopes| format!("; granted: {}", scopes.join(" ")));
    format!("`{}` is connected; its token is renewed before {until}{}", of.name, granted.unwrap_or_default())
}

/// Opens a browser, if there is one.
fn open(url: &str) {
    for program in ["xdg-open", "open", "wslview"] {
        let mut command = Command::new(program);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_ok() {
            return;
        }
    }
}
