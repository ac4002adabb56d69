use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;
use sinew_vault::{Secret, Token};

use crate::auth::masks;

/// How long a token is used whose issuer does not say: a refusal replaces it anyway.
const LIVES_UNSAID: Duration = Duration::from_hours(1);
/// The longest life that is believed.
const LIVES_MAX_S: u64 = 30 * 24 * 3600;
/// How much of a provider's words is repeated.
const WORDS_SHOWN: usize = 200;
/// Kinds of token that prove nothing by being shown, so that they cannot be used like a bearer token.
const BOUND_TOKENS: &[&str] = &["mac", "dpop", "pop", "hok", "n_a"];

/// Why what a provider answered is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider said no (RFC 6749, section 5.2), with whatever status.
    #[error("the provider refused: {error}{}", .description.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Refused {
        /// The error's code, such as `invalid_grant`.
        error: String,
        /// The provider's words.
        description: Option<String>,
    },
    /// A page for people: mostly a wrong URL, or a proxy's.
    #[error("the answer is a page of HTML{}", .title.as_ref().map(|title| format!(" (\"{title}\")")).unwrap_or_default())]
    Html {
        /// Its title.
        title: Option<String>,
    },
    /// Nothing.
    #[error("the answer is empty")]
    Empty,
    /// Neither JSON nor a form.
    #[error("the answer is not JSON")]
    NotJson,
    /// Not the JSON object of RFC 6749, section 5.1.
    #[error("the answer holds no `access_token`")]
    NoToken,
    /// Not the JSON object of RFC 8628, section 3.2.
    #[error("the answer holds no `device_code`, `user_code` and `verification_uri`")]
    NoDeviceCode,
    /// A kind of token that cannot be used.
    #[error("the token is of the type `{0}`, and only bearer tokens can be used")]
    OtherType(String),
}

impl TokenError {
    /// Whether a device asked before its person has decided (RFC 8628, section 3.5).
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "authorization_pending" || error == "slow_down")
    }

    /// Whether a device asked too often.
    pub fn asks_to_slow_down(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error == "slow_down")
    }

    /// Whether what was given for the token is no longer good: a refresh token, code or assertion.
    pub fn refuses_grant(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if matches!(error.as_str(),
            "invalid_grant" | "bad_refresh_token" | "invalid_refresh_token" | "token_expired" | "token_revoked"))
    }

    /// Whether the provider asks to come again.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if matches!(error.as_str(),
            "temporarily_unavailable" | "server_error" | "service_unavailable" | "ratelimited" | "rate_limited"))
    }

    /// What may mend it, where something is known.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused { error, .. } => match error.as_str() {
                "invalid_client" => {
                    "check `client_id`, `client_secret` and `client_auth` (`basic` or `body`)"
                }
                "unauthorized_client" => {
                    "the client may not use this grant: allow it where the client is registered"
                }
                "invalid_scope" => "the provider does not grant one of `scopes` to this client",
                "unsupported_grant_type" => "the provider does not know this `grant` at this endpoint",
                "invalid_target" => "the provider does not know this `audience` or `resource`",
                _ if self.refuses_grant() => {
                    "what was given for the token is expired, used or revoked; a person may have to log in again"
                }
                _ => return None,
            },
            Self::Html { .. } | Self::NotJson | Self::Empty => {
                "check `token_url`: log-in pages and proxies answer like this"
            }
            Self::NoToken | Self::NoDeviceCode => "check `token_url`: this endpoint issues no tokens",
            Self::OtherType(_) => "register the client for bearer tokens (RFC 6750)",
        })
    }
}

/// What a provider granted.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The access token, and how long it lives.
    pub access: Token,
    /// Whether the provider said how long.
    pub says_life: bool,
    /// The refresh token, if there is one (or a new one).
    pub refresh: Option<Secret>,
    /// What was granted, if the provider says so.
    pub scopes: Option<Vec<String>>,
    /// The ID token, unread.
    pub id_token: Option<Secret>,
}

impl Granted {
    /// Every text in it that must not be shown.
    pub fn masks(&self) -> Vec<Secret> {
        let all = std::iter::once(&self.access.secret).chain(&self.refresh).chain(&self.id_token);
        all.flat_map(masks).collect()
    }
}

/// Seconds as a number or, as some providers write them, as a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    /// The time; NaN and negative numbers become none at all, a token that serves once.
    pub(super) fn duration(self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(number) => number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        // The cast saturates.
        Some(Duration::from_secs((seconds as u64).min(LIVES_MAX_S)))
    }
}

/// Reads what a token endpoint answered, whatever the status (RFC 6749, sections 5.1 and 5.2): some providers answer
/// 200 with an error in it, or a form in the place of JSON.
pub fn read_token(body: &[u8]) -> Result<Granted, TokenError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let json = match serde_json::from_slice::<Value>(body) {
        Ok(json) => json,
        Err(_) => form(body).ok_or_else(|| not_an_answer(body))?,
    };
    let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let Some(access) = text("access_token") else {
        return Err(refused(&json).unwrap_or(TokenError::NoToken));
    };
    if let Some(kind) = text("token_type")
        && BOUND_TOKENS.contains(&kind.to_ascii_lowercase().as_str())
    {
        return Err(TokenError::OtherType(cut(&kind)));
    }
    let said: Option<Seconds> = serde_json::from_value(json["expires_in"].clone()).ok();
    let lives = said.and_then(Seconds::duration);
    let scopes = match &json["scope"] {
        Value::String(scopes) => {
            Some(scopes.split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect())
        }
        Value::Array(scopes) => Some(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    };
    Ok(Granted {
        access: Token { secret: Secret::new(access), lives: lives.unwrap_or(LIVES_UNSAID) },
        says_life: lives.is_some(),
        refresh: text("refresh_token").map(Secret::new),
        scopes,
        id_token: text("id_token").map(Secret::new),
    })
}

/// The error in an answer: `{"error": "..."}` of the standard, and what providers make of it.
pub(super) fn refused(json: &Value) -> Option<TokenError> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(cut);
    let (error, description) = match &json["error"] {
        Value::String(error) => {
            let more = ["error_description", "error_message", "message"];
            (cut(error), more.iter().find_map(|name| text(&json[*name])))
        }
        Value::Object(inner) => {
            let kind =
                ["type", "code", "status", "error"].iter().find_map(|name| inner.get(*name).and_then(&text));
            let said = ["message", "description"].iter().find_map(|name| inner.get(*name).and_then(&text));
            (kind.or_else(|| said.clone())?, said)
        }
        _ => (text(&json["errorCode"]).or_else(|| text(&json["code"]))?, text(&json["message"])),
    };
    Some(TokenError::Refused { error, description })
}

/// `access_token=..&token_type=..`, as some providers answer.
fn form(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(['<', '{', ' ', '\n']);
    let known = ["access_token=", "error="]
        .iter()
        .any(|name| text.starts_with(name) || text.contains(&format!("&{name}")));
    if !plain || !known {
        return None;
    }
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    Some(Value::Object(pairs.map(|(name, value)| (decoded(name), decoded(value).into())).collect()))
}

/// What an answer is that is no JSON.
pub(super) fn not_an_answer(body: &[u8]) -> TokenError {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let start = text.trim_start();
    if start.is_empty() {
        return TokenError::Empty;
    }
    if !start.starts_with('<') {
        return TokenError::NotJson;
    }
    let lower = start.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|at| {
        let from = at + lower[at..].find('>')? + 1;
        let to = from + lower[from..].find('<')?;
        Some(cut(start.get(from..to)?.trim())).filter(|title| !title.is_empty())
    });
    TokenError::Html { title }
}

/// A provider's words as they are repeated: one line, not too long.
pub(super) fn cut(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(WORDS_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_with_its_life_however_that_is_written() {
        for (body, lives) in [
            (r#"{"access_token":"t","token_type":"bearer","expires_in":60}"#, 60),
            (r#"{"access_token":"t","expires_in":"90"}"#, 90),
            (r#"{"access_token":"t","expires_in":59.9}"#, 59),
            (r#"{"access_token":"t","expires_in":-5}"#, 0),
            (r#"{"access_token":"t","expires_in":1e300}"#, LIVES_MAX_S),
            (r#"{"access_token":"t"}"#, 3600),
            ("access_token=t&expires_in=70&scope=a%2Cb&token_type=bearer", 70),
        ] {
            assert_eq!(
                read_token(body.as_bytes()).unwrap().access.lives,
                Duration::from_secs(lives),
                "{body}"
            );
        }
    }

    #[test]
    fn what_else_was_granted_is_read_too() {
        let body =
            r#"{"access_token":"t","refresh_token":"r","scope":"a b","id_token":"i","token_type":"bot"}"#;
        let granted = read_token(body.as_bytes()).unwrap();
        assert_eq!(granted.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!((granted.refresh.is_some(), granted.says_life), (true, false));
        let masks: Vec<_> = granted.masks().iter().map(|mask| mask.expose().to_owned()).collect();
        assert_eq!(masks, ["t", "r", "i"]);
    }

    #[test]
    fn what_is_no_token_says_what_it_is_instead() {
        for (body, says) in [
            ("", "the answer is empty"),
            (" \n", "the answer is empty"),
            ("oops", "the answer is not JSON"),
            ("[]", "the answer holds no `access_token`"),
            ("{}", "the answer holds no `access_token`"),
            (r#"{"access_token":""}"#, "the answer holds no `access_token`"),
            ("<html><head><TITLE>Sign in</TITLE>", "the answer is a page of HTML (\"Sign in\")"),
            ("<html>", "the answer is a page of HTML"),
            (
                r#"{"access_token":"t","token_type":"mac"}"#,
                "the token is of the type `mac`, and only bearer tokens can be used",
            ),
            (
                r#"{"error":"invalid_client","error_description":"unknown\nclient"}"#,
                "the provider refused: invalid_client: unknown client",
            ),
            (r#"{"ok":false,"error":"invalid_code"}"#, "the provider refused: invalid_code"),
            (
                "error=bad_verification_code&error_description=The+code+is+wrong",
                "the provider refused: bad_verification_code: The code is wrong",
            ),
            (
                r#"{"error":{"message":"Bad token","type":"OAuthException","code":190}}"#,
                "the provider refused: OAuthException: Bad token",
            ),
            (r#"{"errorCode":"E0000047","message":"too many"}"#, "the provider refused: E0000047: too many"),
        ] {
            assert_eq!(read_token(body.as_bytes()).unwrap_err().to_string(), says, "{body}");
        }
    }
}
