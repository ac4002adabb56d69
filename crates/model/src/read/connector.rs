use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Place, codes::config};

use crate::raw::Node;
use crate::shape::{
    CONNECTOR_NAME, HEADER, OPERATION_ID, Record, Resource, Shape, VERSION, default, optional, required,
};
use crate::{Connector, ConnectorId, Effect, ErrorShape, Operation, OperationId, Probe, Told, WebhookHabit};

use super::fields::Fields;
use super::operation::{self, OPERATION};
use super::reader::{Names, Reader};
use super::{challenge, parameters, source, verify};

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
    fields: &[&[
        required("name", Shape::Name(&CONNECTOR_NAME), "Its name; connections say `name@version`.")
            .like("sandbox-billing"),
        required("version", Shape::Name(&VERSION), "Its version, as you write versions.").like("2026-11"),
        default("description", Shape::Text, "", "What the system is, for people."),
        optional(
            "idempotency",
            Shape::Name(&HEADER),
            "The header by which the system recognises a repeated write. Without it writes other than PUT and DELETE act twice when sent twice.",
        )
        .like("Idempotency-Key"),
        optional("errors", Shape::Record(&ERRORS), "How the system words its errors."),
        optional("webhooks", Shape::Record(&WEBHOOKS), "How the system sends webhooks."),
        required("operations", Shape::Table(&OPERATION_ID, &Shape::Record(&OPERATION)), "What can be called, by id.")
            .like("{ getInvoice: { get: '/invoices/{id}' } }"),
    ]],
};

static ERRORS: Record = Record {
    name: "errors",
    doc: "How the system words its errors: expressions over the body of an error answer.",
    fields: &[&[
        optional("code", Shape::Expression, "The system's code.").like("error.code"),
        optional("message", Shape::Expression, "The system's words.").like("error.message"),
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

/// Reads a connector.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Connector> {
    let fields = Fields::of(root, &CONNECTOR);
    let header = fields.text("idempotency");
    let mut operations: BTreeMap<OperationId, Operation> = BTreeMap::new();
    let entries = fields.node("operations").map(Node::entries).unwrap_or_default();
    for entry in entries {
        if let Ok(id) = OperationId::new(&entry.name)
            && let Some(operation) = operation::read(id.clone(), &entry.value, header.as_ref(), reader)
        {
            operations.insert(id, operation);
        }
    }
    for entry in entries {
        let probe = Fields::of(&entry.value, &OPERATION)
            .record("probe")
            .and_then(|p| read_probe(p, &operations, fields, reader));
        if let (Some(operation), Some(probe)) = (operations.get_mut(entry.name.as_str()), probe) {
            operation.probe = Some(probe);
        }
    }
    let errors = fields.record("errors").map(|errors| ErrorShape {
        code: errors.node("code").and_then(|node| reader.expression(node, Names::Any)),
        message: errors.node("message").and_then(|node| reader.expression(node, Names::Any)),
    });
    let webhooks = fields.record("webhooks").and_then(|webhooks| {
        let event = told(webhooks, "event", reader);
        let id = told(webhooks, "id", reader);
        let challenge = challenge::read(webhooks, reader);
        Some(WebhookHabit { verify: verify::read(webhooks, reader)?, challenge, event, id })
    });
    Some(Connector {
        id: id_of(root)?,
        description: fields.text("description").unwrap_or_default(),
        operations: operations.into_iter().map(|(id, operation)| (id, Arc::new(operation))).collect(),
        errors: errors.unwrap_or_default(),
        webhooks,
    })
}

fn read_probe(
    probe: Fields<'_>,
    operations: &BTreeMap<OperationId, Operation>,
    connector: Fields<'_>,
    reader: &mut Reader<'_>,
) -> Option<Probe> {
    let names = ["input".to_owned()];
    let with = reader.mapping(probe.node("with"), Names::These(&names));
    let found = probe.node("found").and_then(|node| reader.expression(node, Names::Any));
    reader.report_unknown(&BTreeMap::new());
    let node = probe.node("call")?;
    let (text, place): (&str, &Place) = (node.text()?, &node.place);
    let Some(operation) = operations.get(text) else {
        let declared = connector.node("operations").map(Node::entries).unwrap_or_default();
        if !declared.iter().any(|entry| entry.name == text) {
            let names = declared.iter().map(|entry| entry.name.as_str());
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
    parameters::check_given(operation, probe.node("with"), place, reader);
    Some(Probe { operation: operation.id.clone(), with: with?, found: found? })
}
