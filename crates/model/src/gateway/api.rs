use std::sync::Arc;
use std::time::Duration;

use sinew_diag::Place;
use sinew_stdx::{ByteSize, Rate};

use crate::{ApiName, Owner, UpstreamName};

/// What the gateway exposes under one path.
#[derive(Clone, Debug)]
pub struct Api {
    /// Its name.
    pub name: ApiName,
    /// Which version of it this is, as its author writes versions.
    pub version: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Owner,
    /// The hosts that it is exposed at, in small letters; `*.example.com` for all below. Empty: any.
    pub hosts: Vec<Arc<str>>,
    /// What all its paths begin with: empty, or `/accounts/v2`.
    pub base_path: Arc<str>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Where it is defined.
    pub place: Place,
}

/// A route of an API.
#[derive(Clone, Debug)]
pub struct Route {
    /// The methods that it takes.
    pub methods: RouteMethods,
    /// The path below the API's, a template: `/{id}/items`.
    pub path: Arc<str>,
    /// What headers have to say.
    pub headers: Vec<FieldMatch>,
    /// What the query has to say.
    pub query: Vec<FieldMatch>,
    /// How callers prove who they are: any of these.
    pub admits: Vec<Admission>,
    /// Scopes of which a caller needs all.
    pub scopes: Vec<Arc<str>>,
    /// How often it is called at most, by everybody together.
    pub rate: Option<Rate>,
    /// The largest body of a request.
    pub body_max: ByteSize,
    /// Until when the answer has to have begun.
    pub deadline: Option<Duration>,
    /// What answers.
    pub target: RouteTarget,
    /// Where it is defined.
    pub place: Place,
}

/// The methods that a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteMethods {
    /// All.
    Any,
    /// These.
    Of(Vec<Arc<str>>),
}

impl RouteMethods {
    /// Their names; none, if any will do.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Any => Vec::new(),
            Self::Of(all) => all.iter().map(|method| &**method).collect(),
        }
    }
}

/// What a header or a parameter of the query has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMatch {
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub test: FieldTest,
}

/// What a value has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldTest {
    /// There, whatever it is.
    Present,
    /// One of these.
    OneOf(Vec<Arc<str>>),
}

/// A way in which a caller proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Not at all: anybody may call.
    Anybody,
    /// By an API key in this header.
    ApiKey {
        /// The header, in small letters.
        header: Arc<str>,
    },
}

/// What answers a route.
#[derive(Clone, Debug)]
pub enum RouteTarget {
    /// A pool of servers.
    Upstream {
        /// Its name.
        name: UpstreamName,
        /// What takes the place of the API's base path in the path that is sent on; `None`: the path goes on as it came.
        base_path: Option<Arc<str>>,
    },
    /// An answer that is always the same.
    Answer {
        /// Its status.
        status: u16,
        /// Its media type.
        media_type: Arc<str>,
        /// Its body.
        body: Arc<[u8]>,
    },
    /// Another place.
    Redirect {
        /// Where; a URL or a path.
        to: Arc<str>,
        /// Its status: 301, 302, 303, 307 or 308.
        status: u16,
    },
}
