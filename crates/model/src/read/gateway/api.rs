use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::raw::{Entry, Node};
use crate::read::fields::Fields;
use crate::read::owner;
use crate::read::reader::Reader;
use crate::shape::{
    API_NAME, FIELD, HEADER, Record, Resource, Shape, VERSION, Word, default, one_of, optional, required,
    word,
};
use crate::{Admission, Api, ApiName, FieldMatch, FieldTest, Route, RouteMethods};

use super::target;

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Api",
    record: &API,
    example: "\
kind: Api
name: accounts
version: v2
owner: { team: platform, contact: platform@example.com, runbook: runbooks/accounts.md }
base_path: /accounts/v2
auth: api_key
routes:
  - { path: 'GET /{id}', upstream: core-bank }
  - { path: 'GET,POST /{id}/notes', upstream: core-bank, scopes: [notes] }
  - { path: 'GET /status', auth: none, answer: { json: { status: ok } } }
",
};

static API: Record = Record {
    name: "Api",
    doc: "What the gateway exposes under one path.",
    fields: &[&[
        required("name", Shape::Name(&API_NAME), "Its name.").like("accounts"),
        optional("version", Shape::Name(&VERSION), "Which version of it this is.").like("v2"),
        owner::REQUIRED,
        optional(
            "hosts",
            Shape::OneOrList(&Shape::Text),
            "The hosts that it is exposed at, `*.example.com` for all below; any, if left out.",
        )
        .like("api.example.com"),
        default("base_path", Shape::Text, "/", "What all its paths begin with.").like("/accounts/v2"),
        optional(
            "auth",
            ADMISSIONS,
            "How callers prove who they are: any of these. Routes without one are refused.",
        ),
        required("routes", Shape::List(&Shape::Record(&ROUTE)), "Its routes."),
    ]],
};

const ADMISSIONS: Shape = Shape::OneOrList(&Shape::WordOr(WAYS, &Shape::Record(&ADMISSION)));

const WAYS: &[Word] = &[
    word("none", "anybody may call"),
    word("api_key", "by an API key of a consumer, in the header `X-Api-Key`"),
];

static ADMISSION: Record = Record {
    name: "admission",
    doc: "A way in which callers prove who they are.",
    fields: &[&[one_of("api_key", Shape::Record(&API_KEY), "By an API key of a consumer.")]],
};

static API_KEY: Record = Record {
    name: "api_key",
    doc: "By an API key of a consumer.",
    fields: &[&[required(
        "header",
        Shape::Name(&HEADER),
        "The header that holds it; of `Authorization`, what follows `Bearer`.",
    )
    .like("X-Partner-Key")]],
};

static ROUTE: Record = Record {
    name: "route",
    doc: "A route of an API.",
    fields: &[
        &[
            required(
                "path",
                Shape::Text,
                "Methods and a path below `base_path`: `GET /{id}`, `GET,PUT /{id}`; any method, if none is named. `{id}` is one segment, `{rest*}` at the end all that follow.",
            )
            .like("GET /{id}"),
            optional(
                "headers",
                Shape::Table(&HEADER, &Shape::OneOrList(&Shape::Text)),
                "Headers that have to hold this value, or one of these; `*` for any.",
            )
            .like("{ X-Version: ['2', '3'] }"),
            optional(
                "query",
                Shape::Table(&FIELD, &Shape::OneOrList(&Shape::Text)),
                "Parameters of the query that have to hold this value, or one of these; `*` for any.",
            )
            .like("{ kind: premium }"),
            optional("auth", ADMISSIONS, "How callers prove who they are, instead of what the API says."),
            optional("scopes", Shape::List(&Shape::Text), "Scopes of which a caller needs all.").like("[notes]"),
            optional("rate", Shape::Rate, "How often it is called at most, by everybody together.").like("1000/s"),
            default("body_max", Shape::Size, "10MB", "The largest body of a request; larger ones get 413."),
            optional("deadline", Shape::Duration, "Until when the answer has to have begun.").like("800ms"),
        ],
        target::FIELDS,
    ],
};

/// Reads an API.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Api> {
    let fields = Fields::of(root, &API);
    let name = ApiName::new(fields.said("name")?).ok()?;
    let base_path = base_path(fields, reader);
    let inherited = admissions(fields);
    let mut routes = Vec::new();
    for item in fields.items("routes") {
        routes.extend(route(Fields::of(item, &ROUTE), inherited.as_deref(), &base_path, reader));
    }
    if fields.items("routes").is_empty() {
        reader.error(config::INVALID_VALUE, "an API has at least one route", fields.place("routes"));
    }
    Some(Api {
        name,
        version: fields.text("version"),
        owner: fields.record("owner").and_then(owner::read)?,
        hosts: hosts(fields, reader),
        base_path,
        routes,
        place: fields.place("name"),
    })
}

/// Without a slash at its end; empty for the root.
fn base_path(fields: Fields<'_>, reader: &mut Reader<'_>) -> Arc<str> {
    let said = fields.said("base_path").unwrap_or_default();
    let path = said.trim_end_matches('/');
    if !said.starts_with('/') || path.contains(['{', '}', '?', '#', '%', ' ']) || path.contains("//") {
        let diagnostic =
            Diagnostic::error(config::INVALID_VALUE, format!("`{said}` is no beginning of a path"));
        let help = "write it like `/accounts/v2`; parameters belong to the routes";
        reader.out.push(diagnostic.at(fields.place("base_path")).help(help));
    }
    Arc::from(path)
}

fn hosts(fields: Fields<'_>, reader: &mut Reader<'_>) -> Vec<Arc<str>> {
    let texts = fields.texts("hosts");
    for text in &texts {
        let host = text.strip_prefix("*.").unwrap_or(text);
        let fits = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if !fits {
            let message = format!("`{text}` is no host; write `api.example.com`, or `*.example.com`");
            reader.error(config::INVALID_VALUE, message, fields.place("hosts"));
        }
    }
    texts.iter().map(|text| Arc::from(text.to_ascii_lowercase())).collect()
}

fn admissions(fields: Fields<'_>) -> Option<Vec<Admission>> {
    let node = fields.node("auth")?;
    let items: Vec<&Node> = if node.items().is_empty() { vec![node] } else { node.items().iter().collect() };
    Some(items.into_iter().filter_map(admission).collect())
}

fn admission(node: &Node) -> Option<Admission> {
    let by_key = |header: &str| Admission::ApiKey { header: Arc::from(header.to_ascii_lowercase()) };
    match node.text() {
        Some("none") => Some(Admission::Anybody),
        Some(_) => Some(by_key("x-api-key")),
        None => Some(by_key(Fields::of(node, &ADMISSION).record("api_key")?.said("header")?)),
    }
}

fn route(
    fields: Fields<'_>,
    inherited: Option<&[Admission]>,
    base_path: &str,
    reader: &mut Reader<'_>,
) -> Option<Route> {
    let (methods, path) = methods_and_path(fields, reader)?;
    let admits = admissions(fields).or_else(|| inherited.map(<[_]>::to_vec));
    if admits.as_ref().is_none_or(Vec::is_empty) {
        reader.out.push(
            Diagnostic::error(config::MISSING_FIELD, format!("nothing says who may call `{path}`"))
                .at(fields.place("path"))
                .help("say `auth:` for the API or the route; `auth: none` lets anybody call"),
        );
    }
    let admits = admits?;
    let scopes = fields.texts("scopes");
    if !scopes.is_empty() && admits.contains(&Admission::Anybody) {
        let message = "a route that anybody may call cannot ask for scopes";
        reader.error(config::INVALID_VALUE, message, fields.place("scopes"));
    }
    Some(Route {
        methods,
        path,
        headers: matches(fields.node("headers"), true),
        query: matches(fields.node("query"), false),
        admits,
        scopes,
        rate: fields.rate("rate"),
        body_max: fields.size("body_max")?,
        deadline: fields.duration("deadline"),
        target: target::read(fields, base_path, reader)?,
        place: fields.node("path")?.place.clone(),
    })
}

/// `GET,PUT /{id}`
fn methods_and_path(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<(RouteMethods, Arc<str>)> {
    let text = fields.said("path")?.trim();
    let (methods, path) = match text.split_once(' ') {
        Some((methods, path)) => (Some(methods), path.trim()),
        None => (None, text),
    };
    let methods: Option<Vec<Arc<str>>> =
        methods.map(|all| all.split(',').map(|one| Arc::from(one.trim())).collect());
    let wrong = methods.iter().flatten().find(|method| {
        method.is_empty()
            || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
            || &***method == "CONNECT"
    });
    if let Some(method) = wrong {
        let message = format!("`{method}` is no method that a route takes");
        let help = "write methods in capitals with commas between them: `GET,PUT /{id}`";
        reader.out.push(
            Diagnostic::error(config::INVALID_VALUE, message)
                .at(fields.node("path")?.place.clone())
                .help(help),
        );
    }
    if !path.starts_with('/') {
        let diagnostic = Diagnostic::error(config::INVALID_VALUE, format!("`{text}` names no path"));
        reader.out.push(diagnostic.at(fields.node("path")?.place.clone()).help("write it like `GET /{id}`"));
        return None;
    }
    Some((methods.map_or(RouteMethods::Any, RouteMethods::Of), Arc::from(path)))
}

fn matches(table: Option<&Node>, of_headers: bool) -> Vec<FieldMatch> {
    let entries = table.map(Node::entries).unwrap_or_default();
    let one = |entry: &Entry| {
        let name = if of_headers { entry.name.to_ascii_lowercase() } else { entry.name.clone() };
        let node = &entry.value;
        let texts = |node: &Node| node.text().map(Arc::<str>::from);
        let values: Vec<Arc<str>> = match node.items() {
            [] => texts(node).into_iter().collect(),
            items => items.iter().filter_map(texts).collect(),
        };
        let test = if values.iter().any(|value| **value == *"*") {
            FieldTest::Present
        } else {
            FieldTest::OneOf(values)
        };
        FieldMatch { name: Arc::from(name), test }
    };
    entries.iter().map(one).collect()
}
