use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::codes::config;

use crate::shape::{OPERATION_ID, Record, Shape, default, optional, required};
use crate::{Effect, Operation, OperationId, Registration, Subscription};

use super::fields::Fields;
use super::parameters;
use super::reader::{Names, Reader};

/// How a system is told where to send its webhooks.
pub(crate) static SUBSCRIPTION: Record = Record {
    name: "subscription",
    doc: "How the system is told where to send its webhooks, by operations of its own. Inputs stand over `hook`: `url`, `flow`, `event` and, once there is one, `id`.",
    fields: &[&[
        required("subscribe", Shape::Record(&REGISTRATION), "Registers a webhook.")
            .like("{ call: createHook, with: { url: hook.url, event: hook.event }, id: answer.id }"),
        optional("renew", Shape::Record(&REGISTRATION), "Makes a registration last longer."),
        optional("unsubscribe", Shape::Record(&REGISTRATION), "Takes a registration back.")
            .like("{ call: deleteHook, with: { id: hook.id } }"),
        optional(
            "find",
            Shape::Record(&REGISTRATION),
            "Finds a registration that was made, if the answer was lost. Without it one that may have been made is not made again, unless the operation can be repeated.",
        )
        .like("{ call: listHooks, id: 'answer.data[url = $$.hook.url].id' }"),
        default("renew_before", Shape::Duration, "1d", "How long before its end a registration is renewed; at most half of its time."),
    ]],
};

static REGISTRATION: Record = Record {
    name: "registration",
    doc: "One operation of a subscription. `id` and `expires` stand over `answer` and `hook`.",
    fields: &[&[
        required("call", Shape::Name(&OPERATION_ID), "The operation.").like("createHook"),
        optional("with", Shape::Template, "Its input."),
        optional("id", Shape::Expression, "The registration's id.").like("answer.id"),
        optional(
            "expires",
            Shape::Expression,
            "When it ends: a time as text, or as seconds or milliseconds since 1970.",
        )
        .like("answer.expires_at"),
    ]],
};

/// Reads the field `subscription` of a connector's webhooks.
pub(crate) fn read(
    fields: Fields<'_>,
    operations: &BTreeMap<OperationId, Operation>,
    reader: &mut Reader<'_>,
) -> Option<Subscription> {
    let one = |name: &str, reader: &mut Reader<'_>| {
        fields.record(name).and_then(|fields| registration(fields, operations, reader))
    };
    let find = one("find", reader);
    if let (Some(find), Some(fields)) = (&find, fields.record("find"))
        && operations.get(&find.operation).is_some_and(|operation| operation.effect != Effect::Read)
    {
        let message = format!("`find` needs a `read`, which `{}` is not", find.operation);
        reader.error(config::NOT_A_READ, message, fields.place("call"));
    }
    let (renew, unsubscribe) = (one("renew", reader), one("unsubscribe", reader));
    let renew_before = fields.duration("renew_before")?;
    Some(Subscription { subscribe: one("subscribe", reader)?, renew, unsubscribe, find, renew_before })
}

fn registration(
    fields: Fields<'_>,
    operations: &BTreeMap<OperationId, Operation>,
    reader: &mut Reader<'_>,
) -> Option<Registration> {
    let node = fields.node("call")?;
    let text = node.text()?;
    let names = ["hook".to_owned()];
    let with = reader.mapping(fields.node("with"), Names::These(&names));
    let names = ["answer".to_owned(), "hook".to_owned()];
    let id = fields.node("id").and_then(|node| reader.expression(node, Names::These(&names)));
    let expires = fields.node("expires").and_then(|node| reader.expression(node, Names::These(&names)));
    reader.report_unknown(&BTreeMap::new());
    let Some(operation) = operations.get(text) else {
        let known = operations.keys().map(OperationId::as_str);
        let message = format!("unknown operation `{text}`");
        reader.unknown(
            config::UNKNOWN_OPERATION,
            message,
            node.place.clone(),
            text,
            known.collect::<Vec<_>>(),
        );
        return None;
    };
    parameters::check_given(operation, fields.node("with"), &node.place, reader);
    Some(Registration { operation: operation.id.clone(), with: with?, id, expires })
}

/// Shared by the flows whose connection can do it.
pub(crate) fn shared(subscription: Option<Subscription>) -> Option<Arc<Subscription>> {
    subscription.map(Arc::new)
}
