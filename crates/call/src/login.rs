//! People log in: at a browser that comes back with a code, or on another device.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_connect::auth::oauth2::{Device, LoginAttempt, Provider, read_callback};
use sinew_diag::Code;
use sinew_diag::codes::call as codes;
use sinew_model::{Auth, Connection, ConnectionName, Failure, Grant, OAuth2, Reason, SecretRef};
use sinew_vault::VaultError;
use sinew_vault::session::{SessionKeeper, SessionRecord, SessionState};
use tokio::time::Instant;

use crate::Caller;
use crate::authenticate::{authenticate, no_secret};
use crate::caller::Core;
use crate::kept::{self, issued, profile};
use crate::pipeline::note_vitals;
use crate::provider::{self, AskError};
use crate::state::ConnectionState;

/// Log-ins that may be under way at once; the oldest gives way.
const UNDER_WAY_MAX: usize = 100;
/// How long somebody may take to log in.
const LIVES: Duration = Duration::from_mins(10);
/// What `slow_down` adds between two questions (RFC 8628, section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// What somebody has to do to log in.
#[derive(Clone, Debug)]
pub struct LoginBegun {
    /// Where to go with a browser.
    pub url: String,
    /// What to type there, if that is not in the URL.
    pub user_code: Option<String>,
    /// How much time there is.
    pub lives: Duration,
}

/// Why nobody is logged in.
#[derive(Clone, Debug)]
pub enum LoginError {
    /// Nobody logs in for this connection.
    NotForPeople(ConnectionName),
    /// This installation keeps no sessions.
    NoVault,
    /// The browser came back for a log-in that was not begun here, is over, or took too long.
    NotBegun,
    /// The provider, or the person, said no.
    Refused(String),
    /// The provider cannot be asked, or grants nothing.
    Failed(Failure),
    /// The vault does not keep it.
    Vault(VaultError),
}

impl LoginError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Vault(error) => error.code(),
            Self::NotForPeople(_) => codes::NO_LOGIN,
            Self::Failed(failure) if *failure.code == *codes::SECRET_UNAVAILABLE.as_str() => {
                codes::SECRET_UNAVAILABLE
            }
            _ => codes::LOGIN_FAILED,
        }
    }
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForPeople(name) => write!(
                f,
                "nobody logs in for `{name}`: its `auth` is not `oauth2` with `grant: authorization_code` or `device_code`"
            ),
            Self::NoVault => f.write_str("this server has no vault to keep a session in"),
            Self::NotBegun => f.write_str(
                "this log-in was not begun here, is over already, or took longer than 10 minutes; begin again",
            ),
            Self::Refused(said) => f.write_str(said),
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::Vault(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoginError {}

/// Log-ins at browsers that are under way.
#[derive(Default)]
pub(crate) struct Logins(Mutex<Vec<UnderWay>>);

struct UnderWay {
    attempt: LoginAttempt,
    redirect: String,
    state: Arc<ConnectionState>,
    until: Instant,
}

impl Logins {
    fn put(&self, under_way: UnderWay) {
        let now = Instant::now();
        let mut all = self.0.lock();
        all.retain(|one| one.until > now);
        if all.len() >= UNDER_WAY_MAX {
            all.remove(0);
        }
        all.push(under_way);
    }

    /// Takes out the one that a browser comes back for: it can be come back for once.
    fn take(&self, is_it: impl Fn(&UnderWay) -> bool) -> Option<UnderWay> {
        let now = Instant::now();
        let mut all = self.0.lock();
        let at = all.iter().position(|one| one.until > now && is_it(one))?;
        Some(all.remove(at))
    }
}

impl Caller {
    /// Begins a log-in for a connection. `callback` is where this server takes browsers that come back.
    pub async fn log_in(
        &self,
        connection: &Arc<Connection>,
        callback: &str,
    ) -> Result<LoginBegun, LoginError> {
        let not_for_people = || LoginError::NotForPeople(connection.name.clone());
        let Auth::OAuth2(oauth) = &connection.auth else { return Err(not_for_people()) };
        let core = self.core();
        keeper(core)?;
        // Nobody logs in only to be told afterwards that the code cannot be redeemed.
        if let Some(secret) = oauth.client.proof.secret().filter(|_| oauth.grant.needs_person()) {
            let known = core.options.secrets.resolve(secret);
            known.map_err(|e| LoginError::Failed(no_secret(connection, &e.into())))?;
        }
        let state = core.states.of(connection);
        match &oauth.grant {
            Grant::AuthorizationCode(grant) => {
                let redirect = grant.redirect.as_deref().unwrap_or(callback).to_owned();
                let attempt = LoginAttempt::fresh().map_err(|e| unformed(connection, &e))?;
                let endpoints = provider::endpoints(&state, oauth).await.map_err(LoginError::Failed)?;
                let lookup = |name: &SecretRef| core.options.secrets.resolve(name);
                let provider =
                    Provider { oauth, endpoints: &endpoints, resolve: &lookup, moment: core.moment() };
                let url = provider.authorization_url(&attempt, &redirect);
                let url = url.map_err(|e| unformed(connection, &e))?;
                core.logins.put(UnderWay { attempt, redirect, state, until: Instant::now() + LIVES });
                Ok(LoginBegun { url, user_code: None, lives: LIVES })
            }
            Grant::DeviceCode => device(core, &state, oauth).await,
            _ => Err(not_for_people()),
        }
    }

    /// A browser came back with this query. Redeems the code and keeps the session; names the connection.
    pub async fn came_back(&self, query: &str) -> Result<ConnectionName, LoginError> {
        let core = self.core();
        let callback = read_callback(query);
        let under_way = core.logins.take(|one| {
            let issuer = match &one.state.connection.auth {
                Auth::OAuth2(oauth) => oauth.endpoints.issuer.as_deref(),
                _ => None,
            };
            callback.belongs_to(&one.attempt, issuer)
        });
        let UnderWay { attempt, redirect, state, .. } = under_way.ok_or(LoginError::NotBegun)?;
        let code = callback.code.map_err(|e| LoginError::Refused(e.to_string()))?;
        let Auth::OAuth2(oauth) = &state.connection.auth else { return Err(LoginError::NotBegun) };
        let lookup = |name: &SecretRef| core.options.secrets.resolve(name);
        let form = |at: &Provider<'_>| at.code_request(&attempt, &redirect, &code);
        let granted = provider::ask(core, &state, oauth, &lookup, form).await;
        let granted = granted.map_err(|e| LoginError::Failed(e.failure()))?;
        keep(core, &state, oauth, issued(granted)).await?;
        Ok(state.connection.name.clone())
    }

    /// Forgets a session. False if there was none.
    pub async fn log_out(&self, connection: &ConnectionName) -> Result<bool, LoginError> {
        keeper(self.core())?.disconnect(connection.as_str()).await.map_err(LoginError::Vault)
    }

    /// Renews the token of a connection's session if it is time, as a call would. What nobody calls stays alive, and what
    /// is lost is told before somebody needs it.
    pub async fn keep_alive(&self, connection: &Arc<Connection>) {
        let core = self.core();
        let Auth::OAuth2(oauth) = &connection.auth else { return };
        let Some(keeper) = kept::keeper(core, oauth) else { return };
        let known = keeper.session(connection.name.as_str()).await;
        let alive = |record: &SessionRecord| record.state == SessionState::Connected && record.renewable;
        if !known.is_ok_and(|record| record.as_ref().is_some_and(alive)) {
            return;
        }
        let state = core.states.of(connection);
        if let Err(failure) = authenticate(core, &state).await {
            note_vitals(core, &state, core.now(), Some(&failure));
        }
    }

    /// The session of a connection, without its tokens.
    pub async fn session(&self, connection: &ConnectionName) -> Result<Option<SessionRecord>, VaultError> {
        match &self.core().sessions {
            Some(keeper) => keeper.session(connection.as_str()).await,
            None => Ok(None),
        }
    }
}

fn keeper(core: &Core) -> Result<&SessionKeeper, LoginError> {
    core.sessions.as_ref().ok_or(LoginError::NoVault)
}

fn unformed(connection: &Connection, error: &dyn std::error::Error) -> LoginError {
    let message = format!("the log-in for `{}` cannot be begun: {error}", connection.name);
    LoginError::Failed(Failure::new(Reason::Credential, codes::LOGIN_FAILED, message))
}

async fn keep(
    core: &Core,
    state: &ConnectionState,
    oauth: &OAuth2,
    mut issued: sinew_vault::session::Issued,
) -> Result<(), LoginError> {
    // A provider that does not say what it granted has granted what was asked (RFC 6749, section 5.1).
    if issued.granted.is_none() && !oauth.scopes.is_empty() {
        issued.granted = Some(oauth.scopes.iter().map(ToString::to_string).collect());
    }
    let profile = profile(core, &state.connection, oauth).map_err(LoginError::Failed)?;
    keeper(core)?.connect(&profile, &issued).await.map_err(LoginError::Vault)?;
    state.login.forget();
    tracing::info!(connection = %state.connection.name, "connected");
    Ok(())
}

/// Begins on another device, and asks in the background whether the person has decided.
async fn device(core: &Core, state: &Arc<ConnectionState>, oauth: &OAuth2) -> Result<LoginBegun, LoginError> {
    let device = provider::begin_device(core, state, oauth).await.map_err(LoginError::Failed)?;
    let begun = LoginBegun {
        url: device.verification_url_complete.clone().unwrap_or_else(|| device.verification_url.clone()),
        user_code: Some(device.user_code.clone()),
        lives: device.lives,
    };
    if let Some(core) = core.shared() {
        tokio::spawn(wait_for_person(core, Arc::clone(state), device));
    }
    Ok(begun)
}

async fn wait_for_person(core: Arc<Core>, state: Arc<ConnectionState>, device: Device) {
    let Auth::OAuth2(oauth) = &state.connection.auth else { return };
    let until = Instant::now() + device.lives;
    let mut interval = device.interval;
    while Instant::now() < until {
        tokio::time::sleep(interval).await;
        let lookup = |name: &SecretRef| core.options.secrets.resolve(name);
        let asked = provider::ask(&core, &state, oauth, &lookup, |at| at.device_token_request(&device)).await;
        let failure = match asked {
            Ok(granted) => {
                if let Err(error) = keep(&core, &state, oauth, issued(granted)).await {
                    tracing::warn!(connection = %state.connection.name, %error, "the session could not be kept");
                }
                return;
            }
            Err(AskError::Refused(failure)) if failure.message.contains("authorization_pending") => continue,
            Err(AskError::Refused(failure)) if failure.message.contains("slow_down") => {
                interval += SLOWER;
                continue;
            }
            Err(AskError::NotDone(_) | AskError::AnswerLost(_)) => continue,
            Err(AskError::Refused(failure)) => failure,
        };
        tracing::warn!(connection = %state.connection.name, message = %failure.message, "nobody was logged in");
        return;
    }
}
