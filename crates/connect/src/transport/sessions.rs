use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long an unused session is kept.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// Sessions that are open and not in use. How many are in use is bounded by the connection's concurrency.
pub(super) struct Sessions<S> {
    idle: Mutex<Vec<(Instant, S)>>,
    idle_max: usize,
}

impl<S> Sessions<S> {
    pub(super) fn new(idle_max: usize) -> Self {
        Self { idle: Mutex::default(), idle_max }
    }

    /// The session that was used last of those that fit. Those that are too old end.
    pub(super) fn take(&self, fits: impl Fn(&S) -> bool) -> Option<S> {
        let now = Instant::now();
        let mut ended = Vec::new();
        let taken = {
            let mut idle = self.idle.lock();
            ended.extend(idle.extract_if(.., |(since, _)| now - *since > IDLE_MAX));
            let at = idle.iter().rposition(|(_, session)| fits(session));
            at.map(|at| idle.remove(at).1)
        };
        drop(ended);
        taken
    }

    /// Keeps a session that is whole; if there are enough, the oldest ends.
    pub(super) fn put(&self, session: S) {
        let mut idle = self.idle.lock();
        let ended = (idle.len() >= self.idle_max.max(1)).then(|| idle.remove(0));
        idle.push((Instant::now(), session));
        drop(idle);
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sessions_are_used_again_until_they_are_old_or_too_many() {
        let sessions = Sessions::new(2);
        for name in ["first", "second", "third"] {
            sessions.put(name);
        }
        assert_eq!(sessions.take(|_| true), Some("third"));
        assert_eq!(sessions.take(|name| *name == "first"), None, "it gave way");
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        assert_eq!(sessions.take(|_| true), None);
    }
}
