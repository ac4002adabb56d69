use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::json;
use sinew_call::{CallRecorder, Caller, CallerOptions, Clock, SystemClock, Trust};
use sinew_control::{
    Control, ControlOptions, ControlToken, Meters, Project, Reloader, RunningControl, TokenError,
};
use sinew_diag::codes::control;
use sinew_flow::alert::{Monitor, MonitorOptions};
use sinew_flow::deliver::{Deliveries, DeliveryOptions, RootKey};
use sinew_flow::trigger::{RunningTriggers, TriggerOptions, Triggers};
use sinew_flow::{Engine, EngineOptions, Observer};
use sinew_model::Snapshot;
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};
use sinew_store::Store;
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::session::SessionKeeper;
use sinew_vault::{SecretSource, Vault, VaultSecrets};
use tokio::net::TcpListener;

use super::gateway::Gateway;
use super::told::{Observers, Recorders};
use super::{beats, chance, credentials, logging, signals, welcome};
use crate::cli::{Retention, Serve, Shared};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::{Output, Tint, counted};
use crate::project::Folders;
use crate::vault::Place;
use crate::verbs::sandbox_not_started;

/// How long callers of the control API are waited for at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// How a server is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Unattended.
    Serve,
    /// Beside an editor: saved changes are taken over.
    Dev,
}

/// Runs a project's integrations until it is told to stop.
pub fn run(
    options: Serve,
    shared: &Shared,
    output: &Output,
    mode: Mode,
    began: Instant,
) -> Result<Exit, CliError> {
    logging::start(&options.log, options.log_format)?;
    crate::harden::no_dumps();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        runtime.worker_threads(threads.max(1));
    }
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(|e| CliError::new(Exit::Machine, control::INTERNAL, e.to_string()))?;
    runtime.block_on(serve(options, shared, output, mode, began))
}

/// The server from start to end.
async fn serve(
    options: Serve,
    shared: &Shared,
    output: &Output,
    mode: Mode,
    began: Instant,
) -> Result<Exit, CliError> {
    // One provider of cryptography for the whole process; certificates are read when the first `https` needs them.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut environment = Environment::of_process(&options.env_file)?;
    let vendors = options.sandbox.then(|| start_vendors(options.sandbox_listen)).transpose()?;
    if let Some(vendors) = &vendors {
        environment = environment.with("SANDBOX_URL", &vendors.url());
    }

    let folders = Folders::new(&options.projects, environment.variables());
    let folders = folders.unreached(options.hooks_url.is_none());
    let snapshot = Arc::new(load(&folders, output)?);
    let store = open_store(&shared.data)?;
    let place = Place::of(&shared.data, &options.vault, &environment)?;
    let vault = open_vault(&place).await?;
    let mut further: Vec<Arc<dyn SecretSource>> = vec![Arc::new(VaultSecrets::new(Arc::clone(&vault)))];
    further.extend(place.service_secrets().map(|kv| Arc::new(kv) as Arc<dyn SecretSource>));
    let secrets = environment.secrets(options.secrets.as_deref(), further, options.sandbox);
    credentials::warn_of_missing(&snapshot, &*secrets);
    let token = token(&shared.data, &environment)?;
    // Bound before anything runs, so that a server that cannot be controlled does not start to work.
    let (listener, runs_at) = control_listener(&options).await?;

    let (engine, meters, monitor) = engine(&options, &folders, &store, &secrets, &vault, &snapshot).await?;
    let (deliverers, gateway_secrets) = (Arc::clone(&secrets), Arc::clone(&secrets));
    let triggers = triggers(&options, runs_at, &engine, secrets, &monitor)?;
    let hooks = triggers.address();
    let gateway = Gateway::start(&options, gateway_secrets, &snapshot)?;
    let triggers: SharedTriggers = Arc::new(Mutex::new(Some(triggers)));
    let deliveries = deliveries(&shared.data, &environment, &engine, deliverers, &monitor).await?;
    let reloader = reloader(&engine, &folders, &triggers, &monitor, &deliveries, &gateway);
    let hosts = options.control_host.clone();
    let api = ControlOptions {
        engine: engine.clone(),
        reloader: Arc::clone(&reloader),
        meters,
        token,
        callback: callback_at(options.hooks_url.as_deref(), hooks),
        deliveries: Arc::clone(&deliveries),
        hosts,
    };
    // Who finds it ready may ask it to stop.
    let stops = signals::Stops::listen();
    let api = Control::new(api).start(listener).map_err(|e| not_listening(options.control, &e))?;

    if let Retention::For(age) = options.retention {
        tokio::spawn(beats::retain(engine.clone(), age));
    }
    tokio::spawn(beats::keep_sessions(engine.clone()));
    tokio::spawn(beats::reload_on_hangup(Arc::clone(&reloader)));
    if mode == Mode::Dev {
        tokio::spawn(beats::reload_on_save(reloader, folders, output.clone()));
    }
    ready(output, (hooks, gateway.address()), &api, vendors.as_ref(), &snapshot, began);
    if mode == Mode::Dev && !output.is_json() {
        output.line(welcome::flows(&snapshot, &format!("http://{hooks}"), output).trim_end());
    }
    drop(snapshot);

    stops.asked().await;
    signals::stop_at_once_if_asked_again();
    stop(Parts { gateway, triggers, deliveries, engine, monitor, api, store }, options.drain).await;
    Ok(Exit::Ok)
}

/// Where the control API is to be, and how those who are told of a run reach it.
async fn control_listener(options: &Serve) -> Result<(TcpListener, String), CliError> {
    let wrong = |e| not_listening(options.control, &e);
    let listener = TcpListener::bind(options.control).await.map_err(wrong)?;
    let own = here(listener.local_addr().map_err(wrong)?);
    Ok((listener, options.public_url.clone().unwrap_or(own)))
}

/// Where browsers reach the listener after a log-in: as it is called from outside, else on this machine.
fn callback_at(hooks_url: Option<&str>, hooks: SocketAddr) -> String {
    let own = here(hooks);
    format!("{}/oauth/callback", hooks_url.unwrap_or(&own).trim_end_matches('/'))
}

/// How a listener is reached on this machine.
fn here(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// What performs the flows, who counts, and who watches.
async fn engine(
    options: &Serve,
    folders: &Folders,
    store: &SqliteStore,
    secrets: &Arc<dyn SecretSource>,
    vault: &Arc<Vault>,
    snapshot: &Arc<Snapshot>,
) -> Result<(Engine, Arc<Meters>, Arc<Monitor>), CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let meters = Meters::new();
    // It is there before the caller and the engine, whose calls and runs it hears of.
    let monitor = Monitor::start(MonitorOptions {
        store: Arc::new(store.clone()),
        clock: Arc::clone(&clock),
        secrets: Arc::clone(secrets),
        trust: Trust::default(),
        seed: chance(),
    });
    let me = format!("process {} at {}", std::process::id(), options.control);
    let sessions = SessionKeeper::new(Arc::clone(vault), me, (chance() % 1000) as f64 / 1000.0);
    let calling = CallerOptions {
        secrets: Arc::clone(secrets),
        recorder: Arc::new(Recorders(vec![Arc::clone(&meters) as Arc<dyn CallRecorder>, monitor.clone()])),
        clock: Arc::clone(&clock),
        seed: chance(),
        trust: Trust::default(),
    };
    let caller = Caller::with_sessions(calling, Some(sessions));
    let engine = EngineOptions {
        store: Arc::new(store.clone()) as Arc<dyn Store>,
        caller,
        clock,
        observer: Arc::new(Observers(vec![Arc::clone(&meters) as Arc<dyn Observer>, monitor.clone()])),
        files: file_folders(&options.files, folders),
        in_flight_max: options.in_flight.max(1),
        seed: chance(),
    };
    let engine = Engine::start(engine, Arc::clone(snapshot)).await.map_err(sinew_control::Fault::from)?;
    monitor.attach(engine.clone());
    Ok((engine, meters, monitor))
}

/// What starts the flows from outside.
fn triggers(
    options: &Serve,
    runs_at: String,
    engine: &Engine,
    secrets: Arc<dyn SecretSource>,
    monitor: &Arc<Monitor>,
) -> Result<RunningTriggers, CliError> {
    let mut listening = TriggerOptions::new(options.listen, secrets);
    listening.public_url = Some(runs_at);
    listening.hooks_url.clone_from(&options.hooks_url);
    listening.monitor = Some(Arc::clone(monitor));
    Triggers::start(engine.clone(), listening).map_err(|e| {
        CliError::new(Exit::Machine, e.code(), e.to_string()).help("choose another with `--listen`")
    })
}

/// Who sends events to those who subscribe to them.
async fn deliveries(
    data: &Path,
    environment: &Environment,
    engine: &Engine,
    secrets: Arc<dyn SecretSource>,
    monitor: &Arc<Monitor>,
) -> Result<Arc<Deliveries>, CliError> {
    let root = match environment.webhooks_key() {
        Some(text) => ControlToken::new(text),
        None => ControlToken::kept(&data.join("webhooks.key")),
    };
    let root = root.map_err(|e| CliError::new(Exit::Machine, control::FILE_FAILED, e.to_string()))?;
    let options = DeliveryOptions {
        engine: engine.clone(),
        secrets,
        root: RootKey::new(root.expose()),
        trust: Trust::default(),
        monitor: Some(Arc::clone(monitor)),
        seed: chance(),
    };
    Ok(Deliveries::start(options).await.map_err(sinew_control::Fault::from)?)
}

/// Triggers until they are stopped: reloads reach them, and the end takes them away.
type SharedTriggers = Arc<Mutex<Option<RunningTriggers>>>;

/// What is stopped, in this order.
struct Parts {
    gateway: Arc<Gateway>,
    triggers: SharedTriggers,
    deliveries: Arc<Deliveries>,
    engine: Engine,
    monitor: Arc<Monitor>,
    api: RunningControl,
    store: SqliteStore,
}

/// Takes nothing more, lets what is under way come to its end for a while, and leaves the rest to the next start.
async fn stop(parts: Parts, drain: Duration) {
    tracing::info!("stopping; calls under way may take {}", sinew_stdx::show_duration(drain));
    parts.gateway.stop().await;
    let triggers = parts.triggers.lock().take();
    if let Some(triggers) = triggers {
        triggers.stop().await;
    }
    parts.deliveries.stop().await;
    if !parts.engine.stop(drain).await {
        tracing::warn!("some runs are still under way; they go on at the next start");
    }
    parts.monitor.stop().await;
    parts.api.stop(LAST_ANSWERS).await;
    let store = parts.store;
    let _ = tokio::task::spawn_blocking(move || store.close()).await;
    tracing::info!("stopped");
}

fn load(folders: &Folders, output: &Output) -> Result<Snapshot, CliError> {
    let loaded = folders.load();
    let Some(snapshot) = loaded.snapshot else {
        let errors = counted(loaded.findings.errors(), "error");
        let mut error =
            CliError::new(loaded.exit(), control::PROJECT_INVALID, format!("the project has {errors}"));
        error.help = loaded.hint().map(str::to_owned);
        if output.is_json() {
            error.findings = sinew_control::findings(&loaded.findings);
        } else {
            output.tell(loaded.render(output.error_style()).trim_end());
        }
        return Err(error);
    };
    for warning in &loaded.findings {
        tracing::warn!("{warning}");
    }
    Ok(snapshot)
}

/// Opens the store of the data folder, which only its owner may look into.
fn open_store(data: &Path) -> Result<SqliteStore, CliError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|e| CliError::file(data, &e))?;
    Ok(SqliteStore::open(SqliteOptions::in_dir(data))?)
}

/// Opens the vault, and says so if it made a key.
async fn open_vault(place: &Place) -> Result<Arc<Vault>, CliError> {
    let opened = place.open().await?;
    if let Some(made) = &opened.made {
        tracing::info!(
            file = %made.display(),
            "made a master key for the vault: keep a copy of it, apart from backups; or give one by SINEW_MASTER_KEY"
        );
    }
    Ok(opened.vault)
}

fn token(data: &Path, environment: &Environment) -> Result<ControlToken, CliError> {
    let token = match environment.token() {
        Some(text) => ControlToken::new(text),
        None => ControlToken::of_folder(data),
    };
    token.map_err(|error| {
        let told = CliError::new(Exit::Machine, control::FILE_FAILED, error.to_string());
        match error {
            TokenError::Open { .. } => told.help("take the others' rights away: chmod 600"),
            _ => told,
        }
    })
}

/// The folders that `each` steps read files from: those given, else the project's own.
fn file_folders(given: &[PathBuf], folders: &Folders) -> Vec<PathBuf> {
    if given.is_empty() { folders.roots().to_vec() } else { given.to_vec() }
}

fn reloader(
    engine: &Engine,
    folders: &Folders,
    triggers: &SharedTriggers,
    monitor: &Arc<Monitor>,
    deliveries: &Arc<Deliveries>,
    gateway: &Arc<Gateway>,
) -> Arc<Reloader> {
    let gateway = Arc::clone(gateway);
    let (triggers, monitor, deliveries) = (Arc::clone(triggers), Arc::clone(monitor), Arc::clone(deliveries));
    let followers: Vec<sinew_control::Follower> = vec![
        Box::new(move |_: &Arc<Snapshot>| triggers.lock().iter().for_each(RunningTriggers::reload)),
        Box::new(move |_: &Arc<Snapshot>| monitor.reload()),
        Box::new(move |_: &Arc<Snapshot>| deliveries.follow_soon()),
        Box::new(move |snapshot: &Arc<Snapshot>| {
            if let Err(error) = gateway.follow(snapshot) {
                let findings: Vec<String> =
                    error.findings.iter().map(|finding| finding.message.clone()).collect();
                tracing::error!(error = %error.message, findings = findings.join("; "), "the gateway goes on by the old project");
            }
        }),
    ];
    Arc::new(Reloader::new(engine.clone(), Arc::new(folders.clone()) as Arc<dyn Project>, followers))
}

fn start_vendors(listen: SocketAddr) -> Result<RunningSandbox, CliError> {
    Sandbox::start(SandboxOptions { listen, ..SandboxOptions::default() }).map_err(|e| {
        sandbox_not_started(&e)
            .help("choose another address with `--sandbox-listen`, if another sandbox is running")
    })
}

fn not_listening(address: SocketAddr, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Machine,
        control::CANNOT_LISTEN,
        format!("the control API cannot listen on {address}: {error}"),
    )
    .help("choose another address with `--control`")
}

/// The one line that says where everything is.
fn ready(
    output: &Output,
    (hooks, gateway): (SocketAddr, Option<SocketAddr>),
    api: &RunningControl,
    vendors: Option<&RunningSandbox>,
    snapshot: &Snapshot,
    began: Instant,
) {
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (hooks, control) = (format!("http://{hooks}"), format!("http://{}", api.address()));
    let gateway = gateway.map(|address| format!("http://{address}"));
    let line = json!({
        "ready": true, "took_ms": took_ms, "triggers": hooks, "control": control, "gateway": gateway,
        "sandbox": vendors.map(RunningSandbox::url), "flows": snapshot.flows.len(), "pid": std::process::id(),
    });
    output.answer(&line, || {
        let vendors = vendors.map(|vendors| format!(", sandbox {}", vendors.url())).unwrap_or_default();
        let word = output.tint("ready", Tint::Good);
        let gateway = gateway.map(|gateway| format!(", gateway {gateway}")).unwrap_or_default();
        format!("{word} in {took_ms} ms: triggers {hooks}, control {control}{gateway}{vendors}")
    });
}
