//! The two loops that bring runs from the store into memory: when there is room, and when their time has come.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Core, Message};

/// Runs taken in one go.
const CLAIM_MAX: u32 = 256;
/// Room that must have appeared before more are taken, while others are under way: taking them singly is wasteful.
const ROOM_SHARE: usize = 8;
/// How often to look although nothing said that there is something.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long to wait when there is no room.
const NO_ROOM_WAIT: Duration = Duration::from_millis(100);
/// How long to wait after the store failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What is known of the backlog.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backlog {
    /// There may be more to take.
    More,
    /// There may be more of flows that have no room now.
    Held,
    /// Nothing waits that could be taken.
    Empty,
}

/// Takes runs from the backlog whenever there is room.
pub(crate) async fn refill(core: Arc<Core>) {
    let mut stopping = core.stopping.subscribe();
    let mut backlog = Backlog::More;
    loop {
        if core.is_stopping() {
            return;
        }
        let (free, taken) = (core.admissions.free(), core.admissions.taken());
        let enough = free > 0 && (taken == 0 || free >= (free + taken) / ROOM_SHARE);
        if backlog == Backlog::More && enough {
            backlog = take(&core, free).await;
            if backlog == Backlog::Empty {
                core.has_backlog.send_replace(false);
            }
            continue;
        }
        tokio::select! {
            () = core.backlog.notified() => backlog = Backlog::More,
            () = core.admissions.room.notified(), if backlog != Backlog::Empty => backlog = Backlog::More,
            () = tokio::time::sleep(LOOK_AGAIN) => backlog = Backlog::More,
            _ = stopping.changed() => return,
        }
    }
}

/// Takes what there is room for.
async fn take(core: &Arc<Core>, free: usize) -> Backlog {
    let snapshot = core.snapshot();
    let bounds = snapshot.flows.values().map(|f| (f.name.shared(), f.limits.in_flight_max.get() as usize));
    let room = core.admissions.room_of(bounds);
    let limit = CLAIM_MAX.min(u32::try_from(free).unwrap_or(u32::MAX));
    // What is queued from here on is told by `backlog`, and sets this again.
    match core.store.claim_queued(limit, room.clone()).await {
        Ok(runs) => {
            let claimed = runs.len();
            let held = room.iter().any(|(flow, room)| {
                *room <= limit && runs.iter().filter(|(_, of)| of == flow).count() >= *room as usize
            });
            for (run, flow) in runs {
                core.activate(run, Some(&flow), Message::Wake);
            }
            match (claimed == limit as usize, held) {
                (true, _) => Backlog::More,
                (false, true) => Backlog::Held,
                (false, false) => Backlog::Empty,
            }
        }
        Err(error) => {
            tracing::warn!(%error, "the backlog cannot be read; trying again");
            tokio::time::sleep(AFTER_FAILURE).await;
            Backlog::More
        }
    }
}

/// Wakes resting runs when their time has come.
pub(crate) async fn wake_due(core: Arc<Core>) {
    let mut stopping = core.stopping.subscribe();
    loop {
        let now = core.now();
        let free = u32::try_from(core.admissions.free()).unwrap_or(u32::MAX);
        if free == 0 {
            // They wait on, where they cost nothing, until there is room.
            tokio::select! {
                () = core.admissions.gap.notified() => {}
                () = tokio::time::sleep(NO_ROOM_WAIT) => {}
                _ = stopping.changed() => return,
            }
            continue;
        }
        let limit = CLAIM_MAX.min(free);
        let due = match core.store.claim_due(now, limit).await {
            Ok(runs) => {
                let all = runs.len() < limit as usize;
                for run in runs {
                    core.activate(run, None, Message::Wake);
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
