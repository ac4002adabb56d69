use sinew_call::{BreakerState, ConnectionHealth};
use sinew_control_api as api;
use sinew_model::{Access, Connection};
use sinew_vault::session::{SessionRecord, SessionState};

use super::{failure, instant, owner};

/// A connection and how it is.
pub(crate) fn connection(of: &Connection, health: &ConnectionHealth) -> api::Connection {
    let ms = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let (breaker, open_for_ms) = match health.breaker {
        BreakerState::Closed => (api::BreakerState::Closed, None),
        BreakerState::Open { remaining } => (api::BreakerState::Open, Some(ms(remaining))),
        BreakerState::HalfOpen => (api::BreakerState::HalfOpen, None),
    };
    api::Connection {
        name: of.name.to_string(),
        connector: of.connector.id.to_string(),
        owner: owner(&of.owner),
        base_url: of.base_url.to_string(),
        access: match of.access {
            Access::Read => api::Access::Read,
            Access::Write => api::Access::Write,
        },
        breaker,
        open_for_ms,
        credential_failed: health.credential_failed,
        session: None,
        in_flight: health.in_flight,
        waiting: health.waiting,
        budget: health.budget.or(of.budget).map(|rate| rate.to_string()),
        paused_for_ms: health.paused_for.map(ms),
        last_success: health.last_success.map(instant),
        last_failure_at: health.last_failure.as_ref().map(|(at, _)| instant(*at)),
        last_failure: health.last_failure.as_ref().map(|(_, why)| failure(why)),
    }
}

/// A session without its tokens.
pub(crate) fn session(of: &SessionRecord) -> api::Session {
    api::Session {
        state: match of.state {
            SessionState::Connected => api::SessionState::Connected,
            SessionState::NeedsReconnecting => api::SessionState::NeedsReconnecting,
        },
        why: of.why.as_ref().map(ToString::to_string),
        since: Some(instant(of.since)),
        generation: of.generation,
        expires_at: Some(instant(of.expires_at)),
        renewable: of.renewable,
        renewing: of.lease.as_ref().map(|lease| lease.by.clone()),
        granted: of.granted.clone(),
    }
}

/// What is shown before anybody has logged in.
pub(crate) fn no_session() -> api::Session {
    api::Session {
        state: api::SessionState::NotConnected,
        why: None,
        since: None,
        generation: 0,
        expires_at: None,
        renewable: false,
        renewing: None,
        granted: None,
    }
}
