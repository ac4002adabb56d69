use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::{Owner, UpstreamName};

/// A pool of servers that answer alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name.
    pub name: UpstreamName,
    /// Who answers for it.
    pub owner: Owner,
    /// The servers.
    pub endpoints: Vec<Endpoint>,
    /// Which of them takes a request.
    pub balance: Balance,
    /// How long it may take.
    pub timeouts: UpstreamTimeouts,
    /// When a request is sent again.
    pub retries: Retries,
    /// When a server that answers badly is left alone for a while.
    pub outliers: Outliers,
    /// The most connections to one server, of each worker.
    pub connections_max: NonZeroU32,
    /// How long an unused connection is kept.
    pub idle: Duration,
    /// What stands in `Host`; without it the server's own name and port.
    pub host: Option<Arc<str>>,
}

/// A server of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http://host:port`, without a path.
    pub url: Arc<str>,
    /// Its share beside the others.
    pub weight: NonZeroU32,
}

/// Which server takes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The less busy of two that chance picks.
    LeastRequest,
    /// Always the same for the same value of this header, as far as it is well; without the header by the caller's address.
    Hash(Arc<str>),
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To connect.
    pub connect: Duration,
    /// Until the answer begins.
    pub answer: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        let [connect, answer, idle] = [2, 30, 60].map(Duration::from_secs);
        Self { connect, answer, idle }
    }
}

/// When a request is sent again, to another server if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts, the first included.
    pub attempts: NonZeroU32,
    /// The most retries, as a share of the requests, in percent.
    pub budget_percent: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: NonZeroU32::MIN.saturating_add(1), budget_percent: 20 }
    }
}

/// When a server that answers badly is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outliers {
    /// After how many failures in a row.
    pub after: NonZeroU32,
    /// For how long, the first time; longer each time that follows soon.
    pub for_span: Duration,
    /// The most servers that are left alone at once, in percent.
    pub share_max_percent: u32,
}

impl Default for Outliers {
    fn default() -> Self {
        let after = NonZeroU32::MIN.saturating_add(4);
        Self { after, for_span: Duration::from_secs(10), share_max_percent: 50 }
    }
}
