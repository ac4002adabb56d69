use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_diag::{Diagnostic, Diagnostics, codes::config};

use crate::raw::{Node, Variables, documents};
use crate::shape::{
    BODY_FIELD, Field, HEADER, Record, SIGNED, Shape, Word, Words, check_record_node, default, one_of,
    optional, word, words,
};
use crate::{
    Encoding, FieldPath, Hash, KeyText, Part, Proof, PublicKeyAlgorithm, Signature, SignedTime, SourceAt,
    TimeUnit, Verify,
};

use super::fields::Fields;
use super::reader::Reader;
use super::source;
use super::vendors::{self, Known, SIGNATURE_WORDS, SIGNATURES};

/// How a webhook's sender is verified.
pub(crate) const SHAPE: Shape = Shape::WordOr(NONE, &Shape::WordOr(SIGNATURE_WORDS, &Shape::Record(&VERIFY)));

static NONE: &[Word] = &[word("none", "not at all: anybody who knows the URL can start runs")];

static VERIFY: Record = Record {
    name: "verify",
    doc: "How a webhook's sender proves who it is. The words stand for such records too.",
    fields: &[&[
        one_of("as", Shape::Word(SIGNATURE_WORDS), "As this sender does, with a `tolerance` of your own."),
        one_of(
            "standard",
            Shape::Record(&STANDARD),
            "Standard Webhooks 1.0, with a `tolerance` of your own.",
        ),
        one_of("hmac", Shape::Record(&HMAC), "An HMAC under a secret that both know.")
            .like("{ header: X-Crm-Signature, prefix: 'sha256=' }"),
        one_of("token", Shape::Record(&TOKEN), "The secret itself is sent.").like("{ header: X-Hook-Token }"),
        one_of(
            "public_key",
            Shape::Record(&PUBLIC_KEY),
            "A signature under the sender's private key; the secret is its public key.",
        ),
        optional(
            "tolerance",
            Shape::Duration,
            "Beside `as`: how old a delivery may be, and how far ahead its clock.",
        ),
    ]],
};

static STANDARD: Record = Record {
    name: "standard",
    doc: "`webhook-id`, `webhook-timestamp` and `webhook-signature`, as Standard Webhooks 1.0 defines them.",
    fields: &[&[TOLERANCE]],
};

const TOLERANCE: Field =
    default("tolerance", Shape::Duration, "5m", "How old a delivery may be, and how far ahead its clock.");
const ENCODING: Field =
    default("encoding", Shape::Word(Encoding::WORDS), "hex", "How the signature is written.");
const KEY: Field = default("key", Shape::Word(KeyText::WORDS), "plain", "How the secret is written.");
const EACH: Field = optional(
    "each",
    Shape::Name(&BODY_FIELD),
    "Each element of this list in the body is signed by itself; fields are looked for in the element.",
)
.like("notificationItems");
const ID: Field = optional(
    "id",
    source::SHORT,
    "Where the delivery's id stands, by which one that comes again is known. Beside a `timestamp` it has to be signed.",
)
.like("X-Delivery-Id");

const TIME: Shape = Shape::ShortOr(&Shape::Name(&HEADER), &TIMESTAMP);

/// What is signed, and when.
const SIGNED_FIELDS: &[Field] = &[
    optional(
        "signed",
        Shape::Name(&SIGNED),
        "What is signed: `{body}`, or `{timestamp}.{body}` if there is a `timestamp`, unless said otherwise. There are `{method}`, `{url}`, `{path}`, `{query}`, `{body}`, `{timestamp}`, `{form}` (sorted fields), `{header:Name}` and `{field:a.b}`.",
    )
    .like("'v0:{timestamp}:{body}'"),
    optional(
        "timestamp",
        TIME,
        "Where the time stands at which it was signed: a header's name, or more.",
    )
    .like("X-Timestamp"),
    TOLERANCE,
    ID,
    EACH,
    optional("digest", source::SHORT, "Beside `{form}`: where the SHA-256 of the body is, in hex, if it is no form."),
];

static HMAC: Record = Record {
    name: "hmac",
    doc: "An HMAC under a secret that both know.",
    fields: &[
        source::PLACE,
        &[default("algorithm", Shape::Word(Hash::WORDS), "sha256", "The hash."), ENCODING, KEY],
        SIGNED_FIELDS,
    ],
};

static TOKEN: Record = Record {
    name: "token",
    doc: "The secret itself is sent. It proves who sends, but not what.",
    fields: &[
        source::PLACE,
        &[default("encoding", Shape::Word(Encoding::WORDS), "text", "How it is written."), KEY, ID, EACH],
    ],
};

static PUBLIC_KEY: Record = Record {
    name: "public_key",
    doc: "A signature under the sender's private key.",
    fields: &[
        source::PLACE,
        &[
            default("algorithm", Shape::Word(PublicKeyAlgorithm::WORDS), "ed25519", "The algorithm."),
            ENCODING,
            KEY,
        ],
        SIGNED_FIELDS,
    ],
};

static TIMESTAMP: Record = Record {
    name: "timestamp",
    doc: "When a delivery was signed.",
    fields: &[
        source::PLACE,
        &[default("unit", Shape::Word(TimeUnit::WORDS), "s", "What it counts, since 1970.")],
    ],
};

words!(Hash {
    Sha256 = "sha256", "HMAC-SHA-256";
    Sha384 = "sha384", "HMAC-SHA-384";
    Sha512 = "sha512", "HMAC-SHA-512";
    Sha1 = "sha1", "HMAC-SHA-1, for systems that know nothing better";
});
words!(PublicKeyAlgorithm {
    Ed25519 = "ed25519", "Ed25519";
    EcdsaP256 = "ecdsa_p256", "ECDSA over P-256 with SHA-256";
});
words!(Encoding {
    Hex = "hex", "hexadecimal, either case";
    Base64 = "base64", "Base64, standard alphabet";
    Base64Url = "base64url", "Base64, alphabet for URLs";
    Text = "text", "as it stands";
});
words!(KeyText {
    Plain = "plain", "its letters are the key";
    Hex = "hex", "hexadecimal";
    Base64 = "base64", "Base64";
    Standard = "standard", "`whsec_` and Base64; without the prefix, its letters";
});
words!(TimeUnit {
    Seconds = "s", "seconds";
    Milliseconds = "ms", "milliseconds";
    Timestamp = "timestamp", "nothing: it is a timestamp like `2026-11-21T08:00:00Z`";
});

/// Reads the field `verify`.
pub(crate) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Verify> {
    let node = fields.node("verify")?;
    match node.text() {
        Some("none") => Some(Verify::None),
        Some(word) => known(vendors::find(SIGNATURES, word)?, reader),
        None => record(Fields::of(node, &VERIFY), reader),
    }
}

/// Reads what a word stands for.
pub(crate) fn known(habit: &'static Known, reader: &mut Reader<'_>) -> Option<Verify> {
    let node = own(habit, &VERIFY, reader)?;
    record(Fields::of(&node, &VERIFY), reader)
}

/// The tree of one of our own habits, checked as an author's is.
pub(crate) fn own(habit: &'static Known, shape: &'static Record, reader: &mut Reader<'_>) -> Option<Node> {
    let (none, mut out) = (BTreeMap::new(), Diagnostics::new());
    let text = habit.yaml.as_bytes();
    let document = documents(&Arc::from(habit.word), text, &mut Variables::new(&none), &mut out).pop();
    let node = document.map(|document| document.root);
    if let Some(node) = &node {
        check_record_node(node, shape, &mut out);
    }
    let sound = out.is_empty();
    for wrong in out {
        reader.out.push(wrong);
    }
    node.filter(|_| sound)
}

fn record(verify: Fields<'_>, reader: &mut Reader<'_>) -> Option<Verify> {
    let tolerance = verify.node("tolerance").and_then(|_| verify.duration("tolerance"));
    let (name, _) = verify.alternative()?;
    if tolerance.is_some() && name != "as" {
        let message = "`tolerance` stands beside `as` only; the others have one of their own";
        reader.error(config::INVALID_VALUE, message, verify.place("tolerance"));
    }
    let signature = match name {
        "as" => {
            let read = known(vendors::find(SIGNATURES, verify.said("as")?)?, reader)?;
            return Some(tolerated(read, tolerance));
        }
        "standard" => {
            let tolerance = verify.record("standard")?.duration("tolerance");
            let read = known(vendors::find(SIGNATURES, "standard")?, reader)?;
            return Some(tolerated(read, tolerance));
        }
        "hmac" => {
            let hmac = verify.record("hmac")?;
            signed(hmac, Proof::Hmac { hash: hmac.word("algorithm")?, key: hmac.word("key")? }, reader)?
        }
        "public_key" => {
            let key = verify.record("public_key")?;
            signed(
                key,
                Proof::PublicKey { algorithm: key.word("algorithm")?, key: key.word("key")? },
                reader,
            )?
        }
        _ => token(verify.record("token")?)?,
    };
    Some(Verify::Signed(Arc::new(signature)))
}

fn tolerated(verify: Verify, tolerance: Option<Duration>) -> Verify {
    match (verify, tolerance) {
        (Verify::Signed(signature), Some(tolerance)) => {
            let mut signature = Arc::unwrap_or_clone(signature);
            if let Some(timestamp) = &mut signature.timestamp {
                timestamp.tolerance = tolerance;
            }
            Verify::Signed(Arc::new(signature))
        }
        (verify, _) => verify,
    }
}

fn token(fields: Fields<'_>) -> Option<Signature> {
    Some(Signature {
        proof: Proof::Token,
        source: source::place(fields)?,
        encoding: fields.word("encoding")?,
        signed: Vec::new(),
        timestamp: None,
        id: source::read(fields, "id"),
        each: fields.said("each").and_then(FieldPath::new),
        digest: None,
    })
}

fn signed(fields: Fields<'_>, proof: Proof, reader: &mut Reader<'_>) -> Option<Signature> {
    let timestamp = match fields.node("timestamp") {
        Some(node) => {
            let unit = match node.text() {
                Some(_) => TimeUnit::Seconds,
                None => Fields::of(node, &TIMESTAMP).word("unit")?,
            };
            let source = match node.text() {
                Some(_) => source::of(node)?,
                None => source::place(Fields::of(node, &TIMESTAMP))?,
            };
            Some(SignedTime { source, unit, tolerance: fields.duration("tolerance")? })
        }
        None => None,
    };
    let template = fields.said("signed").unwrap_or(match timestamp {
        Some(_) => "{timestamp}.{body}",
        None => "{body}",
    });
    let signature = Signature {
        proof,
        source: source::place(fields)?,
        encoding: fields.word("encoding")?,
        signed: Part::template(template).ok()?,
        timestamp,
        id: source::read(fields, "id"),
        each: fields.said("each").and_then(FieldPath::new),
        digest: source::read(fields, "digest"),
    };
    for (field, message, help) in unsound(&signature) {
        reader
            .out
            .push(Diagnostic::error(config::UNSOUND_SIGNATURE, message).at(fields.place(field)).help(help));
    }
    Some(signature)
}

/// What a signature does not cover although something is decided by it.
fn unsound(signature: &Signature) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut found = Vec::new();
    let signed = &signature.signed;
    if !signed.iter().any(Part::is_of_body) {
        found.push((
            "signed",
            "the signature covers nothing of the body",
            "name `{body}`, `{form}` or a `{field:...}` in `signed`",
        ));
    }
    let has_body = signature.each.is_none() && signed.contains(&Part::Body);
    let covers = |at: &SourceAt| match at {
        SourceAt::Header(name) => signed
            .iter()
            .any(|part| matches!(part, Part::Header(signed) if signed.eq_ignore_ascii_case(name))),
        SourceAt::Query(_) => signed.iter().any(|part| matches!(part, Part::Url | Part::Query)),
        SourceAt::Field(path) => has_body || signed.contains(&Part::Field(path.clone())),
    };
    let Some(timestamp) = &signature.timestamp else { return found };
    if !signed.contains(&Part::Timestamp) && !covers(&timestamp.source.at) {
        found.push((
            "timestamp",
            "the timestamp is not signed, so that anybody can renew an old delivery",
            "name `{timestamp}` in `signed`",
        ));
    }
    if signature.id.as_ref().is_some_and(|id| !covers(&id.at)) {
        found.push((
            "id",
            "the id is not signed, so that anybody can make an old delivery look new",
            "leave `id` out (the signature itself tells deliveries apart), or name it in `signed`",
        ));
    }
    found
}
