//! Whether a delivery comes from who it should: HMAC schemes as vendors write them, and Standard Webhooks 1.0
//! (<https://www.standardwebhooks.com>).

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use sinew_diag::codes::trigger;
use sinew_model::{Verify, VerifyAlgorithm, VerifyEncoding, VerifySigned, Webhook};
use sinew_stdx::{Timestamp, show_duration};
use sinew_vault::SecretSource;

use super::keys::{KeyText, Keys};
use super::reply::Rejection;

/// Signatures looked at in one delivery.
const SIGNATURES_MAX: usize = 16;
/// The longest delivery id.
const ID_MAX: usize = 256;
/// How long a delivery's id is remembered at least: senders try again for hours.
const ID_WINDOW: Duration = Duration::from_hours(24);

/// By what a delivery that comes again is recognised if its flow says nothing about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) key: Arc<str>,
    pub(crate) window: Duration,
    /// How long its signature can hold at most: its timestamp may lie as far ahead as it may lie back.
    pub(crate) valid_for: Duration,
}

/// Why a delivery is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// A header is not there, or not readable.
    Header(Arc<str>),
    /// No signature fits.
    Signature,
    /// Authentic, but its timestamp is further from now than the tolerance.
    Stale { age_s: i64, tolerance: Duration },
}

/// Verifies the deliveries of one webhook.
pub(crate) struct Verifier {
    verify: Verify,
    keys: Option<Keys>,
}

impl Verifier {
    pub(crate) fn new(webhook: &Webhook, secrets: &Arc<dyn SecretSource>) -> Self {
        let scheme = match &webhook.verify {
            Verify::None => None,
            Verify::Hmac { algorithm, .. } => Some((hash(*algorithm), KeyText::Plain)),
            Verify::Standard { .. } => Some((hmac::HMAC_SHA256, KeyText::Standard)),
        };
        let keys = scheme.zip(webhook.secret.clone());
        let keys =
            keys.map(|((algorithm, text), name)| Keys::new(Arc::clone(secrets), name, algorithm, text));
        Self { verify: webhook.verify.clone(), keys }
    }

    /// Checks a delivery; gives by what it is recognised when it comes again.
    pub(crate) fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Repeat>, Rejection> {
        if self.verify == Verify::None {
            return Ok(None);
        }
        let no_secret = || {
            let detail = "the secret that deliveries are verified with cannot be had; send again later";
            Rejection::busy(trigger::NO_VERIFY_SECRET, detail)
        };
        let keys = self.keys.as_ref().ok_or_else(no_secret)?;
        let held = keys.get(now).ok_or_else(no_secret)?;
        let mut checked = check(&self.verify, &held, headers, body, now);
        if checked == Err(Unproven::Signature) {
            // The secret may have been replaced just now.
            let fresh = keys.get_again(now).ok_or_else(no_secret)?;
            if !Arc::ptr_eq(&fresh, &held) {
                checked = check(&self.verify, &fresh, headers, body, now);
            }
        }
        checked.map_err(Rejection::from)
    }
}

impl From<Unproven> for Rejection {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::Header(name) => {
                let detail = format!("the header `{name}` is missing or not as it should be");
                Self::new(401, trigger::WRONG_SIGNATURE, detail)
            }
            Unproven::Signature => {
                Self::new(401, trigger::WRONG_SIGNATURE, "no signature fits the body and the secret")
            }
            Unproven::Stale { age_s, tolerance } => {
                let tolerance = show_duration(tolerance);
                let detail = if age_s >= 0 {
                    format!("the delivery was signed {age_s} s ago; at most {tolerance} are accepted")
                } else {
                    format!(
                        "the delivery was signed {} s ahead of our clock; at most {tolerance} are accepted",
                        -age_s
                    )
                };
                Self::new(401, trigger::STALE_DELIVERY, detail)
            }
        }
    }
}

fn hash(algorithm: VerifyAlgorithm) -> hmac::Algorithm {
    match algorithm {
        VerifyAlgorithm::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        VerifyAlgorithm::Sha256 => hmac::HMAC_SHA256,
        VerifyAlgorithm::Sha512 => hmac::HMAC_SHA512,
    }
}

/// Checks a delivery by its scheme.
pub(crate) fn check(
    verify: &Verify,
    keys: &[hmac::Key],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Option<Repeat>, Unproven> {
    match verify {
        Verify::None => Ok(None),
        Verify::Standard { tolerance } => standard(keys, headers, body, *tolerance, now).map(Some),
        Verify::Hmac { header, encoding, prefix, signed, .. } => {
            let given = signatures(headers, header, prefix, *encoding)?;
            match signed {
                VerifySigned::Body => fits(keys, &given, &[body]).map(|_| None),
                VerifySigned::TimestampAndBody { header, tolerance } => {
                    let timestamp = text(headers, header)?;
                    let tag = fits(keys, &given, &[timestamp.as_bytes(), b".", body])?;
                    is_recent(timestamp, header, *tolerance, now)?;
                    // Without an id the signature itself tells a delivery from others. It may come again until its
                    // timestamp, which may lie ahead, is too old.
                    let valid_for = tolerance.saturating_mul(2);
                    let key = hex(tag.as_ref()).into();
                    Ok(Some(Repeat { key, window: valid_for, valid_for }))
                }
            }
        }
    }
}

fn standard(
    keys: &[hmac::Key],
    headers: &HeaderMap,
    body: &[u8],
    tolerance: Duration,
    now: Timestamp,
) -> Result<Repeat, Unproven> {
    let id = text(headers, "webhook-id")?;
    if id.is_empty() || id.len() > ID_MAX {
        return Err(Unproven::Header("webhook-id".into()));
    }
    let timestamp = text(headers, "webhook-timestamp")?;
    let given: Vec<Vec<u8>> = text(headers, "webhook-signature")?
        .split_ascii_whitespace()
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .take(SIGNATURES_MAX)
        .filter_map(|signature| BASE64_STANDARD.decode(signature).ok())
        .collect();
    fits(keys, &given, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])?;
    is_recent(timestamp, "webhook-timestamp", tolerance, now)?;
    let valid_for = tolerance.saturating_mul(2);
    Ok(Repeat { key: id.into(), window: ID_WINDOW.max(valid_for), valid_for })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Unproven> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.map(str::trim).ok_or_else(|| Unproven::Header(name.into()))
}

/// The signatures in a header; vendors that replace a secret send the header several times.
fn signatures(
    headers: &HeaderMap,
    name: &Arc<str>,
    prefix: &str,
    encoding: VerifyEncoding,
) -> Result<Vec<Vec<u8>>, Unproven> {
    let values = headers.get_all(&**name).iter().take(SIGNATURES_MAX);
    let given: Vec<Vec<u8>> = values
        .filter_map(|value| value.to_str().ok()?.trim().strip_prefix(prefix))
        .filter_map(|signature| match encoding {
            VerifyEncoding::Hex => unhex(signature),
            VerifyEncoding::Base64 => BASE64_STANDARD.decode(signature).ok(),
        })
        .collect();
    if given.is_empty() { Err(Unproven::Header(Arc::clone(name))) } else { Ok(given) }
}

/// The tag by which one of the signatures fits one of the keys, compared in constant time.
fn fits(keys: &[hmac::Key], given: &[Vec<u8>], parts: &[&[u8]]) -> Result<hmac::Tag, Unproven> {
    for key in keys {
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(part);
        }
        let tag = context.sign();
        if given.iter().any(|signature| verify_slices_are_equal(tag.as_ref(), signature).is_ok()) {
            return Ok(tag);
        }
    }
    Err(Unproven::Signature)
}

fn is_recent(timestamp: &str, header: &str, tolerance: Duration, now: Timestamp) -> Result<(), Unproven> {
    let signed_s: i64 = timestamp.parse().map_err(|_| Unproven::Header(header.into()))?;
    let age_s = now.as_millis().div_euclid(1000).saturating_sub(signed_s);
    if age_s.unsigned_abs() > tolerance.as_secs() {
        return Err(Unproven::Stale { age_s, tolerance });
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trigger::keys::standard as standard_key;

    const BODY: &[u8] = br#"{"deal_id":"d-1"}"#;
    const NOW_S: i64 = 1_700_000_000;
    const TOLERANCE: Duration = Duration::from_mins(5);

    fn now() -> Timestamp {
        Timestamp::from_millis(NOW_S * 1000 + 900)
    }

    fn key(text: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }

    fn signed(key: &hmac::Key, content: &str) -> Vec<u8> {
        hmac::sign(key, content.as_bytes()).as_ref().to_vec()
    }

    fn headers(fields: &[(&'static str, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn over_body(prefix: &str, encoding: VerifyEncoding) -> Verify {
        Verify::Hmac {
            header: "x-signature".into(),
            algorithm: VerifyAlgorithm::Sha256,
            encoding,
            prefix: prefix.into(),
            signed: VerifySigned::Body,
        }
    }

    fn over_timestamp() -> Verify {
        Verify::Hmac {
            header: "x-signature".into(),
            algorithm: VerifyAlgorithm::Sha256,
            encoding: VerifyEncoding::Hex,
            prefix: "".into(),
            signed: VerifySigned::TimestampAndBody { header: "x-timestamp".into(), tolerance: TOLERANCE },
        }
    }

    fn check_body(verify: &Verify, signature: String) -> Result<Option<Repeat>, Unproven> {
        check(verify, &[key("old"), key("new")], &headers(&[("x-signature", signature)]), BODY, now())
    }

    /// A Standard Webhooks delivery signed `age_s` ago, its signature header made by `write` from the right signature.
    fn check_standard(age_s: i64, write: impl Fn(String) -> String) -> Result<Option<Repeat>, Unproven> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &standard_key("whsec_c2VjcmV0").unwrap());
        let timestamp = NOW_S - age_s;
        let content = format!("msg_1.{timestamp}.{}", std::str::from_utf8(BODY).unwrap());
        let signature = write(BASE64_STANDARD.encode(signed(&key, &content)));
        let headers = headers(&[
            ("webhook-id", "msg_1".to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ]);
        check(&Verify::Standard { tolerance: TOLERANCE }, &[key], &headers, BODY, now())
    }

    #[test]
    fn an_hmac_is_known_by_the_vector_of_rfc_4231() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let (verify, body) = (over_body("", VerifyEncoding::Hex), b"what do ya want for nothing?");
        let headers = headers(&[("x-signature", signature.to_owned())]);
        assert_eq!(check(&verify, &[key], &headers, body, now()), Ok(None));
    }

    #[test]
    fn a_signature_over_the_body_fits_with_its_prefix_and_encoding_under_any_key() {
        let content = std::str::from_utf8(BODY).unwrap();
        for name in ["old", "new"] {
            let tag = signed(&key(name), content);
            let hexed = format!("sha256={}", hex(&tag).to_uppercase());
            assert_eq!(check_body(&over_body("sha256=", VerifyEncoding::Hex), hexed), Ok(None));
            let based = BASE64_STANDARD.encode(&tag);
            assert_eq!(check_body(&over_body("", VerifyEncoding::Base64), based), Ok(None));
        }
    }

    #[test]
    fn a_wrong_or_missing_signature_is_refused() {
        let verify = over_body("sha256=", VerifyEncoding::Hex);
        let right = hex(&signed(&key("new"), std::str::from_utf8(BODY).unwrap()));
        let wrong = hex(&signed(&key("other"), std::str::from_utf8(BODY).unwrap()));
        let header = || Err(Unproven::Header("x-signature".into()));
        assert_eq!(check_body(&verify, format!("sha256={wrong}")), Err(Unproven::Signature));
        assert_eq!(check_body(&verify, format!("sha256={}", &right[..62])), Err(Unproven::Signature));
        assert_eq!(check_body(&verify, right), header(), "without its prefix");
        assert_eq!(check_body(&verify, "sha256=no hex".to_owned()), header());
        assert_eq!(check(&verify, &[key("new")], &HeaderMap::new(), BODY, now()), header());
    }

    #[test]
    fn one_of_several_signature_headers_is_enough() {
        let right = hex(&signed(&key("new"), std::str::from_utf8(BODY).unwrap()));
        let headers = headers(&[("x-signature", "00".repeat(32)), ("x-signature", right)]);
        assert_eq!(
            check(&over_body("", VerifyEncoding::Hex), &[key("new")], &headers, BODY, now()),
            Ok(None)
        );
    }

    #[test]
    fn a_timestamp_may_be_as_far_off_as_the_tolerance_either_way() {
        for (age_s, fits) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            let timestamp = (NOW_S - age_s).to_string();
            let content = format!("{timestamp}.{}", std::str::from_utf8(BODY).unwrap());
            let signature = hex(&signed(&key("k"), &content));
            let headers = headers(&[("x-signature", signature.clone()), ("x-timestamp", timestamp)]);
            let checked = check(&over_timestamp(), &[key("k")], &headers, BODY, now());
            let expected = if fits {
                Ok(Some(Repeat { key: signature.into(), window: TOLERANCE * 2, valid_for: TOLERANCE * 2 }))
            } else {
                Err(Unproven::Stale { age_s, tolerance: TOLERANCE })
            };
            assert_eq!(checked, expected, "{age_s}");
        }
    }

    #[test]
    fn a_timestamp_that_was_changed_is_a_wrong_signature() {
        let content = format!("{}.{}", NOW_S - 9999, std::str::from_utf8(BODY).unwrap());
        let signature = hex(&signed(&key("k"), &content));
        let headers = headers(&[("x-signature", signature), ("x-timestamp", NOW_S.to_string())]);
        assert_eq!(check(&over_timestamp(), &[key("k")], &headers, BODY, now()), Err(Unproven::Signature));
    }

    #[test]
    fn a_standard_delivery_is_known_again_by_its_id() {
        let repeat = Repeat { key: "msg_1".into(), window: ID_WINDOW, valid_for: TOLERANCE * 2 };
        assert_eq!(check_standard(0, |s| format!("v1,{s}")), Ok(Some(repeat.clone())));
        assert_eq!(check_standard(9, |s| format!("v1a,zz v1,AAAA v1,{s}")), Ok(Some(repeat)));
    }

    #[test]
    fn a_standard_delivery_is_refused_without_a_version_1_signature_or_out_of_time() {
        assert_eq!(check_standard(0, |s| s), Err(Unproven::Signature));
        assert_eq!(check_standard(0, |s| format!("v2,{s}")), Err(Unproven::Signature));
        assert_eq!(check_standard(0, |_| "v1,AAAA".to_owned()), Err(Unproven::Signature));
        for age_s in [301, -301] {
            let stale = Unproven::Stale { age_s, tolerance: TOLERANCE };
            assert_eq!(check_standard(age_s, |s| format!("v1,{s}")), Err(stale));
        }
    }
}
