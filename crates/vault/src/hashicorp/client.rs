use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Secret;
use crate::exchange::{Exchange, HttpAsk};

/// How much of an error is repeated.
const SHOWN_MAX: usize = 200;

/// How this program shows who it is.
pub enum Login {
    /// By a token.
    Token(Secret),
    /// By AppRole.
    AppRole {
        /// The role.
        role_id: String,
        /// Its secret.
        secret_id: Secret,
        /// Where the method is mounted: `approle`.
        mount: String,
    },
}

/// How to reach the service.
pub struct ClientOptions {
    /// How to log in.
    pub login: Login,
    /// The namespace, where there are such.
    pub namespace: Option<String>,
}

/// Why the service gave nothing. Holds no part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// There is nothing at the path.
    #[error("HashiCorp Vault has nothing there")]
    NotThere,
    /// It refused.
    #[error("HashiCorp Vault refused with {status}: {said}")]
    Refused {
        /// The status.
        status: u16,
        /// What it said.
        said: String,
    },
    /// It cannot be reached, or is sealed or busy.
    #[error("HashiCorp Vault is not available: {0}")]
    Unavailable(String),
    /// Its answer is not what its API says.
    #[error("HashiCorp Vault's answer is not understood: {0}")]
    Odd(&'static str),
}

/// A client that stays logged in.
pub struct Client {
    exchange: Box<dyn Exchange>,
    options: ClientOptions,
    token: Mutex<Option<Held>>,
}

struct Held {
    token: Secret,
    /// When to log in again.
    renew_at: Option<Instant>,
}

impl Client {
    /// A client that has not asked yet.
    pub fn new(exchange: Box<dyn Exchange>, options: ClientOptions) -> Self {
        Self { exchange, options, token: Mutex::new(None) }
    }

    /// Asks; logs in before if need be, and once more if the service does not know the token any longer.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ServiceError> {
        let (token, fresh) = self.token()?;
        match self.send(method, path, body, Some(&token)) {
            Err(ServiceError::Refused { status: 401 | 403, .. }) if !fresh && self.may_log_in_again() => {
                *self.held() = None;
                let (token, _) = self.token()?;
                self.send(method, path, body, Some(&token))
            }
            other => other,
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn may_log_in_again(&self) -> bool {
        matches!(self.options.login, Login::AppRole { .. })
    }

    /// The token, and whether it was just issued. Whoever comes while one logs in waits for that.
    fn token(&self) -> Result<(Secret, bool), ServiceError> {
        let mut held = self.held();
        if let Some(held) = &*held
            && held.renew_at.is_none_or(|at| Instant::now() < at)
        {
            return Ok((held.token.clone(), false));
        }
        let fresh = self.log_in()?;
        let token = fresh.token.clone();
        *held = Some(fresh);
        Ok((token, true))
    }

    fn log_in(&self) -> Result<Held, ServiceError> {
        match &self.options.login {
            Login::Token(token) => Ok(Held { token: token.clone(), renew_at: None }),
            Login::AppRole { role_id, secret_id, mount } => {
                let body = json!({ "role_id": role_id, "secret_id": secret_id.expose() });
                let path = format!("auth/{mount}/login");
                let answer: LoggedIn = self.send("POST", &path, Some(&body), None)?;
                let lives = Duration::from_secs(answer.auth.lease_duration);
                let renew_at = (!lives.is_zero()).then(|| Instant::now() + lives.mul_f64(0.8));
                Ok(Held { token: Secret::new(answer.auth.client_token), renew_at })
            }
        }
    }

    fn send<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        token: Option<&Secret>,
    ) -> Result<T, ServiceError> {
        let mut headers = vec![("x-vault-request", Secret::new("true"))];
        headers.extend(token.map(|token| ("x-vault-token", token.clone())));
        headers.extend(self.options.namespace.as_deref().map(|n| ("x-vault-namespace", Secret::new(n))));
        let body = body.map(|body| Zeroizing::new(serde_json::to_vec(body).unwrap_or_default()));
        let ask = HttpAsk { method, path: format!("/v1/{path}"), headers, body };
        let answer = self.exchange.exchange(ask).map_err(ServiceError::Unavailable)?;
        match answer.status {
            200..=299 => serde_json::from_slice(&answer.body)
                .map_err(|_| ServiceError::Odd("it is not the JSON expected")),
            404 => Err(ServiceError::NotThere),
            status @ (412 | 429 | 472 | 473 | 500..=599) => {
                Err(ServiceError::Unavailable(format!("it answered {status}: {}", said(&answer.body))))
            }
            status => Err(ServiceError::Refused { status, said: said(&answer.body) }),
        }
    }
}

#[derive(serde::Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(serde::Deserialize)]
struct Auth {
    client_token: String,
    #[serde(default)]
    lease_duration: u64,
}

/// The service's `errors`, in short.
fn said(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
    let text = text.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "it says no more".to_owned() } else { text.chars().take(SHOWN_MAX).collect() }
}
