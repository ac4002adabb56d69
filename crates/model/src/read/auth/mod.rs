//! How a connection logs in: one file a scheme, each with the table of its fields beside the code that reads them.
//!
//! A new scheme is a file with `FIELDS` and `read`, and one line in [`schemes!`] below.

mod api_key;
mod aws_sigv4;
mod basic;
mod bearer;
mod hmac;
mod oauth1;
mod oauth2;
mod session;
mod ssh;
mod ws_security;

use crate::Auth;
use crate::shape::{Field, Record, Shape, Word, required, word};

use super::fields::Fields;
use super::reader::Reader;

/// The field of a connection that says how to log in.
pub(crate) const REQUIRED: Field =
    required("auth", SHAPE, "How to log in.").like("{ bearer: secret:crm/token }");

const SHAPE: Shape = Shape::WordOr(NO_AUTH, &Shape::Record(&AUTH));

static NO_AUTH: &[Word] = &[
    word("none", "the system asks for no credential"),
    word("certificate", "the client certificate under `tls:` is the credential"),
];

/// What a scheme's reader is given.
pub(super) struct Login<'a, 'r, 'k> {
    /// The fields of `auth`.
    auth: Fields<'a>,
    /// The connection's `base_url`, if it has a good one.
    base_url: Option<&'a str>,
    reader: &'r mut Reader<'k>,
}

/// Reads a scheme.
type ReadScheme = fn(&mut Login<'_, '_, '_>) -> Option<Auth>;

macro_rules! schemes {
    ($($scheme:ident)+) => {
        static AUTH: Record =
            Record { name: "auth", doc: "How to log in.", fields: &[$($scheme::FIELDS),+] };
        static SCHEMES: &[(&[Field], ReadScheme)] = &[$(($scheme::FIELDS, $scheme::read)),+];
    };
}

// Every scheme, in the order of the reference.
schemes! {
    api_key
    basic
    bearer
    oauth2
    oauth1
    aws_sigv4
    hmac
    session
    ws_security
    ssh
}

/// Reads how a connection logs in.
pub(crate) fn read(fields: Fields<'_>, base_url: Option<&str>, reader: &mut Reader<'_>) -> Option<Auth> {
    match fields.node("auth")?.text() {
        Some("none") => return Some(Auth::None),
        Some("certificate") => return Some(Auth::Certificate),
        _ => {}
    }
    let auth = fields.record("auth")?;
    let (name, _) = auth.alternative()?;
    let (_, read) = SCHEMES.iter().find(|(fields, _)| fields.iter().any(|field| field.name == name))?;
    read(&mut Login { auth, base_url, reader })
}
