//! What the gateway goes by: the snapshot, compiled for looking things up.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sinew_gateway_core::keys::{Keys, Pepper};
use sinew_gateway_core::pace::{Meter, Pace};
use sinew_gateway_core::routes;
use sinew_gateway_core::scopes::ScopeSet;
use sinew_model::{Admission, Upstream};

/// What a gateway goes by. Replaced whole; a request uses the one that was there when it began.
pub struct Table {
    pub(crate) paths: routes::Table,
    pub(crate) routes: Vec<RouteEntry>,
    pub(crate) consumers: Vec<ConsumerEntry>,
    pub(crate) keys: Keys<KeyEntry>,
    pub(crate) pepper: Pepper,
    pub(crate) pools: Vec<Arc<PoolEntry>>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} routes, {} consumers, {} keys",
            self.routes.len(),
            self.consumers.len(),
            self.keys.len()
        )
    }
}

impl Table {
    /// What a route is called: API and path.
    pub fn route_label(&self, number: u32) -> &str {
        self.paths.rule(number).map_or("", |rule| &rule.label)
    }

    /// What a consumer is called.
    pub fn consumer_name(&self, number: u32) -> &str {
        self.consumers.get(number as usize).map_or("", |consumer| &consumer.name)
    }

    /// Why requests go where they go.
    pub fn paths(&self) -> &routes::Table {
        &self.paths
    }

    /// How many routes there are.
    pub fn route_count(&self) -> usize {
        self.routes.len()
    }
}

/// A route.
pub(crate) struct RouteEntry {
    /// The API's number among all.
    pub(crate) api: u32,
    pub(crate) api_name: Arc<str>,
    pub(crate) admits: Vec<Admission>,
    pub(crate) scopes: ScopeSet,
    pub(crate) scope_names: Vec<Arc<str>>,
    pub(crate) limit: Option<Limit>,
    pub(crate) body_max: u64,
    pub(crate) deadline: Option<Duration>,
    pub(crate) target: Target,
}

/// What answers a route.
pub(crate) enum Target {
    /// The pool of this number.
    Pool {
        pool: usize,
        /// How many bytes of the path give way, and to what.
        instead: Option<(usize, Arc<str>)>,
    },
    /// The same answer, always: a head without what each answer has of its own, and a body.
    Fixed { status: u16, fields: Arc<[u8]>, body: Arc<[u8]> },
}

/// A rate, and what was used of it.
#[derive(Clone)]
pub(crate) struct Limit {
    pub(crate) name: Arc<str>,
    pub(crate) pace: Pace,
    pub(crate) meter: Arc<Meter>,
}

/// Somebody who calls.
pub(crate) struct ConsumerEntry {
    pub(crate) name: Arc<str>,
    pub(crate) scopes: ScopeSet,
    /// The APIs that may be called, by number; `None`: all.
    pub(crate) apis: Option<Vec<u32>>,
    pub(crate) plan: Arc<str>,
    pub(crate) limit: Option<Limit>,
    pub(crate) concurrency: Option<NonZeroU32>,
    pub(crate) under_way: Arc<AtomicU32>,
}

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    pub(crate) consumer: u32,
    pub(crate) short: [u8; 4],
}

/// A pool of servers, as all workers see it.
pub(crate) struct PoolEntry {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) servers: Vec<ServerEntry>,
    /// Numbers of servers, each as often as its weight says, well mixed.
    pub(crate) turns: Vec<u16>,
    /// Requests, and how many of them were sent again.
    pub(crate) requests: AtomicUsize,
    pub(crate) retries: AtomicUsize,
}

/// A server of a pool.
pub(crate) struct ServerEntry {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    /// What stands in `Host`.
    pub(crate) authority: Arc<str>,
    pub(crate) addresses: Mutex<Addresses>,
    pub(crate) wellness: Wellness,
}

/// Where a server is, and since when that is known.
#[derive(Default)]
pub(crate) struct Addresses {
    pub(crate) all: Arc<[SocketAddr]>,
    pub(crate) since: Option<Instant>,
}

/// How well a server is.
#[derive(Default)]
pub(crate) struct Wellness {
    /// Failures in a row.
    pub(crate) failures: AtomicU32,
    /// How often it was left alone lately.
    pub(crate) absences: AtomicU32,
    /// Until when it is left alone, in milliseconds since the process began.
    pub(crate) absent_until_ms: std::sync::atomic::AtomicU64,
}

/// What outlives tables: meters, and pools that have not changed.
#[derive(Default)]
pub struct Registry {
    pub(crate) meters: HashMap<MeterId, Arc<Meter>>,
    pub(crate) under_way: HashMap<Arc<str>, Arc<AtomicU32>>,
    pub(crate) pools: HashMap<Arc<str>, Arc<PoolEntry>>,
}

/// What a meter measures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MeterId {
    Consumer(Arc<str>),
    Route(Arc<str>),
}
