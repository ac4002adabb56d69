//! The header of WS-Security 1.0: who calls, and when.

use std::fmt::Write as _;

use crate::xml::{escape_attribute, escape_text, ns};

const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const ENCODING: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// Who calls and when, to be put into a message that was written before: credentials are the last that a request gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecurityHeader<'a> {
    /// Who calls.
    pub token: Option<UsernameToken<'a>>,
    /// When the message was made, and until when it holds.
    pub timestamp: Option<(&'a str, &'a str)>,
}

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

impl SecurityHeader<'_> {
    /// The message with this header in it. None if the message is none of those that [`crate::soap`] writes.
    pub fn put_into(&self, message: &[u8]) -> Option<Vec<u8>> {
        let header = self.text();
        let find = |wanted: &str| message.windows(wanted.len()).position(|bytes| bytes == wanted.as_bytes());
        let body = find("<soap:Body")?;
        let opened = find(OPENED).filter(|at| *at < body);
        let (at, header) = match opened {
            Some(at) => (at + OPENED.len(), header),
            None => (body, format!("{OPENED}{header}</soap:Header>")),
        };
        let (before, after) = message.split_at_checked(at)?;
        Some([before, header.as_bytes(), after].concat())
    }

    fn text(&self) -> String {
        let mut text = format!(
            "<wsse:Security xmlns:wsse=\"{}\" xmlns:wsu=\"{}\" soap:mustUnderstand=\"1\">",
            ns::WSSE,
            ns::WSU
        );
        if let Some((created, expires)) = self.timestamp {
            let _ = write!(
                text,
                "<wsu:Timestamp wsu:Id=\"timestamp\"><wsu:Created>{}</wsu:Created><wsu:Expires>{}</wsu:Expires></wsu:Timestamp>",
                escape_text(created),
                escape_text(expires),
            );
        }
        if let Some(token) = &self.token {
            token.write(&mut text);
        }
        text.push_str("</wsse:Security>");
        text
    }
}

const OPENED: &str = "<soap:Header>";

impl UsernameToken<'_> {
    fn write(&self, text: &mut String) {
        let (kind, password, nonce) = match self.password {
            Password::Text(text) => ("PasswordText", text, None),
            Password::Digest { digest, nonce } => ("PasswordDigest", digest, Some(nonce)),
        };
        let _ = write!(
            text,
            "<wsse:UsernameToken wsu:Id=\"user\"><wsse:Username>{}</wsse:Username><wsse:Password Type=\"{}\">{}</wsse:Password>",
            escape_text(self.username),
            escape_attribute(&format!("{PROFILE}#{kind}")),
            escape_text(password),
        );
        if let Some(nonce) = nonce {
            let nonce = escape_text(nonce);
            let _ = write!(text, "<wsse:Nonce EncodingType=\"{ENCODING}\">{nonce}</wsse:Nonce>");
        }
        let created = escape_text(self.created);
        let _ = write!(text, "<wsu:Created>{created}</wsu:Created></wsse:UsernameToken>");
    }
}
