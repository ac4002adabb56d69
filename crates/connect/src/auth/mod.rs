//! Auth schemes, one file each: what a scheme does to a request. A new scheme is a variant of `sinew_model::Auth`, a file
//! here and an arm in [`Credential::of`].

mod api_key;
mod basic;
mod bearer;
mod mask;
pub mod oauth2;

use std::sync::Arc;

use bytes::Bytes;
use http::header::COOKIE;
use http::{HeaderName, HeaderValue, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use sinew_model::{Auth, SecretRef};
use sinew_stdx::Timestamp;
use sinew_vault::{Secret, SecretError};
use zeroize::Zeroizing;

pub use mask::masks;

/// Everything but the characters that URLs never need encoded (RFC 3986, section 2.3).
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A credential that cannot be put into a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// A secret that cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A secret with line breaks or other characters that no header may hold.
    #[error("the secret holds characters that no HTTP header may hold")]
    NotForHeaders,
    /// A secret that does not fit into a URL.
    #[error("the secret does not fit into a URL")]
    NotForUrls,
    /// A header name that is none.
    #[error("`{0}` is not the name of an HTTP header")]
    NoHeaderName(String),
    /// A user name with a colon (RFC 7617).
    #[error("the user name holds a colon")]
    ColonInUserName,
    /// An endpoint that is no URL.
    #[error("`{0}` is not an http or https URL")]
    NoUrl(String),
}

/// Gives the secret of a name, as it is now.
pub type Resolve<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret, SecretError>;

/// A credential as it goes into requests.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    /// What is the same in every request, and where it goes.
    pub placements: Vec<Placement>,
    /// What depends on the request.
    pub signer: Option<Arc<dyn Signer>>,
    /// Every text that must never be shown: the secret, and what it looks like when encoded.
    pub masks: Vec<Secret>,
}

/// Where a credential goes.
#[derive(Clone, Debug)]
pub enum Placement {
    /// Into a header; the value is marked as sensitive.
    Header(HeaderName, HeaderValue),
    /// Into the query, as an encoded `name=value`.
    Query(Secret),
    /// Into the `Cookie` header, as `name=value`.
    Cookie(Secret),
}

/// When a request is signed, and what makes its signature unlike any other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// A number used once.
    pub nonce: u128,
}

/// Signs whole requests: method, URL, headers and body.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// Adds the signature to a request that is otherwise ready to go out; gives what of it must not be shown.
    fn sign(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError>;
}

impl Credential {
    /// No credential.
    pub fn none() -> Self {
        Self::default()
    }

    /// The credential of a scheme whose secrets are all that it takes; `None` if it needs a token first.
    pub fn of(auth: &Auth, resolve: Resolve<'_>) -> Result<Option<Self>, AuthError> {
        match auth {
            Auth::None => Ok(Some(Self::none())),
            Auth::ApiKeys(keys) => api_key::credential(keys, resolve).map(Some),
            Auth::Basic(login) => basic::credential(login, resolve).map(Some),
            Auth::Bearer(token) => bearer::credential(&resolve(token)?).map(Some),
            Auth::OAuth2(_) => Ok(None),
        }
    }

    /// The credential that an access token makes.
    pub fn of_token(token: &Secret) -> Result<Self, AuthError> {
        bearer::credential(token)
    }

    /// Puts the credential into a request that is otherwise ready to go out; gives what must not be shown beyond
    /// [`Credential::masks`].
    pub fn apply(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError> {
        for placement in &self.placements {
            match placement {
                Placement::Header(name, value) => {
                    request.headers_mut().insert(name, value.clone());
                }
                Placement::Query(pair) => {
                    *request.uri_mut() =
                        with_query(request.uri(), pair.expose()).ok_or(AuthError::NotForUrls)?;
                }
                Placement::Cookie(pair) => add_cookie(request, pair)?,
            }
        }
        match &self.signer {
            Some(signer) => signer.sign(request, moment),
            None => Ok(Vec::new()),
        }
    }

    /// The headers that the credential fills, beside those that its signer adds.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.placements.iter().filter_map(|placement| match placement {
            Placement::Header(name, _) => Some(name),
            Placement::Cookie(_) => Some(&COOKIE),
            Placement::Query(_) => None,
        })
    }

    fn header(name: HeaderName, text: &str, secret: &Secret) -> Result<Self, AuthError> {
        let placements = vec![Placement::Header(name, sensitive(text)?)];
        Ok(Self { placements, signer: None, masks: masks(secret) })
    }
}

/// A header value that is not shown when printed.
fn sensitive(text: &str) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| AuthError::NotForHeaders)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The URL with one more encoded pair in its query.
fn with_query(uri: &Uri, pair: &str) -> Option<Uri> {
    let joint = if uri.query().is_some() { '&' } else { '?' };
    Zeroizing::new(format!("{uri}{joint}{pair}")).parse().ok()
}

fn add_cookie(request: &mut Request<Bytes>, pair: &Secret) -> Result<(), AuthError> {
    let there = request.headers().get(COOKIE).and_then(|value| value.to_str().ok());
    let text = match there {
        Some(there) => Zeroizing::new(format!("{there}; {}", pair.expose())),
        None => Zeroizing::new(pair.expose().to_owned()),
    };
    let value = sensitive(&text)?;
    request.headers_mut().insert(COOKIE, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use sinew_model::{ApiKey, BasicLogin, KeyLocation};

    use super::*;

    fn name() -> SecretRef {
        SecretRef::new("secret:crm/client").unwrap()
    }

    fn check(auth: &Auth, secret: &str) -> Result<String, AuthError> {
        let credential = Credential::of(auth, &|_| Ok(Secret::new(secret)))?.unwrap();
        assert!(
            !format!("{credential:?}").contains(secret),
            "a credential shows when printed: {credential:?}"
        );
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = Uri::from_static("https://api.example.com/x");
        request.headers_mut().insert(COOKIE, HeaderValue::from_static("a=b"));
        let moment = Moment { now: Timestamp::from_millis(0), nonce: 0 };
        credential.apply(&mut request, &moment)?;
        assert!(!format!("{request:?}").contains(secret) || request.uri().query().is_some());
        let query = request.uri().query().map(|query| format!("?{query}"));
        let headers = request.headers().iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()));
        let parts = query.into_iter().chain(headers.filter(|line| line != "cookie: a=b"));
        Ok(parts.collect::<Vec<_>>().join(" | "))
    }

    #[test]
    fn each_scheme_puts_its_secret_where_it_belongs() {
        let key = |location| ApiKey { location, key: name() };
        let header = key(KeyLocation::Header { name: "X-Api-Key".into(), prefix: "Token ".into() });
        let query = key(KeyLocation::Query { name: "api key".into() });
        let cookie = key(KeyLocation::Cookie { name: "sid".into() });
        let user = BasicLogin::User { username: "Aladdin".into(), password: name() };
        for (auth, placed) in [
            (Auth::None, ""),
            (Auth::ApiKeys(vec![header.clone()]), "x-api-key: Token s3/cret+"),
            (Auth::ApiKeys(vec![query.clone()]), "?api%20key=s3%2Fcret%2B"),
            (Auth::ApiKeys(vec![cookie]), "cookie: a=b; sid=s3/cret+"),
            (Auth::ApiKeys(vec![header, query]), "?api%20key=s3%2Fcret%2B | x-api-key: Token s3/cret+"),
            (Auth::Basic(user), "authorization: Basic QWxhZGRpbjpzMy9jcmV0Kw=="),
            (
                Auth::Basic(BasicLogin::Key { key: name(), password: None }),
                "authorization: Basic czMvY3JldCs6",
            ),
            (Auth::Bearer(name()), "authorization: Bearer s3/cret+"),
        ] {
            assert_eq!(check(&auth, "s3/cret+").as_deref(), Ok(placed));
        }
    }

    #[test]
    fn what_would_break_a_header_is_refused() {
        let header = KeyLocation::Header { name: "X-Api-Key".into(), prefix: "".into() };
        let auth = Auth::ApiKeys(vec![ApiKey { location: header, key: name() }]);
        assert_eq!(check(&auth, "a\r\nX-Evil: 1"), Err(AuthError::NotForHeaders));
        let cookie = KeyLocation::Cookie { name: "sid".into() };
        let auth = Auth::ApiKeys(vec![ApiKey { location: cookie, key: name() }]);
        assert_eq!(check(&auth, "a; admin=1"), Err(AuthError::NotForHeaders));
        let auth = Auth::Basic(BasicLogin::User { username: "a:b".into(), password: name() });
        assert_eq!(check(&auth, "x"), Err(AuthError::ColonInUserName));
    }
}
