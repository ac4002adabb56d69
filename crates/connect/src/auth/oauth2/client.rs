use http::HeaderValue;
use percent_encoding::utf8_percent_encode;
use serde_json::json;
use sinew_model::{ClientProof, JwtKey};
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::jwt::{SigningKey, uuid};
use super::{AuthError, ENCODED, Form, Provider};
use crate::auth::{basic, masks, sensitive};

/// How long an assertion of a client lives, and how far it is dated back for a provider whose clock is behind.
const LIVES_S: i64 = 120;
const BACK_S: i64 = 10;

/// Names the client, and shows that it is who it says; gives the `Authorization` header, if that is how.
pub(super) fn prove(provider: &Provider<'_>, form: &mut Form) -> Result<Option<HeaderValue>, AuthError> {
    let id = provider.oauth.client.id.as_deref();
    match &provider.oauth.client.proof {
        ClientProof::None | ClientProof::Certificate => add_id(form, id),
        ClientProof::Basic(secret) => {
            let secret = (provider.resolve)(secret)?;
            form.masks.extend(masks(&secret));
            let (header, pair) = basic_header(id.unwrap_or_default(), &secret)?;
            form.masks.push(pair);
            return Ok(Some(header));
        }
        ClientProof::Body(secret) => {
            add_id(form, id);
            form.add_secret("client_secret", &(provider.resolve)(secret)?);
        }
        ClientProof::PrivateKey { key, audience } => {
            let id = id.unwrap_or_default();
            add_id(form, Some(id));
            let audience = match audience {
                Some(audience) => audience,
                None => provider.token_url()?,
            };
            let assertion = assertion(provider, key, id, audience)?;
            form.add("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
            form.add_secret("client_assertion", &assertion);
        }
    }
    Ok(None)
}

fn add_id(form: &mut Form, id: Option<&str>) {
    if let Some(id) = id {
        form.add("client_id", id);
    }
}

/// Both parts are form-encoded first (RFC 6749, section 2.3.1). With the pair as it is sent, which must not be shown.
fn basic_header(id: &str, secret: &Secret) -> Result<(HeaderValue, Secret), AuthError> {
    let id = utf8_percent_encode(id, ENCODED).to_string();
    let secret = Zeroizing::new(utf8_percent_encode(secret.expose(), ENCODED).to_string());
    let pair = basic::pair(&id, &secret);
    Ok((sensitive(&Zeroizing::new(format!("Basic {}", pair.expose())))?, pair))
}

/// RFC 7523, section 2.2.
fn assertion(provider: &Provider<'_>, key: &JwtKey, id: &str, audience: &str) -> Result<Secret, AuthError> {
    let now_s = provider.moment.now.as_millis() / 1000;
    let claims = json!({
        "iss": id,
        "sub": id,
        "aud": audience,
        "iat": now_s - BACK_S,
        "nbf": now_s - BACK_S,
        "exp": now_s + LIVES_S,
        "jti": uuid(provider.moment.nonce),
    });
    Ok(SigningKey::read(key, provider.resolve)?.sign(&claims)?)
}

#[cfg(test)]
mod tests {
    use sinew_model::{ClientProof, Grant, JwtKey, SecretRef};

    use crate::auth::oauth2::testing::{KEY, checked, oauth};

    const COMMON: &str =
        "grant_type=client_credentials&scope=read%20write&audience=https%3A%2F%2Fapi.example.com";

    fn secret() -> SecretRef {
        SecretRef::new("secret:x").unwrap()
    }

    async fn check(proof: ClientProof) -> (Option<String>, String) {
        let mut oauth = oauth(Grant::ClientCredentials);
        oauth.client.proof = proof;
        let (header, form, masks) = checked(&oauth, "p&ss").await;
        if oauth.client.proof.secret().is_some() {
            assert!(masks.starts_with(&["p&ss".to_owned(), "p%26ss".to_owned()]), "{masks:?}");
        }
        (header, form)
    }

    #[tokio::test]
    async fn a_client_names_itself_as_its_provider_asks() {
        // base64("si%20new:p%26ss")
        let header = Some("Basic c2klMjBuZXc6cCUyNnNz".to_owned());
        assert_eq!(check(ClientProof::Basic(secret())).await, (header, COMMON.to_owned()));
        let id = format!("{COMMON}&client_id=si%20new");
        let body = format!("{id}&client_secret=p%26ss");
        assert_eq!(check(ClientProof::Body(secret())).await, (None, body));
        assert_eq!(check(ClientProof::None).await, (None, id.clone()));
        assert_eq!(check(ClientProof::Certificate).await, (None, id));
    }

    #[tokio::test]
    async fn a_client_with_a_key_signs_who_it_is() {
        let mut oauth = oauth(Grant::ClientCredentials);
        let key = JwtKey { key: secret(), key_id: None, algorithm: None };
        oauth.client.proof = ClientProof::PrivateKey { key, audience: None };
        let (header, form, masks) = checked(&oauth, KEY).await;
        assert_eq!(header, None);
        let assertion = form.split("client_assertion=").nth(1).unwrap();
        assert!(masks.iter().any(|mask| mask == assertion), "the assertion is not masked");
        assert!(form.contains("assertion-type%3Ajwt-bearer"), "{form}");
    }
}
