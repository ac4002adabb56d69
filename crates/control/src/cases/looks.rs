use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sinew_control_api as api;
use sinew_flow::Admission;
use sinew_model::{EventName, Principal};
use sinew_store::{DeadFilter, DeadStatus, FlowCounts};

use super::sessions::connection_view;
use super::words::page_lines;
use crate::meters::Exposition;
use crate::{Control, Fault, view};

/// The version that answers give.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How often the store is tried at most.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Whether the store takes writes.
pub(crate) async fn health(control: &Control) -> api::Health {
    let known = control.inner.probed.lock().filter(|(at, _)| at.elapsed() < PROBE_EVERY);
    let well = match known {
        Some((_, well)) => well,
        None => probe(control).await,
    };
    let status = if well { api::HealthStatus::Ok } else { api::HealthStatus::Degraded };
    api::Health { status, version: VERSION.to_owned() }
}

async fn probe(control: &Control) -> bool {
    let probed = control.store().probe().await;
    if let Err(error) = &probed {
        tracing::warn!(%error, "the store takes no writes");
    }
    *control.inner.probed.lock() = Some((Instant::now(), probed.is_ok()));
    probed.is_ok()
}

/// The server at a glance.
pub(crate) async fn stats(control: &Control) -> Result<api::Stats, Fault> {
    let store = control.store().stats().await?;
    let dead = DeadFilter { status: Some(DeadStatus::Open), ..DeadFilter::default() };
    let dead_letters = control.store().dead_count(dead).await?;
    let (accepted, ended, calls) = control.inner.meters.totals();
    let snapshot = control.engine().snapshot();
    Ok(api::Stats {
        version: VERSION.to_owned(),
        up_ms: u64::try_from(control.inner.since.elapsed().as_millis()).unwrap_or(u64::MAX),
        flows: snapshot.flows.len(),
        connections: snapshot.connections.len(),
        in_flight: control.engine().in_flight(),
        active: store.active,
        accepted,
        ended,
        dead_letters,
        calls,
        store_bytes: store.bytes,
        store_commits: store.commits,
        store_writes: store.writes,
    })
}

/// The figures for Prometheus.
pub(crate) async fn metrics(control: &Control) -> Result<String, Fault> {
    let (store, counts) = (control.store().stats().await?, control.store().flow_counts().await?);
    let mut out = Exposition::default();
    out.begin("sinew_build_info", "gauge", "The version.");
    out.sample("sinew_build_info", &[("version", VERSION)], 1.0);
    let up = control.inner.since.elapsed().as_secs_f64();
    out.single("sinew_up_seconds", "gauge", "Since the start.", up);
    out.single("sinew_runs_in_flight", "gauge", "Runs in memory.", control.engine().in_flight() as f64);
    out.single("sinew_runs_active", "gauge", "Runs that are not in a final state.", store.active as f64);
    out.begin("sinew_runs", "gauge", "Runs by state.");
    for flow in &counts {
        for (state, count) in [("queued", flow.queued), ("running", flow.running), ("waiting", flow.waiting)]
        {
            out.sample("sinew_runs", &[("flow", &flow.flow), ("status", state)], count as f64);
        }
    }
    out.begin("sinew_dead_letters_open", "gauge", "Dead letters that wait for somebody.");
    for flow in &counts {
        out.sample("sinew_dead_letters_open", &[("flow", &flow.flow)], flow.dead as f64);
    }
    out.single("sinew_store_bytes", "gauge", "Bytes of the store on disk.", store.bytes as f64);
    out.single("sinew_store_commits_total", "counter", "Transactions.", store.commits as f64);
    out.single(
        "sinew_store_writes_total",
        "counter",
        "Writes; several share a transaction.",
        store.writes as f64,
    );
    if let Some(bytes) = resident_bytes() {
        out.single("process_resident_memory_bytes", "gauge", "Memory in use.", bytes as f64);
    }
    control.inner.meters.write(&mut out);
    Ok(out.into_text())
}

/// Linux tells in pages; elsewhere the figure is left out.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// All flows with their counts, also those that are gone but have runs.
pub(crate) async fn flow_list(control: &Control) -> Result<api::FlowList, Fault> {
    let counts = control.store().flow_counts().await?;
    let mut counts: BTreeMap<Arc<str>, FlowCounts> =
        counts.into_iter().map(|c| (Arc::clone(&c.flow), c)).collect();
    let snapshot = control.engine().snapshot();
    let mut items: Vec<api::Flow> = snapshot
        .flows
        .values()
        .map(|flow| view::flow(flow, counts.remove(flow.name.as_str()).as_ref()))
        .collect();
    let busy = |c: &&FlowCounts| c.queued + c.running + c.waiting + c.dead > 0;
    items.extend(counts.values().filter(busy).map(view::flow_gone));
    Ok(api::FlowList { items })
}

/// All connections and how they are.
pub(crate) async fn connection_list(control: &Control) -> Result<api::ConnectionList, Fault> {
    let snapshot = control.engine().snapshot();
    let mut items = Vec::with_capacity(snapshot.connections.len());
    for connection in snapshot.connections.values() {
        items.push(connection_view(control, connection).await?);
    }
    Ok(api::ConnectionList { items })
}

/// The newest alerts.
pub(crate) async fn alert_list(control: &Control, query: &api::AlertQuery) -> Result<api::AlertList, Fault> {
    let found = control.store().alert_list(!query.all, page_lines(query.limit)?).await?;
    Ok(api::AlertList { items: found.iter().map(view::alert).collect::<Result<_, _>>()? })
}

/// Emits an event.
pub(crate) async fn emit(control: &Control, emit: api::Emit, by: Principal) -> Result<api::Emitted, Fault> {
    let event = EventName::new(&emit.event).map_err(|e| Fault::bad_request(e.to_string()))?;
    let started = control.engine().emit(event.shared(), emit.key.map(Arc::from), emit.payload, by).await?;
    let items = started.into_iter().map(|admission| match admission {
        Admission::Accepted(run) => api::EmittedRun { run: Some(run.to_string()), duplicate: false },
        Admission::Duplicate(run) => api::EmittedRun { run: Some(run.to_string()), duplicate: true },
        Admission::BacklogFull => api::EmittedRun { run: None, duplicate: false },
    });
    Ok(api::Emitted { items: items.collect() })
}

/// Copies the store into a new file.
pub(crate) async fn backup(control: &Control, backup: &api::Backup) -> Result<api::BackupDone, Fault> {
    let to = Path::new(&backup.to);
    if !to.is_absolute() {
        return Err(Fault::bad_request(format!("`{}` is no absolute path", backup.to)));
    }
    if to.exists() {
        return Err(Fault::conflict(format!("{} exists already; it is not overwritten", backup.to)));
    }
    control.store().backup(to.to_owned()).await?;
    let bytes = std::fs::metadata(to).map_or(0, |file| file.len());
    Ok(api::BackupDone { file: backup.to.clone(), bytes })
}
