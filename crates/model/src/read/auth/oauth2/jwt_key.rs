use crate::read::fields::Fields;
use crate::shape::{Field, Record, Shape, Words, optional, required, words};
use crate::{JwtAlgorithm, JwtKey};

/// The fields of a key that signs.
pub(super) const FIELDS: &[Field] = &[
    required(
        "key",
        Shape::Secret,
        "The private key: PEM (PKCS #8, PKCS #1 or SEC 1), or the JSON file of a Google service account.",
    )
    .like("secret:google/account"),
    optional("key_id", Shape::Text, "`kid`, by which the provider finds the public key.").like("2026-11"),
    optional(
        "algorithm",
        Shape::Word(JwtAlgorithm::WORDS),
        "How it signs. Left out: RS256 for RSA keys, ES256 or ES384 for those on a curve, EdDSA for Ed25519.",
    ),
];

words!(JwtAlgorithm {
    Rs256 = "RS256", "RSASSA-PKCS1-v1_5 with SHA-256";
    Ps256 = "PS256", "RSASSA-PSS with SHA-256";
    Es256 = "ES256", "ECDSA on P-256";
    Es384 = "ES384", "ECDSA on P-384";
    EdDsa = "EdDSA", "Ed25519";
});

pub(super) static CLIENT_KEY: Record = Record {
    name: "client_key",
    doc: "The private key with which a client signs who it is (RFC 7523, section 2.2).",
    fields: &[FIELDS, &[optional("audience", Shape::Text, "`aud`. Left out: the token endpoint.")]],
};

pub(super) fn read(key: Fields<'_>) -> Option<JwtKey> {
    Some(JwtKey { key: key.secret("key")?, key_id: key.text("key_id"), algorithm: key.word("algorithm") })
}
