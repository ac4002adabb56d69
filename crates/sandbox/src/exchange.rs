use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use sinew_stdx::Timestamp;

use crate::live::Live;

/// A request as a vendor sees it: whole, with the path below the vendor's prefix.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Decoded segments below the vendor's prefix.
    pub(crate) segments: Vec<String>,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: Timestamp,
}

impl Call {
    /// A query parameter, decoded; blank counts as absent.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        form_value(&self.query, name).filter(|value| !value.is_empty())
    }

    /// A query parameter that is a number, held within `1..=max`.
    pub(crate) fn query_limit(&self, name: &str, default: usize, max: usize) -> usize {
        self.query(name).and_then(|text| text.parse().ok()).unwrap_or(default).clamp(1, max)
    }

    /// A header that is visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// User and password of HTTP Basic (RFC 7617).
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
        text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key").filter(|key| !key.is_empty())
    }

    /// Segments as slices, to be matched against.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// An answer, not yet on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// The route that answered, as a pattern, for the statistics.
    pub(crate) route: &'static str,
    /// How long the vendor takes to answer.
    pub(crate) delay: Duration,
    /// What goes on instead of a body.
    pub(crate) live: Option<Live>,
}

pub(crate) const JSON: &str = "application/json";

impl Reply {
    /// A JSON answer whose text is there already.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: JSON,
            headers: Vec::new(),
            body: body.into(),
            route: "other",
            delay: Duration::ZERO,
            live: None,
        }
    }

    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(crate) fn created(body: impl Into<Bytes>) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// A JSON answer printed from a value.
    pub(crate) fn of(status: StatusCode, value: &impl Serialize) -> Self {
        Self::json(status, serde_json::to_vec(value).unwrap_or_default())
    }

    pub(crate) fn no_content() -> Self {
        Self::json(StatusCode::NO_CONTENT, Bytes::new())
    }

    pub(crate) fn typed(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    /// Adds a header; a value that HTTP cannot carry is left out.
    pub(crate) fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    pub(crate) fn with_number(mut self, name: &'static str, value: u64) -> Self {
        self.headers.push((HeaderName::from_static(name), HeaderValue::from(value)));
        self
    }

    pub(crate) fn live(mut self, live: Live) -> Self {
        self.live = Some(live);
        self
    }

    /// Names the route for the statistics, unless it has a name.
    pub(crate) fn at(mut self, route: &'static str) -> Self {
        self.route = route;
        self
    }
}

/// The first value of `name` in a query string or form body (`application/x-www-form-urlencoded`).
pub(crate) fn form_value(text: &str, name: &str) -> Option<String> {
    text.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode(key, true) == name).then(|| percent_decode(value, true).into_owned())
    })
}

/// Decodes `%41`, and `+` as a blank where a form says so; what is not an escape stays as it is.
pub(crate) fn percent_decode(text: &str, plus_is_blank: bool) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || (plus_is_blank && b == b'+')) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let byte = hex
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(match byte {
            Some(byte) => byte,
            None if plus_is_blank && bytes[at] == b'+' => b' ',
            None => bytes[at],
        });
        at += if byte.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// Encodes what may not stand in a query value.
pub(crate) fn percent_encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_values_are_decoded() {
        assert_eq!(form_value("a=1&email=a%2Bb%40c.example&x", "email").as_deref(), Some("a+b@c.example"));
        assert_eq!(form_value("text=two+words", "text").as_deref(), Some("two words"));
        assert_eq!(form_value("x", "x").as_deref(), Some(""));
        assert_eq!(form_value("x=1", "y"), None);
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(percent_decode("100%", true), "100%");
        assert_eq!(percent_decode("%zz%é", false), "%zz%é");
        assert_eq!(percent_decode("%+1", false), "%+1");
    }

    #[test]
    fn what_is_encoded_decodes_alike() {
        let text = "2026-11-21T08:30:00.125Z & é";
        assert_eq!(percent_decode(&percent_encode(text), true), text);
    }
}
