use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};

use super::authorize::USER;
use super::state::{CLIENTS, Refused, State, refused, seconds};
use super::{assertion, device, issuer, oauth_error};
use crate::exchange::{Call, Reply, form_value, percent_decode};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The grants that the token endpoint knows.
pub(super) const GRANTS: &[&str] =
    &["authorization_code", "refresh_token", "client_credentials", JWT_BEARER, DEVICE_CODE, TOKEN_EXCHANGE];

/// The token endpoint.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    let form = String::from_utf8_lossy(&call.body).into_owned();
    let grant = form_value(&form, "grant_type").unwrap_or_default();
    let outcome = match grant.as_str() {
        JWT_BEARER => service_account(state, call, &form),
        "" => Err(refused("invalid_request", "grant_type is missing")),
        known if GRANTS.contains(&known) => {
            client_of(state, call, &form).and_then(|client| for_client(state, call, &form, &grant, &client))
        }
        _ => Err(refused("unsupported_grant_type", format!("use one of {}", GRANTS.join(", ")))),
    };
    outcome.unwrap_or_else(|refused| oauth_error(&refused))
}

fn for_client(
    state: &mut State,
    call: &Call,
    form: &str,
    grant: &str,
    client: &str,
) -> Result<Reply, Refused> {
    let field = |name: &str| form_value(form, name);
    match grant {
        "authorization_code" => code(state, call, form, client),
        "refresh_token" => {
            let token = field("refresh_token").unwrap_or_default();
            let family = state.refresh(&token, client)?;
            Ok(self::grant(state, call, family, None))
        }
        "client_credentials" => {
            if CLIENTS.iter().any(|known| known.id == client && known.secret.is_none()) {
                return Err(refused("unauthorized_client", "public clients act for a person only"));
            }
            let scope = field("scope").unwrap_or_else(|| "items.read".to_owned());
            let token = state.issue(client, client, &scope, None, call.now);
            Ok(reply(state, &token, &scope, json!({})))
        }
        DEVICE_CODE => device::redeem(state, call, form, client),
        _ => exchange(state, call, form, client),
    }
}

/// RFC 6749, section 4.1.3, and RFC 7636, section 4.6. A code that comes twice takes back what it gave.
fn code(state: &mut State, call: &Call, form: &str, client: &str) -> Result<Reply, Refused> {
    let given = |name: &str| form_value(form, name).unwrap_or_default();
    let unknown = || refused("invalid_grant", "the code is unknown, expired or was redeemed");
    let name = given("code");
    let code = state.codes.get(&name).filter(|code| code.client == client).ok_or_else(unknown)?;
    if let Some(family) = code.redeemed {
        state.revoke_family(family);
        return Err(unknown());
    }
    if call.now >= code.expires {
        return Err(unknown());
    }
    if code.redirect_uri != given("redirect_uri") {
        return Err(refused("invalid_grant", "the redirect_uri is another than that of the request"));
    }
    if let Some(challenge) = &code.challenge {
        let hash = digest::digest(&digest::SHA256, given("code_verifier").as_bytes());
        if BASE64_URL_SAFE_NO_PAD.encode(hash) != *challenge {
            return Err(refused("invalid_grant", "the code_verifier does not fit the code_challenge"));
        }
    }
    let (scope, nonce) = (code.scope.clone(), code.nonce.clone());
    let family = state.begin_family(client, USER, &scope);
    if let Some(code) = state.codes.get_mut(&name) {
        code.redeemed = Some(family);
    }
    Ok(grant(state, call, family, nonce.as_deref()))
}

/// RFC 7523, section 2.1.
fn service_account(state: &mut State, call: &Call, form: &str) -> Result<Reply, Refused> {
    let text = form_value(form, "assertion").unwrap_or_default();
    let claims = assertion::check(state, call, &text).map_err(|why| refused("invalid_grant", why))?;
    let subject = claims.subject.unwrap_or_else(|| claims.issuer.clone());
    let scope = form_value(form, "scope").or(claims.scope).unwrap_or_default();
    let token = state.issue(&claims.issuer, &subject, &scope, None, call.now);
    Ok(reply(state, &token, &scope, json!({})))
}

/// RFC 8693: a token for a token, with no more scopes than that has.
fn exchange(state: &mut State, call: &Call, form: &str, client: &str) -> Result<Reply, Refused> {
    let given = |name: &str| form_value(form, name);
    if given("subject_token_type").as_deref() != Some(ACCESS_TOKEN) {
        return Err(refused("invalid_request", format!("subject_token_type is {ACCESS_TOKEN}")));
    }
    let subject = given("subject_token").unwrap_or_default();
    let access = state.access(&subject, call.now);
    let access = access.ok_or_else(|| refused("invalid_grant", "the subject_token is not good"))?;
    let scope = given("scope").unwrap_or_else(|| access.scope.clone());
    if let Some(more) = scope.split(' ').find(|scope| !access.has(scope)) {
        return Err(refused("invalid_scope", format!("the subject_token does not have {more}")));
    }
    let user = access.user.clone();
    let token = state.issue(client, &user, &scope, None, call.now);
    Ok(reply(state, &token, &scope, json!({ "issued_token_type": ACCESS_TOKEN })))
}

/// The tokens of a family.
pub(super) fn grant(state: &mut State, call: &Call, family: u64, nonce: Option<&str>) -> Reply {
    let Some(found) = state.families.get(&family) else {
        return oauth_error(&refused("invalid_grant", "the session is gone"));
    };
    let (client, user, scope) = (found.client.clone(), found.user.clone(), found.scope.clone());
    let mut more = json!({ "refresh_token": found.current });
    if scope.split(' ').any(|scope| scope == "openid") {
        more["id_token"] = id_token(call, &client, &user, nonce).into();
    }
    let token = state.issue(&client, &user, &scope, Some(family), call.now);
    reply(state, &token, &scope, more)
}

fn reply(state: &State, token: &str, scope: &str, more: Value) -> Reply {
    let mut answer = json!({ "access_token": token, "token_type": "Bearer", "scope": scope });
    if state.options.tell_expiry {
        answer["expires_in"] = state.options.access_seconds.into();
    }
    if let Value::Object(more) = more {
        for (name, value) in more {
            answer[name] = value;
        }
    }
    Reply::of(StatusCode::OK, &answer).with("cache-control", "no-store")
}

/// An ID token, signed with the client's secret (OpenID Connect Core 1.0, section 2; RFC 7515, appendix A.1).
fn id_token(call: &Call, client: &str, user: &str, nonce: Option<&str>) -> String {
    let now_s = call.now.as_millis() / 1000;
    let claims = json!({
        "iss": issuer(call), "sub": user, "aud": client, "iat": now_s, "exp": now_s + 300, "nonce": nonce,
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "JWT" })), part(&claims));
    let secret = CLIENTS.iter().find(|known| known.id == client).and_then(|known| known.secret);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.unwrap_or("public").as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())))
}

/// RFC 7009: whatever token it is, it is good no more.
pub(super) fn revoke(state: &mut State, call: &Call) -> Reply {
    let form = String::from_utf8_lossy(&call.body).into_owned();
    if let Err(refused) = client_of(state, call, &form) {
        return oauth_error(&refused);
    }
    let token = form_value(&form, "token").unwrap_or_default();
    state.access.remove(&token);
    let family = state.families.iter().find(|(_, family)| family.current == token).map(|(id, _)| *id);
    if let Some(id) = family {
        state.revoke_family(id);
    }
    Reply::json(StatusCode::OK, "")
}

/// Which client asks: by Basic, by its secret in the form, by an assertion, or, if it is public, by its word.
pub(super) fn client_of(state: &mut State, call: &Call, form: &str) -> Result<String, Refused> {
    let field = |name: &str| form_value(form, name);
    let unknown = || refused("invalid_client", "unknown client or wrong secret");
    if let Some(text) = field("client_assertion") {
        let claims = assertion::check(state, call, &text).map_err(|why| refused("invalid_client", why))?;
        let fits = claims.subject.as_deref() == Some(&*claims.issuer)
            && CLIENTS.iter().any(|client| client.id == claims.issuer);
        return if fits { Ok(claims.issuer) } else { Err(unknown()) };
    }
    let decoded = |text: String| percent_decode(&text, true).into_owned();
    let (id, secret) = match call.basic() {
        Some((id, secret)) => (decoded(id), Some(decoded(secret))),
        None => (field("client_id").unwrap_or_default(), field("client_secret")),
    };
    let client = CLIENTS.iter().find(|client| client.id == id).ok_or_else(unknown)?;
    if client.secret.is_some() && client.secret != secret.as_deref() {
        return Err(unknown());
    }
    Ok(id)
}

/// How far a clock may be off.
pub(super) fn leeway_s(state: &State) -> i64 {
    seconds(state.options.leeway_seconds).as_secs() as i64
}
