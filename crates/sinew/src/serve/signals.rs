use tokio::signal::unix::{SignalKind, signal};

/// Completes when somebody asks the process to stop (SIGTERM, SIGINT).
pub async fn asked_to_stop() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the system ends the process by itself.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Ends the process at once when it is asked a second time; nothing accepted is lost by that.
pub fn stop_at_once_if_asked_again() {
    tokio::spawn(async {
        asked_to_stop().await;
        tracing::warn!("asked to stop again: stopping at once; what is under way goes on at the next start");
        std::process::exit(1);
    });
}
