//! How values are written where there is no JSON: in paths, queries, headers, cookies, forms and forms of parts.
//!
//! Values are read from JSON text, so that numbers keep their digits.

mod fields;
mod file;
mod form;
mod multipart;
mod plain;
mod style;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

pub use fields::{Fields, push_field, with_field};
pub use file::{File, FileError, file_schema};
pub use form::FieldManner;
pub use multipart::{Multipart, Part};
pub use plain::Plain;
pub use style::Manner;

/// Everything but the characters that URLs never need encoded (RFC 3986, section 2.3).
pub const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same, and what has a meaning in URLs stays (RFC 3986, section 2.2), but for what would end the value.
const RESERVED_KEPT: &AsciiSet = &ENCODED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'[')
    .remove(b']')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');
