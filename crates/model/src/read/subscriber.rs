use crate::raw::Node;
use crate::shape::{EVENT_PATTERN, Record, Resource, SUBSCRIBER_NAME, Shape, default, optional, required};
use crate::{Subscriber, SubscriberName};

use super::connection::{EGRESS, egress};
use super::fields::Fields;
use super::owner;
use super::reader::Reader;

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Subscriber",
    record: &SUBSCRIBER,
    example: "\
kind: Subscriber
name: partner-orders
owner: { team: partners, contact: partners@example.com, runbook: runbooks/partners.md }
url: https://partner.example.com/hooks/orders
events: [order.paid, 'invoice.*']
ordered: true
",
};

static SUBSCRIBER: Record = Record {
    name: "Subscriber",
    doc: "Somebody outside who is told of events by webhooks, signed by Standard Webhooks 1.0.",
    fields: &[&[
        required("name", Shape::Name(&SUBSCRIBER_NAME), "Its name.").like("partner-orders"),
        owner::REQUIRED,
        required("url", Shape::Url, "Where events are delivered.").like("https://partner.example.com/hooks"),
        required("events", Shape::List(&Shape::Name(&EVENT_PATTERN)), "Which events.")
            .like("[order.paid, 'invoice.*']"),
        default(
            "ordered",
            Shape::Boolean,
            "false",
            "Deliver events with the same key one at a time, in order.",
        ),
        optional(
            "secret",
            Shape::OneOrList(&Shape::Secret),
            "What deliveries are signed with; with all of a list. If left out, Sinew makes and rotates a secret of its own.",
        ),
        default("timeout", Shape::Duration, "15s", "How long one attempt may take."),
        default("concurrency", Shape::Count(1, 100), "8", "Attempts under way at once."),
        default("retry_for", Shape::Duration, "3d", "How long a delivery is tried before it is given up."),
        default(
            "disable_after",
            Shape::Duration,
            "5d",
            "After how long without a single success nothing more is sent until somebody enables it again.",
        ),
        optional("egress", Shape::Record(&EGRESS), "Which addresses may be reached besides public ones."),
    ]],
};

/// Reads a subscriber.
pub(crate) fn read(root: &Node, _: &mut Reader<'_>) -> Option<Subscriber> {
    let fields = Fields::of(root, &SUBSCRIBER);
    Some(Subscriber {
        name: SubscriberName::new(fields.said("name")?).ok()?,
        owner: fields.record("owner").and_then(owner::read)?,
        url: fields.text("url")?,
        events: fields.texts("events"),
        ordered: fields.boolean("ordered"),
        secrets: fields.secrets("secret"),
        timeout: fields.duration("timeout")?,
        concurrency: fields.positive("concurrency")?,
        retry_for: fields.duration("retry_for")?,
        disable_after: fields.duration("disable_after")?,
        egress: fields.record("egress").map(egress).unwrap_or_default(),
    })
}
