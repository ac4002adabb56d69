use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Record, Shape, UPSTREAM_NAME, default, one_of, optional, required};
use crate::{RouteTarget, UpstreamName};

const POOL: Shape = Shape::Name(&UPSTREAM_NAME);

/// The fields of a route that say what answers it. A new kind of target is a line here, and an arm below.
pub(super) const FIELDS: &[Field] = &[
    one_of("upstream", Shape::ShortOr(&POOL, &UPSTREAM), "A pool of servers.").like("core-bank"),
    one_of("answer", Shape::Record(&ANSWER), "An answer that is always the same.")
        .like("{ json: { status: ok } }"),
    one_of("redirect", Shape::ShortOr(&Shape::Text, &REDIRECT), "Another place.")
        .like("https://docs.example.com/"),
];

static UPSTREAM: Record = Record {
    name: "route_upstream",
    doc: "A pool of servers.",
    fields: &[&[
        required("name", Shape::Name(&UPSTREAM_NAME), "Which.").like("core-bank"),
        optional(
            "base_path",
            Shape::Text,
            "What takes the place of the API's `base_path` in the path that is sent on; if left out, the path goes on as it came.",
        )
        .like("/internal"),
    ]],
};

static ANSWER: Record = Record {
    name: "answer",
    doc: "An answer that is always the same.",
    fields: &[&[
        default("status", Shape::Count(200, 599), "200", "Its status."),
        optional("json", Shape::Literal, "Its body, as JSON."),
        optional("text", Shape::Text, "Its body, as text."),
    ]],
};

static REDIRECT: Record = Record {
    name: "redirect",
    doc: "Another place.",
    fields: &[&[
        required("to", Shape::Text, "A URL, or a path.").like("https://docs.example.com/"),
        default("status", Shape::Count(301, 308), "308", "301, 302, 303, 307 or 308."),
    ]],
};

/// Reads what answers a route.
pub(super) fn read(route: Fields<'_>, base_path: &str, reader: &mut Reader<'_>) -> Option<RouteTarget> {
    let (name, node) = route.alternative()?;
    match name {
        "upstream" => upstream(node, base_path, reader),
        "answer" => answer(Fields::of(node, &ANSWER), reader),
        _ => redirect(node, reader),
    }
}

fn upstream(node: &Node, base_path: &str, reader: &mut Reader<'_>) -> Option<RouteTarget> {
    let long = node.scalar().is_none().then(|| Fields::of(node, &UPSTREAM));
    let name = long.map_or_else(|| node.text(), |fields| fields.said("name"))?;
    if !reader.known.declared.upstreams.contains(name) {
        let place = long.map_or_else(|| node.place.clone(), |fields| fields.place("name"));
        let declared = reader.known.declared.upstreams.iter().map(String::as_str);
        reader.unknown(
            config::UNKNOWN_UPSTREAM,
            format!("there is no upstream `{name}`"),
            place,
            name,
            declared,
        );
    }
    let rewritten = long.and_then(|fields| fields.said("base_path"));
    if let Some(to) = rewritten.filter(|to| !to.starts_with('/') || to.contains(['?', '#', ' '])) {
        let place = long.map_or_else(|| node.place.clone(), |fields| fields.place("base_path"));
        reader.error(config::INVALID_VALUE, format!("`{to}` is no beginning of a path"), place);
    }
    let rewritten = rewritten.map(|to| to.trim_end_matches('/')).filter(|to| *to != base_path);
    Some(RouteTarget::Upstream { name: UpstreamName::new(name).ok()?, base_path: rewritten.map(Arc::from) })
}

fn answer(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<RouteTarget> {
    if fields.node("json").is_some() && fields.node("text").is_some() {
        reader.error(config::INVALID_VALUE, "an answer has one body: `json` or `text`", fields.place("text"));
    }
    let status = fields.count("status")? as u16;
    let (media_type, body): (_, Arc<[u8]>) = match (fields.node("json"), fields.said("text")) {
        (Some(json), _) => ("application/json", json.to_json().as_bytes().into()),
        (None, text) => ("text/plain; charset=utf-8", text.unwrap_or_default().as_bytes().into()),
    };
    Some(RouteTarget::Answer { status, media_type: media_type.into(), body })
}

fn redirect(node: &Node, reader: &mut Reader<'_>) -> Option<RouteTarget> {
    let long = node.scalar().is_none().then(|| Fields::of(node, &REDIRECT));
    let to = long.map_or_else(|| node.text(), |fields| fields.said("to"))?;
    let status = long.map_or(Some(308), |fields| fields.count("status"))? as u16;
    let place = || node.place.clone();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        reader.error(
            config::INVALID_VALUE,
            format!("{status} is no redirection; use 301, 302, 303, 307 or 308"),
            place(),
        );
    }
    let leads = to.starts_with('/') || to.starts_with("https://") || to.starts_with("http://");
    if !leads || to.bytes().any(|b| !b.is_ascii_graphic()) {
        reader.error(config::INVALID_VALUE, format!("`{to}` is neither a URL nor a path"), place());
    }
    Some(RouteTarget::Redirect { to: to.into(), status })
}
