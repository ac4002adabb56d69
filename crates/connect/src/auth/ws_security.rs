//! WS-Security: a user name token in the header of each SOAP message, made anew for each attempt.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use sinew_contract::soap::{Password, SecurityHeader, UsernameToken};
use sinew_model::WsSecurity;
use sinew_stdx::Timestamp;
use sinew_vault::Secret;

use super::{AuthError, Credential, Moment, Resolve, Signer, masks};

/// How long a message holds.
const VALIDITY: Duration = Duration::from_mins(5);

pub(super) fn credential(login: &WsSecurity, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let password = resolve(&login.password)?;
    let mut all = masks(&password);
    // As it stands in the message, and in whatever repeats the message.
    let escaped = password.expose().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if escaped != password.expose() {
        all.extend(masks(&Secret::new(escaped)));
    }
    let signer = Header { login: login.clone(), password };
    Ok(Credential { signer: Some(Arc::new(signer)), masks: all, ..Credential::none() })
}

#[derive(Debug)]
struct Header {
    login: WsSecurity,
    password: Secret,
}

impl Signer for Header {
    fn sign(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError> {
        let created = moment.now.to_string();
        let expires =
            Timestamp::from_millis(moment.now.as_millis() + VALIDITY.as_millis() as i64).to_string();
        let nonce = moment.nonce.to_be_bytes();
        let shown = STANDARD.encode(nonce);
        let digest = self.login.digest.then(|| digest(&nonce, &created, &self.password));
        let password = match &digest {
            Some(digest) => Password::Digest { digest: digest.expose(), nonce: &shown },
            None => Password::Text(self.password.expose()),
        };
        let header = SecurityHeader {
            token: Some(UsernameToken { username: &self.login.username, password, created: &created }),
            timestamp: self.login.timestamp.then_some((&created, &expires)),
        };
        let body = header.put_into(request.body()).ok_or(AuthError::NotSoap)?;
        *request.body_mut() = Bytes::from(body);
        Ok(digest.into_iter().collect())
    }
}

/// Base64 of SHA-1 over nonce, time and password (UsernameToken Profile 1.0, section 3.1). The profile knows no other hash.
fn digest(nonce: &[u8], created: &str, password: &Secret) -> Secret {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(nonce);
    context.update(created.as_bytes());
    context.update(password.expose().as_bytes());
    Secret::new(STANDARD.encode(context.finish()))
}

#[cfg(test)]
mod tests {
    use sinew_model::SecretRef;

    use super::*;

    fn signed(digest: bool, timestamp: bool, body: &'static str) -> Result<(String, Vec<Secret>), AuthError> {
        let password = SecretRef::new("secret:erp/password").unwrap();
        let login = WsSecurity { username: "a&b".into(), password, digest, timestamp };
        let credential = credential(&login, &|_| Ok(Secret::new("p<ss")))?;
        let mut request = Request::new(Bytes::from_static(body.as_bytes()));
        let moment = Moment { now: Timestamp::from_millis(1_795_255_200_000), nonce: 7 };
        let masks = credential.apply(&mut request, &moment)?;
        assert!(!format!("{credential:?}").contains("p<ss"));
        Ok((String::from_utf8(request.into_body().to_vec()).unwrap(), masks))
    }

    const MESSAGE: &str = "<soap:Envelope xmlns:soap=\"s\"><soap:Body><a/></soap:Body></soap:Envelope>";

    #[test]
    fn the_token_stands_in_the_header() {
        let (text, masks) = signed(false, true, MESSAGE).unwrap();
        assert!(masks.is_empty());
        for part in [
            "<soap:Header><wsse:Security ",
            "<wsse:Username>a&amp;b</wsse:Username>",
            "#PasswordText\">p&lt;ss</wsse:Password>",
            "<wsu:Created>2026-11-21T10:00:00.000Z</wsu:Created><wsu:Expires>2026-11-21T10:05:00.000Z</wsu:Expires>",
            "</wsse:Security></soap:Header><soap:Body><a/>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let there =
            "<soap:Envelope xmlns:soap=\"s\"><soap:Header><x/></soap:Header><soap:Body/></soap:Envelope>";
        assert!(
            signed(false, false, there).unwrap().0.contains("</wsse:Security><x/></soap:Header><soap:Body/>")
        );
    }

    #[test]
    fn a_digest_shows_no_password() {
        let (text, masks) = signed(true, false, MESSAGE).unwrap();
        let nonce = STANDARD.encode(7_u128.to_be_bytes());
        assert!(!text.contains("p&lt;ss") && text.contains(&format!(">{nonce}</wsse:Nonce>")), "{text}");
        assert!(text.contains(&format!("#PasswordDigest\">{}<", masks[0].expose())), "{text}");
    }

    #[test]
    fn what_is_no_soap_message_has_no_header() {
        assert_eq!(signed(false, false, "{}").unwrap_err(), AuthError::NotSoap);
    }
}
