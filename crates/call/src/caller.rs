use std::sync::Arc;
use std::time::Duration;

use sinew_connect::Trust;
use sinew_model::{
    Attempt, Connection, ConnectionName, Operation, Outcome, Principal, Priority, Snapshot, Trace,
};
use sinew_stdx::Json;
use sinew_vault::SecretSource;

use crate::{CallRecorder, Clock, ConnectionHealth, Pages, ProbeResult};

/// What a caller is made of.
pub struct CallerOptions {
    /// Where secrets are kept.
    pub secrets: Arc<dyn SecretSource>,
    /// Who takes note of every attempt.
    pub recorder: Arc<dyn CallRecorder>,
    /// The clock that attempts are dated by.
    pub clock: Arc<dyn Clock>,
    /// Where span ids start from.
    pub seed: u64,
    /// Which certificate authorities are trusted.
    pub trust: Trust,
}

/// A call of an operation on behalf of a principal.
#[derive(Clone, Debug)]
pub struct CallRequest {
    /// The connection.
    pub connection: Arc<Connection>,
    /// An operation of its connector.
    pub operation: Arc<Operation>,
    /// The input: an object with the operation's fields (null stands for one without any).
    pub input: Json,
    /// Who calls.
    pub principal: Principal,
    /// The trace; a fresh child span of it is sent as `traceparent`.
    pub trace: Trace,
    /// What tells this effect apart from every other, sent if the operation takes a key.
    pub idempotency_key: Option<Arc<str>>,
    /// Who goes first when budget is short.
    pub priority: Priority,
    /// How long the attempt may take in all, waiting for budget included. Without it the operation's or connection's
    /// total deadline holds for the wait and again for the exchange.
    pub deadline: Option<Duration>,
    /// What the call is for, for the record: `flow lead-intake run 4f.. step enrich`.
    pub purpose: Arc<str>,
}

/// What came of one attempt.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// The answer, or why there is none.
    pub outcome: Outcome,
    /// What was sent and what came back, secrets masked, bodies cut.
    pub attempt: Attempt,
}

/// Makes calls. A handle: clones share connections, tokens, budgets and breakers.
#[derive(Clone)]
pub struct Caller {
    inner: Arc<CallerOptions>,
}

impl Caller {
    /// A caller that has not called yet.
    pub fn new(options: CallerOptions) -> Self {
        Self { inner: Arc::new(options) }
    }

    /// Makes one attempt: authenticate, request, send, respond, classify. With OAuth, a 401 leads to one fresh token
    /// and one more sending within the same attempt.
    pub async fn attempt(&self, request: &CallRequest) -> Attempted {
        let _ = (&self.inner, request);
        std::future::pending().await
    }

    /// Asks whether the effect of a call whose answer was lost took place, by the operation's probe.
    pub async fn probe(&self, request: &CallRequest) -> ProbeResult {
        let _ = request;
        ProbeResult::NoProbe
    }

    /// Reads a paginated operation page by page.
    pub fn pages(&self, request: CallRequest) -> Pages {
        Pages::new(self.clone(), request)
    }

    /// How a connection is. One that was never called is well.
    pub fn health(&self, name: &ConnectionName) -> ConnectionHealth {
        let _ = name;
        ConnectionHealth {
            breaker: crate::BreakerState::Closed,
            last_success: None,
            last_failure: None,
            credential_failed: false,
            in_flight: 0,
            waiting: 0,
            budget: None,
            paused_for: None,
        }
    }

    /// Drops what is held for connections that are not (or no longer so) in this snapshot. Budgets, breakers and
    /// tokens live on where the connection still means the same account.
    pub fn forget(&self, keep: &Snapshot) {
        let _ = keep;
    }
}
