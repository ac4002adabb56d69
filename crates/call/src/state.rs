use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use sinew_connect::transport::{self, NotOpened};
use sinew_connect::{ClientOptions, HttpClient, OwnSource, OwnTls, Tls};
use sinew_model::{
    Connection, ConnectionName, Failure, Operation, OperationId, Pem, SecretRef, Snapshot, TlsOptions,
};
use sinew_stdx::Timestamp;
use sinew_vault::{Secret, SecretSource};

use crate::authenticate::Login;
use crate::breaker::Circuit;
use crate::gate::Gate;
use crate::plan::Plan;
use crate::{BreakerState, ConnectionHealth};

/// How many versions of a connection may be in use at once: the present one, and those that streams still read by.
const VERSIONS_MAX: usize = 4;
/// How many plans a connection keeps; a connector with more operations has the rest made anew.
const PLANS_MAX: usize = 4096;

/// What is held for one version of a connection. Versions that mean the same account share budget, breaker and login.
pub(crate) struct ConnectionState {
    pub(crate) connection: Arc<Connection>,
    pub(crate) client: HttpClient,
    /// What speaks to the system, if that is not HTTP.
    pub(crate) system: Result<Arc<dyn transport::Client>, NotOpened>,
    pub(crate) gate: Gate,
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) login: Arc<Login>,
    pub(crate) vitals: Arc<Mutex<Vitals>>,
    /// By the address of the operation, which the plan keeps alive.
    plans: RwLock<HashMap<usize, Arc<Plan>>>,
}

/// What the last calls told.
#[derive(Default)]
pub(crate) struct Vitals {
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) last_failure: Option<(Timestamp, Failure)>,
    pub(crate) credential_failed: bool,
    /// Operations of which it was said that their answers depart from their contract.
    pub(crate) drifted: HashSet<OperationId>,
}

impl ConnectionState {
    /// State for a connection, taking over from an earlier version what still holds.
    fn new(connection: &Arc<Connection>, shared: &Shared, earlier: Option<&Self>) -> Self {
        let same = |holds: fn(&Connection, &Connection) -> bool| {
            earlier.filter(|earlier| holds(&earlier.connection, connection))
        };
        let reaches_alike = same(|a, b| {
            a.egress == b.egress
                && a.tls == b.tls
                && a.deadlines.connect == b.deadlines.connect
                && a.concurrency_max == b.concurrency_max
        });
        let paced_alike = same(|a, b| a.budget == b.budget && a.concurrency_max == b.concurrency_max);
        let breaks_alike = same(|a, b| a.base_url == b.base_url && a.breaker == b.breaker);
        let logs_in_alike = same(|a, b| a.auth == b.auth);
        let system_alike = same(|a, b| {
            a.base_url == b.base_url
                && a.response_max == b.response_max
                && a.host_keys == b.host_keys
                && a.connector.transport == b.connector.transport
        });
        let system = || {
            let options = transport::ClientOptions {
                url: Arc::clone(&connection.base_url),
                egress: connection.egress.clone(),
                connect: connection.deadlines.connect,
                idle_max: connection.concurrency_max.get() as usize,
                tls: shared.tls_of(connection),
                mode: connection.tls.mode,
                host_keys: connection.host_keys.clone(),
                answer_max: connection.response_max.0,
                now: Arc::clone(&shared.now),
            };
            transport::open(connection.connector.transport, &options)
        };
        let client = || {
            HttpClient::new(ClientOptions {
                egress: connection.egress.clone(),
                connect: connection.deadlines.connect,
                idle_max: connection.concurrency_max.get() as usize,
                tls: shared.tls_of(connection),
            })
        };
        Self {
            connection: Arc::clone(connection),
            client: reaches_alike.map_or_else(client, |e| e.client.clone()),
            system: reaches_alike.and(system_alike).map_or_else(system, |e| e.system.clone()),
            gate: paced_alike
                .map_or_else(|| Gate::new(connection.budget, connection.concurrency_max), |e| e.gate.clone()),
            circuit: breaks_alike
                .map_or_else(|| Arc::new(Circuit::new(connection.breaker)), |e| Arc::clone(&e.circuit)),
            login: logs_in_alike.map_or_else(Arc::default, |e| Arc::clone(&e.login)),
            vitals: earlier.map_or_else(Arc::default, |e| Arc::clone(&e.vitals)),
            plans: RwLock::default(),
        }
    }

    /// The plan of an operation, made when it is first called.
    pub(crate) fn plan(&self, operation: &Arc<Operation>) -> Result<Arc<Plan>, Failure> {
        let key = Arc::as_ptr(operation) as usize;
        if let Some(plan) = self.plans.read().get(&key) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::new(&self.connection, operation)?);
        let mut plans = self.plans.write();
        if plans.len() >= PLANS_MAX {
            plans.clear();
        }
        plans.insert(key, Arc::clone(&plan));
        Ok(plan)
    }

    fn health(&self) -> ConnectionHealth {
        let vitals = self.vitals.lock();
        let (in_flight, waiting, paused_for) = self.gate.view();
        ConnectionHealth {
            breaker: self.circuit.view(),
            last_success: vitals.last_success,
            last_failure: vitals.last_failure.clone(),
            credential_failed: vitals.credential_failed,
            in_flight,
            waiting,
            budget: self.connection.budget,
            paused_for,
        }
    }
}

/// What all connections share: TLS settings and where their own come from, and the clock.
struct Shared {
    tls: Tls,
    secrets: Arc<dyn SecretSource>,
    now: transport::Now,
}

impl Shared {
    /// The settings of a connection. Its secrets are read when they are needed, and again when they may have changed.
    fn tls_of(&self, connection: &Connection) -> Tls {
        let options = connection.tls.clone();
        if options == TlsOptions::default() {
            return self.tls.clone();
        }
        let (secrets, server_name) = (Arc::clone(&self.secrets), options.server_name.clone());
        let resolve = move |name: &SecretRef| secrets.resolve(name).map_err(|error| error.to_string());
        let source: OwnSource = Arc::new(move || {
            let ca = options.ca.as_ref().map(|ca| match ca {
                Pem::Text(text) => Ok(Secret::new(&**text)),
                Pem::Secret(name) => resolve(name),
            });
            let identity = options.identity.as_ref();
            let identity =
                identity.map(|(certificate, key)| Ok::<_, String>((resolve(certificate)?, resolve(key)?)));
            Ok(OwnTls { ca: ca.transpose()?, identity: identity.transpose()? })
        });
        self.tls.with_own(Some(source), server_name)
    }
}

/// The state of every connection, by name; the newest version last.
pub(crate) struct States {
    shared: Shared,
    by_name: RwLock<HashMap<ConnectionName, Vec<Arc<ConnectionState>>>>,
}

impl States {
    pub(crate) fn new(tls: Tls, secrets: Arc<dyn SecretSource>, now: transport::Now) -> Self {
        Self { shared: Shared { tls, secrets, now }, by_name: RwLock::default() }
    }

    /// The state of this very version of a connection.
    pub(crate) fn of(&self, connection: &Arc<Connection>) -> Arc<ConnectionState> {
        let is_it = |state: &&Arc<ConnectionState>| Arc::ptr_eq(&state.connection, connection);
        if let Some(state) = self.by_name.read().get(&connection.name).and_then(|v| v.iter().find(is_it)) {
            return Arc::clone(state);
        }
        let mut by_name = self.by_name.write();
        let versions = by_name.entry(connection.name.clone()).or_default();
        if let Some(state) = versions.iter().find(is_it) {
            return Arc::clone(state);
        }
        let state = Arc::new(ConnectionState::new(connection, &self.shared, versions.last().map(|v| &**v)));
        versions.push(Arc::clone(&state));
        if versions.len() > VERSIONS_MAX {
            versions.remove(0);
        }
        state
    }

    pub(crate) fn health(&self, name: &ConnectionName) -> ConnectionHealth {
        match self.by_name.read().get(name).and_then(|versions| versions.last()) {
            Some(state) => state.health(),
            None => ConnectionHealth {
                breaker: BreakerState::Closed,
                last_success: None,
                last_failure: None,
                credential_failed: false,
                in_flight: 0,
                waiting: 0,
                budget: None,
                paused_for: None,
            },
        }
    }

    /// Keeps only what the snapshot still has: for each connection its present version, which takes over from earlier
    /// ones what still holds.
    pub(crate) fn forget(&self, keep: &Snapshot) {
        self.by_name.write().retain(|name, versions| {
            let Some(connection) = keep.connections.get(name) else { return false };
            let present = versions.iter().find(|state| Arc::ptr_eq(&state.connection, connection)).cloned();
            let present = present.unwrap_or_else(|| {
                Arc::new(ConnectionState::new(connection, &self.shared, versions.last().map(|v| &**v)))
            });
            *versions = vec![present];
            true
        });
    }
}
