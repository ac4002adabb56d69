use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sinew_connect::auth::{Credential, Moment};
use sinew_connect::{Tls, Trust};
use sinew_contract::Schema;
use sinew_model::{
    Asked, Attempt, BodyKind, Connection, ConnectionName, Failure, GraphQlBody, Operation, Outcome,
    Principal, Priority, Snapshot, Trace,
};
use sinew_stdx::{Json, Random, Timestamp};
use sinew_vault::SecretSource;
use sinew_vault::session::SessionKeeper;

use crate::listen::{self, ListenRequest, Listening};
use crate::login::Logins;
use crate::pipeline::Aim;
use crate::respond::Answer;
use crate::state::States;
use crate::{CallRecorder, Clock, ConnectionHealth, Pages, ProbeResult, pipeline, probe};

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
    /// What is asked of it, where that follows from what is read of its answer.
    pub asks: Option<Arc<Asked>>,
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
    core: Arc<Core>,
}

/// What all handles share.
pub(crate) struct Core {
    me: Weak<Core>,
    pub(crate) sessions: Option<SessionKeeper>,
    pub(crate) logins: Logins,
    pub(crate) options: CallerOptions,
    pub(crate) states: States,
    pub(crate) anonymous: Arc<Credential>,
    spans: AtomicU64,
}

impl Core {
    /// Itself, for what goes on when its caller has gone; `None` at the very end.
    pub(crate) fn shared(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// Now, for dating things.
    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// Now and a number used once, for signatures.
    pub(crate) fn moment(&self) -> Moment {
        let nonce = u128::from(self.fresh_span()) << 64 | u128::from(self.fresh_span());
        Moment { now: self.now(), nonce }
    }

    /// A span id of its own: one step of the seeded generator, taken without a lock.
    pub(crate) fn fresh_span(&self) -> u64 {
        Random::seeded(self.spans.fetch_add(SPAN_STRIDE, Ordering::Relaxed)).next_u64()
    }
}

/// An odd number far from small multiples of itself, so that neighbouring seeds share nothing (2^64 / golden ratio).
const SPAN_STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

impl CallRequest {
    /// The body, if it is one of GraphQL.
    pub(crate) fn graphql(&self) -> Option<&GraphQlBody> {
        match (&self.operation.binding.as_http()?.body, &self.asks) {
            (BodyKind::GraphQl(_), Some(asked)) => Some(&asked.body),
            (BodyKind::GraphQl(body), None) => Some(body),
            _ => None,
        }
    }

    /// What the answer must look like.
    pub(crate) fn output(&self) -> Option<&Schema> {
        match (self.operation.binding.as_http().map(|http| &http.body), &self.asks) {
            (Some(BodyKind::GraphQl(_)), Some(asked)) => asked.output.as_ref(),
            _ => self.operation.output.as_ref(),
        }
    }
}

impl Caller {
    /// A caller that has not called yet.
    pub fn new(options: CallerOptions) -> Self {
        Self::with_sessions(options, None)
    }

    /// The same, which keeps the sessions of people who log in.
    pub fn with_sessions(options: CallerOptions, sessions: Option<SessionKeeper>) -> Self {
        let clock = Arc::clone(&options.clock);
        let now = Arc::new(move || clock.now());
        let states = States::new(Tls::new(options.trust.clone()), Arc::clone(&options.secrets), now);
        let spans = AtomicU64::new(options.seed);
        let core = Arc::new_cyclic(|me| Core {
            me: Weak::clone(me),
            sessions,
            logins: Logins::default(),
            options,
            states,
            spans,
            anonymous: Arc::new(Credential::none()),
        });
        Self { core }
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    /// Makes one attempt: authenticate, request, send, respond, classify. With OAuth, a 401 leads to one fresh token
    /// and one more sending within the same attempt.
    pub async fn attempt(&self, request: &CallRequest) -> Attempted {
        let (outcome, attempt) = self.attempt_at(request, Aim::Whole).await;
        Attempted { outcome: outcome.map(|answer| answer.value), attempt }
    }

    /// Asks whether the effect of a call whose answer was lost took place, by the operation's probe. `request` is that
    /// call as it was made.
    pub async fn probe(&self, request: &CallRequest) -> ProbeResult {
        probe::ask(self, request).await
    }

    /// Reads a paginated operation page by page. An operation without pagination gives its answer as one page.
    pub fn pages(&self, request: CallRequest) -> Pages {
        Pages::new(self.clone(), request)
    }

    /// Opens a source of what a system sends by itself.
    pub async fn listen(&self, request: &ListenRequest<'_>) -> Result<Listening, Failure> {
        listen::open(&self.core, request).await
    }

    /// How a connection is. One that was never called is well.
    pub fn health(&self, name: &ConnectionName) -> ConnectionHealth {
        self.core.states.health(name)
    }

    /// Drops what is held for connections that are not (or no longer so) in this snapshot. Budgets, breakers and
    /// tokens live on where the connection still means the same account.
    pub fn forget(&self, keep: &Snapshot) {
        self.core.states.forget(keep);
    }

    pub(crate) async fn attempt_at(
        &self,
        request: &CallRequest,
        aim: Aim<'_>,
    ) -> (Result<Answer, Failure>, Attempt) {
        pipeline::attempt(&self.core, request, aim).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.core.now()
    }
}
