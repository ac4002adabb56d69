use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::issuer;
use super::state::State;
use super::token::leeway_s;
use crate::exchange::Call;

/// The longest life that an assertion may have.
const LIFE_S_MAX: i64 = 3600;

/// What an assertion says.
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: Option<String>,
    pub(super) scope: Option<String>,
}

/// Checks an assertion (RFC 7523, section 3): signature, audience, times, and that it comes for the first time.
pub(super) fn check(state: &mut State, call: &Call, text: &str) -> Result<Claims, String> {
    let parts: Vec<&str> = text.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err("the assertion is no JWT".to_owned());
    };
    let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| "it is not Base64".to_owned());
    let json = |part: &str| {
        serde_json::from_slice::<Value>(&bytes(part)?).map_err(|_| "the assertion is no JSON".to_owned())
    };
    let (header, claims) = (json(header)?, json(payload)?);
    let text_of = |name: &str| claims[name].as_str().map(str::to_owned);
    let issuer_claim = text_of("iss").ok_or("`iss` is missing")?;
    let alg = header["alg"].as_str().unwrap_or_default();
    let algorithm: &'static dyn VerificationAlgorithm = match alg {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "EdDSA" => &ED25519,
        other => return Err(format!("the algorithm `{other}` is not supported")),
    };
    let signed = text.rsplit_once('.').map_or("", |(signed, _)| signed);
    let signature = bytes(signature)?;
    let mut keys = state.keys.iter().filter(|(key, _)| key.issuer == issuer_claim && key.alg == alg);
    if !keys
        .any(|(_, der)| UnparsedPublicKey::new(algorithm, der).verify(signed.as_bytes(), &signature).is_ok())
    {
        return Err("no known key fits the signature".to_owned());
    }
    let here = issuer(call);
    let is_here = |audience: &Value| audience == &here || audience == &format!("{here}/token");
    if !is_here(&claims["aud"]) && !claims["aud"].as_array().is_some_and(|all| all.iter().any(is_here)) {
        return Err(format!("`aud` is not {here}/token"));
    }
    let (now, leeway) = (call.now.as_millis() / 1000, leeway_s(state));
    let expires = claims["exp"].as_i64().ok_or("`exp` is missing")?;
    let issued = claims["iat"].as_i64().unwrap_or(now);
    if expires + leeway <= now {
        return Err("Invalid JWT: the assertion has expired (check `exp` and your clock)".to_owned());
    }
    if issued - leeway > now {
        return Err(
            "Invalid JWT: the assertion was issued in the future (check `iat` and your clock)".to_owned()
        );
    }
    if expires - issued > LIFE_S_MAX {
        return Err("the assertion lives longer than an hour".to_owned());
    }
    if let Some(id) = text_of("jti")
        && !state.assertions.insert(format!("{issuer_claim} {id}"))
    {
        return Err("the assertion was used before".to_owned());
    }
    Ok(Claims { issuer: issuer_claim, subject: text_of("sub"), scope: text_of("scope") })
}
