use std::sync::Arc;

use sinew_contract::Schema;
use sinew_diag::{Diagnostic, Place, codes::config};

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::parameters::properties;
use crate::read::reader::Reader;
use crate::shape::{FIELD, Field, HEADER, Record, Shape, default, did_you_mean, one_of, optional, required};
use crate::{Binding, Destination, DestinationPiece, Effect, MessageBody, PublishBinding, Speaks};

use super::{Binder, Bound};

pub(super) const FIELDS: &[Field] = &[one_of(
    "publish",
    Shape::ShortOr(&Shape::Text, &MESSAGE),
    "A message to this subject (NATS), queue (AMQP) or topic (MQTT, Kafka), made of the input. `{name}` is the input field of that name, which has to be one part of it.",
)
.like("orders.{region}.paid")];

static MESSAGE: Record = Record {
    name: "publish",
    doc: "A message for a broker.",
    fields: &[&[
        required("to", Shape::Text, "Its subject, routing key or topic; `{name}` is an input field.")
            .like("orders.{region}.paid"),
        optional("exchange", Shape::Text, "The exchange of an AMQP broker. Left out, `to` names a queue.")
            .like("orders"),
        optional(
            "json",
            Shape::Name(&FIELD),
            "The message is the JSON of this input field, not of all that go nowhere else.",
        )
        .like("order"),
        optional("text", Shape::Name(&FIELD), "The message is the text of this input field.").like("line"),
        optional(
            "headers",
            Shape::Table(&FIELD, &Shape::Name(&HEADER)),
            "Input fields that go into headers, and the names of these.",
        )
        .like("{ tenant: X-Tenant }"),
        optional("event", Shape::Text, "What it is called, where messages have names (`type` of AMQP).")
            .like("order.paid"),
        optional(
            "key",
            Shape::Name(&FIELD),
            "The input field that a Kafka broker keeps records in order by: those of one value are in one partition.",
        )
        .like("customer"),
        default("retain", Shape::Boolean, "false", "An MQTT broker keeps it for those who come later."),
    ]],
};

/// Stands for a value when the rest of a destination is checked.
const ANY: &str = "v";

pub(super) fn read(binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let node = binder.node;
    let long = node.scalar().is_none().then(|| Fields::of(node, &MESSAGE));
    let to = long.map_or(Some(node), |fields| fields.node("to"))?;
    let Speaks::Publish(destination) = binder.transport.facts().speaks else { return None };
    let pieces = pieces(to, destination, binder.reader)?;
    let (mut headers, mut named, mut order) = (Vec::new(), Vec::new(), None);
    named.extend(pieces.iter().filter_map(|piece| match piece {
        DestinationPiece::Field(field) => Some((Arc::clone(field), to.place.clone())),
        DestinationPiece::Text(_) => None,
    }));
    let mut body = MessageBody::Rest;
    if let Some(fields) = long {
        check_known(fields, destination, binder.reader);
        for entry in fields.node("headers").map(Node::entries).unwrap_or_default() {
            let Some(header) = entry.value.text() else { continue };
            named.push((Arc::from(&*entry.name), entry.name_place.clone()));
            headers.push((Arc::from(&*entry.name), Arc::from(header)));
        }
        if let (Some(_), Some(_)) = (fields.node("json"), fields.node("text")) {
            let message = "a message is the `json` of a field or the `text` of one";
            binder.reader.error(config::INVALID_VALUE, message, fields.place("text"));
        }
        for (name, kind) in [("json", MessageBody::Json as fn(_) -> _), ("text", MessageBody::Text)] {
            let Some(field) = fields.text(name) else { continue };
            named.push((Arc::clone(&field), fields.place(name)));
            body = kind(field);
        }
        order = fields.text("key");
        named.extend(order.iter().map(|field| (Arc::clone(field), fields.place("key"))));
    }
    check_named(&named, binder.input, binder.reader);
    let text = |name| long.and_then(|fields| fields.text(name));
    let binding = PublishBinding {
        destination,
        written: Arc::from(to.text()?),
        to: pieces,
        exchange: text("exchange").unwrap_or_default(),
        body,
        headers,
        event: text("event"),
        order,
        retain: long.is_some_and(|fields| fields.node("retain").is_some() && fields.boolean("retain")),
    };
    Some(Bound { binding: Binding::Publish(Arc::new(binding)), effect: Effect::Write, pagination: None })
}

fn pieces(to: &Node, destination: Destination, reader: &mut Reader<'_>) -> Option<Vec<DestinationPiece>> {
    let text = to.text()?;
    let checked = crate::binding::parse_destination(text).and_then(|pieces| {
        let word = |piece: &DestinationPiece| match piece {
            DestinationPiece::Text(text) => text.to_string(),
            DestinationPiece::Field(_) => ANY.to_owned(),
        };
        let whole: String = pieces.iter().map(word).collect();
        destination.check(&whole).map(|()| pieces)
    });
    match checked {
        Ok(pieces) => Some(pieces),
        Err(why) => {
            let message = format!("`{text}` is no {}: {why}", destination.name());
            reader.error(config::INVALID_VALUE, message, to.place.clone());
            None
        }
    }
}

/// Checks that the broker knows what is said of the message.
fn check_known(fields: Fields<'_>, destination: Destination, reader: &mut Reader<'_>) {
    let known = [
        ("exchange", destination == Destination::RoutingKey),
        ("event", destination == Destination::RoutingKey),
        ("headers", destination.has_headers()),
        ("retain", destination == Destination::Topic),
        ("key", destination == Destination::Log),
    ];
    for (name, is_known) in known {
        if fields.node(name).is_some() && !is_known {
            let message = format!("a broker whose messages go to a {} knows no `{name}`", destination.name());
            reader.error(config::TRANSPORT, message, fields.place(name));
        }
    }
}

/// Checks that what is named is an input field, and goes to one place.
fn check_named(named: &[(Arc<str>, Place)], input: Option<&Schema>, reader: &mut Reader<'_>) {
    let known = input.and_then(properties);
    for (field, place) in named {
        if let Some(known) = known.as_ref().filter(|known| !known.contains(&&**field)) {
            let help = did_you_mean(field, known.iter().copied())
                .unwrap_or_else(|| "list it under `properties` of the input".to_owned());
            let message = format!("`{field}` is no field of the input");
            reader.out.push(Diagnostic::error(config::PARAMETER, message).at(place.clone()).help(help));
        }
    }
}
