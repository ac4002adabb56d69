//! Records of files, one by one: CSV, lines of JSON, columns of fixed width, elements of XML.
//!
//! Knows no file and no network: it reads from whatever gives bytes, holds one record at a time, and refuses one that is
//! longer than [`RECORD_BYTES_MAX`]. A new format is a file here, a variant of [`Format`] and an arm in [`records`].

mod bounded;
mod csv;
mod fixed;
mod mark;
mod ndjson;
mod xml;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use sinew_stdx::Json;

use mark::Track;

pub use csv::CsvFormat;
pub use fixed::{Column, FixedFormat};
pub use mark::{Mark, Marked, Place, records_from};
pub use xml::XmlFormat;

/// The longest record: a row, a line, an element with all that is in it.
pub const RECORD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a file of records is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// Rows of fields (RFC 4180); every field is a text.
    Csv(CsvFormat),
    /// One JSON value a line.
    Ndjson,
    /// Lines whose fields stand at fixed places; every field is a text.
    Fixed(FixedFormat),
    /// Elements of one name.
    Xml(XmlFormat),
}

/// How text is encoded, by its label in the WHATWG Encoding Standard. Files that begin with a byte order mark are read as
/// that says, whatever they are said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// The encoding of a label, such as `latin1`, `windows-1252`, `utf-16le`.
    pub fn of(label: &str) -> Option<Self> {
        encoding_rs::Encoding::for_label(label.as_bytes()).map(Self)
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self(encoding_rs::UTF_8)
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Why there is no next record, although there may be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A record without end.
    #[error("record {number} is longer than {} MiB", RECORD_BYTES_MAX >> 20)]
    TooLong {
        /// Which one, counted from 1.
        number: u64,
    },
    /// Bytes that are not what the format says.
    #[error("{place}: {cause}")]
    Wrong {
        /// Where: a line, a byte.
        place: String,
        /// What is wrong.
        cause: Arc<str>,
    },
    /// The bytes end before their end.
    #[error("it cannot be read on: {0}")]
    Unread(Arc<str>),
}

impl RecordError {
    fn wrong(place: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::Wrong { place: place.to_string(), cause: cause.to_string().into() }
    }
}

/// Records as they are read; nothing follows an error.
pub type Records = Box<dyn Iterator<Item = Result<Json, RecordError>> + Send>;

/// The records in these bytes.
pub fn records(format: &Format, bytes: impl Read + Send + 'static) -> Records {
    match format {
        Format::Csv(format) => {
            until_wrong(csv::read(format, None, decoded(format.encoding, bytes), Track::default()))
        }
        Format::Ndjson => until_wrong(ndjson::read(decoded(Encoding::default(), bytes), Track::default())),
        Format::Fixed(format) => {
            until_wrong(fixed::read(format, decoded(format.encoding, bytes), Track::default()))
        }
        Format::Xml(format) => until_wrong(xml::read(format, bytes)),
    }
}

fn until_wrong(records: impl Iterator<Item = Result<Json, RecordError>> + Send + 'static) -> Records {
    let mut over = false;
    Box::new(records.take_while(move |record| !std::mem::replace(&mut over, record.is_err())))
}

/// The bytes as UTF-8, without a byte order mark. What is said to be UTF-8 is not repaired.
fn decoded<R: Read>(encoding: Encoding, bytes: R) -> DecodeReaderBytes<R, Vec<u8>> {
    let other = Some(encoding.0).filter(|encoding| *encoding != encoding_rs::UTF_8);
    DecodeReaderBytesBuilder::new()
        .encoding(other)
        .utf8_passthru(true)
        .strip_bom(true)
        .bom_override(true)
        .build(bytes)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// What is read, record by record; the last line is an error if there is one.
    pub(crate) fn check(format: &Format, bytes: &[u8]) -> Vec<String> {
        let read = records(format, io::Cursor::new(bytes.to_vec()));
        read.map(|record| record.map_or_else(|error| format!("! {error}"), |json| json.to_string())).collect()
    }

    #[test]
    fn a_record_without_end_is_refused_at_the_limit() {
        let xml = Format::Xml(XmlFormat { record: "a".into() });
        let fixed =
            Format::Fixed(FixedFormat { columns: Vec::new(), skip: 0, encoding: Encoding::default() });
        let csv = Format::Csv(CsvFormat::default());
        for (format, begin) in [
            (&csv, "a,b\n1,\""),
            (&csv, "a"),
            (&Format::Ndjson, "\""),
            (&fixed, "a"),
            (&xml, "<l><a>"),
            (&xml, "<l><a b='"),
            (&xml, "<l><!--"),
        ] {
            let endless = io::Cursor::new(begin.as_bytes()).chain(io::repeat(b'x'));
            let last = records(format, endless).last();
            let refused = matches!(last, Some(Err(RecordError::TooLong { .. })));
            assert!(refused, "{format:?} {begin}: {last:?}");
        }
    }

    #[test]
    fn nothing_follows_an_error() {
        assert_eq!(check(&Format::Ndjson, b"1\n{\n2\n").len(), 2);
    }

    #[test]
    fn a_byte_order_mark_says_more_than_the_author() {
        let csv = |label: &str| {
            Format::Csv(CsvFormat { encoding: Encoding::of(label).unwrap(), ..CsvFormat::default() })
        };
        assert_eq!(check(&csv("utf-8"), b"\xef\xbb\xbfa\n1\n"), [r#"{"a":"1"}"#]);
        assert_eq!(check(&csv("utf-8"), b"\xff\xfea\0\n\0\xe9\0\n\0"), [r#"{"a":"é"}"#]);
        assert_eq!(check(&csv("latin1"), b"a\n\xe9\n"), [r#"{"a":"é"}"#]);
        assert!(check(&csv("utf-8"), b"a\n\xe9\n")[0].starts_with('!'));
    }
}
