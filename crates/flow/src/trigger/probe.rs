//! Whether this node takes deliveries now, for load balancers.

use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::reply::{self, Reply};
use crate::Engine;

/// How long one look at the store is good for: anybody may ask, and a look is a write.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last look.
#[derive(Default)]
pub(crate) struct Readiness {
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    pub(crate) async fn answer(&self, engine: &Engine) -> Reply {
        if !engine.core.is_stopping() && self.store_takes_writes(engine).await {
            return reply::json(StatusCode::OK, r#"{"status":"ready"}"#.to_owned());
        }
        reply::json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#.to_owned())
    }

    async fn store_takes_writes(&self, engine: &Engine) -> bool {
        let last = *self.last.lock();
        if let Some((at, takes)) = last
            && at.elapsed() < GOOD_FOR
        {
            return takes;
        }
        let probe = tokio::time::timeout(PATIENCE, engine.store().probe()).await;
        let takes = matches!(probe, Ok(Ok(())));
        *self.last.lock() = Some((Instant::now(), takes));
        takes
    }
}
