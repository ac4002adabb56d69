//! What is known of a vendor: the habits and operations of a connector, and how one connects.

use std::collections::BTreeSet;
use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};
use sinew_stdx::Json;

use crate::raw::Node;
use crate::shape::{
    CONNECTOR_NAME, FIELD, Field, HEADER, LOGIN_NAME, OPERATION_ID, Record, Resource, Shape, VARIABLE,
    VERSION, Words, default, optional, required, words,
};
use crate::{
    Category, Effect, Example, ExampleDelivery, ExamplePages, Examples, Login, Means, OperationId, Profile,
    Published, Reason, Server, TokenLife,
};

use super::fields::Fields;
use super::reader::Reader;
use super::{auth, connector};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Profile",
    record: &PROFILE,
    example: "\
kind: Profile
name: acme
version: v2
title: Acme Billing
category: accounting
docs: https://developer.acme.example/api
servers:
  - { url: 'https://${ACME_TENANT:-demo}.acme.example/v2' }
variables: { ACME_TENANT: The first part of the address at which people log in. }
logins:
  key:
    about: A key, made under Settings.
    auth: { api_key: { header: X-Acme-Key, key: secret:acme/key } }
limits: { rate: 100/m }
errors: { code: error.code, message: error.message }
check: getAccount
operations:
  getAccount: { get: /account }
  listInvoices:
    get: /invoices
    query: [cursor]
    paginate: { cursor: { items: data, next: next, field: cursor } }
examples:
  pages:
    - operation: listInvoices
      answers:
        - { body: { data: [{ id: 1 }], next: abc } }
        - { asked: cursor=abc, body: { data: [{ id: 2 }] } }
  answers:
    - { status: 429, headers: { Retry-After: '5' }, means: rate_limited, wait: 5s }
",
};

static PROFILE: Record = Record {
    name: "Profile",
    doc: "What is known of a vendor's API. `sinew catalog` shows those that come with Sinew, `sinew init --from` begins a project from one.",
    fields: &[
        &[
            required("name", Shape::Name(&CONNECTOR_NAME), "Its name, and that of connectors made from it.")
                .like("stripe"),
            required("version", Shape::Name(&VERSION), "The version of the API that it tells of.").like("v1"),
            required("title", Shape::Text, "What people call the system.").like("Stripe"),
            required("category", Shape::Word(Category::WORDS), "What kind of system it is."),
            default("description", Shape::Text, "", "What the system is, for people."),
            required("docs", Shape::Url, "Where its API is documented."),
            optional(
                "published",
                Shape::Record(&PUBLISHED),
                "Where its vendor publishes descriptions of it, which `sinew import` takes over.",
            ),
            required("servers", Shape::List(&Shape::Record(&SERVER)), "Where it is, the usual one first."),
            optional(
                "variables",
                Shape::Table(&VARIABLE, &Shape::Text),
                "What the variables in its addresses mean. Each has an example for a default.",
            ),
            required(
                "logins",
                Shape::Table(&LOGIN_NAME, &Shape::Record(&LOGIN)),
                "Ways to log in, the simplest first.",
            ),
            optional(
                "scopes",
                Shape::Table(&FIELD, &Shape::Text),
                "Scopes worth knowing, and what each is for.",
            ),
            optional(
                "headers",
                Shape::Table(&HEADER, &Shape::Text),
                "Headers that every call carries, such as the one that pins the version of the API.",
            ),
        ],
        connector::HABITS,
        &[
            required("operations", connector::OPERATIONS, "Some of its operations, to begin with.")
                .like("{ getAccount: { get: /account } }"),
            optional("keys_live", Shape::Duration, "How long idempotency keys are remembered.").like("24h"),
            optional("check", Shape::Name(&OPERATION_ID), "The operation that shows whether a login works.")
                .like("getAccount"),
            optional("notes", Shape::List(&Shape::Text), "What else one should know."),
            optional("examples", Shape::Record(&EXAMPLES), "Its habits on the wire, which tests execute."),
        ],
    ],
};

static PUBLISHED: Record = Record {
    name: "published",
    doc: "Where a vendor publishes descriptions of its API.",
    fields: &[&[
        optional("openapi", Shape::Url, "OpenAPI or Swagger."),
        optional("graphql", Shape::Url, "A GraphQL endpoint that answers introspection, or a schema."),
        optional("wsdl", Shape::Url, "A WSDL."),
    ]],
};

words!(Published {
    Openapi = "openapi", "OpenAPI or Swagger";
    Graphql = "graphql", "a GraphQL endpoint or schema";
    Wsdl = "wsdl", "a WSDL";
});

static SERVER: Record = Record {
    name: "server",
    doc: "An address of the system.",
    fields: &[&[
        required("url", Shape::Url, "The base URL.").like("https://api.example.com/v1"),
        default("region", Shape::Text, "", "The region or environment.").like("EU"),
    ]],
};

static LOGIN: Record = Record {
    name: "login",
    doc: "A way to log in.",
    fields: &[&[
        required("about", Shape::Text, "When to use it, and where its parts come from."),
        auth::REQUIRED,
        optional("tokens", Shape::Record(&TOKENS), "How its tokens live."),
    ]],
};

static TOKENS: Record = Record {
    name: "tokens",
    doc: "How tokens live.",
    fields: &[&[
        optional("access", Shape::Duration, "How long an access token is good.").like("1h"),
        optional("refresh", Shape::Duration, "How long a refresh token is good that is not used.")
            .like("60d"),
        default("rotates", Shape::Boolean, "false", "Whether each use of a refresh token gives another."),
    ]],
};

static EXAMPLES: Record = Record {
    name: "examples",
    doc: "Habits on the wire, in small. In texts `{base}` stands for the server's address, `{path}` for its path; `{epoch+30}`, `{epoch_ms+30}`, `{date+30}` and `{timestamp+30}` for points in time so many seconds ahead.",
    fields: &[&[
        optional("pages", Shape::List(&Shape::Record(&PAGES)), "Long answers, page by page."),
        optional("answers", Shape::List(&Shape::Record(&ANSWER)), "What `check` may be answered."),
        optional("deliveries", Shape::List(&Shape::Record(&DELIVERY)), "Webhooks as they arrive."),
    ]],
};

static PAGES: Record = Record {
    name: "example pages",
    doc: "A long answer, page by page.",
    fields: &[&[
        required("operation", Shape::Name(&OPERATION_ID), "What is called."),
        optional("with", Shape::Literal, "With what."),
        required("answers", Shape::List(&Shape::Record(&PAGE)), "The pages in order."),
    ]],
};

static PAGE: Record = Record {
    name: "example page",
    doc: "An answer that is a page.",
    fields: &[
        &[optional(
            "asked",
            Shape::Text,
            "What stands in the request's target or body. The first page is asked for without.",
        )
        .like("page=2")],
        WIRE,
    ],
};

const WIRE: &[Field] = &[
    optional("headers", Shape::Table(&HEADER, &Shape::Literal), "Its headers."),
    optional("body", Shape::Literal, "Its body."),
];

static ANSWER: Record = Record {
    name: "example answer",
    doc: "An answer and what it means.",
    fields: &[
        &[required("status", Shape::Count(200, 599), "Its status.")],
        WIRE,
        &[
            default("means", Shape::Word(Means::WORDS), "rejected", "What it means."),
            optional("wait", Shape::Duration, "How long the system asks to wait."),
            optional("says", Shape::Text, "What stands in the message that people read."),
        ],
    ],
};

static DELIVERY: Record = Record {
    name: "example delivery",
    doc: "A webhook as it arrives, without its signature.",
    fields: &[WIRE, &[optional("event", Shape::Text, "The event that it tells of.").like("invoice.paid")]],
};

words!(Category {
    Crm = "crm", "customers and deals";
    Payments = "payments", "taking money";
    Accounting = "accounting", "books, invoices, subscriptions";
    Erp = "erp", "enterprise resource planning";
    Shop = "shop", "selling goods";
    Support = "support", "tickets and conversations with customers";
    Hr = "hr", "people who work here";
    Marketing = "marketing", "campaigns and audiences";
    Messaging = "messaging", "messages to people and between them";
    Files = "files", "files and documents";
    Work = "work", "tasks and projects";
    Development = "development", "building and running software";
    Calendar = "calendar", "appointments and meetings";
    Analytics = "analytics", "numbers about what happens";
    Ai = "ai", "models";
    Logistics = "logistics", "parcels and freight";
    Signature = "signature", "signatures";
    Content = "content", "forms and content";
    Cloud = "cloud", "infrastructure for rent";
});

impl Means {
    const REJECTED: Self = Self::Failed(Reason::Rejected);
    const RATE_LIMITED: Self = Self::Failed(Reason::RateLimited);
    const CREDENTIAL: Self = Self::Failed(Reason::Credential);
    const UNAVAILABLE: Self = Self::Failed(Reason::Unavailable);
}

impl Words for Means {
    const WORDS: &'static [crate::shape::Word] = &[
        crate::shape::word("done", "it was done"),
        crate::shape::word("rejected", "it was refused"),
        crate::shape::word("rate_limited", "too often"),
        crate::shape::word("credential", "the credential is not good"),
        crate::shape::word("unavailable", "not now"),
    ];
    const ALL: &'static [Self] =
        &[Self::Done, Self::REJECTED, Self::RATE_LIMITED, Self::CREDENTIAL, Self::UNAVAILABLE];
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(reason) => reason.as_str(),
        }
    }
}

impl Category {
    /// Its word, as in `category:`.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

impl Published {
    /// Its word, as in `published:`.
    pub fn as_str(self) -> &'static str {
        self.word()
    }
}

/// Every word for a kind of system, and what it means.
pub fn categories() -> impl Iterator<Item = (&'static str, &'static str)> {
    Category::WORDS.iter().map(|word| (word.word, word.doc))
}

/// Reads a profile.
pub(crate) fn read(root: &Node, source: &str, reader: &mut Reader<'_>) -> Option<Profile> {
    let fields = Fields::of(root, &PROFILE);
    let connector = connector::read(root, reader)?;
    let servers: Vec<Server> = fields.items("servers").iter().filter_map(server).collect();
    let base_url = servers.first().map(|server| Arc::clone(&server.url));
    if base_url.is_none() && fields.node("servers").is_some() {
        reader.error(config::WRONG_SHAPE, "`servers` is empty", fields.place("servers"));
    }
    let mut logins = Vec::new();
    for entry in fields.node("logins").map(Node::entries).unwrap_or_default() {
        logins.extend(login(&entry.name, &entry.value, base_url.as_deref(), reader));
    }
    check_variables(fields, source, reader);
    let published = fields.record("published");
    let published_at = |of: &Published| Some((*of, published?.text(of.word())?));
    let profile = Profile {
        title: fields.text("title")?,
        category: fields.word("category")?,
        docs: fields.text("docs")?,
        published: Published::ALL.iter().filter_map(published_at).collect(),
        servers,
        variables: table(fields, "variables"),
        logins,
        scopes: table(fields, "scopes"),
        headers: table(fields, "headers"),
        keys_live: fields.duration("keys_live"),
        check: fields.said("check").and_then(|id| OperationId::new(id).ok()),
        notes: fields.texts("notes"),
        examples: fields.record("examples").map(examples).unwrap_or_default(),
        connector: Arc::new(connector),
    };
    check_operations(&profile, fields, reader);
    Some(profile)
}

fn server(node: &Node) -> Option<Server> {
    let server = Fields::of(node, &SERVER);
    let url = server.node("url")?;
    let scalar = url.scalar()?;
    let written = scalar.document.get(scalar.bytes.clone()).unwrap_or_default();
    Some(Server {
        url: Arc::from(url.text()?.trim_end_matches('/')),
        written: Arc::from(written.trim_matches(['\'', '"'])),
        region: server.text("region")?,
    })
}

fn login(name: &str, node: &Node, base_url: Option<&str>, reader: &mut Reader<'_>) -> Option<Login> {
    let login = Fields::of(node, &LOGIN);
    let tokens = login.record("tokens").map(|tokens| TokenLife {
        access: tokens.duration("access"),
        refresh: tokens.duration("refresh"),
        rotates: tokens.boolean("rotates"),
    });
    let auth = auth::read(login, base_url, reader);
    Some(Login { name: Arc::from(name), about: login.text("about")?, auth: auth?, tokens })
}

/// The names and texts of a map.
fn table(fields: Fields<'_>, name: &str) -> Vec<(Arc<str>, Arc<str>)> {
    let entries = fields.node(name).map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((Arc::from(e.name.as_str()), Arc::from(e.value.text()?)))).collect()
}

fn examples(examples: Fields<'_>) -> Examples {
    let pages = |node: &Node| {
        let pages = Fields::of(node, &PAGES);
        Some(ExamplePages {
            operation: OperationId::new(pages.said("operation")?).ok()?,
            with: pages.node("with").map_or_else(|| Json::from_printed("{}"), Node::to_json),
            answers: pages.items("answers").iter().map(page).collect(),
        })
    };
    let delivery = |node: &Node| {
        let delivery = Fields::of(node, &DELIVERY);
        ExampleDelivery {
            headers: table(delivery, "headers"),
            body: delivery.node("body").map_or_else(Json::null, Node::to_json),
            event: delivery.text("event"),
        }
    };
    Examples {
        pages: examples.items("pages").iter().filter_map(pages).collect(),
        answers: examples.items("answers").iter().filter_map(answer).collect(),
        deliveries: examples.items("deliveries").iter().map(delivery).collect(),
    }
}

fn page(node: &Node) -> Example {
    let page = Fields::of(node, &PAGE);
    Example {
        asked: page.text("asked"),
        status: 200,
        headers: table(page, "headers"),
        body: page.node("body").map_or_else(Json::null, Node::to_json),
        means: Means::Done,
        wait: None,
        says: None,
    }
}

fn answer(node: &Node) -> Option<Example> {
    let answer = Fields::of(node, &ANSWER);
    Some(Example {
        asked: None,
        status: answer.said("status")?.parse().ok()?,
        headers: table(answer, "headers"),
        body: answer.node("body").map_or_else(Json::null, Node::to_json),
        means: answer.word("means")?,
        wait: answer.duration("wait"),
        says: answer.text("says"),
    })
}

/// Every variable is explained, and what is explained is a variable.
fn check_variables(fields: Fields<'_>, source: &str, reader: &mut Reader<'_>) {
    let used: BTreeSet<&str> = source
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split_once([':', '}']).map(|(name, _)| name))
        .collect();
    let explained: BTreeSet<&str> = fields
        .node("variables")
        .map(Node::entries)
        .unwrap_or_default()
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    for name in used.difference(&explained) {
        let message = format!("nobody says what the variable `{name}` means");
        reader.out.push(
            Diagnostic::error(config::MISSING_FIELD, message)
                .at(fields.place("variables"))
                .help(format!("say it: `variables: {{ {name}: ... }}`")),
        );
    }
    for name in explained.difference(&used) {
        let message = format!("no address has the variable `{name}`");
        reader.error(config::UNKNOWN_NAME, message, fields.place("variables"));
    }
}

/// The operations that are named are there, and the one that checks needs nothing and changes nothing.
fn check_operations(profile: &Profile, fields: Fields<'_>, reader: &mut Reader<'_>) {
    let operations = &profile.connector.operations;
    if let Some(check) = &profile.check {
        match operations.get(check.as_str()) {
            None => reader.error(
                config::UNKNOWN_OPERATION,
                format!("unknown operation `{check}`"),
                fields.place("check"),
            ),
            Some(operation)
                if operation.effect != Effect::Read || !operation.binding.required().is_empty() =>
            {
                let message = format!("`{check}` is no `read` that needs nothing");
                reader.error(config::NOT_A_READ, message, fields.place("check"));
            }
            Some(_) => {}
        }
    } else if !profile.examples.answers.is_empty() {
        let message = "`answers` are those of the operation `check`, which is not given";
        reader.error(config::MISSING_FIELD, message, fields.place("examples"));
    }
    for pages in &profile.examples.pages {
        if operations.get(pages.operation.as_str()).is_none_or(|operation| operation.pagination.is_none()) {
            let message = format!("`{}` is no operation with pages", pages.operation);
            reader.error(config::UNKNOWN_OPERATION, message, fields.place("examples"));
        }
    }
}
