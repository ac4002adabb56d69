use std::sync::Arc;

use crate::SecretRef;

/// Requests signed with an HMAC, as a vendor describes it: what is signed, with what, and where the signature goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacSigning {
    /// The key.
    pub key: SecretRef,
    /// How the key is written.
    pub key_encoding: KeyEncoding,
    /// The key's name, where the vendor wants it.
    pub key_id: Option<Arc<str>>,
    /// The hash.
    pub algorithm: SignatureHash,
    /// What is signed, one part after the other.
    pub sign: Vec<SignaturePart>,
    /// What stands between two parts.
    pub separator: Arc<str>,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// How the time is written.
    pub timestamp: TimestampFormat,
    /// Headers, and what they hold.
    pub headers: Vec<(Arc<str>, Vec<SignaturePart>)>,
    /// Query parameters, and what they hold.
    pub query: Vec<(Arc<str>, Vec<SignaturePart>)>,
}

impl HmacSigning {
    pub(super) fn query_parameters(&self) -> Vec<&str> {
        self.query.iter().map(|(name, _)| &**name).collect()
    }
}

/// A part of what is signed, or of what a header holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignaturePart {
    /// This text.
    Text(Arc<str>),
    /// The method, in capitals.
    Method,
    /// Host and port, as in the `Host` header.
    Host,
    /// The path, encoded as it goes out.
    Path,
    /// The query without `?`, as it goes out.
    Query,
    /// The query with its pairs sorted.
    QuerySorted,
    /// Path and query, as in the request's first line.
    Target,
    /// The whole URL.
    Url,
    /// The body, byte for byte.
    Body,
    /// A hash of the body, written in this way.
    BodyHash(SignatureHash, SignatureEncoding),
    /// The value of a header, or nothing.
    Header(Arc<str>),
    /// The time.
    Timestamp,
    /// A text used once.
    Nonce,
    /// The key's name.
    KeyId,
    /// The signature; only in headers and the query.
    Signature,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEncoding {
    /// Its bytes are the text's.
    Text,
    /// Base64, either alphabet.
    Base64,
    /// Hexadecimal.
    Hex,
}

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureHash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-1, for systems that know nothing better.
    Sha1,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// Hexadecimal, small letters.
    Hex,
    /// Hexadecimal, capitals.
    HexUpper,
    /// Base64.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Millis,
    /// `2026-11-21T08:00:00Z`
    Iso8601,
    /// `Sat, 21 Nov 2026 08:00:00 GMT`
    HttpDate,
}
