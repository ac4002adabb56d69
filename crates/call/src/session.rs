//! Logging in to a session: once, however many calls wait for it.

use sinew_connect::auth::oauth2::TokenRequest;
use sinew_connect::auth::{Resolve, read_session, session_request};
use sinew_connect::{DialError, SendError};
use sinew_diag::codes::call as codes;
use sinew_model::{Failure, Reason, SessionLogin};
use sinew_vault::Token;

use crate::authenticate::no_secret;
use crate::caller::Core;
use crate::mask::Masker;
use crate::provider::send_once;
use crate::state::ConnectionState;
use crate::{send, told};

/// The largest answer to a log-in that is read.
const ANSWER_MAX: u64 = 1024 * 1024;
/// How much of a refusal is repeated.
const WORDS_SHOWN: usize = 200;

/// Logs in, and gives what is kept of the answer.
pub(crate) async fn begin(
    core: &Core,
    state: &ConnectionState,
    login: &SessionLogin,
    resolve: Resolve<'_>,
) -> Result<Token, Failure> {
    let connection = &state.connection;
    let TokenRequest { request, masks } =
        session_request(login, resolve).map_err(|e| no_secret(connection, &e))?;
    *state.login.client.lock() = masks;
    let shown = |what: String| format!("the log-in of `{}` {what}", connection.name);
    let (answer, limits) = send_once(state, request).await.map_err(|error| {
        let reason = match &error {
            SendError::Dial(DialError::Refused { .. }) => Reason::Refused,
            _ => Reason::Unavailable,
        };
        Failure::new(reason, send::code_of(&error), shown(format!("failed: {error}")))
    })?;
    let (status, headers) = (answer.status, answer.headers.clone());
    let retry_after = told::retry_after(&headers, core.now());
    let body = answer.read(ANSWER_MAX, &limits).await.map_err(|error| {
        let message = shown(format!("answered {status}, but {error}"));
        Failure::new(Reason::Unavailable, codes::ANSWER_UNUSABLE, message)
    })?;
    let mut masker = Masker::default();
    state.login.teach(&mut masker);
    // A log-in by a form answers with a redirect as often as not.
    if !status.is_success() && !status.is_redirection() {
        let said = masker.body(&body, WORDS_SHOWN);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let (reason, code) = match status.as_u16() {
            429 => (Reason::RateLimited, codes::RATE_LIMITED),
            408 | 425 | 500..=599 => (Reason::Unavailable, codes::UNAVAILABLE),
            _ => (Reason::Credential, codes::SESSION_REFUSED),
        };
        let failure = Failure::new(reason, code, shown(format!("answered {status}: {said}")));
        return Err(Failure { retry_after, ..failure.status(status.as_u16()) });
    }
    read_session(login, &headers, &body).map_err(|error| {
        Failure::new(Reason::Credential, codes::SESSION_REFUSED, shown(format!("answered {status}: {error}")))
            .status(status.as_u16())
            .help("look at what `path` answers, and name in `keep` what of it is the session")
    })
}
