//! Auth schemes, one file each: what a scheme does to a request. A new scheme is a variant of `sinew_model::Auth`, a file
//! here and an arm in [`Credential::of`].

mod api_key;
mod aws_sigv4;
mod basic;
mod bearer;
mod hmac;
mod mask;
mod oauth1;
pub mod oauth2;
mod session;
mod ssh;
mod ws_security;

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
pub use session::{SessionError, read_session, session_request};

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
    /// A key that is not written as it is said to be.
    #[error("the key is not written in the encoding that `key_encoding` says")]
    BadKeyEncoding,
    /// A private key that cannot sign.
    #[error(transparent)]
    Key(#[from] oauth2::KeyError),
    /// A grant for which somebody has to log in.
    #[error("somebody has to log in first")]
    NeedsPerson,
    /// An endpoint that is neither configured nor published.
    #[error(
        "the provider's {0} endpoint is not known: it is neither configured nor in the issuer's metadata"
    )]
    NoEndpoint(&'static str),
    /// A service account without a name.
    #[error("the service account has no name: give `issuer` in `assertion`, or `client_id`")]
    NoIssuer,
    /// The machine gives no random numbers.
    #[error("the machine gives no random numbers")]
    NoRandomness,
    /// A request whose body is no SOAP message.
    #[error("WS-Security goes into SOAP messages, and the request's body is none")]
    NotSoap,
    /// An endpoint that is no URL.
    #[error("`{0}` is not an http or https URL")]
    NoUrl(String),
}

/// Gives the secret of a name, as it is now.
pub type Resolve<'a> = &'a (dyn Fn(&SecretRef) -> Result<Secret, SecretError> + Send + Sync);

/// A credential as it goes into requests.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    /// What is the same in every request, and where it goes.
    pub placements: Vec<Placement>,
    /// What depends on the request.
    pub signer: Option<Arc<dyn Signer>>,
    /// The headers in which the signature stands.
    pub signed_headers: Vec<HeaderName>,
    /// User name and password, for systems that ask for them instead of headers.
    pub login: Option<Login>,
    /// Every text that must never be shown: the secret, and what it looks like when encoded.
    pub masks: Vec<Secret>,
}

/// Who logs in to systems that are not asked by requests with headers.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name; empty if there is a token, which knows whose it is.
    pub user: Arc<str>,
    /// The password, the token, or what the key is sealed under.
    pub password: Secret,
    /// The private key, if one logs in by that.
    pub key: Option<Secret>,
    /// Which of them.
    pub proof: Proof,
    /// What signs requests that the transport forms by itself.
    pub signer: Option<Arc<dyn Signer>>,
}

impl Login {
    /// A user name and its password, or a token.
    pub fn new(user: Arc<str>, password: Secret, proof: Proof) -> Self {
        Self { user, password, key: None, proof, signer: None }
    }
}

/// What somebody logs in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A password.
    Password,
    /// A bearer token.
    Token,
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
            Auth::None | Auth::Certificate => Ok(Some(Self::none())),
            Auth::ApiKeys(keys) => api_key::credential(keys, resolve).map(Some),
            Auth::Basic(login) => basic::credential(login, resolve).map(Some),
            Auth::Bearer(token) => bearer::credential(&resolve(token)?).map(Some),
            Auth::OAuth1(oauth) => oauth1::credential(oauth, resolve).map(Some),
            Auth::AwsSigV4(aws) => aws_sigv4::credential(aws, resolve).map(Some),
            Auth::Hmac(signing) => hmac::credential(signing, resolve).map(Some),
            Auth::WsSecurity(login) => ws_security::credential(login, resolve).map(Some),
            Auth::Ssh(key) => ssh::credential(key, resolve).map(Some),
            Auth::OAuth2(_) | Auth::Session(_) => Ok(None),
        }
    }

    /// The credential that a token of the scheme makes.
    pub fn of_token(auth: &Auth, token: &Secret) -> Result<Self, AuthError> {
        match auth {
            Auth::Session(login) => session::credential(login, token),
            _ => bearer::credential(token),
        }
    }

    /// A credential that signs; the signature stands in these headers.
    fn signing(signer: impl Signer + 'static, signed_headers: Vec<HeaderName>) -> Self {
        Self { signer: Some(Arc::new(signer)), signed_headers, ..Self::none() }
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

    /// The headers that hold the credential.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        let placed = self.placements.iter().filter_map(|placement| match placement {
            Placement::Header(name, _) => Some(name),
            Placement::Cookie(_) => Some(&COOKIE),
            Placement::Query(_) => None,
        });
        placed.chain(&self.signed_headers)
    }

    fn header(name: HeaderName, text: &str, secret: &Secret) -> Result<Self, AuthError> {
        let placements = vec![Placement::Header(name, sensitive(text)?)];
        Ok(Self { placements, masks: masks(secret), ..Self::none() })
    }
}

/// A header value that is not shown when printed.
fn sensitive(text: &str) -> Result<HeaderValue, AuthError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| AuthError::NotForHeaders)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Host and port as the `Host` header has them: a port that the scheme implies is left out.
fn signed_host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let implied = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    match uri.port_u16() {
        Some(port) if port != implied => format!("{host}:{port}"),
        _ => host,
    }
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
