use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sinew_mapping::{Expression, Mapping};
use sinew_stdx::Json;

use crate::{ConnectionName, OperationId};

/// How a system sends webhooks.
#[derive(Clone, Debug)]
pub struct WebhookHabit {
    /// How it proves that it is the sender.
    pub verify: Verify,
    /// How it finds out whether a receiver is there before it sends events.
    pub challenge: Option<Challenge>,
    /// The event's name.
    pub event: Option<Told>,
    /// The delivery's id, for deduplication.
    pub id: Option<Told>,
    /// How it is told where to send them.
    pub subscription: Option<Arc<Subscription>>,
}

/// How a system is told where to send its webhooks: by operations of its own.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Registers a webhook.
    pub subscribe: Registration,
    /// Makes a registration last longer.
    pub renew: Option<Registration>,
    /// Takes a registration back.
    pub unsubscribe: Option<Registration>,
    /// Finds a registration that may have been made.
    pub find: Option<Registration>,
    /// How long before its end a registration is renewed.
    pub renew_before: Duration,
}

/// One operation of a subscription.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The operation.
    pub operation: OperationId,
    /// Its input, over `hook`.
    pub with: Mapping,
    /// Over `answer` and `hook`: the registration's id.
    pub id: Option<Expression>,
    /// Over `answer` and `hook`: when it ends.
    pub expires: Option<Expression>,
}

/// By whom and how a flow's webhook is registered.
#[derive(Clone, Debug)]
pub struct Subscribed {
    /// The connection.
    pub connection: ConnectionName,
    /// How its system is told.
    pub how: Arc<Subscription>,
}

/// Where something about a delivery is found.
#[derive(Clone, Debug)]
pub enum Told {
    /// An expression over the payload.
    Payload(Expression),
    /// A header, a query parameter or a field as it stands.
    Source(Source),
}

/// How a webhook's sender is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Not at all; said in so many words by the author.
    None,
    /// By what only the sender can write.
    Signed(Arc<Signature>),
}

/// How deliveries are signed, whoever signs them: all that tells vendors apart, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What the sender proves itself with.
    pub proof: Proof,
    /// Where the signature stands.
    pub source: Source,
    /// How it is written.
    pub encoding: Encoding,
    /// What is signed, put together in this order. Empty for a token.
    pub signed: Vec<Part>,
    /// When it was signed; what is older than the tolerance is refused as a replay.
    pub timestamp: Option<SignedTime>,
    /// The delivery's id, by which one that comes again is known.
    pub id: Option<Source>,
    /// Each element of this list in the body has a signature of its own; parts and sources that are fields are its.
    pub each: Option<FieldPath>,
    /// Where the SHA-256 of the body is, in hex, if the body is no form and [`Part::Form`] is what is signed.
    pub digest: Option<Source>,
}

/// What a sender proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A keyed hash under a secret that both know.
    Hmac {
        /// The hash.
        hash: Hash,
        /// How the secret's text becomes the key.
        key: KeyText,
    },
    /// The secret itself is sent.
    Token,
    /// A signature under the sender's private key.
    PublicKey {
        /// The algorithm.
        algorithm: PublicKeyAlgorithm,
        /// How the public key is written.
        key: KeyText,
    },
}

/// The hash of an HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, for systems that know nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicKeyAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256, the signature in DER.
    EcdsaP256,
}

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyText {
    /// Its bytes as they stand.
    Plain,
    /// Hexadecimal.
    Hex,
    /// Base64.
    Base64,
    /// `whsec_` and Base64, as Standard Webhooks write it; without the prefix, its bytes.
    Standard,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64, standard alphabet.
    Base64,
    /// Base64 in the alphabet for URLs, padded or not.
    Base64Url,
    /// As it stands.
    Text,
}

/// A part of what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These letters.
    Text(Arc<str>),
    /// The method, in capitals.
    Method,
    /// The whole URL as its sender called it: [the public one](Signature::needs_url), with path and query.
    Url,
    /// The path.
    Path,
    /// The query as sent, without `?`.
    Query,
    /// The body as sent.
    Body,
    /// The timestamp as sent.
    Timestamp,
    /// A header's value.
    Header(Arc<str>),
    /// The fields of a form sorted by name, each name with its value behind it and nothing between.
    Form,
    /// A field of the body; nothing if it is not there.
    Field(FieldPath),
}

/// Where a text stands in a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The header, parameter or field.
    pub at: SourceAt,
    /// What separates several texts in it.
    pub separator: Option<Arc<str>>,
    /// What stands before the text; those without it are not meant.
    pub prefix: Arc<str>,
}

/// A header, a query parameter or a field of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAt {
    /// A header.
    Header(Arc<str>),
    /// A parameter of the query.
    Query(Arc<str>),
    /// A field of a JSON body.
    Field(FieldPath),
}

/// The way to a field of a JSON body, written `a.b.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(Arc<[Arc<str>]>);

/// When a delivery was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTime {
    /// Where the timestamp stands.
    pub source: Source,
    /// What it counts.
    pub unit: TimeUnit,
    /// How old a delivery may be, and how far ahead its clock.
    pub tolerance: Duration,
}

/// What a timestamp counts, since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Nothing: it is a timestamp as RFC 3339 writes it.
    Timestamp,
}

/// How a system finds out whether a receiver is there and wants its events. It is answered without starting a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// By which method it comes.
    pub method: ChallengeMethod,
    /// By what it is told from a delivery; all of these hold.
    pub conditions: Vec<Condition>,
    /// The text that is sent back.
    pub value: Option<Source>,
    /// Where the token stands that only this system knows.
    pub token: Option<Source>,
    /// Whether it is signed as deliveries are.
    pub signed: bool,
    /// What is answered.
    pub answer: ChallengeAnswer,
}

/// The method of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeMethod {
    /// GET.
    Get,
    /// POST, as deliveries.
    Post,
}

/// What holds of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Of what.
    pub source: Source,
    /// The value; without one it is only there.
    pub is: Option<Arc<str>>,
    /// Or it is an empty list.
    pub empty: bool,
}

/// What a challenge is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChallengeAnswer {
    /// 200 and the value as plain text.
    Text,
    /// 200 and nothing.
    Nothing,
    /// 200 and this JSON, in whose texts `{value}`, `{hmac:hex}` and `{hmac:base64}` stand for the value and its HMAC.
    Json(Json),
}

impl FieldPath {
    /// Reads `a.b.0`.
    pub fn new(text: &str) -> Option<Self> {
        let parts: Vec<Arc<str>> = text.split('.').map(Arc::from).collect();
        parts.iter().all(|part| !part.is_empty()).then(|| Self(parts.into()))
    }

    /// Finds it in a value.
    pub fn find<'a>(&self, value: &'a serde_json::Value) -> Option<&'a serde_json::Value> {
        self.0.iter().try_fold(value, |value, part| match value {
            serde_json::Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            other => other.get(&**part),
        })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl fmt::Display for SourceAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Query(name) => write!(f, "the query parameter `{name}`"),
            Self::Field(path) => write!(f, "the field `{path}`"),
        }
    }
}

impl Source {
    /// A header as it stands.
    pub fn header(name: &str) -> Self {
        Self { at: SourceAt::Header(name.into()), separator: None, prefix: "".into() }
    }
}

impl Signature {
    /// Whether it covers the URL, which only the sender's side of a proxy shows as it was.
    pub fn needs_url(&self) -> bool {
        self.signed.contains(&Part::Url)
    }
}

impl Verify {
    /// Whether it cannot be checked without knowing the public URL.
    pub fn needs_url(&self) -> bool {
        matches!(self, Self::Signed(signature) if signature.needs_url())
    }
}

impl Part {
    /// Reads a template such as `v0:{timestamp}:{body}`; the error says what is wrong with it.
    pub fn template(text: &str) -> Result<Vec<Self>, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(open) = rest.find(['{', '}']) {
            if open > 0 {
                parts.push(Self::Text(rest[..open].into()));
            }
            let hole = rest[open..].strip_prefix('{').and_then(|after| after.split_once('}'));
            let Some((name, after)) = hole else {
                return Err("a brace is not closed, or not opened".to_owned());
            };
            parts.push(Self::hole(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Self::Text(rest.into()));
        }
        Ok(parts)
    }

    fn hole(name: &str) -> Result<Self, String> {
        Ok(match name {
            "method" => Self::Method,
            "url" => Self::Url,
            "path" => Self::Path,
            "query" => Self::Query,
            "body" => Self::Body,
            "timestamp" => Self::Timestamp,
            "form" => Self::Form,
            _ => match name.split_once(':') {
                Some(("header", header)) if !header.is_empty() => Self::Header(header.into()),
                Some(("field", path)) => {
                    FieldPath::new(path).map(Self::Field).ok_or("a field is written `{field:a.b}`")?
                }
                _ => {
                    return Err(format!(
                        "`{{{name}}}` is not known; there are {{method}}, {{url}}, {{path}}, {{query}}, {{body}}, \
                         {{timestamp}}, {{form}}, {{header:Name}} and {{field:a.b}}"
                    ));
                }
            },
        })
    }

    /// Whether it is of the body, so that a signature over it says something about what was sent.
    pub fn is_of_body(&self) -> bool {
        matches!(self, Self::Body | Self::Form | Self::Field(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_read_from_a_template() {
        let text = |text: &str| Part::Text(text.into());
        let parts = Part::template("v0:{timestamp}:{body}").unwrap();
        assert_eq!(parts, [text("v0:"), Part::Timestamp, text(":"), Part::Body]);
        let parts = Part::template("{header:X-Id}{field:a.0.b}").unwrap();
        assert_eq!(parts, [Part::Header("X-Id".into()), Part::Field(FieldPath::new("a.0.b").unwrap())]);
        for wrong in ["{body", "body}", "{}", "{bodies}", "{header:}", "{field:a..b}"] {
            assert!(Part::template(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_field_is_found_through_objects_and_lists() {
        let value = serde_json::json!({ "a": [{ "b": 7 }] });
        let find = |path: &str| FieldPath::new(path).unwrap().find(&value).cloned();
        assert_eq!(find("a.0.b"), Some(7.into()));
        assert_eq!((find("a.1.b"), find("a.b"), find("b")), (None, None, None));
    }
}
