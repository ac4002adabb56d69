use tokio::signal::unix::{Signal, SignalKind, signal};

/// What asks the process to stop (SIGTERM, SIGINT), listened to since this was made: until then the system ends the
/// process by itself, and so it does if there can be no handlers.
pub struct Stops(Option<[Signal; 2]>);

impl Stops {
    /// Begins to listen.
    pub fn listen() -> Self {
        let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        Self(terminate.ok().zip(interrupt.ok()).map(|(terminate, interrupt)| [terminate, interrupt]))
    }

    /// Completes when somebody asks.
    pub async fn asked(self) {
        let Some([mut terminate, mut interrupt]) = self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Completes when somebody asks the process to stop (SIGTERM, SIGINT).
pub async fn asked_to_stop() {
    Stops::listen().asked().await;
}

/// Ends the process at once when it is asked a second time; nothing accepted is lost by that.
pub fn stop_at_once_if_asked_again() {
    tokio::spawn(async {
        asked_to_stop().await;
        tracing::warn!("asked to stop again: stopping at once; what is under way goes on at the next start");
        std::process::exit(1);
    });
}
