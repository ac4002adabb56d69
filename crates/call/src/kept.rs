//! Sessions that the vault keeps: logins of people, and refresh tokens that vendors replace.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use parking_lot::Mutex;
use sinew_connect::auth::oauth2::Granted;
use sinew_diag::codes::call as codes;
use sinew_model::{Auth, Connection, Failure, Grant, OAuth2, Reason, SecretRef};
use sinew_vault::session::{
    Issued, RefreshFailure, RefreshGrant, Refreshing, SessionError, SessionKeeper, SessionProfile, Want,
};
use sinew_vault::{Secret, Token};
use tokio::time::Instant;

use crate::authenticate::{credential_id, no_secret};
use crate::caller::Core;
use crate::provider::{self, AskError};
use crate::record::{CallRecord, TokenRecord};
use crate::state::ConnectionState;

/// What this process has used of a session.
#[derive(Default)]
pub(crate) struct Used(Mutex<Want>);

impl Used {
    /// The system refused the token that was used last.
    pub(crate) fn refused(&self) {
        self.0.lock().refused = true;
    }

    /// There is a newer session.
    pub(crate) fn forget(&self) {
        *self.0.lock() = Want::default();
    }
}

/// The keeper of this connection's session, if its tokens are kept in one.
pub(crate) fn keeper<'a>(core: &'a Core, oauth: &OAuth2) -> Option<&'a SessionKeeper> {
    let kept = oauth.grant.needs_person() || matches!(oauth.grant, Grant::RefreshToken { .. });
    core.sessions.as_ref().filter(|_| kept)
}

/// A token of the connection's session, renewed by whoever in the installation is first.
pub(crate) async fn token(
    core: &Core,
    state: Arc<ConnectionState>,
    oauth: &OAuth2,
) -> Result<Token, Failure> {
    let connection = &state.connection;
    let keeper = keeper(core, oauth).ok_or_else(|| not_connected(connection))?;
    let profile = profile(core, connection, oauth)?;
    begin(core, connection, oauth, keeper, &profile).await?;
    let core = core.shared().ok_or_else(|| not_connected(connection))?;
    let grant: Arc<dyn RefreshGrant> =
        Arc::new(Renewal { core: Arc::clone(&core), state: Arc::clone(&state) });
    let want = *state.login.used.0.lock();
    let obtained = keeper.obtain(&profile, want, &grant).await.map_err(|e| failed(connection, e))?;
    *state.login.used.0.lock() = Want { past: Some(obtained.generation), refused: false };
    Ok(Token { secret: obtained.access, lives: obtained.expires_at.since(core.now()) })
}

/// A configured refresh token begins a session, once: from then on the vault has what took its place.
async fn begin(
    core: &Core,
    connection: &Connection,
    oauth: &OAuth2,
    keeper: &SessionKeeper,
    profile: &SessionProfile,
) -> Result<(), Failure> {
    let Grant::RefreshToken { token } = &oauth.grant else { return Ok(()) };
    let token = core.options.secrets.resolve(token).map_err(|e| no_secret(connection, &e.into()))?;
    let none_yet =
        Issued { access: Secret::new(""), lives: Duration::ZERO, refresh: Some(token), granted: None };
    keeper.begin(profile, &none_yet).await.map_err(|e| failed(connection, e.into()))
}

/// What the keeper has to know of a connection.
pub(crate) fn profile(
    core: &Core,
    connection: &Connection,
    oauth: &OAuth2,
) -> Result<SessionProfile, Failure> {
    let place = oauth.endpoints.token.as_deref().or(oauth.endpoints.issuer.as_deref()).unwrap_or_default();
    let mut account = format!("{}@{place}", oauth.client.id.as_deref().unwrap_or("-"));
    if let Grant::RefreshToken { token } = &oauth.grant {
        // A session ends when somebody puts another token in the place of the one that it began with.
        let token = core.options.secrets.resolve(token).map_err(|e| no_secret(connection, &e.into()))?;
        let digest = digest::digest(&digest::SHA256, token.expose().as_bytes());
        let short = digest.as_ref().iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte));
        account = format!("{account}#{short:016x}");
    }
    Ok(SessionProfile {
        connection: connection.name.shared(),
        account: account.into(),
        rotates: oauth.rotates,
        ask_max: connection.deadlines.total,
    })
}

/// Why there is no token, for those who called.
pub(crate) fn failed(connection: &Connection, error: SessionError) -> Failure {
    let name = &connection.name;
    let help = format!("log in with `sinew connect {name}`");
    match error {
        SessionError::NotConnected => not_connected(connection),
        SessionError::NeedsReconnecting(why) => {
            let message = format!("`{name}` needs reconnecting: {why}");
            Failure::new(Reason::Disconnected, codes::NEEDS_RECONNECTING, message).help(help)
        }
        SessionError::NotRenewed(failure) => failure,
        SessionError::Vault(error) => {
            let message = format!("the session of `{name}` cannot be had from the vault: {error}");
            Failure::new(Reason::Unavailable, error.code(), message)
        }
    }
}

fn not_connected(connection: &Connection) -> Failure {
    let name = &connection.name;
    let message = format!("`{name}` is not connected: nobody has logged in for it yet");
    Failure::new(Reason::Disconnected, codes::NOT_LOGGED_IN, message)
        .help(format!("log in with `sinew connect {name}`"))
}

/// What a provider granted, for the vault.
pub(crate) fn issued(granted: Granted) -> Issued {
    Issued {
        access: granted.access.secret,
        lives: granted.access.lives,
        refresh: granted.refresh,
        granted: granted.scopes,
    }
}

/// How this connection's provider is asked to renew.
struct Renewal {
    core: Arc<Core>,
    state: Arc<ConnectionState>,
}

impl RefreshGrant for Renewal {
    fn refresh(&self, token: Secret) -> Refreshing {
        let (core, state) = (Arc::clone(&self.core), Arc::clone(&self.state));
        Box::pin(async move {
            let Auth::OAuth2(oauth) = &state.connection.auth else {
                return Err(RefreshFailure::NotDone(not_connected(&state.connection)));
            };
            let (at, begun) = (core.now(), Instant::now());
            let lookup = |name: &SecretRef| core.options.secrets.resolve(name);
            let asked = provider::ask(&core, &state, oauth, &lookup, |at| at.refresh_request(&token)).await;
            let failure = asked.as_ref().err().map(|error| error.clone().failure());
            core.options.recorder.record(CallRecord::TokenAsked(TokenRecord {
                at,
                took: begun.elapsed(),
                connection: state.connection.name.clone(),
                credential: credential_id(&state.connection),
                failure,
            }));
            asked.map(issued).map_err(|error| match error {
                // Only what is said of the token itself ends the session; a wrong client's secret can be mended.
                AskError::Refused(failure) if *failure.code == *codes::GRANT_REFUSED.as_str() => {
                    RefreshFailure::Refused(failure)
                }
                AskError::Refused(failure) | AskError::NotDone(failure) => RefreshFailure::NotDone(failure),
                AskError::AnswerLost(failure) => RefreshFailure::AnswerLost(failure),
            })
        })
    }
}
