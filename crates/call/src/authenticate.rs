//! The first stage: may this be called, and with which credential.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_connect::auth::oauth2::{Provider, TokenRequest};
use sinew_connect::auth::{self, AuthError, Credential};
use sinew_diag::codes::call as codes;
use sinew_model::{Access, Auth, Connection, Effect, Failure, Grant, OAuth2, Reason, SecretRef};
use sinew_vault::{Lent, Secret, SecretError, Token, TokenCache};
use tokio::time::Instant;

use crate::caller::Core;
use crate::kept::{self, Used};
use crate::mask::Masker;
use crate::plan::Plan;
use crate::provider::{self, AskError, Discovered};
use crate::record::{CallRecord, CredentialId, TokenRecord};
use crate::session;
use crate::state::ConnectionState;

/// How long a secret that was read is used before it is read again, so that a replaced one is taken up.
const SECRET_FRESH: Duration = Duration::from_secs(10);
/// What is held of a connection's credential.
#[derive(Default)]
pub(crate) struct Login {
    /// What was used of a session that the vault keeps.
    pub(crate) used: Used,
    fixed: Mutex<Option<(Instant, Arc<Credential>)>>,
    tokens: TokenCache<Failure>,
    bearer: Mutex<Option<(Lent, Arc<Credential>)>>,
    /// Forms of what was last sent to the provider, for masking.
    pub(crate) client: Mutex<Vec<Secret>>,
    /// What the issuer publishes.
    pub(crate) discovered: Mutex<Discovered>,
    /// The refresh token that took the place of the configured one, which is kept with it.
    rotated: Mutex<Option<(Secret, Secret)>>,
}

/// A credential for one attempt.
pub(crate) struct LoggedIn {
    pub(crate) credential: Arc<Credential>,
    /// The token it was made of, if it was.
    lent: Option<Lent>,
}

impl Login {
    /// Drops tokens: there is a newer session.
    pub(crate) fn forget(&self) {
        self.tokens.clear();
        self.used.forget();
    }

    /// Adds every secret of this connection to what is masked.
    pub(crate) fn teach(&self, masker: &mut Masker) {
        masker.add(&self.client.lock());
        if let Some((_, credential)) = &*self.fixed.lock() {
            masker.add(&credential.masks);
        }
        if let Some((_, credential)) = &*self.bearer.lock() {
            masker.add(&credential.masks);
        }
        if let Some((_, now)) = &*self.rotated.lock() {
            masker.add(&auth::masks(now));
        }
    }

    /// The refresh token to use: the configured one, or what took its place.
    fn refresh_token(&self, configured: &Secret) -> Secret {
        let rotated = self.rotated.lock();
        let fits = rotated.as_ref().filter(|(from, _)| from.expose() == configured.expose());
        fits.map_or(configured, |(_, now)| now).clone()
    }

    /// Takes note that the provider gives a new refresh token at each use: this process goes on with it, but the next
    /// one cannot.
    fn keep_rotated(&self, connection: &Connection, configured: Secret, next: Secret) {
        if self.rotated.lock().replace((configured, next)).is_none() {
            let name = &connection.name;
            tracing::warn!(
                connection = %name,
                "the provider replaces the refresh token at each use, and the one in the secret store is spent now: use \
                 `grant: authorization_code` and `sinew connect {name}`, which keep the new ones"
            );
        }
    }
}

/// The name of the credential that a connection uses.
pub(crate) fn credential_id(connection: &Connection) -> CredentialId {
    let known_by = connection.auth.secrets().first().copied().cloned();
    known_by.map_or(CredentialId::Anonymous, CredentialId::Secret)
}

/// Whether the connection may be used for this operation.
pub(crate) fn authorise(connection: &Connection, plan: &Plan) -> Result<(), Failure> {
    if connection.access == Access::Read && plan.operation().effect != Effect::Read {
        let message = format!("`{}` changes something, and the connection has `access: read`", plan.shown());
        return Err(Failure::new(Reason::Refused, codes::READ_ONLY, message)
            .help("use `access: write` if the account is meant for it"));
    }
    Ok(())
}

/// The credential to send: a fixed one, or the token of the moment.
pub(crate) async fn authenticate(core: &Core, state: &ConnectionState) -> Result<LoggedIn, Failure> {
    let login = &state.login;
    let auth = &state.connection.auth;
    if !matches!(auth, Auth::OAuth2(_) | Auth::Session(_)) {
        return Ok(LoggedIn { credential: fixed(core, state)?, lent: None });
    }
    let lent = match auth {
        Auth::OAuth2(oauth) if kept::keeper(core, oauth).is_some() => {
            let shared = core.states.of(&state.connection);
            login.tokens.get(|| kept::token(core, shared, oauth)).await?
        }
        _ => login.tokens.get(|| ask_for_token(core, state)).await?,
    };
    let made = login.bearer.lock().as_ref().filter(|(of, _)| of.is(&lent)).map(|(_, made)| Arc::clone(made));
    let credential = if let Some(made) = made {
        made
    } else {
        let made = Credential::of_token(auth, &lent.secret).map_err(|e| no_secret(&state.connection, &e))?;
        let made = Arc::new(made);
        *login.bearer.lock() = Some((lent.clone(), Arc::clone(&made)));
        made
    };
    Ok(LoggedIn { credential, lent: Some(lent) })
}

/// Whether its tokens are of a session that somebody began, and that can end.
pub(crate) fn is_kept(core: &Core, state: &ConnectionState) -> bool {
    matches!(&state.connection.auth, Auth::OAuth2(oauth) if kept::keeper(core, oauth).is_some())
}

/// The system refused the credential: it is not used again. True if another can be had at once.
pub(crate) fn refused(state: &ConnectionState, logged_in: &LoggedIn) -> bool {
    if let Some(lent) = &logged_in.lent {
        if state.login.tokens.refused(lent) {
            state.login.used.refused();
        }
    } else {
        *state.login.fixed.lock() = None;
    }
    logged_in.lent.is_some()
}

fn fixed(core: &Core, state: &ConnectionState) -> Result<Arc<Credential>, Failure> {
    let auth = &state.connection.auth;
    if *auth == Auth::None {
        return Ok(Arc::clone(&core.anonymous));
    }
    let now = Instant::now();
    let mut fixed = state.login.fixed.lock();
    if let Some((until, credential)) = &*fixed
        && *until > now
    {
        return Ok(Arc::clone(credential));
    }
    let credential = Credential::of(auth, &|name| resolve(core, name));
    let credential = credential.map_err(|e| no_secret(&state.connection, &e))?;
    let credential = Arc::new(credential.unwrap_or_default());
    *fixed = Some((now + SECRET_FRESH, Arc::clone(&credential)));
    Ok(credential)
}

fn resolve(core: &Core, name: &SecretRef) -> Result<Secret, SecretError> {
    core.options.secrets.resolve(name)
}

pub(crate) fn no_secret(connection: &Connection, error: &AuthError) -> Failure {
    let message = format!("`{}` has no usable credential: {error}", connection.name);
    Failure::new(Reason::Credential, codes::SECRET_UNAVAILABLE, message)
}

/// Asks the token endpoint once, and takes note of it.
async fn ask_for_token(core: &Core, state: &ConnectionState) -> Result<Token, Failure> {
    let (at, begun) = (core.now(), Instant::now());
    let outcome = match &state.connection.auth {
        Auth::OAuth2(oauth) => token(core, state, oauth).await,
        Auth::Session(login) => session::begin(core, state, login, &|name| resolve(core, name)).await,
        _ => Err(no_secret(&state.connection, &AuthError::NeedsPerson)),
    };
    core.options.recorder.record(CallRecord::TokenAsked(TokenRecord {
        at,
        took: begun.elapsed(),
        connection: state.connection.name.clone(),
        credential: credential_id(&state.connection),
        failure: outcome.as_ref().err().cloned(),
    }));
    outcome
}

async fn token(core: &Core, state: &ConnectionState, oauth: &OAuth2) -> Result<Token, Failure> {
    if oauth.grant.needs_person() {
        let name = &state.connection.name;
        let message = format!("`{name}` is not connected: nobody has logged in for it yet");
        return Err(Failure::new(Reason::Credential, codes::NOT_LOGGED_IN, message)
            .help(format!("log in with `sinew connect {name}`")));
    }
    let lookup = |name: &SecretRef| resolve(core, name);
    let Grant::RefreshToken { token } = &oauth.grant else {
        let granted = provider::ask(core, state, oauth, &lookup, for_itself).await;
        return granted.map(|granted| granted.access).map_err(AskError::failure);
    };
    let given = lookup(token).map_err(|e| no_secret(&state.connection, &e.into()))?;
    let present = state.login.refresh_token(&given);
    let asked = provider::ask(core, state, oauth, &lookup, |at| at.refresh_request(&present)).await;
    let granted = asked.map_err(AskError::failure)?;
    if let Some(next) = granted.refresh
        && next.expose() != present.expose()
    {
        state.login.keep_rotated(&state.connection, given, next);
    }
    Ok(granted.access)
}

/// The request of a grant that needs nobody to log in.
fn for_itself(provider: &Provider<'_>) -> Result<TokenRequest, AuthError> {
    provider.token_request()
}
