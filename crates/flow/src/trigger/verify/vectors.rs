//! Deliveries as senders sign them: what they publish as examples where they do, else worked out beside this code.

use std::collections::BTreeMap;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use http::request::Parts;
use sinew_model::{SourceFile, Trigger};
use sinew_vault::EnvironmentSecrets;

use super::*;

struct Case {
    verify: &'static str,
    secret: String,
    /// What stands before the path in the URL that the sender calls.
    base: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    signed_s: i64,
    /// By what it is known when it comes again.
    known_by: Option<&'static str>,
    /// A change of the body that a stranger could make.
    forged: &'static str,
}

const NOW_S: i64 = 1_700_000_000;
const FORM: &str = "application/x-www-form-urlencoded";

fn case(verify: &'static str, secret: &str, headers: &[(&'static str, &str)], body: &'static str) -> Case {
    Case {
        verify,
        secret: secret.to_owned(),
        base: "https://hooks.example.com",
        path: "/hooks/h",
        headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        body,
        signed_s: NOW_S,
        known_by: None,
        forged: "{}",
    }
}

/// A webhook's verifier as a project's text has it.
pub(super) fn verifier(verify: &str, secret: String) -> Verifier {
    let flow = format!(
        "kind: Flow\nname: h\nowner: {{ team: t, contact: c@example.com, runbook: r.md }}\n\
         trigger: {{ webhook: {{ verify: {verify}, secret: [secret:none, secret:hook] }} }}\nsteps: [{{ a: {{ map: 1 }} }}]\n"
    );
    let files = [SourceFile::new("h.yaml", flow.into_bytes())];
    let (snapshot, findings) = sinew_model::load(&files, &BTreeMap::new());
    let snapshot = snapshot.unwrap_or_else(|| panic!("{findings}"));
    let Trigger::Webhook(webhook) = &snapshot.flows.values().next().unwrap().trigger else { panic!() };
    let secrets = move |name: &str| (name == "SINEW_SECRET_HOOK").then(|| secret.clone());
    let secrets: Arc<dyn SecretSource> = Arc::new(EnvironmentSecrets::from_lookup(secrets));
    Verifier::new(webhook, &secrets)
}

fn head(path: &str, headers: &[(&'static str, String)]) -> Parts {
    let mut request = Request::builder().method("POST").uri(path);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(()).unwrap().into_parts().0
}

fn outcome(case: &Case, secret: &str, body: &str, now_s: i64) -> Result<Option<String>, String> {
    let verifier = verifier(case.verify, secret.to_owned());
    let head = head(case.path, &case.headers);
    let sent = Sent::new(&head, body.as_bytes(), Some(case.base));
    let checked = verifier.verify(&sent, Timestamp::from_millis(now_s * 1000 + 500));
    checked.map(|repeat| repeat.map(|r| r.key.to_string())).map_err(|rejection| rejection.code.to_string())
}

/// The genuine delivery is believed; one forged, under another secret, or out of time is not.
fn check(case: &Case) {
    let name = case.verify;
    let genuine = outcome(case, &case.secret, case.body, case.signed_s);
    let repeat = genuine.unwrap_or_else(|code| panic!("{name}: {code}"));
    if let Some(known_by) = case.known_by {
        assert_eq!(repeat.as_deref(), Some(known_by), "{name}");
    }
    let forged = outcome(case, &case.secret, case.forged, case.signed_s);
    assert_eq!(forged, Err("SNW-4010".to_owned()), "{name}, forged");
    // A public key is not any text.
    let other = if case.secret.len() > 60 { "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE" } else { "00ff" };
    let other = outcome(case, other, case.body, case.signed_s);
    assert!(other.is_err(), "{name}, another secret");
}

fn check_stale(case: &Case) {
    check(case);
    for off_s in [301, -302] {
        let stale = outcome(case, &case.secret, case.body, case.signed_s + off_s);
        assert_eq!(stale, Err("SNW-4011".to_owned()), "{}", case.verify);
    }
}

#[test]
fn standard_webhooks_as_its_specification_has_it() {
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1a,zz v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let body = r#"{"test": 2432232314}"#;
    check_stale(&Case {
        signed_s: 1_614_265_330,
        known_by: Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ..case("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &headers, body)
    });
}

#[test]
fn github_as_its_documentation_has_it() {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [("X-Hub-Signature-256", signature), ("X-GitHub-Delivery", "72d3162e")];
    check(&Case {
        known_by: Some("72d3162e"),
        ..case("github", "It's a Secret to Everybody", &headers, "Hello, World!")
    });
    check(&case("meta", "It's a Secret to Everybody", &headers[..1], "Hello, World!"));
}

#[test]
fn slack_as_its_documentation_has_it() {
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let headers = [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", "1531420618")];
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    check_stale(&Case {
        signed_s: 1_531_420_618,
        ..case("slack", "8f742231b10e8888abcd99yyyzzz85a5", &headers, body)
    });
}

#[test]
fn twilio_as_its_documentation_has_it() {
    let headers = [("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("Content-Type", FORM)];
    let body = "To=%2B18005551212&From=%2B14158675309&Digits=1234&Digits=1234&CallSid=CA1234567890ABCDE&Caller=%2B14158675309";
    let form = Case {
        base: "https://mycompany.com",
        path: "/myapp.php?foo=1&bar=2",
        forged: "To=%2B1",
        ..case("twilio", "12345", &headers, body)
    };
    check(&form);
    let elsewhere = Case { base: "https://example.com", ..form };
    assert_eq!(outcome(&elsewhere, "12345", body, NOW_S), Err("SNW-4010".to_owned()), "another URL");
    let json =
        case("twilio", "12345", &[("X-Twilio-Signature", "0imXF13rc7HwkuvwR2Z0rj0pDsQ=")], r#"{"a":1}"#);
    let path = "/hooks/t?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
    check(&Case { path, ..json });
}

#[test]
fn adyen_as_its_documentation_has_it_and_every_item_counts() {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let item = r#"{"NotificationRequestItem":{"pspReference":"7914073381342284","merchantAccountCode":"TestMerchant","merchantReference":"TestPayment-1407325143704","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}}}"#;
    let whole = |items: &str| format!(r#"{{"live":"false","notificationItems":[{items}]}}"#);
    let adyen = case("adyen", key, &[], "");
    let told = |items: &str| outcome(&adyen, key, &whole(items), NOW_S);
    assert_eq!(told(item), Ok(None));
    assert_eq!(told(&format!("{item},{item}")), Ok(None));
    let forged = item.replace("1130", "9130");
    for items in [&forged, &format!("{item},{forged}"), "", "{}"] {
        assert_eq!(told(items), Err("SNW-4010".to_owned()), "{items}");
    }
}

#[test]
fn senders_that_publish_no_example() {
    let stripe =
        "t=1700000000,v1=00,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925,v0=11";
    check_stale(&case("stripe", "whsec_test", &[("Stripe-Signature", stripe)], r#"{"id":"evt_1"}"#));
    let paddle = "ts=1700000000;h1=39321763ab26b76d39a72f2aa8637c785f9ec149f000e7f56a8a29e5f747ed03";
    check_stale(&case("paddle", "pdl_ntfset_x", &[("Paddle-Signature", paddle)], r#"{"event_id":"e"}"#));
    let shopify = [("X-Shopify-Hmac-Sha256", "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=")];
    check(&case("shopify", "hush", &shopify, r#"{"id":820982911946154508}"#));
    let hubspot = [
        ("X-HubSpot-Signature-v3", "FkEkdCTVTjdi3xXDp9g96gzwp9Kf0Bpgp5ONPa07DB8="),
        ("X-HubSpot-Request-Timestamp", "1700000000123"),
    ];
    check_stale(&Case {
        path: "/hooks/h?portal=1",
        ..case("hubspot", "secret", &hubspot, r#"[{"eventId":1}]"#)
    });
    let square = [("x-square-hmacsha256-signature", "pY0UEnkVPdyvYlDINfuVzoqWFJPk2iDsZeGdqYRXUgs=")];
    check(&Case {
        path: "/hooks/s",
        known_by: Some("e-1"),
        ..case("square", "asdf1234", &square, r#"{"event_id":"e-1"}"#)
    });
    let xero = [("x-xero-signature", "+pn45x8GJPQFkoDhHbptwlL5UNuXLvEUGeLnLAMdZ/s=")];
    check(&case("xero", "xerokey", &xero, r#"{"events":[],"firstEventSequence":0}"#));
    let zoom = [
        ("x-zm-signature", "v0=37fabdea8e4d1e7734f676bedeb9a0c18dee9af13e5cf9b95606a452c0b52749"),
        ("x-zm-request-timestamp", "1700000000"),
    ];
    check_stale(&case("zoom", "zoomsecret", &zoom, r#"{"event":"meeting.started"}"#));
    let mailgun = r#"{"signature":{"timestamp":"1700000000","token":"tok-1","signature":"e77f7765e9470392f036f5e5bdfb0a0d411b696e7f1ec3432bfb3830cd7219cb"}}"#;
    check_stale(&Case { known_by: Some("tok-1"), ..case("mailgun", "mgkey", &[], mailgun) });
}

#[test]
fn senders_that_send_the_secret_itself() {
    let check = |verify: &'static str, headers: &[(&'static str, &str)], body: &'static str, wrong: &str| {
        let case = case(verify, "s3cret:word", headers, body);
        assert!(outcome(&case, "s3cret:word", body, NOW_S).is_ok(), "{verify}");
        assert_eq!(outcome(&case, wrong, body, NOW_S), Err("SNW-4010".to_owned()), "{verify}");
    };
    check("gitlab", &[("X-Gitlab-Token", "s3cret:word")], "{}", "s3cret");
    check("telegram", &[("X-Telegram-Bot-Api-Secret-Token", "s3cret:word")], "{}", "s3cret:wore");
    check("basic", &[("Authorization", "Basic czNjcmV0OndvcmQ=")], "{}", "other");
    let graph = r#"{"value":[{"clientState":"s3cret:word"},{"clientState":"s3cret:word"}]}"#;
    check("microsoft-graph", &[], graph, "other");
    let half = case("microsoft-graph", "s3cret:word", &[], "");
    let smuggled = r#"{"value":[{"clientState":"s3cret:word"},{"clientState":"guess"}]}"#;
    assert_eq!(outcome(&half, "s3cret:word", smuggled, NOW_S), Err("SNW-4010".to_owned()));
}

#[test]
fn senders_that_sign_by_a_private_key() {
    let body = r#"{"type":2}"#;
    let content = format!("{NOW_S}{body}");
    let ed = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let signature = hex(ed.sign(content.as_bytes()).as_ref());
    let headers = [("X-Signature-Ed25519", &*signature), ("X-Signature-Timestamp", "1700000000")];
    check_stale(&case("discord", &hex(ed.public_key().as_ref()), &headers, body));

    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
    let signature = BASE64_STANDARD.encode(pair.sign(&random, content.as_bytes()).unwrap());
    // What is told to users is the key with its algorithm (RFC 5280).
    let mut public = unhex("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
    public.extend_from_slice(pair.public_key().as_ref());
    let headers = [
        ("X-Twilio-Email-Event-Webhook-Signature", &*signature),
        ("X-Twilio-Email-Event-Webhook-Timestamp", "1700000000"),
    ];
    check_stale(&case("sendgrid", &BASE64_STANDARD.encode(public), &headers, body));
}

#[test]
fn a_vector_of_rfc_4231_in_each_encoding_and_under_either_of_two_keys() {
    let body = "what do ya want for nothing?";
    let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let bytes = unhex(tag).unwrap();
    for (encoding, written) in [
        ("hex", tag.to_uppercase()),
        ("base64", BASE64_STANDARD.encode(&bytes)),
        ("base64url", BASE64_STANDARD.encode(&bytes).replace('+', "-").replace('/', "_")),
    ] {
        let verify = format!("{{ hmac: {{ header: X-Sig, prefix: 'sig=', encoding: {encoding} }} }}");
        let verify: &'static str = Box::leak(verify.into_boxed_str());
        check(&case(verify, "Jefe\nother", &[("X-Sig", &format!("sig={written}"))], body));
        check(&case(
            verify,
            "other Jefe",
            &[("X-Sig", "sig=00"), ("X-Sig", &format!("sig={written}"))],
            body,
        ));
    }
}

#[test]
fn what_is_missing_is_named_and_a_url_that_nobody_knows_is_not_the_senders_fault() {
    let stripe = verifier("stripe", "k".to_owned());
    let now = Timestamp::from_millis(NOW_S * 1000);
    let told = |verifier: &Verifier, headers: &[(&'static str, String)]| {
        let head = head("/hooks/h", headers);
        let rejection = verifier.verify(&Sent::new(&head, b"{}", None), now).unwrap_err();
        (rejection.status, rejection.code.to_string())
    };
    assert_eq!(told(&stripe, &[]), (401, "SNW-4010".to_owned()));
    let no_time = [("Stripe-Signature", "v1=00".to_owned())];
    assert_eq!(told(&stripe, &no_time), (401, "SNW-4010".to_owned()));
    let odd_time = [("Stripe-Signature", "t=soon,v1=00".to_owned())];
    assert_eq!(told(&stripe, &odd_time), (401, "SNW-4010".to_owned()));
    let square = verifier("square", "k".to_owned());
    let signed = [("x-square-hmacsha256-signature", "AAAA".to_owned())];
    assert_eq!(told(&square, &signed), (503, "SNW-4013".to_owned()));
}
