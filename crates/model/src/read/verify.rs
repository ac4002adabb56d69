use std::time::Duration;

use crate::shape::{HEADER, Record, Shape, Word, Words, default, one_of, optional, required, word, words};
use crate::{Verify, VerifyAlgorithm, VerifyEncoding, VerifySigned};

use super::fields::Fields;

/// How a webhook's sender is verified.
pub(crate) const SHAPE: Shape = Shape::WordOr(WORDS, &Shape::Record(&VERIFY));

static WORDS: &[Word] = &[
    word("none", "not at all: anybody who knows the URL can start runs"),
    word("standard", "Standard Webhooks 1.0, deliveries up to 5 minutes old"),
];

static VERIFY: Record = Record {
    name: "verify",
    doc: "How a webhook's sender proves who it is.",
    fields: &[&[
        one_of("standard", Shape::Record(&STANDARD), "Standard Webhooks 1.0."),
        one_of("hmac", Shape::Record(&HMAC), "An HMAC over the body, or over a timestamp and the body.")
            .like("{ header: X-Crm-Signature, prefix: 'sha256=' }"),
    ]],
};

static STANDARD: Record = Record {
    name: "standard",
    doc: "`webhook-id`, `webhook-timestamp` and `webhook-signature`, as Standard Webhooks 1.0 defines them.",
    fields: &[&[default(
        "tolerance",
        Shape::Duration,
        "5m",
        "How old a delivery may be, and how far ahead its clock.",
    )]],
};

static HMAC: Record = Record {
    name: "hmac",
    doc: "An HMAC over the body, or over `timestamp.body`.",
    fields: &[&[
        required("header", Shape::Name(&HEADER), "The header that holds the signature.")
            .like("X-Crm-Signature"),
        default("algorithm", Shape::Word(VerifyAlgorithm::WORDS), "sha256", "The hash."),
        default("encoding", Shape::Word(VerifyEncoding::WORDS), "hex", "How the signature is written."),
        optional("prefix", Shape::Text, "What stands before the signature.").like("sha256="),
        optional(
            "timestamp",
            Shape::Name(&HEADER),
            "The header with the Unix seconds that are signed too, as `timestamp.body`. Without it only the body is.",
        ),
        default("tolerance", Shape::Duration, "5m", "How old the timestamp may be, and how far ahead."),
    ]],
};

words!(VerifyAlgorithm {
    Sha256 = "sha256", "HMAC-SHA-256";
    Sha512 = "sha512", "HMAC-SHA-512";
    Sha1 = "sha1", "HMAC-SHA-1, for systems that know nothing better";
});
words!(VerifyEncoding {
    Hex = "hex", "hexadecimal, either case";
    Base64 = "base64", "Base64, standard alphabet";
});

const TOLERANCE: Duration = Duration::from_mins(5);

/// Reads the field `verify`.
pub(crate) fn read(fields: Fields<'_>) -> Option<Verify> {
    match fields.node("verify")?.text() {
        Some("none") => return Some(Verify::None),
        Some("standard") => return Some(Verify::Standard { tolerance: TOLERANCE }),
        _ => {}
    }
    let verify = fields.record("verify")?;
    if let ("standard", _) = verify.alternative()? {
        return Some(Verify::Standard { tolerance: verify.record("standard")?.duration("tolerance")? });
    }
    let hmac = verify.record("hmac")?;
    let signed = match hmac.text("timestamp") {
        Some(header) => VerifySigned::TimestampAndBody { header, tolerance: hmac.duration("tolerance")? },
        None => VerifySigned::Body,
    };
    Some(Verify::Hmac {
        header: hmac.text("header")?,
        algorithm: hmac.word("algorithm")?,
        encoding: hmac.word("encoding")?,
        prefix: hmac.text("prefix").unwrap_or_default(),
        signed,
    })
}
