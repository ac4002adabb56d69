//! Where something stands in a delivery: a header, a query parameter, a field of the body.

use std::sync::Arc;

use crate::raw::Node;
use crate::shape::{BODY_FIELD, Field, HEADER, Record, Shape, one_of, optional};
use crate::{FieldPath, Source, SourceAt};

use super::fields::Fields;

/// A header's name, or where else the text stands.
pub(crate) const SHORT: Shape = Shape::ShortOr(&Shape::Name(&HEADER), &SOURCE);

/// Exactly one of these, in records that say more than where a text stands.
pub(crate) const PLACE: &[Field] = &[
    one_of("header", Shape::Name(&HEADER), "A header."),
    one_of("query", Shape::Text, "A parameter of the query."),
    one_of("field", Shape::Name(&BODY_FIELD), "A field of the body, which is JSON.").like("data.id"),
    optional("separator", Shape::Literal, "What separates several texts in it.").like("','"),
    optional("prefix", Shape::Literal, "What stands before the text. Texts without it are not meant.")
        .like("v1="),
];

pub(crate) static SOURCE: Record =
    Record { name: "source", doc: "Where a text stands in a delivery.", fields: &[PLACE] };

/// Reads the source that stands under this field: a header's name, or a record.
pub(crate) fn read(fields: Fields<'_>, name: &str) -> Option<Source> {
    match fields.node(name)?.text() {
        Some(header) => Some(Source::header(header)),
        None => place(fields.record(name)?),
    }
}

/// Reads the source that a node describes.
pub(crate) fn of(node: &Node) -> Option<Source> {
    match node.text() {
        Some(header) => Some(Source::header(header)),
        None => place(Fields::of(node, &SOURCE)),
    }
}

/// Reads the fields of [`PLACE`].
pub(crate) fn place(fields: Fields<'_>) -> Option<Source> {
    let at = if let Some(header) = fields.text("header") {
        SourceAt::Header(header)
    } else if let Some(parameter) = fields.text("query") {
        SourceAt::Query(parameter)
    } else {
        SourceAt::Field(FieldPath::new(fields.said("field")?)?)
    };
    let separator = fields.text("separator").filter(|text| !text.is_empty());
    Some(Source { at, separator, prefix: fields.text("prefix").unwrap_or_else(|| Arc::from("")) })
}
