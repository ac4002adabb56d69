//! OAuth 2.0 (RFC 6749): requests to a provider are formed here, and its answers read. Nothing is sent, and nothing kept.
//!
//! One file a grant. A new one is a variant of `sinew_model::Grant`, a file here and an arm in
//! [`Provider::token_request`].

mod answer;
mod authorization_code;
mod client;
mod device_code;
mod discovery;
mod jwt;
mod jwt_bearer;
mod refresh_token;
mod token_exchange;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use sinew_model::{Endpoints, Grant, OAuth2};
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, ENCODED, Moment, Resolve};

pub use answer::{Granted, TokenError, read_token};
pub use authorization_code::{Callback, CallbackError, LoginAttempt, read_callback};
pub use device_code::{Device, read_device};
pub use discovery::{DiscoveryError, METADATA_MAX, metadata_requests, read_metadata};
pub(super) use jwt::uuid;
pub use jwt::{KeyError, SigningKey};

/// A provider as one client speaks to it, at one moment.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// What is configured.
    pub oauth: &'a OAuth2,
    /// Where it is spoken to: what is configured, completed by what it publishes ([`read_metadata`]).
    pub endpoints: &'a Endpoints,
    /// Gives the secrets.
    pub resolve: Resolve<'a>,
    /// Now, and a number used once, for assertions.
    pub moment: Moment,
}

/// A request to a provider, and what of it must not be shown.
#[derive(Debug)]
pub struct TokenRequest {
    /// The request.
    pub request: Request<Full<Bytes>>,
    /// The secrets in it, in every form that they may show in.
    pub masks: Vec<Secret>,
}

impl Provider<'_> {
    /// The request for a token by a grant that needs nobody to log in; [`AuthError::NeedsPerson`] for the others.
    pub fn token_request(&self) -> Result<TokenRequest, AuthError> {
        let mut form = Form::default();
        match &self.oauth.grant {
            // RFC 6749, section 4.4.2.
            Grant::ClientCredentials => {
                form.add("grant_type", "client_credentials");
                self.add_scope(&mut form);
            }
            Grant::RefreshToken { token } => refresh_token::fill(self, &mut form, &(self.resolve)(token)?),
            Grant::JwtBearer(bearer) => jwt_bearer::fill(self, &mut form, bearer)?,
            Grant::TokenExchange(exchange) => token_exchange::fill(self, &mut form, exchange)?,
            Grant::AuthorizationCode(_) | Grant::DeviceCode => return Err(AuthError::NeedsPerson),
        }
        self.ask_for_token(form)
    }

    /// The request that renews a token (RFC 6749, section 6).
    pub fn refresh_request(&self, refresh_token: &Secret) -> Result<TokenRequest, AuthError> {
        let mut form = Form::default();
        refresh_token::fill(self, &mut form, refresh_token);
        self.ask_for_token(form)
    }

    /// The request that gives a token back (RFC 7009); `None` if the provider takes none.
    pub fn revoke_request(&self, token: &Secret) -> Result<Option<TokenRequest>, AuthError> {
        let Some(url) = &self.endpoints.revoke else { return Ok(None) };
        let mut form = Form::default();
        form.add_secret("token", token);
        self.post(form, url).map(Some)
    }

    /// Posts to the token endpoint, with the parameters that every grant has.
    fn ask_for_token(&self, mut form: Form) -> Result<TokenRequest, AuthError> {
        if let Some(audience) = &self.oauth.audience {
            form.add("audience", audience);
        }
        if let Some(resource) = &self.oauth.resource {
            form.add("resource", resource);
        }
        for (name, value) in &self.oauth.parameters {
            form.add(name, value);
        }
        self.post(form, self.token_url()?)
    }

    fn token_url(&self) -> Result<&str, AuthError> {
        self.endpoints.token.as_deref().ok_or(AuthError::NoEndpoint("token"))
    }

    fn add_scope(&self, form: &mut Form) {
        if let Some(scope) = self.oauth.scope() {
            form.add("scope", &scope);
        }
    }

    /// The request in which the client names itself.
    fn post(&self, mut form: Form, url: &str) -> Result<TokenRequest, AuthError> {
        let uri = endpoint(url)?;
        let authorization = client::prove(self, &mut form)?;
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(form.text.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(TokenRequest { request, masks: form.masks })
    }
}

/// The URL of an endpoint.
pub(super) fn endpoint(url: &str) -> Result<Uri, AuthError> {
    let wrong = || AuthError::NoUrl(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(wrong());
    }
    Ok(uri)
}

/// A form that is posted to an endpoint of a provider.
#[derive(Default)]
struct Form {
    text: Zeroizing<String>,
    masks: Vec<Secret>,
}

impl Form {
    fn add(&mut self, name: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push('&');
        }
        self.text.extend(utf8_percent_encode(name, ENCODED));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value, ENCODED));
    }

    /// Adds what must not be shown.
    fn add_secret(&mut self, name: &str, value: &Secret) {
        self.add(name, value.expose());
        self.masks.extend(super::masks(value));
    }
}

#[cfg(test)]
mod testing;
