//! The first stage: may this be called, and with which credential.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_connect::auth::{AuthError, Credential, oauth2};
use sinew_connect::{DialError, Limits, SendError};
use sinew_diag::codes::call as codes;
use sinew_model::{Access, Auth, Connection, Effect, Failure, OAuth2, Reason, SecretRef};
use sinew_vault::{Lent, Secret, SecretError, Token, TokenCache};
use tokio::time::Instant;

use crate::caller::Core;
use crate::mask::Masker;
use crate::plan::Plan;
use crate::record::{CallRecord, CredentialId, TokenRecord};
use crate::state::ConnectionState;
use crate::told;

/// How long a secret that was read is used before it is read again, so that a replaced one is taken up.
const SECRET_FRESH: Duration = Duration::from_secs(10);
/// The largest answer of a token endpoint that is read.
const TOKEN_ANSWER_MAX: u64 = 64 * 1024;
/// How much of a token endpoint's error is repeated.
const TOKEN_ERROR_SHOWN: usize = 200;

/// What is held of a connection's credential.
#[derive(Default)]
pub(crate) struct Login {
    fixed: Mutex<Option<(Instant, Arc<Credential>)>>,
    tokens: TokenCache<Failure>,
    bearer: Mutex<Option<(Lent, Arc<Credential>)>>,
    /// Forms of the client's secret, for masking.
    client: Mutex<Vec<Secret>>,
}

/// A credential for one attempt.
pub(crate) struct LoggedIn {
    pub(crate) credential: Arc<Credential>,
    /// The token it was made of, if it was.
    lent: Option<Lent>,
}

impl Login {
    /// Adds every secret of this connection to what is masked.
    pub(crate) fn teach(&self, masker: &mut Masker) {
        masker.add(&self.client.lock());
        if let Some((_, credential)) = &*self.fixed.lock() {
            masker.add(&credential.masks);
        }
        if let Some((_, credential)) = &*self.bearer.lock() {
            masker.add(&credential.masks);
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
    if connection.access == Access::Read && plan.operation.effect != Effect::Read {
        let message = format!("`{}` changes something, and the connection has `access: read`", plan.shown);
        return Err(Failure::new(Reason::Refused, codes::READ_ONLY, message)
            .help("use `access: write` if the account is meant for it"));
    }
    Ok(())
}

/// The credential to send: a fixed one, or the token of the moment.
pub(crate) async fn authenticate(core: &Core, state: &ConnectionState) -> Result<LoggedIn, Failure> {
    let login = &state.login;
    let Auth::OAuth2(oauth) = &state.connection.auth else {
        return Ok(LoggedIn { credential: fixed(core, state)?, lent: None });
    };
    let lent = login.tokens.get(|| ask_for_token(core, state, oauth)).await?;
    let made = login.bearer.lock().as_ref().filter(|(of, _)| of.is(&lent)).map(|(_, made)| Arc::clone(made));
    let credential = if let Some(made) = made {
        made
    } else {
        let made = Credential::of_token(&lent.secret).map_err(|e| no_secret(&state.connection, &e))?;
        let made = Arc::new(made);
        *login.bearer.lock() = Some((lent.clone(), Arc::clone(&made)));
        made
    };
    Ok(LoggedIn { credential, lent: Some(lent) })
}

/// The system refused the credential: it is not used again. True if another can be had at once.
pub(crate) fn refused(state: &ConnectionState, logged_in: &LoggedIn) -> bool {
    if let Some(lent) = &logged_in.lent {
        state.login.tokens.refused(lent);
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

fn no_secret(connection: &Connection, error: &AuthError) -> Failure {
    let message = format!("`{}` has no usable credential: {error}", connection.name);
    Failure::new(Reason::Credential, codes::SECRET_UNAVAILABLE, message)
}

/// Asks the token endpoint once, and takes note of it.
async fn ask_for_token(core: &Core, state: &ConnectionState, oauth: &OAuth2) -> Result<Token, Failure> {
    let (at, begun) = (core.now(), Instant::now());
    let outcome = token(core, state, oauth).await;
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
    let connection = &state.connection;
    let oauth2::TokenRequest { request, masks } =
        oauth2::token_request(oauth, &|name| resolve(core, name)).map_err(|e| no_secret(connection, &e))?;
    *state.login.client.lock() = masks;
    let deadlines = &connection.deadlines;
    let limits =
        Limits { until: Instant::now() + deadlines.total, connect: deadlines.connect, read: deadlines.read };
    let answer = state.client.send(request, &limits).await.map_err(|error| match error {
        SendError::Dial(error @ DialError::Refused { .. }) => Failure::new(
            Reason::Refused,
            codes::EGRESS_REFUSED,
            format!("the token endpoint of `{}`: {error}", connection.name),
        ),
        error => unavailable(connection, &error.to_string()),
    })?;
    let (status, retry_after) = (answer.status, told::retry_after(&answer.headers, core.now()));
    let body = answer.read(TOKEN_ANSWER_MAX, &limits).await;
    if status.is_success() {
        let body = body.map_err(|e| unavailable(connection, &e.to_string()))?;
        return oauth2::read_token(&body).map_err(|e| unavailable(connection, &e.to_string()));
    }
    let mut masker = Masker::default();
    state.login.teach(&mut masker);
    let said = body.map(|body| masker.body(&body, TOKEN_ERROR_SHOWN)).unwrap_or_default();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (reason, code) = match status.as_u16() {
        429 => (Reason::RateLimited, codes::RATE_LIMITED),
        408 | 425 | 500..=599 => (Reason::Unavailable, codes::TOKEN_UNAVAILABLE),
        _ => (Reason::Credential, codes::TOKEN_REFUSED),
    };
    let message = format!("the token endpoint of `{}` answered {status}: {said}", connection.name);
    Err(Failure { retry_after, ..Failure::new(reason, code, message).status(status.as_u16()) })
}

fn unavailable(connection: &Connection, cause: &str) -> Failure {
    let message = format!("the token endpoint of `{}` gave no token: {cause}", connection.name);
    Failure::new(Reason::Unavailable, codes::TOKEN_UNAVAILABLE, message)
}
