use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::{Answer, World};

/// base64("sinew:idp-secret")
const CLIENT: (&str, &str) = ("Authorization", "Basic c2luZXc6aWRwLXNlY3JldA==");
/// A verifier and its challenge (RFC 7636, appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "http%3A%2F%2F127.0.0.1%3A9%2Fback";

fn token(world: &World, form: &str) -> Answer {
    world.raw("POST", "/idp/token", &[CLIENT], form).unwrap()
}

/// Logs a person in; gives the code.
fn code(world: &World, scope: &str) -> String {
    let path = format!(
        "/idp/authorize?response_type=code&client_id=sinew&redirect_uri={BACK}&scope={scope}&state=s1&nonce=n1\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let answer = world.raw("GET", &path, &[], "").unwrap();
    assert_eq!(answer.status, 302, "{answer:?}");
    let location = answer.header("location").unwrap();
    assert!(
        location.starts_with("http://127.0.0.1:9/back?code=") && location.contains("&state=s1"),
        "{location}"
    );
    location.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

fn redeem(world: &World, code: &str, verifier: &str) -> Answer {
    let form =
        format!("grant_type=authorization_code&code={code}&redirect_uri={BACK}&code_verifier={verifier}");
    token(world, &form)
}

fn refresh(world: &World, token: &str) -> Answer {
    self::token(world, &format!("grant_type=refresh_token&refresh_token={token}"))
}

fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_else(|| panic!("no `{field}`: {}", answer.body)).to_owned()
}

fn calls(world: &World, token: &str, path: &str) -> u16 {
    world.raw("GET", path, &[("Authorization", &format!("Bearer {token}"))], "").unwrap().status
}

#[test]
fn a_code_is_redeemed_once_with_its_verifier() {
    let world = World::start();
    let first = code(&world, "openid%20items.read");
    assert_eq!(text(&redeem(&world, &first, "wrong"), "error"), "invalid_grant");
    let granted = redeem(&world, &first, VERIFIER);
    assert_eq!((granted.status, &granted.json()["scope"]), (200, &json!("openid items.read")));
    assert_eq!(text(&granted, "id_token").split('.').count(), 3);
    let access = text(&granted, "access_token");
    assert_eq!(calls(&world, &access, "/idp/items"), 200);
    // A code that comes twice was stolen: what it gave is taken back.
    assert_eq!(text(&redeem(&world, &first, VERIFIER), "error"), "invalid_grant");
    assert_eq!(calls(&world, &access, "/idp/items"), 401);
}

#[test]
fn a_spent_refresh_token_that_comes_back_revokes_the_family() {
    let world = World::start();
    let granted = redeem(&world, &code(&world, "items.read"), VERIFIER);
    let (one, access) = (text(&granted, "refresh_token"), text(&granted, "access_token"));
    let two = text(&refresh(&world, &one), "refresh_token");
    let three = text(&refresh(&world, &two), "refresh_token");
    assert!(one != two && two != three);
    let reused = refresh(&world, &one);
    assert_eq!((reused.status, text(&reused, "error").as_str()), (400, "invalid_grant"));
    assert!(text(&reused, "error_description").contains("used before"));
    assert_eq!(refresh(&world, &three).status, 400);
    assert_eq!(calls(&world, &access, "/idp/items"), 401);
    let sessions = world.get("/_control/idp/sessions").json();
    assert_eq!((&sessions["refreshes"], &sessions["reuses"]), (&json!(2), &json!(1)));
    assert_eq!(sessions["families"][0]["revoked"], true);
}

#[test]
fn an_answer_that_is_lost_after_the_rotation_leaves_the_old_token_spent() {
    let world = World::start();
    let one = text(&redeem(&world, &code(&world, "items.read"), VERIFIER), "refresh_token");
    let fault = r#"{"kind":"answer_lost","path":"token","body_contains":"refresh_token","count":1}"#;
    world.post("/_control/idp/faults", fault);
    let form = format!("grant_type=refresh_token&refresh_token={one}");
    assert!(world.raw("POST", "/idp/token", &[CLIENT], &form).is_err());
    assert_eq!(refresh(&world, &one).status, 400);
    assert_eq!(world.get("/_control/idp/sessions").json()["families"][0]["revoked"], true);
}

#[test]
fn a_token_without_the_scope_is_told_which_it_lacks() {
    let world = World::start();
    let access = text(&token(&world, "grant_type=client_credentials&scope=items.write"), "access_token");
    let bearer = format!("Bearer {access}");
    let answer = world.raw("GET", "/idp/items", &[("Authorization", &bearer)], "").unwrap();
    assert_eq!(answer.status, 403);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("scope=\"items.read\""),
        "{challenge}"
    );
    assert_eq!(world.raw("POST", "/idp/items", &[("Authorization", &bearer)], "{}").unwrap().status, 200);
    assert_eq!(world.effects("idp", "item.created"), 1);
}

#[test]
fn a_device_waits_until_a_person_has_decided() {
    let world = World::start();
    world.post("/_control/idp/options", r#"{"device_interval_seconds":0}"#);
    let begun =
        world.raw("POST", "/idp/device_authorization", &[], "client_id=sinew-cli&scope=items.read").unwrap();
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=sinew-cli&device_code={}",
        text(&begun, "device_code")
    );
    let ask = || world.raw("POST", "/idp/token", &[], &form).unwrap();
    assert_eq!(text(&ask(), "error"), "authorization_pending");
    let typed = format!("user_code={}&approve=yes", text(&begun, "user_code"));
    assert_eq!(world.raw("POST", "/idp/device", &[], &typed).unwrap().status, 200);
    assert_eq!(calls(&world, &text(&ask(), "access_token"), "/idp/items"), 200);
    assert_eq!(text(&ask(), "error"), "invalid_grant");
}

#[test]
fn a_token_is_exchanged_for_one_with_no_more_scopes() {
    let world = World::start();
    let subject = text(&token(&world, "grant_type=client_credentials&scope=items.read"), "access_token");
    let ask = |scope: &str| {
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={subject}\
             &subject_token_type=urn:ietf:params:oauth:token-type:access_token&scope={scope}"
        );
        token(&world, &form)
    };
    assert_eq!(
        ask("items.read").json()["issued_token_type"],
        "urn:ietf:params:oauth:token-type:access_token"
    );
    assert_eq!(text(&ask("items.write"), "error"), "invalid_scope");
}

#[test]
fn a_service_account_is_known_by_its_key_and_held_to_the_clock() {
    let world = World::start();
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
    let key =
        json!({ "issuer": "svc", "alg": "ES256", "key": BASE64_STANDARD.encode(pair.public_key().as_ref()) });
    assert_eq!(world.post("/_control/idp/keys", &key.to_string()).status, 204);
    let now_s = jiff::Timestamp::now().as_second();
    let ask = |claims: Value| {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256" })), part(&claims));
        let signature = pair.sign(&random, signed.as_bytes()).unwrap();
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref())
        );
        world.raw("POST", "/idp/token", &[], &form).unwrap()
    };
    let claims = |issuer: &str, from: i64| json!({ "iss": issuer, "aud": "http://vendor.example/idp/token", "scope": "items.read", "iat": from, "exp": from + 300 });
    let granted = ask(claims("svc", now_s));
    assert_eq!(calls(&world, &text(&granted, "access_token"), "/idp/items"), 200);
    for (wrong, why) in [
        (claims("other", now_s), "no known key"),
        (claims("svc", now_s + 600), "in the future"),
        (claims("svc", now_s - 600), "expired"),
    ] {
        let description = text(&ask(wrong), "error_description");
        assert!(description.contains(why), "{description}");
    }
}
