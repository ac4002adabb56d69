//! Headers of WS-Security 1.0: who calls, and when.

use crate::xml::{Prefixes, escape_attribute, escape_text, ns};
use std::fmt::Write as _;

const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const ENCODING: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// A user name and what proves it (UsernameToken Profile 1.0).
#[derive(Clone, Copy, Debug)]
pub struct UsernameToken<'a> {
    /// The user name.
    pub username: &'a str,
    /// What proves it.
    pub password: Password<'a>,
    /// When it was made: `2026-11-21T10:00:00Z`.
    pub created: &'a str,
}

/// How a password is shown.
#[derive(Clone, Copy)]
pub enum Password<'a> {
    /// As it is.
    Text(&'a str),
    /// Only that one has it: Base64 of SHA-1 over nonce, time and password.
    Digest {
        /// The digest, as Base64.
        digest: &'a str,
        /// The nonce, as Base64.
        nonce: &'a str,
    },
}

impl std::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Digest { .. } => "Digest(..)",
        })
    }
}

/// The header. `timestamp`: when the message was made, and until when it holds.
pub(super) fn header(
    prefixes: &mut Prefixes,
    token: Option<&UsernameToken<'_>>,
    timestamp: Option<(&str, &str)>,
    understand: &str,
) -> String {
    if token.is_none() && timestamp.is_none() {
        return String::new();
    }
    let wsse = prefixes.of(ns::WSSE);
    let wsu = prefixes.of(ns::WSU);
    let mut text = format!("<{wsse}:Security {understand}=\"1\">");
    if let Some((created, expires)) = timestamp {
        let _ = write!(
            text,
            "<{wsu}:Timestamp {wsu}:Id=\"timestamp\"><{wsu}:Created>{}</{wsu}:Created><{wsu}:Expires>{}</{wsu}:Expires></{wsu}:Timestamp>",
            escape_text(created),
            escape_text(expires),
        );
    }
    if let Some(token) = token {
        let created = escape_text(token.created);
        let (kind, password, nonce) = match token.password {
            Password::Text(text) => ("PasswordText", text, None),
            Password::Digest { digest, nonce } => ("PasswordDigest", digest, Some(nonce)),
        };
        let _ = write!(
            text,
            "<{wsse}:UsernameToken {wsu}:Id=\"user\"><{wsse}:Username>{}</{wsse}:Username><{wsse}:Password Type=\"{}\">{}</{wsse}:Password>",
            escape_text(token.username),
            escape_attribute(&format!("{PROFILE}#{kind}")),
            escape_text(password),
        );
        if let Some(nonce) = nonce {
            let _ = write!(
                text,
                "<{wsse}:Nonce EncodingType=\"{ENCODING}\">{}</{wsse}:Nonce>",
                escape_text(nonce)
            );
        }
        let _ = write!(text, "<{wsu}:Created>{created}</{wsu}:Created></{wsse}:UsernameToken>");
    }
    let _ = write!(text, "</{wsse}:Security>");
    text
}
