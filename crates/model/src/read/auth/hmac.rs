use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::shape::{
    FIELD, Field, HEADER, Record, Shape, Word, Words, default, one_of, optional, required, word, words,
};
use crate::{
    Auth, HmacSigning, KeyEncoding, SignatureEncoding, SignatureHash, SignaturePart, TimestampFormat,
};

use super::{Fields, Login};

pub(super) const FIELDS: &[Field] =
    &[one_of("hmac", Shape::Record(&HMAC), "An HMAC over what the vendor says: every request is signed.")
        .like("{ key: secret:pay/key, sign: [timestamp, method, target, body], headers: { X-Signature: [signature], X-Timestamp: [timestamp] } }")];

const PARTS: Shape = Shape::List(&Shape::WordOr(PART_WORDS, &Shape::Record(&PART)));

static HMAC: Record = Record {
    name: "hmac_signing",
    doc: "An HMAC over what the vendor says: what is signed, with what, and where the signature goes.",
    fields: &[&[
        required("key", Shape::Secret, "The key.").like("secret:pay/key"),
        default("key_encoding", Shape::Word(KeyEncoding::WORDS), "text", "How the key is written."),
        optional("key_id", Shape::Text, "The key's name, where the vendor wants it."),
        default("algorithm", Shape::Word(SignatureHash::WORDS), "sha256", "The hash."),
        required("sign", PARTS, "What is signed, one part after the other.")
            .like("[method, path, timestamp, { body_hash: sha256 }]"),
        default("separator", Shape::Literal, "\"\"", "What stands between two parts.").like("\"\\n\""),
        default("encoding", Shape::Word(SignatureEncoding::WORDS), "hex", "How the signature is written."),
        default("timestamp", Shape::Word(TimestampFormat::WORDS), "seconds", "How the time is written."),
        optional("headers", Shape::Table(&HEADER, &PARTS), "Headers, and what they hold.")
            .like("{ X-Signature: [{ text: sha256= }, signature], X-Timestamp: [timestamp] }"),
        optional("query", Shape::Table(&FIELD, &PARTS), "Query parameters, and what they hold.")
            .like("{ sig: [signature] }"),
    ]],
};

static PART: Record = Record {
    name: "signature_part",
    doc: "A part of what is signed, or of what a header holds.",
    fields: &[&[
        one_of("text", Shape::Literal, "This text.").like("\"sha256=\""),
        one_of("header", Shape::Name(&HEADER), "The value of this header of the request, or nothing."),
        one_of("body_hash", Shape::Word(SignatureHash::WORDS), "A hash of the body."),
        default(
            "encoding",
            Shape::Word(SignatureEncoding::WORDS),
            "hex",
            "How a hash of the body is written.",
        ),
    ]],
};

/// The words for parts, each with what it stands for.
static PARTS_BY_WORD: &[(&str, SignaturePart)] = &[
    ("method", SignaturePart::Method),
    ("host", SignaturePart::Host),
    ("path", SignaturePart::Path),
    ("query", SignaturePart::Query),
    ("query_sorted", SignaturePart::QuerySorted),
    ("target", SignaturePart::Target),
    ("url", SignaturePart::Url),
    ("body", SignaturePart::Body),
    ("timestamp", SignaturePart::Timestamp),
    ("nonce", SignaturePart::Nonce),
    ("key_id", SignaturePart::KeyId),
    ("signature", SignaturePart::Signature),
];

static PART_WORDS: &[Word] = &[
    word("method", "the method, in capitals"),
    word("host", "host and port, as in the `Host` header"),
    word("path", "the path, as it goes out"),
    word("query", "the query without `?`, as it goes out"),
    word("query_sorted", "the query with its pairs sorted"),
    word("target", "path and query, as in the request's first line"),
    word("url", "the whole URL"),
    word("body", "the body, byte for byte"),
    word("timestamp", "the time"),
    word("nonce", "a text used once"),
    word("key_id", "the key's name"),
    word("signature", "the signature; only in headers and the query"),
];

words!(KeyEncoding {
    Text = "text", "its bytes are the text's";
    Base64 = "base64", "Base64, either alphabet";
    Hex = "hex", "hexadecimal";
});
words!(SignatureHash {
    Sha256 = "sha256", "SHA-256";
    Sha384 = "sha384", "SHA-384";
    Sha512 = "sha512", "SHA-512";
    Sha1 = "sha1", "SHA-1, for systems that know nothing better";
});
words!(SignatureEncoding {
    Hex = "hex", "hexadecimal, small letters";
    HexUpper = "hex_upper", "hexadecimal, capitals";
    Base64 = "base64", "Base64";
    Base64Url = "base64url", "Base64 for URLs, without padding";
});
words!(TimestampFormat {
    Seconds = "seconds", "Unix seconds";
    Millis = "millis", "Unix milliseconds";
    Iso8601 = "iso8601", "`2026-11-21T08:00:00Z`";
    HttpDate = "http_date", "`Sat, 21 Nov 2026 08:00:00 GMT`";
});

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let hmac = login.auth.record("hmac")?;
    let sign = parts(hmac.items("sign"))?;
    let headers = placed(hmac, "headers")?;
    let query = placed(hmac, "query")?;
    if sign.contains(&SignaturePart::Signature) {
        let message = "`sign` names the signature, which is made of it";
        login.reader.error(config::INVALID_VALUE, message, hmac.place("sign"));
    }
    let sends = |(_, parts): &(Arc<str>, Vec<SignaturePart>)| parts.contains(&SignaturePart::Signature);
    if !headers.iter().chain(&query).any(sends) {
        let message = "`hmac` sends its signature nowhere";
        login.reader.error(config::MISSING_FIELD, message, hmac.place("headers"));
    }
    let needs_id = sign.contains(&SignaturePart::KeyId)
        || headers.iter().chain(&query).any(|(_, parts)| parts.contains(&SignaturePart::KeyId));
    if needs_id && hmac.node("key_id").is_none() {
        login.reader.error(
            config::MISSING_FIELD,
            "`hmac` has no `key_id`, which it sends",
            hmac.place("key"),
        );
    }
    Some(Auth::Hmac(Box::new(HmacSigning {
        key: hmac.secret("key")?,
        key_encoding: hmac.word("key_encoding")?,
        key_id: hmac.text("key_id"),
        algorithm: hmac.word("algorithm")?,
        sign,
        separator: hmac.node("separator").and_then(Node::text).map_or_else(|| Arc::from(""), Arc::from),
        encoding: hmac.word("encoding")?,
        timestamp: hmac.word("timestamp")?,
        headers,
        query,
    })))
}

/// What is placed in headers or the query.
fn placed(hmac: Fields<'_>, name: &str) -> Option<Vec<(Arc<str>, Vec<SignaturePart>)>> {
    let entries = hmac.node(name).map_or(&[][..], Node::entries);
    let read =
        |entry: &crate::raw::Entry| Some((Arc::from(entry.name.as_str()), parts(entry.value.items())?));
    entries.iter().map(read).collect()
}

fn parts(items: &[Node]) -> Option<Vec<SignaturePart>> {
    items.iter().map(part).collect()
}

fn part(node: &Node) -> Option<SignaturePart> {
    if let Some(text) = node.text() {
        return PARTS_BY_WORD.iter().find(|(word, _)| *word == text).map(|(_, part)| part.clone());
    }
    let part = Fields::of(node, &PART);
    Some(match part.alternative()? {
        ("text", text) => SignaturePart::Text(Arc::from(text.text()?)),
        ("header", name) => SignaturePart::Header(Arc::from(name.text()?)),
        _ => SignaturePart::BodyHash(part.word("body_hash")?, part.word("encoding")?),
    })
}
