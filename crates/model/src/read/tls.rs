use std::sync::Arc;

use sinew_diag::codes::config;

use crate::shape::{Field, Record, Shape, Words, optional, words};
use crate::{Auth, Pem, SecretRef, TlsMode, TlsOptions};

use super::fields::Fields;
use super::reader::Reader;

/// The field of a connection that says how TLS is done.
pub(crate) const FIELD: Field = optional(
    "tls",
    Shape::Record(&TLS),
    "Whom to trust beyond the machine's authorities, and how to prove oneself.",
)
.like("{ ca: secret:corp/ca, certificate: secret:bank/certificate, key: secret:bank/key }");

static TLS: Record = Record {
    name: "tls",
    doc: "Whom to trust beyond the machine's authorities, and how to prove oneself. Verification cannot be turned off.",
    fields: &[&[
        optional(
            "ca",
            Shape::Text,
            "Authorities, or the very certificates of servers, to trust besides: PEM text, or `secret:path/name`.",
        )
        .like("secret:corp/ca"),
        optional(
            "certificate",
            Shape::Secret,
            "Our certificate in PEM, with its intermediate ones, for systems that ask for one.",
        )
        .like("secret:bank/certificate"),
        optional("key", Shape::Secret, "The key of our certificate, in PEM.").like("secret:bank/key"),
        optional(
            "server_name",
            Shape::Text,
            "The host that the system's certificate is for, where that is not the URL's.",
        )
        .like("erp.example.com"),
        optional(
            "mode",
            Shape::Word(TlsMode::WORDS),
            "Whether TLS is used where both sides agree on it after connecting, as databases and mail servers do: `required` unless said. Where the URL's scheme tells, it cannot be said.",
        )
        .like("none"),
    ]],
};

words!(TlsMode {
    Required = "required", "a system that does not offer it is not spoken to";
    None = "none", "in clear; only for systems whose address is not public";
});

/// Reads how TLS is done.
pub(crate) fn read(
    connection: Fields<'_>,
    auth: Option<&Auth>,
    reader: &mut Reader<'_>,
) -> Option<TlsOptions> {
    let tls = connection.record("tls");
    let identity = tls.and_then(|tls| tls.secret("certificate").zip(tls.secret("key")));
    if auth == Some(&Auth::Certificate) && tls.is_none_or(|tls| tls.node("certificate").is_none()) {
        let message = "`auth: certificate` needs the certificate under `tls:`";
        reader.error(config::MISSING_FIELD, message, connection.place("auth"));
    }
    let Some(tls) = tls else { return Some(TlsOptions::default()) };
    if tls.node("certificate").is_some() != tls.node("key").is_some() {
        let message = "`certificate` and `key` belong together";
        reader.error(config::MISSING_FIELD, message, tls.place("certificate"));
    }
    let ca = match tls.said("ca") {
        None => None,
        Some(text) if text.contains("-----BEGIN CERTIFICATE-----") => Some(Pem::Text(Arc::from(text))),
        Some(text) => {
            let Some(secret) = SecretRef::new(text) else {
                let message = "`ca` is neither PEM (`-----BEGIN CERTIFICATE-----`) nor `secret:path/name`";
                reader.error(config::INVALID_VALUE, message, tls.place("ca"));
                return None;
            };
            Some(Pem::Secret(secret))
        }
    };
    let mode = tls.word("mode").unwrap_or_default();
    Some(TlsOptions { mode, ca, identity, server_name: tls.text("server_name") })
}
