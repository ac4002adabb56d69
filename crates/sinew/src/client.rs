use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sinew_control::{ControlToken, TokenError};
use sinew_control_api::{ACTOR_HEADER, Problem};
use sinew_diag::codes::control;

use crate::cli::Shared;
use crate::error::{CliError, Exit};

/// How long a connection may take, and an answer.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// A backup copies the whole store before it answers.
const BACKUP_WITHIN: Duration = Duration::from_hours(4);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A running server, as far as its control API goes.
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    base: String,
    token: Option<String>,
    /// Where the token was looked for, for whoever is refused.
    looked: String,
    actor: String,
}

impl Client {
    /// The server that the options name. The token comes from `SINEW_TOKEN`, else from the server's data folder.
    pub fn new(shared: &Shared) -> Result<Self, CliError> {
        let base = shared.server.trim_end_matches('/');
        if !base.starts_with("http://") {
            return Err(CliError::usage(format!(
                "`{base}` is no address of a control API; it begins with `http://`"
            ))
            .help("across machines use a tunnel, such as `ssh -L 7401:127.0.0.1:7401 HOST`"));
        }
        let file = ControlToken::file(&shared.data);
        let (token, looked) = match std::env::var("SINEW_TOKEN") {
            Ok(token) if !token.trim().is_empty() => {
                (Some(token.trim().to_owned()), "the token came from `SINEW_TOKEN`".to_owned())
            }
            _ => match token_of(&file)? {
                Some(token) => (Some(token), format!("the token came from {}", file.display())),
                None => (None, format!("`SINEW_TOKEN` is not set, and there is no {}", file.display())),
            },
        };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        connector.set_nodelay(true);
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, base: base.to_owned(), token, looked, actor: actor() })
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, CliError> {
        self.call(Method::GET, &format!("{path}{}", parameters(query)), Bytes::new(), ANSWER_WITHIN).await
    }

    /// Asks for something to be done.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        self.call(Method::POST, path, bytes(body)?, ANSWER_WITHIN).await
    }

    /// Asks for something that takes long.
    pub async fn post_patiently<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CliError> {
        self.call(Method::POST, path, bytes(body)?, BACKUP_WITHIN).await
    }

    /// Replaces something.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        self.call(Method::PUT, path, bytes(body)?, ANSWER_WITHIN).await
    }

    /// Takes something away.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.call(Method::DELETE, path, Bytes::new(), ANSWER_WITHIN).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<T, CliError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        request = request.header(CONTENT_TYPE, "application/json").header(ACTOR_HEADER, &self.actor);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request =
            request.body(Full::new(body)).map_err(|e| CliError::usage(format!("{}: {e}", self.base)))?;
        let exchange = async {
            let response = self.http.request(request).await.map_err(|e| self.unreachable(&innermost(&e)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|e| self.unreachable(&format!("the answer broke off: {e}")))?.to_bytes();
            Ok::<_, CliError>((status, body))
        };
        let answered = tokio::time::timeout(patience, exchange).await;
        let (status, body) = answered.map_err(|_| self.unreachable("no answer in time"))??;
        self.read(status, &body)
    }

    fn read<T: DeserializeOwned>(&self, status: StatusCode, body: &[u8]) -> Result<T, CliError> {
        let odd = |what: String| {
            let message = format!("{} answered {status}, {what}", self.base);
            CliError::new(Exit::Unreachable, control::ANSWER_NOT_UNDERSTOOD, message)
                .help("is this the control API, and of the same version? See `--control` of `sinew serve`")
        };
        if status.is_success() {
            return serde_json::from_slice(body)
                .map_err(|e| odd(format!("which is not what was asked for: {e}")));
        }
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) if status == StatusCode::UNAUTHORIZED => {
                Err(CliError::refused(problem).help(format!(
                    "{}; say with `--data` which folder the server uses, or set `SINEW_TOKEN`",
                    self.looked
                )))
            }
            Ok(problem) => Err(CliError::refused(problem)),
            Err(_) => Err(odd("and no problem document".to_owned())),
        }
    }

    fn unreachable(&self, why: &str) -> CliError {
        CliError::new(Exit::Unreachable, control::UNREACHABLE, format!("{}: {why}", self.base))
            .help("start a server with `sinew serve` or `sinew dev`, or say where it is with `--server`")
    }
}

/// The token in this file, if there is one: a server on another machine has its own.
fn token_of(file: &Path) -> Result<Option<String>, CliError> {
    match ControlToken::read(file) {
        Ok(token) => Ok(Some(token.expose().to_owned())),
        Err(TokenError::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::new(Exit::Machine, control::FILE_FAILED, error.to_string())
            .help("or set `SINEW_TOKEN` to the token of the server")),
    }
}

fn bytes(body: &impl Serialize) -> Result<Bytes, CliError> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|e| CliError::usage(e.to_string()))
}

/// The last cause says what happened; the ones before only that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A flat structure as a query; what is absent is left out.
fn parameters(query: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else { return String::new() };
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields {
        match value {
            serde_json::Value::Null => {}
            serde_json::Value::String(text) => drop(encoded.append_pair(name, text)),
            other => drop(encoded.append_pair(name, &other.to_string())),
        }
    }
    let encoded = encoded.finish();
    if encoded.is_empty() { encoded } else { format!("?{encoded}") }
}

/// Who acts, as far as the machine knows.
fn actor() -> String {
    let name = std::env::var("SINEW_ACTOR").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.@".contains(*c)).take(64).collect();
    if name.is_empty() { "operator".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use sinew_control_api::RunQuery;

    use super::*;

    #[test]
    fn what_is_absent_is_not_asked_for() {
        let query = RunQuery { flow: Some("a b&c".into()), limit: Some(5), ..RunQuery::default() };
        let text = parameters(&query);
        assert!(
            text.contains("flow=a+b%26c") && text.contains("limit=5") && !text.contains("since"),
            "{text}"
        );
        assert_eq!(parameters(&serde_json::json!({})), "");
    }
}
