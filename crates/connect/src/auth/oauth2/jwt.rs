use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sinew_model::{JwtAlgorithm, JwtKey};
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Resolve};

/// Why a private key cannot sign. Never holds any part of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither PEM nor a Google key file.
    #[error(
        "the key is no private key in PEM (`-----BEGIN PRIVATE KEY-----`), and no JSON key file of Google"
    )]
    NotPem,
    /// A certificate or public key in its place.
    #[error("the key is public: the private one belongs there")]
    Public,
    /// A key with a pass phrase.
    #[error("the key is encrypted: take the pass phrase off, the secret store keeps it safe")]
    Encrypted,
    /// An algorithm that is not known, or a key that is too short.
    #[error("the key is of no kind that can sign: use RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519")]
    Unknown,
    /// A key of another kind than the algorithm's.
    #[error("the key is not one for the algorithm that is configured")]
    OtherAlgorithm,
    /// The signature could not be made.
    #[error("the key made no signature")]
    NoSignature,
}

/// A key that signs assertions (RFC 7515).
pub struct SigningKey {
    pair: Pair,
    algorithm: JwtAlgorithm,
    key_id: Option<String>,
    account: Option<String>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

/// The JSON file of a Google service account.
#[derive(Deserialize)]
struct GoogleKey {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
}

impl SigningKey {
    /// Reads a key that is configured.
    pub(super) fn read(configured: &JwtKey, resolve: Resolve<'_>) -> Result<Self, AuthError> {
        let secret = resolve(&configured.key)?;
        let mut key = Self::of(secret.expose(), configured.algorithm)?;
        if let Some(id) = &configured.key_id {
            key.key_id = Some(id.to_string());
        }
        Ok(key)
    }

    /// Reads a key from PEM or a Google key file; without an algorithm, it is the one that the key is made for.
    pub fn of(text: &str, algorithm: Option<JwtAlgorithm>) -> Result<Self, KeyError> {
        if text.trim_start().starts_with('{') {
            let google: GoogleKey = serde_json::from_str(text).map_err(|_| KeyError::NotPem)?;
            let pem = Zeroizing::new(google.private_key);
            let (pair, algorithm) = pair(&pem, algorithm)?;
            let (key_id, account) = (google.private_key_id, Some(google.client_email));
            return Ok(Self { pair, algorithm, key_id, account });
        }
        let (pair, algorithm) = pair(text, algorithm)?;
        Ok(Self { pair, algorithm, key_id: None, account: None })
    }

    /// The account that a Google key belongs to.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// A signed JWT with these claims (RFC 7519), in compact form.
    pub fn sign(&self, claims: &Value) -> Result<Secret, KeyError> {
        let mut header = json!({ "alg": self.name(), "typ": "JWT" });
        if let Some(id) = &self.key_id {
            header["kid"] = id.as_str().into();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(signed.as_bytes())?;
        Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let padding =
                    if self.algorithm == JwtAlgorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).map_err(|_| KeyError::NoSignature)?;
                Ok(signature)
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyError::NoSignature)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    fn name(&self) -> &'static str {
        match self.algorithm {
            JwtAlgorithm::Rs256 => "RS256",
            JwtAlgorithm::Ps256 => "PS256",
            JwtAlgorithm::Es256 => "ES256",
            JwtAlgorithm::Es384 => "ES384",
            JwtAlgorithm::EdDsa => "EdDSA",
        }
    }
}

/// Reads a key pair. The kinds are tried in turn: a PKCS #8 file does not say outside what it holds.
fn pair(pem: &str, wanted: Option<JwtAlgorithm>) -> Result<(Pair, JwtAlgorithm), KeyError> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| not_pem(pem))?;
    let bytes = der.secret_der();
    let rsa = match &der {
        PrivateKeyDer::Pkcs1(_) => RsaKeyPair::from_der(bytes),
        _ => RsaKeyPair::from_pkcs8(bytes),
    };
    let (pair, algorithm) = if let Ok(rsa) = rsa {
        let algorithm = wanted.filter(|wanted| *wanted == JwtAlgorithm::Ps256);
        (Pair::Rsa(Box::new(rsa)), algorithm.unwrap_or(JwtAlgorithm::Rs256))
    } else if let Ok(ed) = Ed25519KeyPair::from_pkcs8(bytes) {
        (Pair::Ed(Box::new(ed)), JwtAlgorithm::EdDsa)
    } else if let Ok(ec) = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes) {
        (Pair::Ec(Box::new(ec)), JwtAlgorithm::Es256)
    } else if let Ok(ec) = EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, bytes) {
        (Pair::Ec(Box::new(ec)), JwtAlgorithm::Es384)
    } else {
        return Err(KeyError::Unknown);
    };
    if wanted.is_some_and(|wanted| wanted != algorithm) {
        return Err(KeyError::OtherAlgorithm);
    }
    Ok((pair, algorithm))
}

fn not_pem(text: &str) -> KeyError {
    if text.contains("ENCRYPTED") {
        KeyError::Encrypted
    } else if text.contains("-----BEGIN PUBLIC KEY") || text.contains("-----BEGIN CERTIFICATE") {
        KeyError::Public
    } else {
        KeyError::NotPem
    }
}

/// A number in the form of a UUID, as providers like their ids.
pub(in crate::auth) fn uuid(number: u128) -> String {
    let hex = format!("{number:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    /// Signs, and checks the signature with the public key.
    fn check(
        private: &str,
        algorithm: Option<JwtAlgorithm>,
        verify: &'static dyn VerificationAlgorithm,
        name: &str,
    ) {
        let key = SigningKey::of(private, algorithm).unwrap();
        let jwt = key.sign(&json!({ "iss": "x" })).unwrap();
        let (signed, signature) = jwt.expose().rsplit_once('.').unwrap();
        let header = URL_SAFE_NO_PAD.decode(signed.split('.').next().unwrap()).unwrap();
        assert_eq!(String::from_utf8(header).unwrap(), format!(r#"{{"alg":"{name}","typ":"JWT"}}"#));
        let public = match &key.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(verify, public).verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn each_kind_of_key_signs_by_its_own_algorithm() {
        let random = SystemRandom::new();
        let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        let rsa = pem("PRIVATE KEY", rsa.as_ref());
        check(&rsa, None, &RSA_PKCS1_2048_8192_SHA256, "RS256");
        check(&rsa, Some(JwtAlgorithm::Ps256), &RSA_PSS_2048_8192_SHA256, "PS256");
        let p256 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        check(&pem("PRIVATE KEY", p256.as_ref()), None, &ECDSA_P256_SHA256_FIXED, "ES256");
        let p384 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).unwrap();
        check(&pem("PRIVATE KEY", p384.as_ref()), None, &ECDSA_P384_SHA384_FIXED, "ES384");
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        check(&pem("PRIVATE KEY", ed.as_ref()), None, &ED25519, "EdDSA");
        let wrong = SigningKey::of(&rsa, Some(JwtAlgorithm::Es256)).map(|_| ());
        assert_eq!(wrong, Err(KeyError::OtherAlgorithm));
    }

    #[test]
    fn what_is_no_private_key_says_what_it_is_instead() {
        for (text, error) in [
            ("hunter2", KeyError::NotPem),
            ("{\"private_key\":1}", KeyError::NotPem),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeyError::Public),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
                KeyError::Encrypted,
            ),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", KeyError::Unknown),
        ] {
            assert_eq!(SigningKey::of(text, None).map(|_| ()), Err(error), "{text}");
        }
    }
}
