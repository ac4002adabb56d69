use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::reader::Reader;
use crate::shape::{FIELD, Field, HEADER, Record, Shape, Words, default, one_of, optional, required, words};
use crate::{
    Auth, HmacSigning, KeyEncoding, SignatureEncoding, SignatureHash, SignaturePart, TimestampFormat,
};

use super::{Fields, Login};

pub(super) const FIELDS: &[Field] =
    &[one_of("hmac", Shape::Record(&HMAC), "An HMAC over what the vendor says: every request is signed.").like(
        "{ key: secret:pay/key, signed: '{timestamp}{method}{target}{body}', headers: { X-Sign: '{signature}', X-Time: '{timestamp}' } }",
    )];

static HMAC: Record = Record {
    name: "hmac_signing",
    doc: "An HMAC over what the vendor says. Templates name parts of the request: `{method}`, `{host}`, `{path}`, `{query}`, `{query_sorted}`, `{target}` (path and query), `{url}`, `{body}`, `{body:sha256}` (its hash; `{body:sha512:base64}` likewise), `{header:Name}`; and `{timestamp}`, `{nonce}`, `{key_id}` and, in headers and the query, `{signature}`.",
    fields: &[&[
        required("key", Shape::Secret, "The key.").like("secret:pay/key"),
        default("key_encoding", Shape::Word(KeyEncoding::WORDS), "text", "How the key is written."),
        optional("key_id", Shape::Text, "The key's name, where the vendor wants it."),
        default("algorithm", Shape::Word(SignatureHash::WORDS), "sha256", "The hash."),
        required("signed", Shape::Text, "What is signed: a template.")
            .like("\"{method}\\n{path}\\n{timestamp}\\n{body:sha256}\""),
        default("encoding", Shape::Word(SignatureEncoding::WORDS), "hex", "How the signature is written."),
        default("timestamp", Shape::Word(TimestampFormat::WORDS), "seconds", "How the time is written."),
        optional("headers", Shape::Table(&HEADER, &Shape::Text), "Headers, and what they hold: templates.")
            .like("{ X-Signature: 'sha256={signature}', X-Timestamp: '{timestamp}' }"),
        optional(
            "query",
            Shape::Table(&FIELD, &Shape::Text),
            "Query parameters, and what they hold: templates.",
        )
        .like("{ sig: '{signature}' }"),
    ]],
};

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
    let signed = hmac.node("signed").and_then(|node| template(node, login.reader));
    let headers = placed(hmac, "headers", login.reader);
    let query = placed(hmac, "query", login.reader);
    let (signed, headers, query) = (signed?, headers?, query?);
    if signed.contains(&SignaturePart::Signature) {
        let message = "`signed` names the signature, which is made of it";
        login.reader.error(config::INVALID_VALUE, message, hmac.place("signed"));
    }
    let placed: Vec<_> = headers.iter().chain(&query).map(|(_, parts)| parts).collect();
    if !placed.iter().any(|parts| parts.contains(&SignaturePart::Signature)) {
        let message = "`hmac` sends its `{signature}` nowhere";
        login.reader.error(config::MISSING_FIELD, message, hmac.place("headers"));
    }
    let names_key = placed.iter().any(|parts| parts.contains(&SignaturePart::KeyId));
    if (names_key || signed.contains(&SignaturePart::KeyId)) && hmac.node("key_id").is_none() {
        let message = "`hmac` has no `key_id`, which it sends";
        login.reader.error(config::MISSING_FIELD, message, hmac.place("key"));
    }
    Some(Auth::Hmac(Box::new(HmacSigning {
        key: hmac.secret("key")?,
        key_encoding: hmac.word("key_encoding")?,
        key_id: hmac.text("key_id"),
        algorithm: hmac.word("algorithm")?,
        signed,
        encoding: hmac.word("encoding")?,
        timestamp: hmac.word("timestamp")?,
        headers,
        query,
    })))
}

/// What is placed in headers or the query.
fn placed(
    hmac: Fields<'_>,
    name: &str,
    reader: &mut Reader<'_>,
) -> Option<Vec<(Arc<str>, Vec<SignaturePart>)>> {
    let entries = hmac.node(name).map_or(&[][..], Node::entries);
    entries
        .iter()
        .map(|entry| Some((Arc::from(entry.name.as_str()), template(&entry.value, reader)?)))
        .collect()
}

fn template(node: &Node, reader: &mut Reader<'_>) -> Option<Vec<SignaturePart>> {
    match SignaturePart::template(node.text()?) {
        Ok(parts) => Some(parts),
        Err(why) => {
            reader.error(config::INVALID_VALUE, why, node.place.clone());
            None
        }
    }
}
