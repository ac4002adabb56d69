use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Diagnostic, Place, codes::config};

use crate::raw::Node;
use crate::shape::{
    CONNECTOR_NAME, Field, HEADER, OPERATION_ID, Record, Resource, Shape, VERSION, Words, default, optional,
    required, words,
};
use crate::{
    Connector, ConnectorId, Description, DescriptionKind, DriftPolicy, Effect, ErrorShape, Operation,
    OperationId, Operations, Probe, Told, Transport, WebhookHabit,
};

use super::fields::Fields;
use super::limits::{self, LIMITS};
use super::operation::{self, CORRECTION, OPERATION};
use super::reader::{Names, Reader};
use super::{challenge, parameters, source, subscription, verify};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Connector",
    record: &CONNECTOR,
    example: "\
kind: Connector
name: sandbox-billing
version: 2026-11
description: Invoices of the sandbox.
idempotency: Idempotency-Key
errors: { code: error.code, message: error.message }
webhooks:
  verify: { hmac: { header: X-Billing-Signature, prefix: 'sha256=' } }
  event: event
  id: event_id
operations:
  createInvoice:
    post: /invoices
    input: { type: object, required: [total], properties: { total: { type: number }, external_ref: { type: string } } }
    probe: { call: findInvoices, with: { external_ref: input.external_ref }, found: 'data[0]' }
  getInvoice: { get: '/invoices/{id}' }
  findInvoices:
    get: /invoices
    query: [external_ref, cursor]
    paginate: { cursor: { items: data, next: next_cursor, field: cursor } }
  voidInvoice: { post: '/invoices/{id}/void', effect: destructive }
",
};

static CONNECTOR: Record = Record {
    name: "Connector",
    doc: "The operations of one kind of system in one version, and its habits.",
    fields: &[
        &[
            required("name", Shape::Name(&CONNECTOR_NAME), "Its name; connections say `name@version`.")
                .like("sandbox-billing"),
            required("version", Shape::Name(&VERSION), "Its version, as you write versions.").like("2026-11"),
            default("description", Shape::Text, "", "What the system is, for people."),
            default(
                "transport",
                Shape::Word(Transport::WORDS),
                "http",
                "By what means the system is reached.",
            ),
        ],
        HABITS,
        &[
            optional(
                "openapi",
                Shape::Text,
                "The vendor's API description (Swagger 2.0, OpenAPI 3), a file beside this one: each of its operations can be called.",
            )
            .like("stripe.openapi.json"),
            optional(
                "graphql",
                Shape::Text,
                "The vendor's GraphQL schema, a file beside this one: each field of its query and mutation types can be called, and is asked for what flows read of it.",
            )
            .like("linear.graphql"),
            optional(
                "wsdl",
                Shape::Text,
                "The vendor's description of web services (WSDL 1.1), a file beside this one: each of its operations can be called, by SOAP.",
            )
            .like("erp.wsdl"),
            optional(
                "corrections",
                Shape::Table(&OPERATION_ID, &Shape::Record(&CORRECTION)),
                "What the description does not say of its operations, or says wrong, by their ids.",
            )
            .like("{ PostCharges: { probe: { call: GetCharges, found: 'data[0]' } } }"),
            optional(
                "drift",
                Shape::Word(DriftPolicy::WORDS),
                "What becomes of answers that depart from their contract: `refuse` unless a description says what they look like, which vendors rarely keep to; then `report`.",
            ),
            optional("operations", OPERATIONS, "What can be called, by id.")
                .like("{ getInvoice: { get: '/invoices/{id}' } }"),
        ],
    ],
};

/// Operations by their ids.
pub(crate) const OPERATIONS: Shape = Shape::Table(&OPERATION_ID, &Shape::Record(&OPERATION));

/// What connectors have in common with the profiles from which they may begin.
pub(crate) const HABITS: &[Field] = &[
    optional(
        "idempotency",
        Shape::Name(&HEADER),
        "The header by which the system recognises a repeated write. Without it writes other than PUT and DELETE act twice when sent twice.",
    )
    .like("Idempotency-Key"),
    optional("errors", Shape::Record(&ERRORS), "How the system words its errors."),
    optional("limits", Shape::Record(&LIMITS), "How often the system may be called, and how it says so.")
        .like("{ rate: 100/10s }"),
    optional("webhooks", Shape::Record(&WEBHOOKS), "How the system sends webhooks."),
];

words!(DriftPolicy {
    Refuse = "refuse", "the call fails";
    Report = "report", "the answer is used, and what departs is told";
});

static ERRORS: Record = Record {
    name: "errors",
    doc: "How the system words its errors: expressions over the body of an answer.",
    fields: &[&[
        optional("code", Shape::Expression, "The system's code.").like("error.code"),
        optional("message", Shape::Expression, "The system's words.").like("error.message"),
        optional(
            "when",
            Shape::Expression,
            "Whether an answer is an error although its status is a success.",
        )
        .like("ok = false"),
        optional(
            "login",
            Shape::Expression,
            "Whether an error says that the credential is not, or no longer, good.",
        )
        .like("error = 'token_revoked'"),
    ]],
};

static WEBHOOKS: Record = Record {
    name: "webhooks",
    doc: "How the system sends webhooks: expressions over the payload, or where something stands in a delivery.",
    fields: &[&[
        required("verify", verify::SHAPE, "How it proves that it is the sender."),
        optional(
            "challenge",
            challenge::SHAPE,
            "How it finds out whether a receiver is there before it sends events.",
        ),
        optional(
            "subscription",
            Shape::Record(&subscription::SUBSCRIPTION),
            "How it is told where to send them, by operations of its own.",
        ),
        optional("event", TOLD, "The event's name.").like("event"),
        optional("id", TOLD, "The delivery's id, by which repeated deliveries are one run.").like("event_id"),
    ]],
};

/// An expression over the payload, or where the text stands: `{ header: X-Event }`.
pub(crate) const TOLD: Shape = Shape::ShortOr(&Shape::Expression, &source::SOURCE);

/// Reads a field of the shape [`TOLD`].
pub(crate) fn told(fields: Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Option<Told> {
    let node = fields.node(name)?;
    if node.scalar().is_some() {
        return reader.expression(node, Names::Any).map(Told::Payload);
    }
    source::of(node).map(Told::Source)
}

/// The id of a connector document, if it can be told.
pub(crate) fn id_of(root: &Node) -> Option<ConnectorId> {
    ConnectorId::new(&format!("{}@{}", root.get("name")?.text()?, root.get("version")?.text()?)).ok()
}

/// Which description a connector document names: its kind, and where the file is named.
pub(crate) fn described_by(root: &Node) -> Option<(DescriptionKind, &Node)> {
    DescriptionKind::ALL.iter().find_map(|kind| Some((*kind, root.get(kind.word())?)))
}

/// Reads a connector.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Connector> {
    let fields = Fields::of(root, &CONNECTOR);
    let id = id_of(root)?;
    let description = reader.known.descriptions.get(&id).cloned();
    if described_by(root).is_none() && fields.node("operations").is_none() {
        reader.out.push(
            Diagnostic::error(config::MISSING_FIELD, "a connector without operations")
                .at(root.place.clone())
                .help("write them under `operations:`, or name the vendor's description: `openapi: FILE`, `graphql: FILE` or `wsdl: FILE`"),
        );
    }
    let mut named = DescriptionKind::ALL.iter().filter_map(|kind| root.get(kind.word()));
    if let Some(second) = named.nth(1) {
        let message = "a connector has one description, and this one names two";
        reader.error(config::DESCRIPTION, message, second.place.clone());
    }
    let mut operations = written(fields, description.as_deref(), reader);
    for (of, record) in [("operations", &OPERATION), ("corrections", &CORRECTION)] {
        for entry in fields.node(of).map(Node::entries).unwrap_or_default() {
            let all = All { written: &operations, description: description.as_deref(), connector: fields };
            let probe = Fields::of(&entry.value, record).record("probe");
            let probe = probe.and_then(|probe| read_probe(probe, all, reader));
            if let (Some(operation), Some(probe)) = (operations.get_mut(entry.name.as_str()), probe) {
                operation.probe = Some(probe);
            }
        }
    }
    let errors = fields.record("errors").map(|errors| {
        let mut read = |name: &str| errors.node(name).and_then(|node| reader.expression(node, Names::Any));
        ErrorShape { code: read("code"), message: read("message"), when: read("when"), login: read("login") }
    });
    let limits = limits::read(fields, reader);
    let webhooks = fields.record("webhooks").and_then(|webhooks| {
        let event = told(webhooks, "event", reader);
        let id = told(webhooks, "id", reader);
        let challenge = challenge::read(webhooks, reader);
        let subscription =
            webhooks.record("subscription").and_then(|s| subscription::read(s, &operations, reader));
        let subscription = subscription::shared(subscription);
        Some(WebhookHabit { verify: verify::read(webhooks, reader)?, challenge, event, id, subscription })
    });
    let usual = if description.is_some() { DriftPolicy::Report } else { DriftPolicy::Refuse };
    let written = operations.into_iter().map(|(id, operation)| (id, Arc::new(operation))).collect();
    Some(Connector {
        id,
        description: fields.text("description").unwrap_or_default(),
        servers: description.as_ref().map(|of| of.servers.clone()).unwrap_or_default(),
        transport: transport_of(fields),
        drift: fields.word("drift").unwrap_or(usual),
        operations: Operations::new(written, description),
        errors: errors.unwrap_or_default(),
        limits,
        webhooks,
    })
}

/// By what means the system is reached; profiles of the catalog, which do not say, are all of HTTP.
fn transport_of(fields: Fields<'_>) -> Transport {
    if fields.knows("transport") { fields.word("transport").unwrap_or_default() } else { Transport::Http }
}

/// The operations that the author wrote, and those of the description that he corrected.
fn written(
    fields: Fields<'_>,
    description: Option<&Description>,
    reader: &mut Reader<'_>,
) -> BTreeMap<OperationId, Operation> {
    let header = fields.text("idempotency");
    let transport = transport_of(fields);
    let mut operations = BTreeMap::new();
    for entry in fields.node("operations").map(Node::entries).unwrap_or_default() {
        if let Ok(id) = OperationId::new(&entry.name)
            && let Some(operation) =
                operation::read(id.clone(), &entry.value, header.as_ref(), transport, reader)
        {
            operations.insert(id, operation);
        }
    }
    let corrections = fields.node("corrections").map(Node::entries).unwrap_or_default();
    for entry in corrections {
        let Some(description) = description else { continue };
        let Some(described) = description.operation(&entry.name) else {
            let ids: Vec<_> = description.listed().iter().map(|listed| listed.id.to_string()).collect();
            let message = format!("the description has no operation `{}`", entry.name);
            let names = ids.iter().map(String::as_str);
            reader.unknown(config::UNKNOWN_OPERATION, message, entry.name_place.clone(), &entry.name, names);
            continue;
        };
        if let Some(operation) =
            operation::correct(&described, description, &entry.value, header.as_ref(), reader)
        {
            operations.insert(operation.id.clone(), operation);
        }
    }
    if let Some(entry) = corrections.first()
        && described_by(fields.all()).is_none()
    {
        reader.out.push(
            Diagnostic::error(config::UNKNOWN_OPERATION, "there is no description to correct")
                .at(entry.name_place.clone())
                .help("write the operation under `operations:`, or name a description: `openapi: FILE` or `wsdl: FILE`"),
        );
    }
    operations
}

/// All operations of a connector while it is read.
#[derive(Clone, Copy)]
struct All<'a> {
    written: &'a BTreeMap<OperationId, Operation>,
    description: Option<&'a Description>,
    connector: Fields<'a>,
}

fn read_probe(probe: Fields<'_>, all: All<'_>, reader: &mut Reader<'_>) -> Option<Probe> {
    let names = ["input".to_owned()];
    let with = reader.mapping(probe.node("with"), Names::These(&names));
    let found = probe.node("found").and_then(|node| reader.expression(node, Names::Any));
    reader.report_unknown(&BTreeMap::new());
    let node = probe.node("call")?;
    let (text, place): (&str, &Place) = (node.text()?, &node.place);
    let described = || all.description.and_then(|of| of.operation(text)).map(|of| (*of).clone());
    let Some(operation) = all.written.get(text).cloned().or_else(described) else {
        let declared = all.connector.node("operations").map(Node::entries).unwrap_or_default();
        if !declared.iter().any(|entry| entry.name == text) {
            let listed = all.description.map(Description::listed).unwrap_or_default();
            let listed: Vec<_> = listed.iter().map(|of| of.id.to_string()).collect();
            let names = declared.iter().map(|entry| entry.name.as_str());
            let names: Vec<_> = names.chain(listed.iter().map(String::as_str)).collect();
            let message = format!("unknown operation `{text}`");
            reader.unknown(config::UNKNOWN_OPERATION, message, place.clone(), text, names);
        }
        return None;
    };
    if operation.effect != Effect::Read {
        reader.error(
            config::NOT_A_READ,
            format!("a probe needs a `read`, which `{text}` is not"),
            place.clone(),
        );
    }
    parameters::check_given(&operation, probe.node("with"), place, reader);
    Some(Probe { operation: operation.id, with: with?, found: found? })
}
