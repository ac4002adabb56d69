use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::owner;
use crate::read::reader::Reader;
use crate::shape::{CONSUMER_NAME, PLAN_NAME, Record, Resource, Shape, optional, required};
use crate::{Consumer, ConsumerName, PlanName};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Consumer",
    record: &CONSUMER,
    example: "\
kind: Consumer
name: partner-bank
owner: { team: partners, contact: partners@example.com, runbook: runbooks/partners.md }
plan: partner
scopes: [accounts:read]
keys: [secret:partners/bank/key]
",
};

static CONSUMER: Record = Record {
    name: "Consumer",
    doc: "Somebody who calls the gateway.",
    fields: &[&[
        required("name", Shape::Name(&CONSUMER_NAME), "Its name.").like("partner-bank"),
        owner::REQUIRED,
        required("plan", Shape::Name(&PLAN_NAME), "What it may call, and how often.").like("partner"),
        optional("scopes", Shape::List(&Shape::Text), "The scopes that it has.").like("[accounts:read]"),
        optional(
            "keys",
            Shape::OneOrList(&Shape::Secret),
            "API keys by which it is known; several while one takes the place of another.",
        )
        .like("[secret:partners/bank/key]"),
    ]],
};

/// Reads a consumer.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Consumer> {
    let fields = Fields::of(root, &CONSUMER);
    let plan = fields.said("plan")?;
    if !reader.known.declared.plans.contains(plan) {
        let declared = reader.known.declared.plans.iter().map(String::as_str);
        reader.unknown(
            config::UNKNOWN_PLAN,
            format!("there is no plan `{plan}`"),
            fields.place("plan"),
            plan,
            declared,
        );
    }
    Some(Consumer {
        name: ConsumerName::new(fields.said("name")?).ok()?,
        owner: fields.record("owner").and_then(owner::read)?,
        plan: PlanName::new(plan).ok()?,
        scopes: fields.texts("scopes").into_iter().map(|scope| Arc::from(scope.trim())).collect(),
        keys: fields.secrets("keys"),
    })
}
