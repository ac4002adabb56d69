use serde_json::{Map, Value};
use sinew_model::{JwtBearer, ScopeIn};

use super::jwt::{SigningKey, uuid};
use super::{AuthError, Form, Provider};

/// RFC 7523, section 2.1, with the claims of section 3.
pub(super) fn fill(provider: &Provider<'_>, form: &mut Form, bearer: &JwtBearer) -> Result<(), AuthError> {
    let key = SigningKey::read(&bearer.key, provider.resolve)?;
    let configured = bearer.issuer.as_deref().or(key.account()).or(provider.oauth.client.id.as_deref());
    let issuer = configured.ok_or(AuthError::NoIssuer)?;
    let audience = match &bearer.audience {
        Some(audience) => audience,
        None => provider.token_url()?,
    };
    let issued_s = (provider.moment.now.minus(bearer.back)).as_millis() / 1000;
    let expires_s = (provider.moment.now.plus(bearer.lives)).as_millis() / 1000;
    let mut claims = Map::new();
    claims.insert("iss".into(), issuer.into());
    claims.insert("sub".into(), bearer.subject.as_deref().unwrap_or(issuer).into());
    claims.insert("aud".into(), audience.into());
    claims.insert("iat".into(), issued_s.into());
    claims.insert("exp".into(), expires_s.into());
    claims.insert("jti".into(), uuid(provider.moment.nonce).into());
    for (name, value) in &bearer.claims {
        claims.insert(name.to_string(), value.to_string().into());
    }
    match (provider.oauth.scope(), bearer.scope_in) {
        (Some(scope), ScopeIn::Claims) => {
            claims.insert("scope".into(), scope.into());
        }
        (Some(scope), ScopeIn::Parameters) => form.add("scope", &scope),
        (None, _) => {}
    }
    form.add("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    form.add_secret("assertion", &key.sign(&Value::Object(claims))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;
    use sinew_model::{ClientProof, Grant, JwtKey, SecretRef};

    use super::*;
    use crate::auth::oauth2::testing::{KEY, NOW_S, checked, oauth};

    fn bearer() -> JwtBearer {
        JwtBearer {
            key: JwtKey { key: SecretRef::new("secret:x").unwrap(), key_id: None, algorithm: None },
            issuer: None,
            subject: Some("ada@example.com".into()),
            audience: None,
            lives: Duration::from_mins(5),
            back: Duration::from_secs(10),
            scope_in: ScopeIn::Claims,
            claims: vec![("tenant".into(), "acme".into())],
        }
    }

    async fn check(bearer: JwtBearer, secret: &str) -> (String, Value, Value) {
        let mut oauth = oauth(Grant::JwtBearer(bearer));
        oauth.client.proof = ClientProof::None;
        let (_, form, _) = checked(&oauth, secret).await;
        let assertion = form.split("assertion=").nth(1).unwrap().split('&').next().unwrap();
        let part = |n: usize| {
            let bytes = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(n).unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        (form.replace(assertion, "*"), part(0), part(1))
    }

    #[tokio::test]
    async fn a_service_account_says_who_for_whom_and_until_when() {
        let (form, header, claims) = check(bearer(), KEY).await;
        assert!(
            form.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=*")
        );
        assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT" }));
        let expected = json!({
            "iss": "si new", "sub": "ada@example.com", "aud": "https://id.example.com/token",
            "iat": NOW_S - 10, "exp": NOW_S + 300, "jti": "00000000-0000-0000-0000-000000000007",
            "tenant": "acme", "scope": "read write",
        });
        assert_eq!(claims, expected);
    }

    #[tokio::test]
    async fn a_google_key_names_its_account_and_itself() {
        let google = json!({ "type": "service_account", "client_email": "svc@p.example", "private_key_id": "k1", "private_key": KEY });
        let asked = JwtBearer { scope_in: ScopeIn::Parameters, subject: None, ..bearer() };
        let (form, header, claims) = check(asked, &google.to_string()).await;
        assert!(form.starts_with("scope=read%20write&"), "{form}");
        assert_eq!(header["kid"], "k1");
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("svc@p.example"), &json!("svc@p.example")));
        assert_eq!(claims.get("scope"), None);
    }
}
