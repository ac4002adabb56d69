//! Sessions of connections: how they are, logging in and out.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;
use sinew_call::LoginError;
use sinew_control_api as api;
use sinew_diag::codes::call;
use sinew_model::{Auth, Connection, ConnectionName, did_you_mean};

use crate::{Control, Fault, view};

/// One connection and how it is.
pub(crate) async fn connection_show(control: &Control, name: &str) -> Result<api::Connection, Fault> {
    let connection = find(control, name)?;
    connection_view(control, &connection).await
}

/// A connection with its health and session.
pub(crate) async fn connection_view(control: &Control, of: &Connection) -> Result<api::Connection, Fault> {
    let caller = control.engine().caller();
    let mut shown = view::connection(of, &caller.health(&of.name));
    if let Auth::OAuth2(oauth) = &of.auth {
        let session = caller.session(&of.name).await.map_err(|e| Fault::from(LoginError::Vault(e)))?;
        shown.session = match session {
            Some(record) => Some(view::session(&record)),
            None => oauth.grant.needs_person().then(view::no_session),
        };
    }
    Ok(shown)
}

/// Begins a log-in.
pub(crate) async fn login(control: &Control, name: &str) -> Result<api::Login, Fault> {
    let connection = find(control, name)?;
    let begun = control.engine().caller().log_in(&connection, &control.inner.callback).await?;
    Ok(api::Login {
        url: begun.url,
        user_code: begun.user_code,
        expires_in_ms: u64::try_from(begun.lives.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Forgets a session.
pub(crate) async fn logout(control: &Control, name: &str) -> Result<api::LoggedOut, Fault> {
    let connection = find(control, name)?;
    let was_connected = control.engine().caller().log_out(&connection.name).await?;
    Ok(api::LoggedOut { was_connected })
}

pub(crate) fn find(control: &Control, name: &str) -> Result<Arc<Connection>, Fault> {
    let snapshot = control.engine().snapshot();
    let found = snapshot.connections.get(name).cloned();
    found.ok_or_else(|| {
        let known = snapshot.connections.keys().map(ConnectionName::as_str);
        let help = did_you_mean(name, known).map(Cow::Owned);
        Fault { help, ..Fault::missing(format!("connection `{name}`")) }
    })
}

impl From<LoginError> for Fault {
    fn from(error: LoginError) -> Self {
        let status = match &error {
            LoginError::NotForPeople(_) | LoginError::NoVault | LoginError::NotBegun => StatusCode::CONFLICT,
            LoginError::Failed(_) if error.code() == call::SECRET_UNAVAILABLE => StatusCode::CONFLICT,
            LoginError::Refused(_) | LoginError::Failed(_) => StatusCode::BAD_GATEWAY,
            LoginError::Vault(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let help = match &error {
            LoginError::Failed(failure) => failure.help.as_deref().map(str::to_owned),
            _ => None,
        };
        let fault = Self::new(status, error.code(), error.to_string());
        match help {
            Some(help) => fault.help(help),
            None => fault,
        }
    }
}
