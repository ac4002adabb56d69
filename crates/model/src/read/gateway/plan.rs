use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{API_NAME, PLAN_NAME, Record, Resource, Shape, optional, required};
use crate::{ApiName, Plan, PlanName};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Plan",
    record: &PLAN,
    example: "\
kind: Plan
name: partner
apis: [accounts]
rate: 100/s
burst: 200
concurrency: 50
",
};

static PLAN: Record = Record {
    name: "Plan",
    doc: "What consumers may call, how much and how fast.",
    fields: &[&[
        required("name", Shape::Name(&PLAN_NAME), "Its name.").like("partner"),
        optional("apis", Shape::List(&Shape::Name(&API_NAME)), "The APIs that may be called; all if left out.")
            .like("[accounts]"),
        optional("rate", Shape::Rate, "How often each consumer calls at most.").like("100/s"),
        optional(
            "burst",
            Shape::Count(1, 1_000_000),
            "How many calls may come at once before the rate holds; as many as in one period of `rate`, if left out.",
        )
        .like("200"),
        optional(
            "concurrency",
            Shape::Count(1, 1_000_000),
            "How many requests of a consumer are under way at most.",
        )
        .like("50"),
    ]],
};

/// Reads a plan.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Plan> {
    let fields = Fields::of(root, &PLAN);
    if fields.node("burst").is_some() && fields.node("rate").is_none() {
        reader.error(
            config::INVALID_VALUE,
            "`burst` says how much of `rate` may come at once, and there is none",
            fields.place("burst"),
        );
    }
    let mut apis = Vec::new();
    for item in fields.items("apis") {
        let Some(name) = item.text() else { continue };
        if !reader.known.declared.apis.contains(name) {
            let message = format!("there is no API `{name}`");
            let declared = reader.known.declared.apis.iter().map(String::as_str);
            reader.unknown(config::UNKNOWN_API, message, item.place.clone(), name, declared);
        }
        apis.extend(ApiName::new(name).ok());
    }
    Some(Plan {
        name: PlanName::new(fields.said("name")?).ok()?,
        apis,
        rate: fields.rate("rate"),
        burst: fields.positive("burst"),
        concurrency: fields.positive("concurrency"),
    })
}
