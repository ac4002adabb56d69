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
    pub signed: Vec<SignaturePart>,
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

impl SignaturePart {
    /// Reads a template such as `{method}:{path}:{body:sha256}`; the error says what is wrong with it.
    pub fn template(text: &str) -> Result<Vec<Self>, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Self::Text(Arc::from(before)));
            }
            let (word, after) = after.split_once('}').ok_or_else(|| "a `{` is not closed".to_owned())?;
            parts.push(Self::of(word).ok_or_else(|| {
                format!(
                    "`{{{word}}}` is none of {{method}}, {{host}}, {{path}}, {{query}}, {{query_sorted}}, {{target}}, {{url}}, \
                     {{body}}, {{body:sha256}}, {{header:Name}}, {{timestamp}}, {{nonce}}, {{key_id}} and {{signature}}"
                )
            })?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Self::Text(Arc::from(rest)));
        }
        Ok(parts)
    }

    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "method" => Self::Method,
            "host" => Self::Host,
            "path" => Self::Path,
            "query" => Self::Query,
            "query_sorted" => Self::QuerySorted,
            "target" => Self::Target,
            "url" => Self::Url,
            "body" => Self::Body,
            "timestamp" => Self::Timestamp,
            "nonce" => Self::Nonce,
            "key_id" => Self::KeyId,
            "signature" => Self::Signature,
            other => match other.split_once(':')? {
                ("header", name) if !name.is_empty() => Self::Header(Arc::from(name)),
                ("body", hash) => {
                    let (hash, encoding) = hash.split_once(':').unwrap_or((hash, "hex"));
                    Self::BodyHash(SignatureHash::of(hash)?, SignatureEncoding::of(encoding)?)
                }
                _ => return None,
            },
        })
    }
}

impl SignatureHash {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            "sha1" => Self::Sha1,
            _ => return None,
        })
    }
}

impl SignatureEncoding {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "hex" => Self::Hex,
            "hex_upper" => Self::HexUpper,
            "base64" => Self::Base64,
            "base64url" => Self::Base64Url,
            _ => return None,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_parts_of_the_request() {
        let parts = SignaturePart::template("v1:{method}\n{header:Date}{body:sha512:base64}.").unwrap();
        let hash = SignaturePart::BodyHash(SignatureHash::Sha512, SignatureEncoding::Base64);
        let (method, date) = (SignaturePart::Method, SignaturePart::Header("Date".into()));
        let text = |text: &str| SignaturePart::Text(text.into());
        assert_eq!(parts, [text("v1:"), method, text("\n"), date, hash, text(".")]);
        for wrong in ["{body", "{nothing}", "{body:md5}", "{header:}", "{body:sha256:base32}"] {
            assert!(SignaturePart::template(wrong).is_err(), "{wrong}");
        }
    }
}
