use std::sync::Arc;

use sinew_diag::codes::config;
use sinew_records::{Column, CsvFormat, Encoding, FixedFormat, XmlFormat};

use crate::FileFormat;
use crate::raw::Node;
use crate::shape::{
    COLUMN_PLACES, FIELD, Field, Record, SEPARATOR, Shape, Word, XML_PATH, default, one_of, optional,
    required, word,
};

use super::fields::Fields;
use super::reader::Reader;

/// How a file of records is written: a word, or what differs from what that means.
pub(crate) const SHAPE: Shape = Shape::WordOr(FORMATS, &Shape::Record(&FORMAT));

static FORMATS: &[Word] = &[
    word("csv", "RFC 4180 in UTF-8, with a header line; every field is a text"),
    word("ndjson", "one JSON value a line"),
];

static FORMAT: Record = Record {
    name: "format",
    doc: "How a file of records is written. A file that begins with a byte order mark is read as that says.",
    fields: &[&[
        one_of("csv", Shape::Record(&CSV), "Rows of fields; every field is a text.").like("{ separator: ';' }"),
        one_of(
            "fixed",
            Shape::Record(&FIXED),
            "Lines whose fields stand at fixed places; every field is a text.",
        )
        .like("{ columns: { id: 1-10, name: 11-40 } }"),
        one_of(
            "xml",
            Shape::Record(&XML),
            "Elements of one name. Attributes are fields by `@name`, elements within by their names (a list if there are several), text beside fields is `#text`; every text is a text, and prefixes are left out.",
        )
        .like("{ record: order }"),
    ]],
};

const ENCODING: Field =
    default("encoding", Shape::Text, "utf-8", "By its label in the WHATWG Encoding Standard.")
        .like("windows-1252");

static CSV: Record = Record {
    name: "csv",
    doc: "Rows of fields (RFC 4180).",
    fields: &[&[
        default("separator", Shape::Name(&SEPARATOR), "','", "What stands between fields.").like("';'"),
        default("quote", Shape::Name(&SEPARATOR), "'\"'", "What stands around fields that hold it."),
        optional(
            "columns",
            Shape::List(&Shape::Name(&FIELD)),
            "The names of the fields, if the first line does not tell them.",
        )
        .like("[id, name]"),
        ENCODING,
    ]],
};

static FIXED: Record = Record {
    name: "fixed",
    doc: "Lines whose fields stand at fixed places.",
    fields: &[&[
        required(
            "columns",
            Shape::Table(&FIELD, &Shape::Name(&COLUMN_PLACES)),
            "The first and last character of each field, counted from 1.",
        )
        .like("{ id: 1-10, name: 11-40 }"),
        default("skip", Shape::Count(0, 1_000_000), "0", "Lines at the beginning that are no records."),
        ENCODING,
    ]],
};

static XML: Record = Record {
    name: "xml",
    doc: "Elements of one name, wherever they lie.",
    fields: &[&[required(
        "record",
        Shape::Name(&XML_PATH),
        "The element that is a record, without its prefix, or the end of the path to it.",
    )
    .like("orders/order")]],
};

/// Reads the field `format`.
pub(crate) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<FileFormat> {
    match fields.node("format")?.text() {
        Some("csv") => return Some(FileFormat::Csv(CsvFormat::default())),
        Some("ndjson") => return Some(FileFormat::Ndjson),
        _ => {}
    }
    let format = fields.record("format")?;
    if let Some(csv) = format.record("csv") {
        let usual = CsvFormat::default();
        let byte = |name: &str| csv.text(name).and_then(|text| text.bytes().next());
        let columns = csv.texts("columns");
        return Some(FileFormat::Csv(CsvFormat {
            delimiter: byte("separator").unwrap_or(usual.delimiter),
            quote: byte("quote").unwrap_or(usual.quote),
            columns: Some(columns).filter(|columns| !columns.is_empty()),
            encoding: encoding(csv, reader)?,
        }));
    }
    if let Some(fixed) = format.record("fixed") {
        let columns = fixed.node("columns").map_or(&[][..], Node::entries);
        return Some(FileFormat::Fixed(FixedFormat {
            columns: columns.iter().filter_map(|entry| column(&entry.name, &entry.value)).collect(),
            skip: fixed.count("skip").unwrap_or(0),
            encoding: encoding(fixed, reader)?,
        }));
    }
    let xml = format.record("xml")?;
    Some(FileFormat::Xml(XmlFormat { record: xml.text("record")? }))
}

fn column(name: &str, places: &Node) -> Option<Column> {
    let (first, last) = places.text()?.split_once('-')?;
    Some(Column { name: Arc::from(name), first: first.parse().ok()?, last: last.parse().ok()? })
}

fn encoding(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Encoding> {
    let Some(node) = fields.node("encoding") else { return Some(Encoding::default()) };
    let label = node.text()?;
    let found = Encoding::of(label);
    if found.is_none() {
        let message =
            format!("`{label}` is no encoding; common ones are `utf-8`, `windows-1252`, `utf-16le`");
        reader.error(config::INVALID_VALUE, message, node.place.clone());
    }
    found
}
