//! Auth schemes, one file each. A new scheme is a variant of `sinew_model::Auth`, a file here and an arm in
//! [`Credential::of`].

mod api_key;
mod basic;
mod bearer;
mod client_credentials;

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sinew_model::{Auth, SecretRef};
use sinew_vault::Secret;

pub use client_credentials::{TokenError, read_token, token_request};

/// Everything but the characters that URLs never need encoded (RFC 3986, section 2.3).
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A credential that cannot be put into a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A secret with line breaks or other characters that no header may hold.
    #[error("the secret holds characters that no HTTP header may hold")]
    NotForHeaders,
    /// A header name that is none.
    #[error("`{0}` is not the name of an HTTP header")]
    NoHeaderName(String),
    /// A user name with a colon (RFC 7617).
    #[error("the user name holds a colon")]
    ColonInUserName,
    /// A token endpoint that is no URL.
    #[error("`{0}` is not an http or https URL")]
    NoUrl(String),
}

/// A credential as it goes into requests.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Where it goes.
    pub placement: Placement,
    /// Every text that must never be shown: the secret, and what it looks like when encoded.
    pub masks: Vec<Secret>,
}

/// Where a credential goes.
#[derive(Clone, Debug)]
pub enum Placement {
    /// Nowhere.
    None,
    /// Into a header; the value is marked as sensitive.
    Header(HeaderName, HeaderValue),
    /// Into the query, as an encoded `name=value`.
    Query(Secret),
}

impl Credential {
    /// No credential.
    pub fn none() -> Self {
        Self { placement: Placement::None, masks: Vec::new() }
    }

    /// The credential of a scheme and its secret; for client credentials the secret is the access token.
    pub fn of(auth: &Auth, secret: &Secret) -> Result<Self, AuthError> {
        match auth {
            Auth::None => Ok(Self::none()),
            Auth::ApiKey { location, key: _ } => api_key::credential(location, secret),
            Auth::Basic { username, password: _ } => basic::credential(username, secret),
            Auth::Bearer { token: _ } | Auth::ClientCredentials { .. } => bearer::credential(secret),
        }
    }

    fn header(name: HeaderName, text: &str, secret: &Secret) -> Result<Self, AuthError> {
        let mut value = HeaderValue::from_str(text).map_err(|_| AuthError::NotForHeaders)?;
        value.set_sensitive(true);
        Ok(Self { placement: Placement::Header(name, value), masks: masks(secret) })
    }
}

/// The secret that a scheme needs, if it needs one.
pub fn secret_of(auth: &Auth) -> Option<&SecretRef> {
    match auth {
        Auth::None => None,
        Auth::ApiKey { key: name, .. }
        | Auth::Basic { password: name, .. }
        | Auth::Bearer { token: name }
        | Auth::ClientCredentials { client_secret: name, .. } => Some(name),
    }
}

/// The forms in which a secret could show up in a message: as it is, in a URL, in a JSON string, and in JSON that is
/// itself quoted in a JSON string, as by systems that repeat what they were sent.
pub fn masks(secret: &Secret) -> Vec<Secret> {
    let once = quoted(secret.expose());
    let forms = [utf8_percent_encode(secret.expose(), ENCODED).to_string(), quoted(&once), once];
    let mut masks = vec![secret.clone()];
    for form in forms {
        if masks.iter().all(|known| known.expose() != form) {
            masks.push(Secret::new(form));
        }
    }
    masks
}

/// The text as it stands between the quotes of a JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.pop();
    quoted.drain(..quoted.len().min(1));
    quoted
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sinew_model::{ClientAuthentication, KeyLocation};

    use super::*;

    fn name() -> SecretRef {
        SecretRef::new("secret:crm/client").unwrap()
    }

    fn check(auth: &Auth, secret: &str) -> Result<String, AuthError> {
        let credential = Credential::of(auth, &Secret::new(secret))?;
        assert!(
            !format!("{credential:?}").contains(secret),
            "a credential shows when printed: {credential:?}"
        );
        Ok(match credential.placement {
            Placement::None => String::new(),
            Placement::Header(name, value) => format!("{name}: {}", value.to_str().unwrap()),
            Placement::Query(pair) => format!("?{}", pair.expose()),
        })
    }

    #[test]
    fn each_scheme_puts_its_secret_where_it_belongs() {
        let header = KeyLocation::Header { name: "X-Api-Key".into(), prefix: "Token ".into() };
        let query = KeyLocation::Query { name: "api key".into() };
        let oauth = Auth::ClientCredentials {
            token_url: "https://id.example.com/token".into(),
            client_id: "sinew".into(),
            client_secret: name(),
            scopes: Vec::new(),
            audience: None,
            client_authentication: ClientAuthentication::Basic,
        };
        for (auth, placed) in [
            (Auth::None, ""),
            (Auth::ApiKey { location: header, key: name() }, "x-api-key: Token s3/cret+"),
            (Auth::ApiKey { location: query, key: name() }, "?api%20key=s3%2Fcret%2B"),
            (
                Auth::Basic { username: "Aladdin".into(), password: name() },
                "authorization: Basic QWxhZGRpbjpzMy9jcmV0Kw==",
            ),
            (Auth::Bearer { token: name() }, "authorization: Bearer s3/cret+"),
            (oauth, "authorization: Bearer s3/cret+"),
        ] {
            assert_eq!(check(&auth, "s3/cret+").as_deref(), Ok(placed));
        }
    }

    #[test]
    fn a_secret_with_a_line_break_goes_into_no_header() {
        let auth = Auth::Bearer { token: name() };
        assert_eq!(check(&auth, "a\r\nX-Evil: 1"), Err(AuthError::NotForHeaders));
        let auth = Auth::Basic { username: Arc::from("a:b"), password: name() };
        assert_eq!(check(&auth, "x"), Err(AuthError::ColonInUserName));
    }

    #[test]
    fn a_secret_is_masked_in_every_form_it_may_show_in() {
        let forms: Vec<_> = masks(&Secret::new("a\"b/c")).iter().map(|s| s.expose().to_owned()).collect();
        assert_eq!(forms, ["a\"b/c", "a%22b%2Fc", r#"a\\\"b/c"#, r#"a\"b/c"#]);
        assert_eq!(masks(&Secret::new("plain")).len(), 1);
    }
}
