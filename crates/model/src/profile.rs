use std::sync::Arc;
use std::time::Duration;

use sinew_stdx::Json;

use crate::{Auth, Connector, OperationId, Reason};

/// What is known of a vendor's API: facts from which a connector and a connection begin, and examples of its habits that
/// are executed.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Habits and operations: what a connector made from it does.
    pub connector: Arc<Connector>,
    /// What people call the system.
    pub title: Arc<str>,
    /// What kind of system it is.
    pub category: Category,
    /// Where its API is documented.
    pub docs: Arc<str>,
    /// Where its vendor publishes descriptions of it.
    pub published: Vec<(Published, Arc<str>)>,
    /// Where it is; the first is usual.
    pub servers: Vec<Server>,
    /// Variables in addresses, each with what it means.
    pub variables: Vec<(Arc<str>, Arc<str>)>,
    /// Ways to log in; the first is the simplest.
    pub logins: Vec<Login>,
    /// Scopes worth knowing, each with what it is for.
    pub scopes: Vec<(Arc<str>, Arc<str>)>,
    /// Headers that every call carries, such as the version of the API.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// How long idempotency keys are remembered.
    pub keys_live: Option<Duration>,
    /// The operation that shows whether a login works.
    pub check: Option<OperationId>,
    /// What else one should know.
    pub notes: Vec<Arc<str>>,
    /// Its habits on the wire.
    pub examples: Examples,
}

/// What kind of system it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Customers and deals.
    Crm,
    /// Taking money.
    Payments,
    /// Books, invoices, subscriptions.
    Accounting,
    /// Enterprise resource planning.
    Erp,
    /// Selling goods.
    Shop,
    /// Tickets and conversations with customers.
    Support,
    /// People who work here.
    Hr,
    /// Campaigns and audiences.
    Marketing,
    /// Messages to people and between them.
    Messaging,
    /// Files and documents.
    Files,
    /// Tasks and projects.
    Work,
    /// Building and running software.
    Development,
    /// Appointments and meetings.
    Calendar,
    /// Numbers about what happens.
    Analytics,
    /// Models.
    Ai,
    /// Parcels and freight.
    Logistics,
    /// Signatures.
    Signature,
    /// Forms and content.
    Content,
    /// Infrastructure for rent.
    Cloud,
}

/// By what an API is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// OpenAPI or Swagger.
    Openapi,
    /// A GraphQL endpoint or schema.
    Graphql,
    /// A WSDL.
    Wsdl,
}

/// An address of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The base URL, variables replaced by their defaults.
    pub url: Arc<str>,
    /// The same as it is written.
    pub written: Arc<str>,
    /// The region or environment; empty for the usual one.
    pub region: Arc<str>,
}

/// A way to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// What it is called within the profile.
    pub name: Arc<str>,
    /// When to use it, and where its parts come from.
    pub about: Arc<str>,
    /// The same as a connection says it.
    pub auth: Auth,
    /// How its tokens live.
    pub tokens: Option<TokenLife>,
}

/// How tokens live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenLife {
    /// How long an access token is good.
    pub access: Option<Duration>,
    /// How long a refresh token is good if it is not used.
    pub refresh: Option<Duration>,
    /// Whether each use of a refresh token gives another.
    pub rotates: bool,
}

/// Habits on the wire, in small.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// Long answers, page by page.
    pub pages: Vec<ExamplePages>,
    /// Answers of the checking operation.
    pub answers: Vec<Example>,
    /// Webhooks.
    pub deliveries: Vec<ExampleDelivery>,
}

/// A long answer, page by page.
#[derive(Clone, Debug)]
pub struct ExamplePages {
    /// What is called.
    pub operation: OperationId,
    /// With what.
    pub with: Json,
    /// The pages in order.
    pub answers: Vec<Example>,
}

/// An answer. In its texts `{base}` stands for the server's address, `{path}` for its path, `{epoch+30}` and its like for points in time.
#[derive(Clone, Debug)]
pub struct Example {
    /// What stands in the request's target or body; the first page is asked for without.
    pub asked: Option<Arc<str>>,
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The body.
    pub body: Json,
    /// What it means.
    pub means: Means,
    /// How long the system asks to wait.
    pub wait: Option<Duration>,
    /// What stands in the message that people read.
    pub says: Option<Arc<str>>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It was done.
    Done,
    /// It failed.
    Failed(Reason),
}

/// A webhook, as it arrives. The signature is made when it is sent.
#[derive(Clone, Debug)]
pub struct ExampleDelivery {
    /// Headers beside the signature.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// The body; an object is sent as JSON, a text as it stands.
    pub body: Json,
    /// The event that it tells of.
    pub event: Option<Arc<str>>,
}
