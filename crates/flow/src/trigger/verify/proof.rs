//! Whether a signature fits a key.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac, signature};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use sinew_model::{Encoding, Hash, Proof, PublicKeyAlgorithm};

/// What a secret is good for.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    Hmac(Box<hmac::Key>),
    Token(Token),
    Public(PublicKeyAlgorithm, Vec<u8>),
}

/// The secret itself, which prints nothing.
#[derive(Clone)]
pub(crate) struct Token(Vec<u8>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Key {
    /// A key from its bytes.
    pub(crate) fn new(proof: Proof, bytes: &[u8]) -> Self {
        match proof {
            Proof::Hmac { hash, .. } => Self::Hmac(Box::new(hmac::Key::new(algorithm(hash), bytes))),
            Proof::Token => Self::Token(Token(bytes.to_vec())),
            Proof::PublicKey { algorithm, .. } => Self::Public(algorithm, bytes.to_vec()),
        }
    }

    /// By what the signed content is recognised when it comes again, if one of the signatures fits; compared in constant
    /// time.
    pub(crate) fn fits(&self, given: &[Vec<u8>], content: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(key) => {
                let tag = hmac::sign(key, content);
                let fits = |given: &Vec<u8>| verify_slices_are_equal(tag.as_ref(), given).is_ok();
                given.iter().any(fits).then(|| tag.as_ref().to_vec())
            }
            // Hashed first, so that not even its length is told.
            Self::Token(token) => {
                let digest = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
                let own = digest(&token.0);
                let fits =
                    |given: &Vec<u8>| verify_slices_are_equal(own.as_ref(), digest(given).as_ref()).is_ok();
                given.iter().any(fits).then(Vec::new)
            }
            Self::Public(algorithm, key) => {
                let algorithm: &dyn signature::VerificationAlgorithm = match algorithm {
                    PublicKeyAlgorithm::Ed25519 => &signature::ED25519,
                    PublicKeyAlgorithm::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
                };
                let key = signature::UnparsedPublicKey::new(algorithm, key);
                // Signatures can be altered and still fit: what is signed tells deliveries apart.
                let digest = || digest::digest(&digest::SHA256, content).as_ref().to_vec();
                given.iter().any(|given| key.verify(content, given).is_ok()).then(digest)
            }
        }
    }

    /// The HMAC of a text, for senders that want to see one.
    pub(crate) fn hmac(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(key) => Some(hmac::sign(key, text).as_ref().to_vec()),
            Self::Token(_) | Self::Public(..) => None,
        }
    }
}

fn algorithm(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}

/// A signature's bytes.
pub(super) fn decode(encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Hex => unhex(text),
        Encoding::Base64 => BASE64_STANDARD.decode(text).ok(),
        Encoding::Base64Url => BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok(),
        Encoding::Text => Some(text.as_bytes().to_vec()),
    }
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
