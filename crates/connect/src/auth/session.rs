use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};
use sinew_model::{SessionKeep, SessionLogin, SessionSource, SessionValue};
use sinew_vault::{Secret, Token};
use zeroize::Zeroizing;

use super::oauth2::{TokenRequest, endpoint};
use super::{AuthError, Credential, ENCODED, Placement, Resolve, basic, masks, sensitive};

/// The longest cookie or token that is kept, in bytes.
const KEPT_MAX: usize = 16 * 1024;

/// Why an answer begins no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// None of the cookies that are kept.
    #[error("the answer sets no cookie that is kept")]
    NoCookie,
    /// No such header.
    #[error("the answer has no header `{0}`")]
    NoHeader(String),
    /// No such field.
    #[error("the answer's body has no text in the field `{0}`")]
    NoField(String),
    /// Longer than anything that is sent back.
    #[error("what the answer gives to keep is longer than {KEPT_MAX} bytes")]
    TooLong,
}

/// The request that logs in.
pub fn session_request(login: &SessionLogin, resolve: Resolve<'_>) -> Result<TokenRequest, AuthError> {
    let mut secrets = Vec::new();
    let mut value = |value: &SessionValue| {
        Ok::<_, AuthError>(match value {
            SessionValue::Text(text) => Zeroizing::new(text.to_string()),
            SessionValue::Secret(name) => {
                let secret = resolve(name)?;
                secrets.extend(masks(&secret));
                Zeroizing::new(secret.expose().to_owned())
            }
        })
    };
    let fields = login.fields.iter().map(|(name, field)| Ok((&**name, value(field)?)));
    let fields = fields.collect::<Result<Vec<_>, AuthError>>()?;
    let headers = login.headers.iter().map(|(name, header)| Ok((&**name, value(header)?)));
    let headers = headers.collect::<Result<Vec<_>, AuthError>>()?;
    let body = if fields.is_empty() {
        Bytes::new()
    } else if login.form {
        let pairs = fields.iter().map(|(name, text)| {
            format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(text, ENCODED))
        });
        Bytes::from(pairs.collect::<Vec<_>>().join("&"))
    } else {
        let mut object = Map::new();
        for (path, text) in &fields {
            put(&mut object, path, text);
        }
        Bytes::from(Value::Object(object).to_string())
    };
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() =
        Method::from_bytes(login.method.as_bytes()).map_err(|_| AuthError::NotForHeaders)?;
    *request.uri_mut() = endpoint(&login.url)?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    if !body.is_empty() {
        let kind = if login.form { "application/x-www-form-urlencoded" } else { "application/json" };
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, text) in &headers {
        let wrong = |_| AuthError::NoHeaderName((*name).to_owned());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(wrong)?;
        request.headers_mut().insert(name, sensitive(text)?);
    }
    if let Some((username, password)) = &login.basic {
        let password = resolve(password)?;
        let pair = basic::pair(username, password.expose());
        let text = Zeroizing::new(format!("Basic {}", pair.expose()));
        request.headers_mut().insert(AUTHORIZATION, sensitive(&text)?);
        secrets.extend(masks(&password));
        secrets.push(pair);
    }
    Ok(TokenRequest { request, masks: secrets })
}

/// Puts a text at `a.b`.
fn put(object: &mut Map<String, Value>, path: &str, text: &str) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), text.into());
        }
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, text);
            }
        }
    }
}

/// What of the answer to a log-in is kept.
pub fn read_session(login: &SessionLogin, headers: &HeaderMap, body: &[u8]) -> Result<Token, SessionError> {
    let text = match &login.keep {
        SessionKeep::Cookies(names) => cookies(headers, names),
        SessionKeep::Value { from: SessionSource::Header(name), .. } => {
            let value = headers.get(&**name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned).ok_or_else(|| SessionError::NoHeader(name.to_string()))
        }
        SessionKeep::Value { from: SessionSource::Field(path), .. } => {
            field(body, path).ok_or_else(|| SessionError::NoField(path.to_string()))
        }
    }?;
    if text.len() > KEPT_MAX {
        return Err(SessionError::TooLong);
    }
    Ok(Token { secret: Secret::new(text), lives: login.lives })
}

/// The cookies that are kept, as they are sent back (RFC 6265, section 4.2). One that the answer takes back is none.
fn cookies(headers: &HeaderMap, names: &[std::sync::Arc<str>]) -> Result<String, SessionError> {
    let mut kept: Vec<(String, String)> = Vec::new();
    for value in headers.get_all(SET_COOKIE) {
        let Ok(text) = value.to_str() else { continue };
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let Some((name, value)) = pair.trim().split_once('=') else { continue };
        let gone = value.is_empty() || attributes.to_ascii_lowercase().replace(' ', "").contains("max-age=0");
        if names.is_empty() || names.iter().any(|known| **known == *name) {
            kept.retain(|(known, _)| known != name);
            if !gone {
                kept.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    if kept.is_empty() || names.iter().any(|name| kept.iter().all(|(known, _)| *known != **name)) {
        return Err(SessionError::NoCookie);
    }
    Ok(kept.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; "))
}

/// The text of a field; of an empty path the whole body, with or without quotes.
fn field(body: &[u8], path: &str) -> Option<String> {
    if path.is_empty() {
        let text = std::str::from_utf8(body).ok()?.trim();
        let unquoted = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
        return Some(unquoted).filter(|text| !text.is_empty() && !text.starts_with('<'));
    }
    let json: Value = serde_json::from_slice(body).ok()?;
    let found = path.split('.').try_fold(&json, |at, name| match at {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })?;
    match found {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The credential that a session makes.
pub(super) fn credential(login: &SessionLogin, kept: &Secret) -> Result<Credential, AuthError> {
    match &login.keep {
        SessionKeep::Cookies(_) => {
            let mut all = masks(kept);
            for (_, value) in kept.expose().split("; ").filter_map(|pair| pair.split_once('=')) {
                all.extend(masks(&Secret::new(value)));
            }
            Ok(Credential {
                placements: vec![Placement::Cookie(kept.clone())],
                masks: all,
                ..Credential::none()
            })
        }
        SessionKeep::Value { header, prefix, .. } => {
            let wrong = |_| AuthError::NoHeaderName(header.to_string());
            let name = HeaderName::from_bytes(header.as_bytes()).map_err(wrong)?;
            Credential::header(name, &Zeroizing::new(format!("{prefix}{}", kept.expose())), kept)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use sinew_model::SecretRef;

    use super::*;

    fn login(keep: SessionKeep) -> SessionLogin {
        let secret = || SessionValue::Secret(SecretRef::new("secret:x").unwrap());
        SessionLogin {
            url: "https://erp.example/login".into(),
            method: "POST".into(),
            fields: vec![
                ("auth.user".into(), SessionValue::Text("sinew".into())),
                ("auth.password".into(), secret()),
            ],
            form: false,
            basic: None,
            headers: vec![("X-App".into(), secret())],
            keep,
            lives: Duration::from_mins(20),
        }
    }

    fn keeps(from: SessionSource) -> SessionKeep {
        SessionKeep::Value { from, header: "X-Session".into(), prefix: "".into() }
    }

    #[tokio::test]
    async fn a_log_in_is_sent_with_its_fields_and_secrets() {
        let mut login = login(SessionKeep::Cookies(Vec::new()));
        let asked = session_request(&login, &|_| Ok(Secret::new("p&\"w"))).unwrap();
        assert!(asked.masks.iter().any(|mask| mask.expose() == "p&\\\"w"));
        assert_eq!(asked.request.headers()["x-app"], "p&\"w");
        let body = asked.request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"auth":{"user":"sinew","password":"p&\"w"}}"#);
        login.form = true;
        let asked = session_request(&login, &|_| Ok(Secret::new("p&\"w"))).unwrap();
        let body = asked.request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "auth.user=sinew&auth.password=p%26%22w");
    }

    fn check(keep: SessionKeep, cookies: &[&str], body: &str) -> Result<String, SessionError> {
        let mut headers: HeaderMap =
            cookies.iter().map(|cookie| (SET_COOKIE, cookie.parse().unwrap())).collect();
        headers.insert("x-token", HeaderValue::from_static("from-header"));
        read_session(&login(keep), &headers, body.as_bytes()).map(|token| token.secret.expose().to_owned())
    }

    #[test]
    fn a_session_is_kept_from_where_it_is_said() {
        let set = ["sid=1; Path=/; HttpOnly", "other=2", "sid=3; Secure", "old=x; Max-Age=0"];
        assert_eq!(check(SessionKeep::Cookies(Vec::new()), &set, "").as_deref(), Ok("other=2; sid=3"));
        assert_eq!(check(SessionKeep::Cookies(vec!["sid".into()]), &set, "").as_deref(), Ok("sid=3"));
        let missing = SessionKeep::Cookies(vec!["sid".into(), "csrf".into()]);
        assert_eq!(check(missing, &set, ""), Err(SessionError::NoCookie));
        assert_eq!(
            check(keeps(SessionSource::Header("X-Token".into())), &[], "").as_deref(),
            Ok("from-header")
        );
        let field = |path: &str, body: &str| check(keeps(SessionSource::Field(path.into())), &[], body);
        assert_eq!(field("data.0.token", r#"{"data":[{"token":"t"}]}"#).as_deref(), Ok("t"));
        assert_eq!(field("", "\"bare\"\n").as_deref(), Ok("bare"));
        assert_eq!(field("", "bare").as_deref(), Ok("bare"));
        assert_eq!(field("token", "<html>"), Err(SessionError::NoField("token".to_owned())));
        assert_eq!(field("", "<html>"), Err(SessionError::NoField(String::new())));
        assert_eq!(field("t", &format!("{{\"t\":\"{}\"}}", "x".repeat(20_000))), Err(SessionError::TooLong));
    }
}
