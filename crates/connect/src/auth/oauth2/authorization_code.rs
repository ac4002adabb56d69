use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use sinew_model::Grant;
use sinew_vault::Secret;

use super::answer::cut;
use super::{AuthError, Form, Provider, TokenRequest, endpoint};

/// What binds a log-in at a browser to whoever began it: kept until the browser comes back.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// Comes back with the code (RFC 6749, section 10.12).
    pub state: Secret,
    /// Comes back in the ID token (OpenID Connect Core 1.0, section 3.1.2.1).
    pub nonce: Secret,
    /// What the challenge was made of (RFC 7636, section 4.1).
    pub verifier: Secret,
}

impl LoginAttempt {
    /// An attempt that nobody guesses.
    pub fn fresh() -> Result<Self, AuthError> {
        let random = || {
            let mut bytes = [0_u8; 32];
            rand::fill(&mut bytes).map_err(|_| AuthError::NoRandomness)?;
            Ok::<_, AuthError>(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
        };
        Ok(Self { state: random()?, nonce: random()?, verifier: random()? })
    }

    /// The challenge by `S256` (RFC 7636, section 4.2).
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, self.verifier.expose().as_bytes()))
    }
}

impl Provider<'_> {
    /// Where a person logs in (RFC 6749, section 4.1.1). `redirect` is where the browser comes back to.
    pub fn authorization_url(&self, attempt: &LoginAttempt, redirect: &str) -> Result<String, AuthError> {
        let url = self.endpoints.authorize.as_deref().ok_or(AuthError::NoEndpoint("authorization"))?;
        endpoint(url)?;
        let mut form = Form::default();
        form.add("response_type", "code");
        form.add("client_id", self.oauth.client.id.as_deref().unwrap_or_default());
        form.add("redirect_uri", redirect);
        self.add_scope(&mut form);
        form.add("state", attempt.state.expose());
        if self.oauth.scopes.iter().any(|scope| &**scope == "openid") {
            form.add("nonce", attempt.nonce.expose());
        }
        if let Some(audience) = &self.oauth.audience {
            form.add("audience", audience);
        }
        if let Some(resource) = &self.oauth.resource {
            form.add("resource", resource);
        }
        if let Grant::AuthorizationCode(grant) = &self.oauth.grant {
            if grant.pkce {
                form.add("code_challenge", &attempt.challenge());
                form.add("code_challenge_method", "S256");
            }
            for (name, value) in &grant.parameters {
                form.add(name, value);
            }
        }
        let joint = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{joint}{}", &*form.text))
    }

    /// The request that redeems a code (RFC 6749, section 4.1.3).
    pub fn code_request(
        &self,
        attempt: &LoginAttempt,
        redirect: &str,
        code: &Secret,
    ) -> Result<TokenRequest, AuthError> {
        let mut form = Form::default();
        form.add("grant_type", "authorization_code");
        form.add_secret("code", code);
        form.add("redirect_uri", redirect);
        if matches!(&self.oauth.grant, Grant::AuthorizationCode(grant) if grant.pkce) {
            form.add_secret("code_verifier", &attempt.verifier);
        }
        self.ask_for_token(form)
    }
}

/// What a browser brought back.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Tells which attempt it belongs to.
    pub state: Secret,
    /// The code, or what the provider says instead.
    pub code: Result<Secret, CallbackError>,
    /// Who sent it (RFC 9207), if it says so.
    pub issuer: Option<String>,
}

/// Why a browser came back without a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The provider, or the person, said no (RFC 6749, section 4.1.2.1).
    #[error("the provider refused: {0}")]
    Refused(String),
    /// Neither code nor error.
    #[error("the provider sent the browser back without a code")]
    NoCode,
}

impl Callback {
    /// Whether it belongs to this attempt, at this issuer. In constant time.
    pub fn belongs_to(&self, attempt: &LoginAttempt, issuer: Option<&str>) -> bool {
        let (theirs, ours) = (self.state.expose().as_bytes(), attempt.state.expose().as_bytes());
        let same_issuer = match (&self.issuer, issuer) {
            (Some(theirs), Some(ours)) => theirs.trim_end_matches('/') == ours.trim_end_matches('/'),
            _ => true,
        };
        constant_time::verify_slices_are_equal(theirs, ours).is_ok() && same_issuer
    }
}

/// Reads the query with which a browser came back.
pub fn read_callback(query: &str) -> Callback {
    let value =
        |name: &str| {
            query.split('&').filter_map(|pair| pair.split_once('=')).find(|(n, _)| *n == name).map(
                |(_, value)| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned(),
            )
        };
    let code = match (value("code").filter(|code| !code.is_empty()), value("error")) {
        (_, Some(error)) => {
            let said = value("error_description").map_or(error.clone(), |more| format!("{error}: {more}"));
            Err(CallbackError::Refused(cut(&said)))
        }
        (Some(code), None) => Ok(Secret::new(code)),
        (None, None) => Err(CallbackError::NoCode),
    };
    Callback { state: Secret::new(value("state").unwrap_or_default()), code, issuer: value("iss") }
}

#[cfg(test)]
mod tests {
    use sinew_model::{AuthorizationCode, SecretRef};

    use super::*;
    use crate::auth::oauth2::testing::{MOMENT, oauth, taken_apart};

    const BACK: &str = "http://127.0.0.1:8080/connect/callback";

    /// The example of RFC 7636, appendix B.
    fn attempt() -> LoginAttempt {
        LoginAttempt {
            state: Secret::new("st"),
            nonce: Secret::new("no"),
            verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        }
    }

    fn grant(pkce: bool) -> Grant {
        let parameters = vec![("prompt".into(), "consent".into())];
        Grant::AuthorizationCode(AuthorizationCode { redirect: None, pkce, parameters })
    }

    #[tokio::test]
    async fn a_person_logs_in_and_the_code_is_redeemed_by_who_asked() {
        let oauth = oauth(grant(true));
        let resolve = |_: &SecretRef| Ok(Secret::new("s"));
        let provider =
            Provider { oauth: &oauth, endpoints: &oauth.endpoints, resolve: &resolve, moment: MOMENT };
        assert_eq!(
            provider.authorization_url(&attempt(), BACK).unwrap(),
            "https://id.example.com/authorize?tenant=1&response_type=code&client_id=si%20new\
             &redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2Fconnect%2Fcallback&scope=read%20write&state=st\
             &audience=https%3A%2F%2Fapi.example.com&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
             &code_challenge_method=S256&prompt=consent"
        );
        let request = provider.code_request(&attempt(), BACK, &Secret::new("c0de")).unwrap();
        let (_, form, masks) = taken_apart(request).await;
        assert!(form.starts_with("grant_type=authorization_code&code=c0de&redirect_uri=http"), "{form}");
        assert!(form.contains("&code_verifier=dBjftJeZ4CVP") && masks.iter().any(|mask| mask == "c0de"));
        assert_eq!(provider.token_request().map(|_| ()).unwrap_err(), AuthError::NeedsPerson);
    }

    #[test]
    fn attempts_are_unlike_one_another() {
        let (a, b) = (LoginAttempt::fresh().unwrap(), LoginAttempt::fresh().unwrap());
        assert_ne!(a.state.expose(), b.state.expose());
        assert!(a.verifier.expose().len() >= 43 && a.verifier.expose() != a.state.expose());
    }

    #[test]
    fn a_callback_is_taken_only_with_the_state_and_issuer_of_its_attempt() {
        let issuer = Some("https://id.example.com");
        let callback = read_callback("code=c0de&state=st&iss=https%3A%2F%2Fid.example.com");
        assert!(callback.belongs_to(&attempt(), issuer));
        assert_eq!(callback.code.unwrap().expose(), "c0de");
        assert!(read_callback("code=c&state=st").belongs_to(&attempt(), issuer));
        for stranger in ["code=c&state=other", "code=c", "code=c&state=st&iss=https%3A%2F%2Fevil.example"] {
            assert!(!read_callback(stranger).belongs_to(&attempt(), issuer), "{stranger}");
        }
        let refused = read_callback("error=access_denied&error_description=The+user+said+no&state=st").code;
        assert_eq!(
            refused.unwrap_err(),
            CallbackError::Refused("access_denied: The user said no".to_owned())
        );
        assert_eq!(read_callback("state=st").code.unwrap_err(), CallbackError::NoCode);
    }
}
