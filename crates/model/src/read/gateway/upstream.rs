use std::num::NonZeroU32;
use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::read::{owner, url};
use crate::shape::{HEADER, Record, Resource, Shape, UPSTREAM_NAME, default, one_of, optional, required};
use crate::{Balance, Endpoint, Outliers, Retries, Upstream, UpstreamName, UpstreamTimeouts};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Upstream",
    record: &UPSTREAM,
    example: "\
kind: Upstream
name: core-bank
owner: { team: platform, contact: platform@example.com, runbook: runbooks/core-bank.md }
endpoints: ['http://10.0.0.11:8080', { url: 'http://10.0.0.12:8080', weight: 2 }]
balance: { least_request: true }
timeouts: { answer: 5s }
",
};

static UPSTREAM: Record = Record {
    name: "Upstream",
    doc: "A pool of servers that answer alike, for routes of the gateway.",
    fields: &[&[
        required("name", Shape::Name(&UPSTREAM_NAME), "Its name.").like("core-bank"),
        owner::REQUIRED,
        required(
            "endpoints",
            Shape::OneOrList(&Shape::ShortOr(&Shape::Url, &ENDPOINT)),
            "The servers: `http://host:port`, without a path.",
        )
        .like("['http://10.0.0.11:8080', 'http://10.0.0.12:8080']"),
        optional("balance", Shape::Record(&BALANCE), "Which server takes a request; `round_robin` if left out."),
        optional("timeouts", Shape::Record(&TIMEOUTS), "How long it may take."),
        optional("retries", Shape::Record(&RETRIES), "When a request is sent again, to another server if there is one."),
        optional("outliers", Shape::Record(&OUTLIERS), "When a server that answers badly is left alone for a while."),
        default("connections", Shape::Count(1, 100_000), "1000", "The most connections to one server, of each worker."),
        default("idle", Shape::Duration, "60s", "How long an unused connection is kept."),
        optional(
            "host",
            Shape::Text,
            "What the servers read in `Host`; the one of the URL if left out. `pass` sends what the caller sent.",
        )
        .like("core.example.com"),
    ]],
};

static ENDPOINT: Record = Record {
    name: "endpoint",
    doc: "A server of a pool.",
    fields: &[&[
        required("url", Shape::Url, "Scheme, host and port.").like("http://10.0.0.12:8080"),
        default("weight", Shape::Count(1, 1000), "1", "Its share beside the others."),
    ]],
};

static BALANCE: Record = Record {
    name: "balance",
    doc: "Which server of a pool takes a request.",
    fields: &[&[
        one_of("round_robin", Shape::Boolean, "One after the other, by weight.").like("true"),
        one_of("least_request", Shape::Boolean, "The less busy of two that chance picks.").like("true"),
        one_of(
            "hash",
            Shape::Name(&HEADER),
            "Always the same for the same value of this header; the caller's address takes its place where it is missing.",
        )
        .like("X-Account"),
    ]],
};

static TIMEOUTS: Record = Record {
    name: "upstream_timeouts",
    doc: "How long an upstream may take.",
    fields: &[&[
        default("connect", Shape::Duration, "2s", "To connect."),
        default("answer", Shape::Duration, "30s", "Until the answer begins."),
        default("idle", Shape::Duration, "60s", "Between two pieces of a body."),
    ]],
};

static RETRIES: Record = Record {
    name: "upstream_retries",
    doc: "When a request is sent again: if it was not sent at all, or if it is idempotent (RFC 9110, section 9.2.2) and no answer came.",
    fields: &[&[
        default("attempts", Shape::Count(1, 10), "2", "Attempts, the first included."),
        default(
            "budget",
            Shape::Count(0, 100),
            "20",
            "The most retries, in percent of all requests of the pool.",
        ),
    ]],
};

static OUTLIERS: Record = Record {
    name: "outliers",
    doc: "When a server that answers badly (no connection, no answer, 502, 503 or 504) is left alone for a while.",
    fields: &[&[
        default("after", Shape::Count(1, 1000), "5", "After how many failures in a row."),
        default(
            "for",
            Shape::Duration,
            "10s",
            "For how long the first time; longer each time that follows soon.",
        ),
        default(
            "share_max",
            Shape::Count(0, 100),
            "50",
            "The most servers that are left alone at once, in percent.",
        ),
    ]],
};

/// Reads an upstream.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Upstream> {
    let fields = Fields::of(root, &UPSTREAM);
    let endpoints = endpoints(fields, reader);
    let balance = match fields.record("balance").and_then(Fields::alternative) {
        None | Some(("round_robin", _)) => Balance::RoundRobin,
        Some(("least_request", _)) => Balance::LeastRequest,
        Some((_, node)) => Balance::Hash(Arc::from(node.text()?.to_ascii_lowercase())),
    };
    Some(Upstream {
        name: UpstreamName::new(fields.said("name")?).ok()?,
        owner: fields.record("owner").and_then(owner::read)?,
        endpoints,
        balance,
        timeouts: fields.record("timeouts").map_or_else(|| Some(UpstreamTimeouts::default()), timeouts)?,
        retries: fields.record("retries").map_or_else(|| Some(Retries::default()), retries)?,
        outliers: fields.record("outliers").map_or_else(|| Some(Outliers::default()), outliers)?,
        connections_max: fields.positive("connections")?,
        idle: fields.duration("idle")?,
        host: fields.text("host"),
    })
}

fn timeouts(fields: Fields<'_>) -> Option<UpstreamTimeouts> {
    Some(UpstreamTimeouts {
        connect: fields.duration("connect")?,
        answer: fields.duration("answer")?,
        idle: fields.duration("idle")?,
    })
}

fn retries(fields: Fields<'_>) -> Option<Retries> {
    Some(Retries { attempts: fields.positive("attempts")?, budget_percent: fields.count("budget")? as u32 })
}

fn outliers(fields: Fields<'_>) -> Option<Outliers> {
    Some(Outliers {
        after: fields.positive("after")?,
        for_span: fields.duration("for")?,
        share_max_percent: fields.count("share_max")? as u32,
    })
}

fn endpoints(fields: Fields<'_>, reader: &mut Reader<'_>) -> Vec<Endpoint> {
    let one = fields.node("endpoints").into_iter();
    let items: Vec<&Node> = match fields.items("endpoints") {
        [] => one.collect(),
        items => items.iter().collect(),
    };
    let mut all = Vec::new();
    for item in items {
        let long = item.scalar().is_none().then(|| Fields::of(item, &ENDPOINT));
        let text = long.map_or_else(|| item.text(), |fields| fields.said("url"));
        let Some(text) = text else { continue };
        let weight = long.and_then(|fields| fields.positive("weight")).unwrap_or(NonZeroU32::MIN);
        let rest = url::cut(text).map_or("", |(_, rest)| rest);
        let place = || long.map_or_else(|| item.place.clone(), |fields| fields.place("url"));
        if rest.trim_end_matches('/').contains(['/', '?']) {
            let message =
                format!("`{text}` says more than scheme, host and port; a path belongs to the route");
            reader.error(config::INVALID_VALUE, message, place());
        }
        if !text.starts_with("http://") {
            let message = format!(
                "`{text}`: servers of an upstream are reached by `http://`, in a network that you trust"
            );
            reader.error(config::INVALID_VALUE, message, place());
        }
        let url: Arc<str> = Arc::from(text.trim_end_matches('/').to_ascii_lowercase());
        if all.iter().any(|endpoint: &Endpoint| endpoint.url == url) {
            reader.error(config::INVALID_VALUE, format!("`{text}` stands twice; use `weight`"), place());
            continue;
        }
        all.push(Endpoint { url, weight });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::node;

    #[test]
    fn what_is_left_out_is_what_the_reference_says() {
        let empty = node("{}");
        assert_eq!(timeouts(Fields::of(&empty, &TIMEOUTS)), Some(UpstreamTimeouts::default()));
        assert_eq!(retries(Fields::of(&empty, &RETRIES)), Some(Retries::default()));
        assert_eq!(outliers(Fields::of(&empty, &OUTLIERS)), Some(Outliers::default()));
    }
}
