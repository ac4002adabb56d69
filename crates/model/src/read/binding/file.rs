use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_diag::{Diagnostic, codes::config};

use crate::binding::{FileBinding, FileForm, FileList, FilePath, NamePattern};
use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::parameters::properties;
use crate::shape::{
    FIELD, Field, Record, Shape, Word, default, did_you_mean, one_of, optional, required, word,
};
use crate::{Binding, Effect, Pagination};

use super::{Binder, Bound};

pub(super) const FIELDS: &[Field] = &[
    one_of(
        "list",
        Shape::ShortOr(&Shape::Text, &LIST),
        "Which files are in this folder, the one that changed last at the end: `path`, `name`, `size`, `modified`. `{name}` in a path is the input field of that name, `{+name}` one that may hold folders. A `read`.",
    )
    .like("in/{customer}"),
    one_of(
        "read",
        Shape::ShortOr(&Shape::Text, &READ),
        "This file; its text, or with `format` its records. A `read`.",
    )
    .like("in/{name}.txt"),
    one_of(
        "write",
        Shape::ShortOr(&Shape::Text, &WRITE),
        "What the input field `content` holds into this file, whole or not at all: a text, bytes as `{ base64: ... }`, anything else as JSON. A `write`.",
    )
    .like("out/{name}.json"),
    one_of("move", Shape::Record(&MOVE), "Give this file another path. A `write`.")
        .like("{ path: 'in/{name}', to: 'done/{name}' }"),
    one_of("remove", Shape::Text, "Remove this file. `destructive`.").like("done/{name}"),
];

const PATH: Field = required("path", Shape::Text, "The file's path, behind that of `base_url`.");

static LIST: Record = Record {
    name: "list",
    doc: "Which files are in a folder.",
    fields: &[&[
        required("folder", Shape::Text, "The folder, behind the path of `base_url`; `.` is that itself.")
            .like("in/{customer}"),
        optional(
            "names",
            Shape::Text,
            "What their names look like: `*` stands for anything, `?` for one character.",
        )
        .like("'*.csv'"),
        optional(
            "since",
            Shape::Name(&FIELD),
            "The input field that says since when files have changed, as `modified` does; all, if it is empty.",
        )
        .like("since"),
        default(
            "settled",
            Shape::Duration,
            "0s",
            "Files that changed more lately are left out: somebody may still be writing them.",
        )
        .like("30s"),
        PAGE,
    ]],
};

static READ: Record = Record {
    name: "read",
    doc: "What is in a file.",
    fields: &[&[
        PATH.like("in/{name}.csv"),
        optional(
            "format",
            crate::read::file::SHAPE,
            "How its records are written; then they are the answer.",
        ),
        default("as", Shape::Word(FORMS), "text", "What the answer is, without `format`."),
        PAGE,
    ]],
};

static WRITE: Record = Record {
    name: "write",
    doc: "What will be in a file.",
    fields: &[&[
        PATH.like("out/{name}.json"),
        default("content", Shape::Name(&FIELD), "content", "The input field that holds it."),
        default(
            "new",
            Shape::Boolean,
            "false",
            "Whether a file that is there already is left alone, and the call refused.",
        ),
    ]],
};

static MOVE: Record = Record {
    name: "move",
    doc: "Another path for a file.",
    fields: &[&[
        PATH.like("in/{name}"),
        required("to", Shape::Text, "Where it will be. What is there already is replaced.")
            .like("done/{name}"),
    ]],
};

const PAGE: Field = default("page", Shape::Count(1, 10_000), "500", "The most items of a page.");
const FORMS: &[Word] = &[word("text", "its text, which is UTF-8"), word("base64", "its bytes, in Base64")];

/// Items of a page, if nobody says.
const PAGE_USUAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

pub(super) fn read(binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let (verb, node) = binder.operation.alternative()?;
    let (record, short) = match verb {
        "list" => (Some(&LIST), "folder"),
        "read" => (Some(&READ), "path"),
        "write" => (Some(&WRITE), "path"),
        "move" => (Some(&MOVE), "path"),
        "remove" => (None, "path"),
        _ => return None,
    };
    let long = record.filter(|_| node.scalar().is_none()).map(|record| Fields::of(node, record));
    let first = path(long.map_or(Some(node), |fields| fields.node(short))?, binder)?;
    // Only what may be long has pages.
    let paged = long.filter(|_| matches!(verb, "list" | "read"));
    let page = paged.and_then(|fields| fields.positive("page")).unwrap_or(PAGE_USUAL);
    let (binding, effect, pages) = match verb {
        "list" => {
            let names = long.and_then(|fields| fields.text("names"));
            let since = long.and_then(|fields| fields.text("since"));
            let settled = long.and_then(|fields| fields.duration("settled")).unwrap_or(Duration::ZERO);
            let list = FileList {
                folder: first,
                names: names.map(|names| NamePattern::new(&names)),
                since,
                settled,
                page,
            };
            (FileBinding::List(list), Effect::Read, true)
        }
        "read" => {
            let form = form(long, page, binder)?;
            let pages = matches!(form, FileForm::Records(..));
            (FileBinding::Read { path: first, form }, Effect::Read, pages)
        }
        "write" => {
            let content =
                long.and_then(|fields| fields.text("content")).unwrap_or_else(|| Arc::from("content"));
            let new = long.is_some_and(|fields| fields.boolean("new"));
            (FileBinding::Write { path: first, content, new }, Effect::Write, false)
        }
        "move" => {
            let to = path(long?.node("to")?, binder)?;
            (FileBinding::Move { path: first, to }, Effect::Write, false)
        }
        "remove" => (FileBinding::Delete { path: first }, Effect::Destructive, false),
        _ => return None,
    };
    let pagination = pages.then_some(Pagination::Streamed { page });
    Some(Bound { binding: Binding::File(Arc::new(binding)), effect, pagination })
}

fn form(long: Option<Fields<'_>>, page: NonZeroU32, binder: &mut Binder<'_, '_, '_>) -> Option<FileForm> {
    let Some(fields) = long else { return Some(FileForm::Text) };
    if fields.node("format").is_some() {
        let format = crate::read::file::read(fields, binder.reader)?;
        return Some(FileForm::Records(format, page));
    }
    let is_bytes = fields.said("as") == Some("base64");
    Some(if is_bytes { FileForm::Base64 } else { FileForm::Text })
}

/// Reads a path, and checks that its fields are some of the input.
fn path(node: &Node, binder: &mut Binder<'_, '_, '_>) -> Option<FilePath> {
    let text = node.text()?;
    let path = match FilePath::read(if text == "." { "" } else { text }) {
        Ok(path) => path,
        Err(why) => {
            binder.reader.out.push(
                Diagnostic::error(config::STATEMENT, format!("`{text}` is no path: {why}"))
                    .at(node.place.clone())
                    .help("write it behind the path of `base_url`, like `in/{name}.csv`"),
            );
            return None;
        }
    };
    if let Some(known) = binder.input.and_then(properties) {
        for field in path.fields().filter(|field| !known.contains(field)) {
            let help = did_you_mean(field, known.iter().copied())
                .unwrap_or_else(|| "list it under `properties` of the input".to_owned());
            let message = format!("`{{{field}}}` is no field of the input");
            binder
                .reader
                .out
                .push(Diagnostic::error(config::PARAMETER, message).at(node.place.clone()).help(help));
        }
    }
    Some(path)
}
