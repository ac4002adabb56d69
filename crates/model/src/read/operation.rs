use std::sync::Arc;

use sinew_contract::Schema;
use sinew_diag::{Diagnostic, codes::config};

use crate::raw::Node;
use crate::shape::{
    FIELD, Field, HEADER, NameShape, OPERATION_ID, OPERATION_PATH, Record, Shape, Word, Words, default,
    one_of, optional, required, word, words,
};
use crate::{
    Binding, BodyKind, Description, Effect, HttpBinding, Idempotency, NextCursor, Operation, OperationId,
    Pagination, Transport,
};

use super::binding::{self, Binder, Bound};
use super::fields::Fields;
use super::parameters;
use super::reader::{Names, Reader};

pub(crate) static OPERATION: Record = Record {
    name: "operation",
    doc: "The unit of everything callable. Parameters in the path are input fields; so are those under `query` and `headers`; all other input fields go into the body.",
    fields: &[
        &[
            one_of("get", PATH, "GET this path; a `read` without a body.").like("'/invoices/{id}'"),
            one_of("head", PATH, "HEAD this path; a `read` without a body."),
            one_of("post", PATH, "POST to this path; a `write` with a JSON body.").like("/invoices"),
            one_of("put", PATH, "PUT to this path; a `write` with a JSON body that may be repeated."),
            one_of("patch", PATH, "PATCH this path; a `write` with a JSON body."),
            one_of("delete", PATH, "DELETE this path; `destructive`, without a body, may be repeated."),
        ],
        binding::FIELDS,
        HABITS,
        &[
            optional("query", Shape::List(&Shape::Name(&FIELD)), "Input fields that go into the query.")
                .like("[limit, cursor]"),
            optional(
                "headers",
                Shape::Table(&FIELD, &Shape::Name(&HEADER)),
                "Input fields that go into headers, each with its header's name.",
            )
            .like("{ locale: Accept-Language }"),
            optional(
                "body",
                Shape::WordOr(BODIES, &Shape::Record(&BODY)),
                "How the rest of the input is sent, if the method does not tell.",
            ),
            optional("input", Shape::JsonSchema, "What the input must look like.")
                .like("{ type: object, properties: { id: { type: string } } }"),
            optional(
                "output",
                Shape::JsonSchema,
                "What the answer must look like. Departing from it is drift.",
            ),
        ],
    ],
};

/// What a description cannot say of its operations, or says wrong.
pub(crate) static CORRECTION: Record = Record {
    name: "correction",
    doc: "What the vendor's description does not say of an operation, or says wrong.",
    fields: &[HABITS, GRAPHQL],
};

const GRAPHQL: &[Field] = &[
    optional(
        "select",
        Shape::Text,
        "Of an operation of a GraphQL schema: what is asked for, if it does not follow from what flows read. Variables in it are further fields of the input.",
    )
    .like("'id variants(first: $count) { nodes { sku } }'"),
    optional(
        "partial",
        Shape::Boolean,
        "Of an operation of a GraphQL schema: errors beside data are no failure, and the value is `{ data, errors }`.",
    ),
];

const HABITS: &[Field] = &[
    default("description", Shape::Text, "", "What it does, for people."),
    optional(
        "effect",
        Shape::Word(Effect::WORDS),
        "What it does to the system, if the method does not tell.",
    ),
    optional(
        "idempotency",
        Shape::WordOr(IDEMPOTENCY, &KEY_SHAPE),
        "What the system does when the same call arrives twice, if neither method nor connector tell.",
    ),
    optional("paginate", Shape::Record(&PAGINATE), "How a long answer is cut into pages."),
    optional(
        "probe",
        Shape::Record(&PROBE),
        "How to find out whether a call whose answer was lost took effect.",
    ),
    optional("deadline", Shape::Duration, "Overrides the connection's total deadline, for slow operations."),
    optional("scopes", Shape::List(&Shape::Text), "Scopes that a credential needs for it.")
        .like("[contacts.read]"),
];

const PATH: Shape = Shape::Name(&OPERATION_PATH);
static ID: &NameShape = &OPERATION_ID;

words!(Effect {
    Read = "read", "nothing";
    Write = "write", "creates or changes";
    Destructive = "destructive", "removes, or cannot be taken back";
});
static IDEMPOTENCY: &[Word] =
    &[word("natural", "the second call has no further effect"), word("none", "it acts twice")];
static KEY: Record = Record {
    name: "idempotency",
    doc: "The system recognises a key and answers as the first time.",
    fields: &[&[
        required("key", Shape::Name(&HEADER), "The header that carries the key.").like("Idempotency-Key")
    ]],
};
static KEY_SHAPE: Shape = Shape::Record(&KEY);
static BODIES: &[Word] = &[
    word("json", "a JSON object"),
    word("form", "`application/x-www-form-urlencoded`"),
    word("none", "no body"),
];
static BODY: Record = Record {
    name: "body",
    doc: "The text of one input field as the body.",
    fields: &[&[required("text", Shape::Record(&TEXT), "Which field, and as what.")
        .like("{ field: csv, media_type: text/csv }")]],
};
static TEXT: Record = Record {
    name: "text",
    doc: "The text of one input field as the body.",
    fields: &[&[
        required("field", Shape::Name(&FIELD), "The input field.").like("csv"),
        default("media_type", Shape::Text, "text/plain; charset=utf-8", "The `Content-Type`.")
            .like("text/csv"),
    ]],
};

static PAGINATE: Record = Record {
    name: "paginate",
    doc: "How a long answer is cut into pages. Expressions stand over the answer's body.",
    fields: &[&[
        one_of("cursor", Shape::Record(&CURSOR), "The answer holds a cursor for the next call."),
        one_of("page", Shape::Record(&PAGE), "Pages are numbered; an empty one ends."),
        one_of(
            "offset",
            Shape::Record(&OFFSET),
            "The call says how many items to leave out; an empty page ends.",
        ),
        one_of("link", Shape::Record(&LINK), "The answer has `Link: <url>; rel=\"next\"` (RFC 8288)."),
        one_of("next_url", Shape::Record(&NEXT_URL), "The answer's body has the URL of the next page."),
    ]],
};
static CURSOR: Record = Record {
    name: "cursor",
    doc: "The answer holds a cursor for the next call.",
    fields: &[&[
        required("items", Shape::Expression, "The items of a page.").like("data"),
        one_of("next", Shape::Expression, "The next cursor; nothing, null or an empty text ends.")
            .like("next_cursor"),
        one_of("next_header", Shape::Name(&HEADER), "The header that has the next cursor.")
            .like("X-Next-Page"),
        required("field", Shape::Name(&FIELD), "The input field that carries it.").like("cursor"),
    ]],
};
static PAGE: Record = Record {
    name: "page",
    doc: "Pages are numbered.",
    fields: &[&[
        required("items", Shape::Expression, "The items of a page.").like("data"),
        required("field", Shape::Name(&FIELD), "The input field that carries the number.").like("page"),
        default("first", Shape::Count(0, 1_000_000), "1", "The first page's number."),
        MORE,
    ]],
};
const MORE: Field =
    optional("more", Shape::Expression, "Whether another page follows. Left out: until a page is empty.")
        .like("has_more");
static OFFSET: Record = Record {
    name: "offset",
    doc: "The call says how many items to leave out.",
    fields: &[&[
        required("items", Shape::Expression, "The items of a page.").like("data"),
        required("field", Shape::Name(&FIELD), "The input field that carries the offset.").like("offset"),
        default("first", Shape::Count(0, 1), "0", "Where counting begins."),
        MORE,
    ]],
};
static LINK: Record = Record {
    name: "link",
    doc: "The answer has a `Link` header.",
    fields: &[&[
        required("items", Shape::Expression, "The items of a page; `$` if the body is the list.").like("$")
    ]],
};

static NEXT_URL: Record = Record {
    name: "next_url",
    doc: "The answer's body has the URL of the next page, whole or without its host. It leads to no other host.",
    fields: &[&[
        required("items", Shape::Expression, "The items of a page.").like("records"),
        required("next", Shape::Expression, "The URL; nothing, null or an empty text ends.")
            .like("links.next"),
    ]],
};

static PROBE: Record = Record {
    name: "probe",
    doc: "A read that finds out whether a call whose answer was lost took effect.",
    fields: &[&[
        required("call", Shape::Name(ID), "A `read` operation of the same connector.").like("findInvoices"),
        optional("with", Shape::Template, "Its input, over `input`, which is the lost call's.")
            .like("{ external_ref: input.external_ref }"),
        required(
            "found",
            Shape::Expression,
            "Over its answer: what the lost call would have answered, or nothing.",
        )
        .like("'data[0]'"),
    ]],
};

/// Reads an operation, its probe left out: that may name an operation that follows.
pub(crate) fn read(
    id: OperationId,
    node: &Node,
    key_header: Option<&Arc<str>>,
    transport: Transport,
    reader: &mut Reader<'_>,
) -> Option<Operation> {
    let fields = Fields::of(node, &OPERATION);
    let input = schema(fields, "input", reader);
    let output = schema(fields, "output", reader);
    let pagination = fields.record("paginate").map(|paginate| pagination(paginate, reader));
    let (said, node) = fields.alternative()?;
    if !binding::is_understood(said, fields, transport, reader) {
        return None;
    }
    let own_key = fields.record("idempotency").and_then(|own| own.text("key"));
    let key = own_key.as_ref().or(key_header);
    let mut binder = Binder { node, operation: fields, input: input.as_ref(), key, transport, reader };
    let bound = match binding::read(said, &mut binder) {
        Some(bound) => bound,
        None if transport == Transport::Http => http(said, &mut binder)?,
        None => return None,
    };
    let effect = fields.word("effect").unwrap_or(bound.effect);
    let operation = Operation {
        id,
        description: fields.text("description").unwrap_or_default(),
        effect,
        idempotency: idempotency(fields, effect, &bound.binding, key_header)?,
        probe: None,
        input: input.or_else(|| bound.binding.schema()),
        binding: bound.binding,
        output,
        pagination: pagination.flatten().or(bound.pagination),
        deadline: fields.duration("deadline"),
        scopes: scopes(fields),
    };
    parameters::check_operation(&operation, fields, reader);
    Some(operation)
}

/// Reads an HTTP request.
fn http(verb: &str, binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let (path, fields) = (binder.node, binder.operation);
    let method = verb.to_ascii_uppercase();
    let effect = effect_of(&method);
    let http = HttpBinding {
        path: Arc::from(path.text()?),
        server: None,
        parameters: parameters::read(path, fields, binder.input, binder.reader),
        body: body(fields, &method)?,
        method: Arc::from(method),
    };
    Some(Bound { binding: Binding::Http(http), effect, pagination: None })
}

/// What a correction makes of an operation of a description, its probe left out.
pub(crate) fn correct(
    described: &Operation,
    description: &Description,
    node: &Node,
    key_header: Option<&Arc<str>>,
    reader: &mut Reader<'_>,
) -> Option<Operation> {
    let fields = Fields::of(node, &CORRECTION);
    let mut operation = described.clone();
    if let Some(description) = fields.text("description").filter(|text| !text.is_empty()) {
        operation.description = description;
    }
    if let Some(effect) = fields.word("effect") {
        operation.effect = effect;
    }
    if fields.node("idempotency").is_some() || fields.node("effect").is_some() {
        operation.idempotency = idempotency(fields, operation.effect, &operation.binding, key_header)?;
    }
    if let Some(paginate) = fields.record("paginate") {
        operation.pagination = pagination(paginate, reader);
    }
    if let Some(select) = fields.text("select")
        && let Err(cause) = description.selected(&mut operation, &select)
    {
        reader.out.push(
            Diagnostic::error(config::SELECTION, cause)
                .at(fields.place("select"))
                .help("write it as in a GraphQL query: `id lines(first: 10) { nodes { sku } }`"),
        );
    }
    if fields.node("partial").is_some() && fields.boolean("partial") {
        operation.allow_partial();
    }
    operation.deadline = fields.duration("deadline");
    if fields.node("scopes").is_some() {
        operation.scopes = scopes(fields);
    }
    parameters::check_carrier(&operation, fields, reader);
    Some(operation)
}

/// One set, all of which is needed.
fn scopes(fields: Fields<'_>) -> Vec<Vec<Arc<str>>> {
    Some(fields.texts("scopes")).filter(|set| !set.is_empty()).into_iter().collect()
}

/// RFC 9110, section 9.2.1: what a method does by its definition.
fn effect_of(method: &str) -> Effect {
    match method {
        "GET" | "HEAD" => Effect::Read,
        "DELETE" => Effect::Destructive,
        _ => Effect::Write,
    }
}

fn idempotency(
    fields: Fields<'_>,
    effect: Effect,
    binding: &Binding,
    key_header: Option<&Arc<str>>,
) -> Option<Idempotency> {
    if fields.node("idempotency").is_some() {
        return match fields.said("idempotency") {
            Some("natural") => Some(Idempotency::Natural),
            Some("none") => Some(Idempotency::None),
            _ => Some(Idempotency::Key { header: fields.record("idempotency")?.text("key")? }),
        };
    }
    let natural = binding.is_natural();
    // A statement carries a key only where it names it.
    Some(match key_header.filter(|header| binding.carries(header)) {
        _ if effect == Effect::Read || natural => Idempotency::Natural,
        Some(header) => Idempotency::Key { header: header.clone() },
        None => Idempotency::None,
    })
}

fn body(fields: Fields<'_>, method: &str) -> Option<BodyKind> {
    if fields.node("body").is_none() {
        let with_body = matches!(method, "POST" | "PUT" | "PATCH");
        return Some(if with_body { BodyKind::json() } else { BodyKind::None });
    }
    match fields.said("body") {
        Some("json") => Some(BodyKind::json()),
        Some("form") => Some(BodyKind::form()),
        Some("none") => Some(BodyKind::None),
        _ => {
            let text = fields.record("body")?.record("text")?;
            Some(BodyKind::Text { field: text.text("field")?, media_type: text.text("media_type")? })
        }
    }
}

fn schema(fields: Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Option<Schema> {
    let node = fields.node(name)?;
    match Schema::compile(node.to_json().to_value()) {
        Ok(schema) => Some(schema),
        Err(error) => {
            reader.out.push(
                Diagnostic::error(config::JSON_SCHEMA, format!("`{name}` is {error}"))
                    .at(fields.place(name))
                    .help("JSON Schema 2020-12; references to other documents are not followed"),
            );
            None
        }
    }
}

fn pagination(paginate: Fields<'_>, reader: &mut Reader<'_>) -> Option<Pagination> {
    let (name, _) = paginate.alternative()?;
    let kind = paginate.record(name)?;
    let read = |name: &str, reader: &mut Reader<'_>| {
        kind.node(name).and_then(|node| reader.expression(node, Names::Any))
    };
    let items = read("items", reader);
    match name {
        "cursor" => {
            let next = match kind.text("next_header") {
                Some(header) => NextCursor::Header(header),
                None => NextCursor::Body(read("next", reader)?),
            };
            Some(Pagination::Cursor { items: items?, next, field: kind.text("field")? })
        }
        "page" => Some(Pagination::Page {
            items: items?,
            field: kind.text("field")?,
            first: kind.count("first")?,
            more: read("more", reader),
        }),
        "offset" => Some(Pagination::Offset {
            items: items?,
            field: kind.text("field")?,
            first: kind.count("first")?,
            more: read("more", reader),
        }),
        "next_url" => Some(Pagination::NextUrl { items: items?, next: read("next", reader)? }),
        _ => Some(Pagination::Link { items: items? }),
    }
}
