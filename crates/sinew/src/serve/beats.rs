//! What a server does from time to time: delete what is old, and look for changes.

use std::sync::Arc;
use std::time::Duration;

use sinew_control::Reloader;
use sinew_flow::Engine;
use sinew_store::Retention;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::Output;
use crate::project::Folders;
use crate::verbs::reload_said;

/// How often old runs are looked for.
const RETENTION_EVERY: Duration = Duration::from_mins(1);
/// Runs deleted in one transaction, and the rest that the store gets in between.
const RETENTION_BATCH: u32 = 200;
const RETENTION_REST: Duration = Duration::from_millis(20);
/// How often it is looked whether sessions are to be renewed.
const SESSIONS_EVERY: Duration = Duration::from_secs(20);
/// How often a project is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Deletes runs that ended before a given age, in small batches, for as long as the server runs.
pub async fn retain(engine: Engine, age: Duration) {
    loop {
        tokio::time::sleep(RETENTION_EVERY).await;
        let retention =
            Retention { ended_before: engine.clock().now().minus(age), batch_max: RETENTION_BATCH };
        let mut deleted = 0_u64;
        loop {
            match engine.store().retain(retention).await {
                Ok(0) => break,
                Ok(runs) => deleted += u64::from(runs),
                Err(error) => {
                    tracing::warn!(%error, "old runs cannot be deleted; trying again in a minute");
                    break;
                }
            }
            tokio::time::sleep(RETENTION_REST).await;
        }
        if deleted > 0 {
            tracing::info!(runs = deleted, "deleted runs past their retention");
        }
    }
}

/// Renews sessions before their tokens end, also of connections that nobody calls.
pub async fn keep_sessions(engine: Engine) {
    loop {
        tokio::time::sleep(SESSIONS_EVERY).await;
        let snapshot = engine.snapshot();
        for connection in snapshot.connections.values() {
            engine.caller().keep_alive(connection).await;
        }
    }
}

/// Reads the project again on SIGHUP.
pub async fn reload_on_hangup(reloader: Arc<Reloader>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        match reloader.reload().await {
            Ok(reloaded) => tracing::info!("reloaded: {}", reload_said(&reloaded)),
            Err(fault) => report(&fault),
        }
    }
}

fn report(fault: &sinew_control::Fault) {
    tracing::error!(code = %fault.code, "not reloaded: {}", fault.detail);
    for one in &fault.findings {
        let place =
            one.place.as_ref().map(|p| format!("{}:{}:{}", p.file, p.line, p.column)).unwrap_or_default();
        tracing::error!(code = one.code, place, "{}", one.message);
    }
}

/// Takes over each saved change of the project, as soon as files have come to rest.
pub async fn reload_on_save(reloader: Arc<Reloader>, folders: Folders, output: Output) {
    let mut known = fingerprint(&folders).await;
    let mut seen = known.clone();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = fingerprint(&folders).await;
        let at_rest = now == seen;
        seen = now;
        // An editor may still be writing: a change counts once it looks the same twice.
        if seen == known || !at_rest {
            continue;
        }
        known.clone_from(&seen);
        match reloader.reload().await {
            Ok(reloaded) => tracing::info!("reloaded: {}", reload_said(&reloaded)),
            Err(fault) if fault.findings.is_empty() => report(&fault),
            Err(fault) => {
                let (folders, style) = (folders.clone(), output.error_style());
                let text = tokio::task::spawn_blocking(move || folders.load().render(style)).await;
                output.tell(text.unwrap_or_default().trim_end());
                tracing::error!(code = %fault.code, "not reloaded: {}", fault.detail);
            }
        }
    }
}

type Fingerprint = Vec<(std::path::PathBuf, Option<std::time::SystemTime>, u64)>;

async fn fingerprint(folders: &Folders) -> Fingerprint {
    let folders = folders.clone();
    tokio::task::spawn_blocking(move || folders.fingerprint()).await.unwrap_or_default()
}
