//! The two loops that bring runs from the store into memory: when there is room, and when their time has come.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Core;

/// Runs taken in one go.
const CLAIM_MAX: u32 = 256;
/// Room that must have appeared before more are taken, while others are under way: taking them singly is wasteful.
const ROOM_SHARE: usize = 8;
/// How often to look although nothing said that there is something.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long to wait after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Takes runs from the backlog whenever there is room.
pub(crate) async fn refill(core: Arc<Core>) {
    let mut stopping = core.stopping.subscribe();
    let mut more = true;
    loop {
        if core.is_stopping() {
            return;
        }
        let (free, taken) = (core.admissions.free(), core.admissions.taken());
        let enough = free > 0 && (taken == 0 || free >= (free + taken) / ROOM_SHARE);
        if more && enough {
            more = take(&core, free).await;
            continue;
        }
        tokio::select! {
            () = core.backlog.notified() => more = true,
            () = core.admissions.room.notified(), if more => {}
            () = tokio::time::sleep(LOOK_AGAIN) => more = true,
            _ = stopping.changed() => return,
        }
    }
}

/// Takes what there is room for; whether there may be more.
async fn take(core: &Arc<Core>, free: usize) -> bool {
    let snapshot = core.snapshot();
    let bounds = snapshot.flows.values().map(|f| (f.name.shared(), f.limits.in_flight_max.get() as usize));
    let full = core.admissions.full(bounds);
    let limit = CLAIM_MAX.min(u32::try_from(free).unwrap_or(u32::MAX));
    match core.store.claim_queued(limit, full).await {
        Ok(runs) => {
            let more = runs.len() == limit as usize;
            for run in runs {
                core.activate(run);
            }
            more
        }
        Err(error) => {
            tracing::warn!(%error, "the backlog cannot be read; trying again");
            tokio::time::sleep(AFTER_FAILURE).await;
            true
        }
    }
}

/// Wakes resting runs when their time has come.
pub(crate) async fn wake_due(core: Arc<Core>) {
    let mut stopping = core.stopping.subscribe();
    loop {
        let now = core.now();
        let due = match core.store.claim_due(now, CLAIM_MAX).await {
            Ok(runs) => {
                let all = runs.len() < CLAIM_MAX as usize;
                for run in runs {
                    core.activate(run);
                }
                if !all {
                    tokio::task::yield_now().await;
                    continue;
                }
                core.store.next_due().await.ok().flatten()
            }
            Err(error) => {
                tracing::warn!(%error, "due runs cannot be read; trying again");
                Some(now.plus(AFTER_FAILURE))
            }
        };
        let wait = due.map_or(LOOK_AGAIN, |due| due.since(core.now()).min(LOOK_AGAIN));
        tokio::select! {
            () = core.due.notified() => {}
            () = tokio::time::sleep(wait.max(Duration::from_millis(1))) => {}
            _ = stopping.changed() => return,
        }
    }
}
