//! Speaking to an OAuth provider: what is asked, once, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use sinew_connect::auth::oauth2::{
    self, Device, DiscoveryError, Granted, METADATA_MAX, Provider, TokenError, TokenRequest,
    metadata_requests, read_device, read_metadata,
};
use sinew_connect::auth::{AuthError, Resolve};
use sinew_connect::{Answer, DialError, Limits, SendError};
use sinew_diag::codes::call as codes;
use sinew_model::{Connection, Endpoints, Failure, OAuth2, Reason, SecretRef};
use tokio::time::Instant;

use crate::authenticate::no_secret;
use crate::caller::Core;
use crate::mask::Masker;
use crate::state::ConnectionState;
use crate::{send, told};

/// The largest answer of a token endpoint that is read.
const TOKEN_ANSWER_MAX: u64 = 64 * 1024;
/// How much of a token endpoint's error is repeated.
const ERROR_SHOWN: usize = 200;
/// For how long an issuer's metadata is used.
const METADATA_FRESH: Duration = Duration::from_hours(1);

/// What an issuer publishes, and until when it is used.
pub(crate) type Discovered = Option<(Instant, Arc<Endpoints>)>;

/// Why a provider granted nothing.
#[derive(Clone, Debug)]
pub enum AskError {
    /// It said no, and will again.
    Refused(Failure),
    /// It was not reached, or says that it is busy: nothing was granted, and it can be asked again.
    NotDone(Failure),
    /// It was asked, and its answer did not arrive or is of no use: it may have granted something.
    AnswerLost(Failure),
}

impl AskError {
    /// What went wrong.
    pub fn failure(self) -> Failure {
        match self {
            Self::Refused(failure) | Self::NotDone(failure) | Self::AnswerLost(failure) => failure,
        }
    }
}

/// The endpoints that are configured, completed by those that their issuer publishes.
pub(crate) async fn endpoints(state: &ConnectionState, oauth: &OAuth2) -> Result<Arc<Endpoints>, Failure> {
    let Some(issuer) = &oauth.endpoints.issuer else { return Ok(Arc::new(oauth.endpoints.clone())) };
    let known = state.login.discovered.lock().clone();
    if let Some((until, endpoints)) = known
        && until > Instant::now()
    {
        return Ok(endpoints);
    }
    let connection = &state.connection;
    let requests = metadata_requests(issuer).map_err(|e| no_secret(connection, &e))?;
    let mut outcome = Err(undiscovered(connection, issuer, "it publishes none"));
    for request in requests {
        outcome = metadata(state, oauth, request).await;
        if outcome.as_ref().is_ok() {
            break;
        }
    }
    let endpoints = Arc::new(outcome?);
    *state.login.discovered.lock() = Some((Instant::now() + METADATA_FRESH, Arc::clone(&endpoints)));
    Ok(endpoints)
}

async fn metadata(
    state: &ConnectionState,
    oauth: &OAuth2,
    request: Request<Full<Bytes>>,
) -> Result<Endpoints, Failure> {
    let connection = &state.connection;
    let issuer = oauth.endpoints.issuer.as_deref().unwrap_or_default();
    let url = request.uri().to_string();
    let (answer, limits) = send_once(state, request).await.map_err(|e| unreached(connection, &e))?;
    let status = answer.status;
    let body = answer.read(METADATA_MAX, &limits).await;
    let body = body.map_err(|e| undiscovered(connection, issuer, &format!("{url}: {e}")))?;
    if !status.is_success() {
        let mut failure = undiscovered(connection, issuer, &format!("{url} answered {status}"));
        if status.is_server_error() {
            failure.reason = Reason::Unavailable;
        }
        return Err(failure);
    }
    read_metadata(&oauth.endpoints, &body).map_err(|error| {
        let failure = undiscovered(connection, issuer, &format!("{url}: {error}"));
        match error {
            DiscoveryError::OtherIssuer(other) => failure.help(format!("is `issuer: {other}` meant?")),
            _ => failure,
        }
    })
}

fn undiscovered(connection: &Connection, issuer: &str, why: &str) -> Failure {
    let message =
        format!("the metadata of `{issuer}`, the issuer for `{}`, is not to be had: {why}", connection.name);
    Failure::new(Reason::Credential, codes::DISCOVERY_FAILED, message)
}

/// Forms a request to the provider, asks once, and reads what was granted.
pub(crate) async fn ask(
    core: &Core,
    state: &ConnectionState,
    oauth: &OAuth2,
    resolve: Resolve<'_>,
    form: impl FnOnce(&Provider<'_>) -> Result<TokenRequest, AuthError>,
) -> Result<Granted, AskError> {
    let connection = &state.connection;
    let endpoints = endpoints(state, oauth).await.map_err(AskError::NotDone)?;
    let provider = Provider { oauth, endpoints: &endpoints, resolve, moment: core.moment() };
    let TokenRequest { request, masks } =
        form(&provider).map_err(|e| AskError::NotDone(no_secret(connection, &e)))?;
    *state.login.client.lock() = masks;
    let sent = send_once(state, request).await;
    let (answer, limits) = sent.map_err(|error| {
        let failure = unreached(connection, &error);
        if error.may_have_been_sent() { AskError::AnswerLost(failure) } else { AskError::NotDone(failure) }
    })?;
    let status = answer.status;
    let (retry_after, gap) =
        (told::retry_after(&answer.headers, core.now()), told::clock_gap(&answer.headers, core.now()));
    let body = answer.read(TOKEN_ANSWER_MAX, &limits).await;
    let body = body.map_err(|error| {
        AskError::AnswerLost(unavailable(connection, &error.to_string()).status(status.as_u16()))
    })?;
    let error = match oauth2::read_token(&body) {
        Ok(granted) if status.is_success() => return Ok(granted),
        Ok(_) => TokenError::NotJson,
        Err(error) => error,
    };
    let mut masker = Masker::default();
    state.login.teach(&mut masker);
    let mut refusal = Refusal { connection, status, gap, error, said: masker.body(&body, ERROR_SHOWN) };
    refusal.said = refusal.said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(match refusal.classify() {
        AskError::Refused(failure) => AskError::Refused(Failure { retry_after, ..masked(failure, &masker) }),
        AskError::NotDone(failure) => AskError::NotDone(Failure { retry_after, ..masked(failure, &masker) }),
        AskError::AnswerLost(failure) => AskError::AnswerLost(masked(failure, &masker)),
    })
}

/// Begins a log-in on another device (RFC 8628, section 3.1).
pub(crate) async fn begin_device(
    core: &Core,
    state: &ConnectionState,
    oauth: &OAuth2,
) -> Result<Device, Failure> {
    let connection = &state.connection;
    let endpoints = endpoints(state, oauth).await?;
    let lookup = |name: &SecretRef| core.options.secrets.resolve(name);
    let provider = Provider { oauth, endpoints: &endpoints, resolve: &lookup, moment: core.moment() };
    let TokenRequest { request, masks } = provider.device_request().map_err(|e| no_secret(connection, &e))?;
    *state.login.client.lock() = masks;
    let (answer, limits) = send_once(state, request).await.map_err(|e| unreached(connection, &e))?;
    let status = answer.status;
    let body = answer.read(TOKEN_ANSWER_MAX, &limits).await;
    let body = body.map_err(|e| unavailable(connection, &e.to_string()))?;
    read_device(&body).map_err(|error| {
        let message = format!("the device endpoint of `{}` answered {status}: {error}", connection.name);
        Failure::new(Reason::Credential, codes::TOKEN_REFUSED, message)
    })
}

fn masked(mut failure: Failure, masker: &Masker) -> Failure {
    failure.message = masker.text(&failure.message).into();
    failure
}

/// An answer that grants nothing.
struct Refusal<'a> {
    connection: &'a Connection,
    status: StatusCode,
    /// How far the provider's clock is from ours.
    gap: Option<told::ClockGap>,
    error: TokenError,
    /// The beginning of the body.
    said: String,
}

impl Refusal<'_> {
    fn classify(&self) -> AskError {
        let name = &self.connection.name;
        let status = self.status;
        let said_no = matches!(self.error, TokenError::Refused { .. });
        let failure = |reason, code| {
            let message = if status.is_success() || said_no {
                format!("the token endpoint of `{name}` answered {status}: {}", self.error)
            } else {
                format!("the token endpoint of `{name}` answered {status}: {}", self.said)
            };
            Failure::new(reason, code, self.with_clock(message)).status(status.as_u16())
        };
        match status.as_u16() {
            429 => AskError::NotDone(failure(Reason::RateLimited, codes::RATE_LIMITED)),
            408 | 425 | 503 => AskError::NotDone(failure(Reason::Unavailable, codes::TOKEN_UNAVAILABLE)),
            500..=599 => AskError::AnswerLost(failure(Reason::Unavailable, codes::TOKEN_UNAVAILABLE)),
            _ if self.error.is_busy() => {
                AskError::NotDone(failure(Reason::Unavailable, codes::TOKEN_UNAVAILABLE))
            }
            _ if said_no => {
                let code =
                    if self.error.refuses_grant() { codes::GRANT_REFUSED } else { codes::TOKEN_REFUSED };
                AskError::Refused(self.helped(failure(Reason::Credential, code)))
            }
            200..=299 => {
                let failure = self.helped(failure(Reason::Unavailable, codes::TOKEN_UNUSABLE));
                // A page is what proxies answer: the endpoint itself granted nothing.
                let a_page = matches!(self.error, TokenError::Html { .. });
                if a_page { AskError::NotDone(failure) } else { AskError::AnswerLost(failure) }
            }
            _ => AskError::Refused(self.helped(failure(Reason::Credential, codes::TOKEN_REFUSED))),
        }
    }

    fn helped(&self, failure: Failure) -> Failure {
        match self.error.help() {
            Some(help) => failure.help(help),
            None => failure,
        }
    }

    /// Whoever signs with a time is refused for a clock that is off, often without being told.
    fn with_clock(&self, message: String) -> String {
        match &self.gap {
            Some(gap) => format!("{message}; {gap}"),
            None => message,
        }
    }
}

/// Sends one request within the connection's deadlines.
pub(crate) async fn send_once(
    state: &ConnectionState,
    request: Request<Full<Bytes>>,
) -> Result<(Answer, Limits), SendError> {
    let deadlines = &state.connection.deadlines;
    let limits =
        Limits { until: Instant::now() + deadlines.total, connect: deadlines.connect, read: deadlines.read };
    Ok((state.client.send(request, &limits).await?, limits))
}

/// What it means that the provider was not reached, or did not answer.
fn unreached(connection: &Connection, error: &SendError) -> Failure {
    match error {
        SendError::Dial(refused @ DialError::Refused { .. }) => Failure::new(
            Reason::Refused,
            codes::EGRESS_REFUSED,
            format!("the token endpoint of `{}`: {refused}", connection.name),
        ),
        SendError::Dial(DialError::Tls { .. }) | SendError::CertificateRefused(_) => {
            let message = format!("the token endpoint of `{}`: {error}", connection.name);
            let failure = Failure::new(Reason::Unavailable, send::code_of(error), message);
            match send::mend(error) {
                Some(help) => failure.help(help),
                None => failure,
            }
        }
        error => unavailable(connection, &error.to_string()),
    }
}

fn unavailable(connection: &Connection, cause: &str) -> Failure {
    let message = format!("the token endpoint of `{}` gave no token: {cause}", connection.name);
    Failure::new(Reason::Unavailable, codes::TOKEN_UNAVAILABLE, message)
}
